// Resumable one-pass parser of HTTP/1.1 message heads (RFC 9112 sections 2 to 5). Owns lines and characters: every octet is
// looked at once, whatever the pieces it arrives in. What the target and the headers mean is left to request-target.ts and
// message-framing.ts, which run once over a complete head; the body belongs to its reader.
//
//   state        | on                        | next         | anything else
//   BEFORE       | CR (requests)             | BEFORE_LF    | START_LINE
//   BEFORE_LF    | LF                        | START_LINE   | bare_carriage_return
//   START_LINE   | (start-line.ts)           | FIELD        |
//   FIELD        | tchar                     | NAME         | CR: HEAD_LF; SP, HTAB: obsolete_folding; bad_header_name
//   NAME         | tchar..., ":"             | SPACES       | space_before_colon, bad_header_name
//   SPACES       | SP, HTAB...               | VALUE        |
//   VALUE        | text..., CR               | VALUE_LF     | bad_header_value
//   VALUE_LF     | LF                        | FIELD        | bare_carriage_return
//   HEAD_LF      | LF                        | (complete)   | bare_carriage_return
//
// A bare LF is bare_line_feed in every state. One empty line before a request line is skipped (RFC 9112 section 2.2).
import { latin1 } from "../transport/latin1.ts";
import { CARRIAGE_RETURN, LINE_FEED, SPACE, TAB, TOKEN, endOfFieldValue } from "./characters.ts";
import { headerIdOf } from "./header-names.ts";
import { interpretRequest, interpretResponse } from "./message-framing.ts";
import { HEADER_STRIDE, LINE_END, LINE_START, MessageHead, NAME_END, VALUE_END, VALUE_START } from "./message-head.ts";
import { type Refusal, type RefusalReason, refuseRequest, refuseResponse } from "./refusal.ts";
import { readTarget } from "./request-target.ts";
import { REASON_START, StartLine } from "./start-line.ts";

const BEFORE = 0;
const BEFORE_LF = 1;
const START_LINE = 2;
const FIELD = 3;
const NAME = 4;
const SPACES = 5;
const VALUE = 6;
const VALUE_LF = 7;
const HEAD_LF = 8;

const COLON = 0x3a;

export interface HeadLimits {
  /** Octets from the start line to the empty line, both included. */
  readonly maxHeadBytes?: number;
  readonly maxHeaders?: number;
  readonly maxTargetBytes?: number;
}

export const DEFAULT_MAX_HEAD_BYTES = 64 * 1024;
export const DEFAULT_MAX_HEADERS = 100;
export const DEFAULT_MAX_TARGET_BYTES = 16 * 1024;

/** Octets of a head in pieces that are first reserved; doubled as needed up to maxHeadBytes. */
const INITIAL_HELD_BYTES = 2048;

/** One such buffer that is free: few heads are in pieces, and hardly ever two at a time. */
let spare: Buffer | null = null;

export class HeadParser {
  readonly head: MessageHead;
  /** Set when parse returned -1; the parser then stays refused until reset. */
  failure: Refusal | null = null;
  /** Responses: the method of the request that this answers, which decides the framing (RFC 9112 section 6.3). */
  requestMethod = "GET";

  readonly #isRequest: boolean;
  readonly #maxHeadBytes: number;
  readonly #maxHeaders: number;
  readonly #startLine: StartLine;

  #state = BEFORE;
  // A head that arrives in pieces is collected here; #heldLength is 0 while it can be read where it is.
  #held: Buffer | null = null;
  #heldLength = 0;
  // Offsets from the start of the head, kept from piece to piece.
  #scanned = 0;
  #lineStart = 0;
  #nameEnd = 0;
  #valueStart = 0;

  constructor(kind: "request" | "response", head = new MessageHead(), limits: HeadLimits = {}) {
    this.head = head;
    this.#isRequest = kind === "request";
    this.#maxHeadBytes = limits.maxHeadBytes ?? DEFAULT_MAX_HEAD_BYTES;
    this.#maxHeaders = limits.maxHeaders ?? DEFAULT_MAX_HEADERS;
    this.#startLine = new StartLine(this.#isRequest, limits.maxTargetBytes ?? DEFAULT_MAX_TARGET_BYTES);
  }

  /** Whether the first octet of a head has been seen, and its end has not. */
  get started(): boolean {
    return this.#scanned > 0;
  }

  /** Forgets what was read of an unfinished or refused head. */
  reset(): void {
    this.failure = null;
    this.#release();
    this.#begin();
  }

  /**
   * Reads bytes[start, end). Returns the number of octets consumed when the head is complete (what follows is body or the
   * next message), 0 when all were consumed and more are needed, -1 when the message is refused (see `failure`).
   */
  parse(bytes: Uint8Array, start: number, end: number): number {
    if (this.failure !== null) return -1;
    let position = start;
    if (this.#state <= BEFORE_LF) {
      position = this.#skipEmptyLine(bytes, start, end);
      if (position < 0) return -1;
      if (position === end) return 0;
    }
    if (this.#heldLength > 0) return this.#parseHeld(bytes, position, end);
    const limit = Math.min(end, position + this.#maxHeadBytes);
    const stop = this.#scan(bytes, position, limit);
    if (stop > 0) return stop - start;
    if (stop < 0) return -1;
    if (limit - position === this.#maxHeadBytes) return this.#refuse("head_too_large");
    this.#hold(bytes, position, limit);
    return 0;
  }

  #parseHeld(bytes: Uint8Array, start: number, end: number): number {
    const before = this.#heldLength;
    this.#hold(bytes, start, Math.min(end, start + this.#maxHeadBytes - before));
    const stop = this.#scan(this.#held as Buffer, 0, this.#heldLength);
    if (stop < 0) return -1;
    if (stop === 0) return this.#heldLength === this.#maxHeadBytes ? this.#refuse("head_too_large") : 0;
    this.#release();
    return stop - before;
  }

  #hold(bytes: Uint8Array, start: number, end: number): void {
    const length = this.#heldLength + end - start;
    if (this.#held === null || this.#held.length < length) {
      const enough = this.#reserve(length);
      if (this.#held !== null) this.#held.copy(enough, 0, 0, this.#heldLength);
      this.#held = enough;
    }
    this.#held.set(bytes.subarray(start, end), this.#heldLength);
    this.#heldLength = length;
  }

  #reserve(length: number): Buffer {
    if (length <= INITIAL_HELD_BYTES && spare !== null) {
      const taken = spare;
      spare = null;
      return taken;
    }
    let capacity = INITIAL_HELD_BYTES;
    while (capacity < length) capacity *= 2;
    return Buffer.allocUnsafeSlow(capacity);
  }

  #release(): void {
    if (this.#held?.length === INITIAL_HELD_BYTES) spare = this.#held;
    this.#held = null;
    this.#heldLength = 0;
  }

  /** Position of the start line, `end` when it has not come yet, -1 when refused. */
  #skipEmptyLine(bytes: Uint8Array, start: number, end: number): number {
    let position = start;
    if (this.#state === BEFORE) {
      if (position === end) return end;
      if (bytes[position] !== CARRIAGE_RETURN || !this.#isRequest) {
        this.#state = START_LINE;
        return position;
      }
      this.#state = BEFORE_LF;
      position++;
    }
    if (position === end) return end;
    if (bytes[position] !== LINE_FEED) return this.#refuse("bare_carriage_return");
    this.#state = START_LINE;
    return position + 1;
  }

  /** Reads the head at `base`: position after its end, 0 when it ends beyond `limit`, -1 when refused. */
  #scan(bytes: Uint8Array, base: number, limit: number): number {
    let position = base + this.#scanned;
    if (this.#state === START_LINE) {
      const line = this.#startLine;
      position = this.#isRequest
        ? line.scanRequestLine(this.head, bytes, base, position, limit)
        : line.scanStatusLine(this.head, bytes, base, position, limit);
      if (position < 0) return this.#refuse(line.refusal);
      if (!line.done) {
        this.#scanned = limit - base;
        return 0;
      }
      this.#state = FIELD;
      this.head.headersStart = position - base;
      this.head.count = 0;
    }
    return this.#scanFields(bytes, base, position, limit);
  }

  #scanFields(bytes: Uint8Array, base: number, from: number, limit: number): number {
    const { head } = this;
    let { offsets, ids } = head;
    let state = this.#state;
    let position = from;
    let lineStart = base + this.#lineStart;
    let nameEnd = base + this.#nameEnd;
    let valueStart = base + this.#valueStart;
    let { count } = head;
    while (position < limit) {
      if (state === FIELD) {
        const octet = bytes[position] as number;
        if (octet === CARRIAGE_RETURN) {
          state = HEAD_LF;
          position++;
          continue;
        }
        if (TOKEN[octet] !== 1) {
          return this.#refuseAt(octet, octet === SPACE || octet === TAB ? "obsolete_folding" : "bad_header_name");
        }
        if (count === this.#maxHeaders) return this.#refuse("too_many_headers");
        lineStart = position;
        position++;
        state = NAME;
      }
      if (state === NAME) {
        while (position < limit && TOKEN[bytes[position] as number] === 1) position++;
        if (position === limit) break;
        const octet = bytes[position] as number;
        if (octet !== COLON) {
          return this.#refuseAt(octet, octet === SPACE || octet === TAB ? "space_before_colon" : "bad_header_name");
        }
        nameEnd = position;
        position++;
        state = SPACES;
      }
      if (state === SPACES) {
        let octet = 0;
        while (position < limit && ((octet = bytes[position] as number) === SPACE || octet === TAB)) position++;
        if (position === limit) break;
        valueStart = position;
        state = VALUE;
      }
      if (state === VALUE) {
        position = endOfFieldValue(bytes, position, limit);
        if (position === limit) break;
        if (bytes[position] !== CARRIAGE_RETURN) return this.#refuseAt(bytes[position], "bad_header_value");
        position++;
        state = VALUE_LF;
        if (position === limit) break;
      }
      if (state === VALUE_LF) {
        if (bytes[position] !== LINE_FEED) return this.#refuse("bare_carriage_return");
        let valueEnd = position - 1;
        while (valueEnd > valueStart && isBlank(bytes[valueEnd - 1] as number)) valueEnd--;
        position++;
        if (count === ids.length) {
          head.grow();
          ({ offsets, ids } = head);
        }
        const row = count * HEADER_STRIDE;
        offsets[row + LINE_START] = lineStart - base;
        offsets[row + NAME_END] = nameEnd - base;
        offsets[row + VALUE_START] = valueStart - base;
        offsets[row + VALUE_END] = valueEnd - base;
        offsets[row + LINE_END] = position - base;
        ids[count] = headerIdOf(bytes, lineStart, nameEnd);
        count++;
        state = FIELD;
        continue;
      }
      if (state === HEAD_LF) {
        if (bytes[position] !== LINE_FEED) return this.#refuse("bare_carriage_return");
        head.count = count;
        return this.#complete(bytes, base, position + 1);
      }
    }
    head.count = count;
    this.#state = state;
    this.#scanned = position - base;
    this.#lineStart = lineStart - base;
    this.#nameEnd = nameEnd - base;
    this.#valueStart = valueStart - base;
    return 0;
  }

  #complete(bytes: Uint8Array, base: number, end: number): number {
    const { head } = this;
    const line = this.#startLine;
    head.text = latin1(bytes, base, end - 2);
    let reason: RefusalReason | null;
    if (this.#isRequest) {
      reason =
        readTarget(head, bytes, base, line.methodEnd + 1, line.targetEnd, line.queryMark) ??
        interpretRequest(head, bytes, base);
    } else {
      head.reason = head.text.slice(REASON_START, line.targetEnd);
      reason = interpretResponse(head, bytes, base, this.requestMethod);
    }
    this.#begin();
    return reason === null ? end : this.#refuse(reason);
  }

  #begin(): void {
    this.#state = BEFORE;
    this.#scanned = 0;
    this.#startLine.begin();
  }

  /** A line end where none may be is named for itself: it is the commonest smuggling attempt. */
  #refuseAt(octet: number | undefined, reason: RefusalReason): -1 {
    return this.#refuse(octet === LINE_FEED ? "bare_line_feed" : reason);
  }

  #refuse(reason: RefusalReason): -1 {
    this.failure = this.#isRequest ? refuseRequest(reason) : refuseResponse(reason);
    this.#release();
    return -1;
  }
}

function isBlank(octet: number): boolean {
  return octet === SPACE || octet === TAB;
}

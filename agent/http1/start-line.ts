// Resumable scanner of start lines (RFC 9112 sections 3 and 4) for head-parser.ts, which owns everything after them. Every
// octet is looked at once, whatever the pieces the line arrives in. Owns where method, target and reason lie; what they
// mean is left to request-target.ts.
//
//   state     | on                           | next      | anything else
//   METHOD    | tchar..., SP                 | TARGET    | bad_request_line, unknown_method
//   TARGET    | visible..., SP               | VERSION   | bad_request_target, target_too_long
//   VERSION   | HTTP/1.0 or HTTP/1.1         | LINE_CR   | bad_request_line, bad_status_line, unsupported_version
//   (response)| the same                     | STATUS    | the same
//   STATUS    | SP, 3 digits, then SP or CR  | REASON    | bad_status_line
//   REASON    | text..., CR                  | LINE_LF   | bad_status_line
//   LINE_CR   | CR (request line)            | LINE_LF   | bad_request_line
//   LINE_LF   | LF                           | DONE      | bare_carriage_return
//
// A bare LF is bare_line_feed in every state.
import { CARRIAGE_RETURN, FIELD_VALUE, LINE_FEED, SPACE, TARGET, TOKEN } from "./characters.ts";
import type { MessageHead } from "./message-head.ts";
import type { RefusalReason } from "./refusal.ts";
import { methodOf } from "./request-target.ts";

const METHOD = 0;
const IN_TARGET = 1;
const VERSION = 2;
const STATUS = 3;
const REASON = 4;
const LINE_CR = 5;
const LINE_LF = 6;
const DONE = 7;

const QUESTION_MARK = 0x3f;
const PROTOCOL = "HTTP/1.";
const VERSION_LENGTH = 8;

/** Offset of the reason phrase in a status line. */
export const REASON_START = VERSION_LENGTH + 5;

/** Offsets are from the start of the head. The scan methods return the position after what they read, or -1: `refusal`. */
export class StartLine {
  refusal: RefusalReason = "bad_request_line";
  methodEnd = 0;
  /** Of the target, or of the reason phrase. */
  targetEnd = 0;
  /** Of the first "?" of the target, or -1. */
  queryMark = -1;

  readonly #isRequest: boolean;
  readonly #maxTargetBytes: number;
  #state: number;
  #versionStart = 0;

  constructor(isRequest: boolean, maxTargetBytes: number) {
    this.#isRequest = isRequest;
    this.#maxTargetBytes = maxTargetBytes;
    this.#state = isRequest ? METHOD : VERSION;
  }

  /** The line was read to its end. */
  get done(): boolean {
    return this.#state === DONE;
  }

  begin(): void {
    this.#state = this.#isRequest ? METHOD : VERSION;
    this.#versionStart = 0;
  }

  scanRequestLine(head: MessageHead, bytes: Uint8Array, base: number, from: number, limit: number): number {
    let position = from;
    if (this.#state === METHOD) {
      while (position < limit && TOKEN[bytes[position] as number] === 1) position++;
      if (position === limit) return limit;
      if (bytes[position] !== SPACE || position === base) return this.#refuseAt(bytes[position], "bad_request_line");
      head.method = methodOf(bytes, base, position);
      if (head.method === "") return this.#refuse("unknown_method");
      this.methodEnd = position - base;
      this.queryMark = -1;
      this.#state = IN_TARGET;
      position++;
    }
    if (this.#state === IN_TARGET) {
      const targetStart = base + this.methodEnd + 1;
      let octet = 0;
      while (position < limit && TARGET[(octet = bytes[position] as number)] === 1) {
        if (octet === QUESTION_MARK && this.queryMark < 0) this.queryMark = position - base;
        position++;
      }
      if (position - targetStart > this.#maxTargetBytes) return this.#refuse("target_too_long");
      if (position === limit) return limit;
      if (octet !== SPACE || position === targetStart) return this.#refuseAt(octet, "bad_request_target");
      this.targetEnd = position - base;
      this.#state = VERSION;
      position++;
      this.#versionStart = position - base;
    }
    if (this.#state === VERSION) {
      position = this.#scanVersion(head, bytes, base, position, limit);
      if (position < 0 || this.#state === VERSION) return position;
    }
    if (this.#state === LINE_CR) {
      if (position === limit) return limit;
      if (bytes[position] !== CARRIAGE_RETURN) return this.#refuseAt(bytes[position], "bad_request_line");
      this.#state = LINE_LF;
      position++;
    }
    return this.#scanLineEnd(bytes, position, limit);
  }

  scanStatusLine(head: MessageHead, bytes: Uint8Array, base: number, from: number, limit: number): number {
    let position = from;
    if (this.#state === VERSION) {
      position = this.#scanVersion(head, bytes, base, position, limit);
      if (position < 0 || this.#state === VERSION) return position;
      this.#state = STATUS;
      head.statusCode = 0;
    }
    if (this.#state === STATUS) {
      // SP and three digits; many servers leave out the space before an empty reason (RFC 9112 section 4 wants it).
      const spaceAt = base + VERSION_LENGTH;
      for (; position < limit; position++) {
        const octet = bytes[position] as number;
        const index = position - spaceAt;
        if (index === 0) {
          if (octet !== SPACE) return this.#refuseAt(octet, "bad_status_line");
        } else if (index <= 3) {
          if (octet < 0x30 || octet > 0x39 || (index === 1 && octet === 0x30)) {
            return this.#refuseAt(octet, "bad_status_line");
          }
          head.statusCode = head.statusCode * 10 + octet - 0x30;
        } else {
          if (octet !== SPACE && octet !== CARRIAGE_RETURN) return this.#refuseAt(octet, "bad_status_line");
          if (octet === SPACE) position++;
          this.#state = REASON;
          break;
        }
      }
      if (this.#state === STATUS) return limit;
    }
    if (this.#state === REASON) {
      while (position < limit && FIELD_VALUE[bytes[position] as number] === 1) position++;
      if (position === limit) return limit;
      if (bytes[position] !== CARRIAGE_RETURN) return this.#refuseAt(bytes[position], "bad_status_line");
      this.targetEnd = position - base;
      this.#state = LINE_LF;
      position++;
    }
    return this.#scanLineEnd(bytes, position, limit);
  }

  /** HTTP/1.0 or HTTP/1.1 at #mark; another minor version is refused as llhttp does, for nobody has defined one. */
  #scanVersion(head: MessageHead, bytes: Uint8Array, base: number, from: number, limit: number): number {
    const start = base + this.#versionStart;
    const malformed = this.#isRequest ? "bad_request_line" : "bad_status_line";
    let position = from;
    for (; position < limit; position++) {
      const index = position - start;
      const octet = bytes[position] as number;
      if (index < PROTOCOL.length) {
        if (octet === PROTOCOL.charCodeAt(index)) continue;
        const otherMajor = index === 5 && octet >= 0x30 && octet <= 0x39;
        return this.#refuseAt(octet, otherMajor ? "unsupported_version" : malformed);
      }
      const minor = octet - 0x30;
      if (minor < 0 || minor > 9) return this.#refuseAt(octet, malformed);
      if (minor > 1) return this.#refuse("unsupported_version");
      head.versionMinor = minor === 1 ? 1 : 0;
      this.#state = LINE_CR;
      return position + 1;
    }
    return limit;
  }

  #scanLineEnd(bytes: Uint8Array, position: number, limit: number): number {
    if (position === limit) return limit;
    if (bytes[position] !== LINE_FEED) return this.#refuse("bare_carriage_return");
    this.#state = DONE;
    return position + 1;
  }

  /** A line end where none may be is named for itself: it is the commonest smuggling attempt. */
  #refuseAt(octet: number | undefined, reason: RefusalReason): -1 {
    return this.#refuse(octet === LINE_FEED ? "bare_line_feed" : reason);
  }

  #refuse(reason: RefusalReason): -1 {
    this.refusal = reason;
    return -1;
  }
}

// Validates a chunked body as it passes (RFC 9112 section 7.1), so that its octets may be relayed as they are: sizes, line
// ends, extensions and trailers leave no room for a second reading. Owns no memory of the body; the optional sink is told
// where the data is. Octets after a body are the next message's.
//
//   state              | on                     | next                | anything else
//   SIZE_FIRST         | hex digit              | SIZE                | bad_chunk_size
//   SIZE               | hex digit              | SIZE                | chunk_too_large past 2^53 - 1 or 16 digits
//                      | ";" / CR               | EXTENSION / SIZE_LF | bad_chunk_size
//   EXTENSION          | tchar                  | EXTENSION_NAME      | bad_chunk_extension
//   EXTENSION_NAME     | tchar, ";", "=", CR    | ... VALUE, SIZE_LF  | bad_chunk_extension
//   EXTENSION_VALUE    | tchar / DQUOTE         | ..._TOKEN / QUOTED  | bad_chunk_extension
//   EXTENSION_TOKEN    | tchar, ";", CR         | EXTENSION, SIZE_LF  | bad_chunk_extension
//   QUOTED             | text, backslash, DQUOTE| ESCAPED, QUOTE_END  | bad_chunk_extension
//   ESCAPED            | text                   | QUOTED              | bad_chunk_extension
//   QUOTE_END          | ";" / CR               | EXTENSION / SIZE_LF | bad_chunk_extension
//   SIZE_LF            | LF                     | DATA, or LINE at 0  | bare_carriage_return
//   DATA               | as many octets         | DATA_CR             |
//   DATA_CR, DATA_LF   | CR, LF                 | SIZE_FIRST          | bad_chunk_end
//   LINE               | tchar / CR             | NAME / BODY_LF      | bad_header_name, obsolete_folding
//   NAME               | tchar, ":"             | VALUE               | bad_header_name, space_before_colon, forbidden_trailer
//   VALUE              | text, CR               | VALUE_LF            | bad_header_value
//   VALUE_LF           | LF                     | LINE                | bare_carriage_return
//   BODY_LF            | LF                     | DONE                | bare_carriage_return
//
// A bare LF is bare_line_feed except in data. White space around sizes and extensions (BWS) is refused: RFC 9112 section
// 7.1.1 knows it only for reading old senders, and llhttp refuses it too.
import { CARRIAGE_RETURN, FIELD_VALUE, HEXADECIMAL, LINE_FEED, QUOTED_TEXT, SPACE, TAB, TOKEN } from "./characters.ts";
import { HeaderId, LONGEST_HEADER_NAME, headerIdOf } from "./header-names.ts";
import { type Refusal, type RefusalReason, refuseRequest } from "./refusal.ts";

const SIZE_FIRST = 0;
const SIZE = 1;
const SIZE_LF = 2;
const DATA = 3;
const DATA_CR = 4;
const DATA_LF = 5;
const EXTENSION = 6;
const EXTENSION_NAME = 7;
const EXTENSION_VALUE = 8;
const EXTENSION_TOKEN = 9;
const QUOTED = 10;
const ESCAPED = 11;
const QUOTE_END = 12;
const LINE = 13;
const NAME = 14;
const VALUE = 15;
const VALUE_LF = 16;
const BODY_LF = 17;
const DONE = 18;

const SEMICOLON = 0x3b;
const EQUALS = 0x3d;
const COLON = 0x3a;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;

const MAX_SIZE_DIGITS = 16;

export interface ChunkedLimits {
  /** Octets from ";" to the end of the line, for one chunk. */
  readonly maxChunkExtensionBytes?: number;
  /** The same, summed over a body. */
  readonly maxExtensionBytes?: number;
  /** Octets of the trailer section. */
  readonly maxTrailerBytes?: number;
  readonly maxTrailers?: number;
}

export const DEFAULT_MAX_CHUNK_EXTENSION_BYTES = 1024;
export const DEFAULT_MAX_EXTENSION_BYTES = 16 * 1024;
export const DEFAULT_MAX_TRAILER_BYTES = 16 * 1024;
export const DEFAULT_MAX_TRAILERS = 100;

/** Told where the content is, span by span, in order. Spans are valid during the call only. */
export interface ChunkSink {
  /** Octets of chunk data. */
  onData(bytes: Uint8Array, start: number, end: number): void;
  /** Octets of the trailer section: its lines and the empty line at the end. */
  onTrailerData?(bytes: Uint8Array, start: number, end: number): void;
}

/**
 * Trailers that must not be taken for header fields (RFC 9110 section 6.5.1): framing, routing, authentication, content
 * format, and those by which proxies and Heddle trust or trace a request.
 */
const forbiddenTrailers: ReadonlySet<number> = new Set<number>([
  HeaderId.HOST,
  HeaderId.CONNECTION,
  HeaderId.KEEP_ALIVE,
  HeaderId.PROXY_CONNECTION,
  HeaderId.TRANSFER_ENCODING,
  HeaderId.TE,
  HeaderId.TRAILER,
  HeaderId.UPGRADE,
  HeaderId.CONTENT_LENGTH,
  HeaderId.EXPECT,
  HeaderId.HTTP2_SETTINGS,
  HeaderId.PROXY_AUTHENTICATE,
  HeaderId.PROXY_AUTHORIZATION,
  HeaderId.TRACEPARENT,
  HeaderId.TRACESTATE,
  HeaderId.HEDDLE_MIRROR,
  HeaderId.X_FORWARDED_FOR,
  HeaderId.X_FORWARDED_PROTO,
  HeaderId.X_FORWARDED_HOST,
  HeaderId.FORWARDED,
  HeaderId.AUTHORIZATION,
  HeaderId.COOKIE,
  HeaderId.SET_COOKIE,
  HeaderId.CONTENT_TYPE,
  HeaderId.CONTENT_ENCODING,
  HeaderId.CONTENT_RANGE,
  HeaderId.MAX_FORWARDS,
]);

/** Reasons that give way to bare_line_feed when the wrong character is one. */
const wrongCharacter: ReadonlySet<RefusalReason> = new Set<RefusalReason>([
  "bad_chunk_size",
  "bad_chunk_extension",
  "bad_header_name",
  "bad_header_value",
]);

export class ChunkedScanner {
  /** Set when scan returned -1, with the status for a request; the scanner then stays refused until reset. */
  failure: Refusal | null = null;

  readonly #maxChunkExtensionBytes: number;
  readonly #maxExtensionBytes: number;
  readonly #maxTrailerBytes: number;
  readonly #maxTrailers: number;

  #state = SIZE_FIRST;
  /** Of the chunk size read so far, then octets of data still to come. */
  #remaining = 0;
  #sizeDigits = 0;
  #chunkExtensionBytes = 0;
  #extensionBytes = 0;
  #trailerBytes = 0;
  #trailers = 0;
  /** The first octets of a trailer name, enough to tell a forbidden one. */
  readonly #name = new Uint8Array(LONGEST_HEADER_NAME + 1);
  #nameLength = 0;

  constructor(limits: ChunkedLimits = {}) {
    this.#maxChunkExtensionBytes = limits.maxChunkExtensionBytes ?? DEFAULT_MAX_CHUNK_EXTENSION_BYTES;
    this.#maxExtensionBytes = limits.maxExtensionBytes ?? DEFAULT_MAX_EXTENSION_BYTES;
    this.#maxTrailerBytes = limits.maxTrailerBytes ?? DEFAULT_MAX_TRAILER_BYTES;
    this.#maxTrailers = limits.maxTrailers ?? DEFAULT_MAX_TRAILERS;
  }

  /** The body has ended. */
  get done(): boolean {
    return this.#state === DONE;
  }

  /** Ready for another body. */
  reset(): void {
    this.failure = null;
    this.#state = SIZE_FIRST;
    this.#extensionBytes = 0;
    this.#trailerBytes = 0;
    this.#trailers = 0;
  }

  /**
   * Scans bytes[start, end). Returns the offset after what belongs to the body: `end` while it goes on, at most `end` when
   * `done`; -1 when it is refused (see `failure`): then nothing of this piece may be relayed.
   */
  scan(bytes: Uint8Array, start: number, end: number, sink?: ChunkSink): number {
    if (this.failure !== null) return -1;
    let position = start;
    while (position < end && this.#state !== DONE) {
      if (this.#state === DATA) {
        const dataEnd = Math.min(end, position + this.#remaining);
        if (sink !== undefined) sink.onData(bytes, position, dataEnd);
        this.#remaining -= dataEnd - position;
        position = dataEnd;
        if (this.#remaining === 0) this.#state = DATA_CR;
      } else if (this.#state >= LINE) {
        const from = position;
        position = this.#scanTrailers(bytes, position, end);
        if (position < 0) return -1;
        sink?.onTrailerData?.(bytes, from, position);
      } else {
        const octet = bytes[position] as number;
        const reason = this.#state >= EXTENSION ? this.#extension(octet) : this.#delimiter(octet);
        if (reason !== null) return this.#refuse(octet, reason);
        position++;
      }
    }
    return position;
  }

  /** An octet of a chunk size or of a line end. */
  #delimiter(octet: number): RefusalReason | null {
    switch (this.#state) {
      case SIZE_FIRST: {
        const digit = HEXADECIMAL[octet] as number;
        if (digit === 255) return "bad_chunk_size";
        this.#remaining = digit;
        this.#sizeDigits = 1;
        this.#chunkExtensionBytes = 0;
        this.#state = SIZE;
        return null;
      }
      case SIZE: {
        const digit = HEXADECIMAL[octet] as number;
        if (digit !== 255) {
          this.#remaining = this.#remaining * 16 + digit;
          this.#sizeDigits++;
          const tooLarge = this.#sizeDigits > MAX_SIZE_DIGITS || this.#remaining > Number.MAX_SAFE_INTEGER;
          return tooLarge ? "chunk_too_large" : null;
        }
        return this.#afterSize(octet, "bad_chunk_size");
      }
      case SIZE_LF:
        if (octet !== LINE_FEED) return "bare_carriage_return";
        this.#state = this.#remaining === 0 ? LINE : DATA;
        return null;
      case DATA_CR:
        if (octet !== CARRIAGE_RETURN) return "bad_chunk_end";
        this.#state = DATA_LF;
        return null;
      default:
        if (octet !== LINE_FEED) return "bad_chunk_end";
        this.#state = SIZE_FIRST;
        return null;
    }
  }

  #afterSize(octet: number, otherwise: RefusalReason): RefusalReason | null {
    if (octet === CARRIAGE_RETURN) this.#state = SIZE_LF;
    else if (octet === SEMICOLON) {
      this.#state = EXTENSION;
      return this.#countExtension();
    } else return otherwise;
    return null;
  }

  #countExtension(): RefusalReason | null {
    this.#chunkExtensionBytes++;
    this.#extensionBytes++;
    const tooLarge =
      this.#chunkExtensionBytes > this.#maxChunkExtensionBytes || this.#extensionBytes > this.#maxExtensionBytes;
    return tooLarge ? "chunk_extension_too_large" : null;
  }

  /** An octet of chunk extensions. */
  #extension(octet: number): RefusalReason | null {
    const state = this.#state;
    if (state === QUOTED) {
      if (octet === QUOTE) this.#state = QUOTE_END;
      else if (octet === BACKSLASH) this.#state = ESCAPED;
      else if (QUOTED_TEXT[octet] !== 1) return "bad_chunk_extension";
    } else if (state === ESCAPED) {
      if (FIELD_VALUE[octet] !== 1) return "bad_chunk_extension";
      this.#state = QUOTED;
    } else if (TOKEN[octet] === 1 && state !== QUOTE_END) {
      if (state === EXTENSION) this.#state = EXTENSION_NAME;
      else if (state === EXTENSION_VALUE) this.#state = EXTENSION_TOKEN;
    } else if (octet === EQUALS && state === EXTENSION_NAME) {
      this.#state = EXTENSION_VALUE;
    } else if (octet === QUOTE && state === EXTENSION_VALUE) {
      this.#state = QUOTED;
    } else if (state === EXTENSION_NAME || state === EXTENSION_TOKEN || state === QUOTE_END) {
      return this.#afterSize(octet, "bad_chunk_extension");
    } else return "bad_chunk_extension";
    return this.#countExtension();
  }

  #scanTrailers(bytes: Uint8Array, start: number, end: number): number {
    let position = start;
    while (position < end && this.#state !== DONE) {
      const octet = bytes[position] as number;
      const reason = this.#trailer(octet);
      if (reason !== null) return this.#refuse(octet, reason);
      position++;
    }
    return position;
  }

  /** An octet of the trailer section. */
  #trailer(octet: number): RefusalReason | null {
    this.#trailerBytes++;
    if (this.#trailerBytes > this.#maxTrailerBytes) return "trailer_too_large";
    switch (this.#state) {
      case LINE:
        if (octet === CARRIAGE_RETURN) {
          this.#state = BODY_LF;
          return null;
        }
        if (octet === SPACE || octet === TAB) return "obsolete_folding";
        if (TOKEN[octet] !== 1) return "bad_header_name";
        this.#trailers++;
        if (this.#trailers > this.#maxTrailers) return "too_many_trailers";
        this.#name[0] = octet;
        this.#nameLength = 1;
        this.#state = NAME;
        return null;
      case NAME:
        if (TOKEN[octet] === 1) {
          if (this.#nameLength < this.#name.length) this.#name[this.#nameLength++] = octet;
          return null;
        }
        if (octet === SPACE || octet === TAB) return "space_before_colon";
        if (octet !== COLON) return "bad_header_name";
        this.#state = VALUE;
        return forbiddenTrailers.has(headerIdOf(this.#name, 0, this.#nameLength)) ? "forbidden_trailer" : null;
      case VALUE:
        if (octet === CARRIAGE_RETURN) this.#state = VALUE_LF;
        else if (FIELD_VALUE[octet] !== 1) return "bad_header_value";
        return null;
      case VALUE_LF:
        if (octet !== LINE_FEED) return "bare_carriage_return";
        this.#state = LINE;
        return null;
      default:
        if (octet !== LINE_FEED) return "bare_carriage_return";
        this.#state = DONE;
        return null;
    }
  }

  #refuse(octet: number, reason: RefusalReason): -1 {
    const named = octet === LINE_FEED && wrongCharacter.has(reason) ? "bare_line_feed" : reason;
    this.failure = refuseRequest(named);
    return -1;
  }
}

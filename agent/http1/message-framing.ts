// What the headers of a complete head say about the message and its connection: body length (RFC 9112 section 6), reuse of
// the connection (section 9.3), upgrades, Host (section 3.2) and which headers end at this hop (RFC 9110 section 7.6.1).
// Refuses whatever two servers could read differently. Syntax of lines is head-parser.ts's.
import { LOWER, SPACE, TAB, TOKEN } from "./characters.ts";
import { HeaderId } from "./header-names.ts";
import {
  FRAMING,
  HEADER_STRIDE,
  HOP_BY_HOP,
  LINE_END,
  LINE_START,
  type MessageHead,
  NAME_END,
  REPLACED_HOST,
  VALUE_END,
  VALUE_START,
} from "./message-head.ts";
import type { RefusalReason } from "./refusal.ts";
import { isAuthority } from "./request-target.ts";

/** Names that Connection may list besides those that every proxy knows. */
const MAX_CONNECTION_OPTIONS = 32;

const COMMA = 0x2c;

// What one pass over the headers finds. One per thread: reading is synchronous and never nested.
let host = -1;
let transferEncoding = -1;
let contentLength = -1;
let contentLengthIndex = -1;
let expect = -1;
let sawUpgrade = false;
let closeOption = false;
let keepAliveOption = false;
let upgradeOption = false;
let otherOptions = 0;
const optionStarts = new Int32Array(MAX_CONNECTION_OPTIONS);
const optionEnds = new Int32Array(MAX_CONNECTION_OPTIONS);

/** Sets everything of a request that depends on its headers; method, target and version are set. The reason to refuse it, or null. */
export function interpretRequest(head: MessageHead, bytes: Uint8Array, base: number): RefusalReason | null {
  head.expectContinue = false;
  head.acceptsTrailers = false;
  const refused = readHeaders(head, bytes, base) ?? readHost(head, bytes, base);
  if (refused !== null) return refused;
  if (head.method === "CONNECT") {
    // Content of CONNECT has no meaning: one server would read it as a body, another as the tunnel's first octets.
    if (transferEncoding >= 0 || contentLength > 0) return "content_in_connect";
    head.framing = "none";
    head.contentLength = 0;
  } else if (transferEncoding >= 0) {
    head.framing = "chunked";
    head.contentLength = 0;
  } else {
    head.framing = contentLength > 0 ? "length" : "none";
    head.contentLength = contentLength > 0 ? contentLength : 0;
  }
  if (expect >= 0 && head.versionMinor === 1) {
    head.expectContinue = valueIs(head, bytes, base, expect, "100-continue");
  }
  readConnection(head);
  return null;
}

/** Sets everything of a response that depends on its headers and on the request's method. The reason to refuse it, or null. */
export function interpretResponse(
  head: MessageHead,
  bytes: Uint8Array,
  base: number,
  requestMethod: string,
): RefusalReason | null {
  const refused = readHeaders(head, bytes, base);
  if (refused !== null) return refused;
  const status = head.statusCode;
  head.contentLength = 0;
  if (status < 200 || status === 204 || (requestMethod === "CONNECT" && status < 300)) {
    // RFC 9112 section 6.3 rules 1 and 2: no content, whatever is said. Content-Length: 0 is dropped, many send it with
    // 204; what promises content is refused, for some recipients would go and read it.
    if (transferEncoding >= 0) return "transfer_encoding_without_body";
    if (contentLength > 0) return "content_length_without_body";
    if (contentLengthIndex >= 0) head.flags[contentLengthIndex] = HOP_BY_HOP;
    head.framing = "none";
  } else if (status === 304 || requestMethod === "HEAD") {
    head.framing = "none";
    head.contentLength = contentLength;
  } else if (transferEncoding >= 0) {
    head.framing = "chunked";
  } else if (contentLength >= 0) {
    head.framing = contentLength > 0 ? "length" : "none";
    head.contentLength = contentLength;
  } else {
    head.framing = "close";
  }
  readConnection(head);
  if (head.framing === "close") head.keepAlive = false;
  return null;
}

function readHeaders(head: MessageHead, bytes: Uint8Array, base: number): RefusalReason | null {
  host = transferEncoding = contentLength = contentLengthIndex = expect = -1;
  sawUpgrade = closeOption = keepAliveOption = upgradeOption = false;
  otherOptions = 0;
  const { ids, flags, count } = head;
  for (let index = 0; index < count; index++) {
    const id = ids[index] as number;
    flags[index] = 0;
    if (id === HeaderId.UNKNOWN || id > HeaderId.LAST_FRAMING) continue;
    switch (id) {
      case HeaderId.HOST:
        if (host >= 0) return "repeated_host";
        host = index;
        break;
      case HeaderId.CONNECTION: {
        flags[index] = HOP_BY_HOP;
        if (hasTab(head, bytes, base, index)) return "bad_connection_option";
        const refused = readConnectionOptions(head, bytes, base, index);
        if (refused !== null) return refused;
        break;
      }
      case HeaderId.TRANSFER_ENCODING:
        flags[index] = FRAMING;
        if (transferEncoding >= 0) return "repeated_transfer_encoding";
        if (hasTab(head, bytes, base, index)) return "bad_transfer_encoding";
        transferEncoding = index;
        break;
      case HeaderId.CONTENT_LENGTH:
        flags[index] = FRAMING;
        if (contentLengthIndex >= 0) return "repeated_content_length";
        contentLengthIndex = index;
        contentLength = readContentLength(head, bytes, base, index);
        if (contentLength < 0 || hasTab(head, bytes, base, index)) return "bad_content_length";
        break;
      case HeaderId.TRAILER:
        flags[index] = FRAMING;
        break;
      case HeaderId.TE:
        flags[index] = HOP_BY_HOP;
        if (/(?:^|,)[ \t]*trailers[ \t]*(?:$|,)/i.test(head.valueAt(index))) head.acceptsTrailers = true;
        break;
      case HeaderId.UPGRADE:
        flags[index] = HOP_BY_HOP;
        sawUpgrade = true;
        break;
      case HeaderId.EXPECT:
        expect = index;
        break;
      default:
        flags[index] = HOP_BY_HOP;
    }
  }
  if (transferEncoding >= 0) {
    const refused = checkTransferEncoding(head, bytes, base);
    if (refused !== null) return refused;
  }
  // In HTTP/1.1 close wins (RFC 9112 section 9.3); in 1.0, where keep-alive has to be asked for, servers differ.
  if (closeOption && keepAliveOption && head.versionMinor === 0) return "bad_connection_option";
  return otherOptions === 0 ? null : markListedHeaders(head, bytes, base);
}

/** Exactly one coding, exactly "chunked": nothing else is read alike by everybody (RFC 9112 sections 6.1 and 11.2). */
function checkTransferEncoding(head: MessageHead, bytes: Uint8Array, base: number): RefusalReason | null {
  if (contentLengthIndex >= 0) return "content_length_with_transfer_encoding";
  if (head.versionMinor === 0) return "transfer_encoding_in_http_1_0";
  if (valueIs(head, bytes, base, transferEncoding, "chunked")) return null;
  // Codings before a single, final "chunked" are legal, but nobody sends them and a proxy would have to understand them.
  const legal = /^(?:(?!chunked[ \t]*,)[\w!#$%&'*+.^`|~-]+[ \t]*,[ \t]*)+chunked$/i.test(
    head.valueAt(transferEncoding),
  );
  return legal ? "unsupported_transfer_encoding" : "bad_transfer_encoding";
}

/** 1*DIGIT up to 2^53 - 1, else -1. */
function readContentLength(head: MessageHead, bytes: Uint8Array, base: number, index: number): number {
  const start = base + (head.offsets[index * HEADER_STRIDE + VALUE_START] as number);
  const end = base + (head.offsets[index * HEADER_STRIDE + VALUE_END] as number);
  let length = start === end ? -1 : 0;
  for (let position = start; position < end; position++) {
    const digit = (bytes[position] as number) - 0x30;
    if (digit < 0 || digit > 9) return -1;
    length = length * 10 + digit;
    if (length > Number.MAX_SAFE_INTEGER) return -1;
  }
  return length;
}

/**
 * A tab around the value is white space by RFC 9110 section 5.5, but some servers, llhttp among them, trim only spaces. A
 * tab within the value is refused by what reads it.
 */
function hasTab(head: MessageHead, bytes: Uint8Array, base: number, index: number): boolean {
  const { offsets } = head;
  const row = index * HEADER_STRIDE;
  const valueStart = base + (offsets[row + VALUE_START] as number);
  const lineEnd = base + (offsets[row + LINE_END] as number);
  for (let position = base + (offsets[row + NAME_END] as number); position < valueStart; position++) {
    if (bytes[position] === TAB) return true;
  }
  for (let position = base + (offsets[row + VALUE_END] as number); position < lineEnd; position++) {
    if (bytes[position] === TAB) return true;
  }
  return false;
}

function readHost(head: MessageHead, bytes: Uint8Array, base: number): RefusalReason | null {
  const ofTarget = head.targetForm === "absolute" || head.targetForm === "authority";
  if (host < 0) {
    if (!ofTarget) head.authority = "";
    return head.versionMinor === 1 ? "missing_host" : null;
  }
  const start = head.offsets[host * HEADER_STRIDE + VALUE_START] as number;
  const end = head.offsets[host * HEADER_STRIDE + VALUE_END] as number;
  const value = head.text.slice(start, end);
  // Most often it is that of the request before, which was found valid.
  if (value === head.authority) return null;
  if (!isAuthority(bytes, base + start, base + end)) return "bad_host";
  if (ofTarget) head.flags[host] = REPLACED_HOST;
  else head.authority = value;
  return null;
}

function readConnectionOptions(
  head: MessageHead,
  bytes: Uint8Array,
  base: number,
  index: number,
): RefusalReason | null {
  const end = base + (head.offsets[index * HEADER_STRIDE + VALUE_END] as number);
  let position = base + (head.offsets[index * HEADER_STRIDE + VALUE_START] as number);
  while (position < end) {
    const start = position;
    while (position < end && TOKEN[bytes[position] as number] === 1) position++;
    const optionEnd = position;
    while (position < end && bytes[position] === SPACE) position++;
    if (position < end && bytes[position] !== COMMA) return "bad_connection_option";
    position++;
    while (position < end && bytes[position] === SPACE) position++;
    if (optionEnd === start) continue;
    if (octetsAre(bytes, start, optionEnd, "close")) closeOption = true;
    else if (octetsAre(bytes, start, optionEnd, "keep-alive")) keepAliveOption = true;
    else if (octetsAre(bytes, start, optionEnd, "upgrade")) upgradeOption = true;
    else if (octetsAre(bytes, start, optionEnd, "te")) continue;
    else {
      if (otherOptions === MAX_CONNECTION_OPTIONS) return "too_many_connection_options";
      optionStarts[otherOptions] = start;
      optionEnds[otherOptions] = optionEnd;
      otherOptions++;
    }
  }
  return null;
}

/**
 * Headers that Connection lists end at this hop. A client that lists Host or Content-Length wants the next server to see
 * another message than we do; Transfer-Encoding and Trailer were called hop-by-hop by RFC 2616 and stay framing.
 */
function markListedHeaders(head: MessageHead, bytes: Uint8Array, base: number): RefusalReason | null {
  const { offsets, flags, ids, count } = head;
  for (let option = 0; option < otherOptions; option++) {
    const start = optionStarts[option] as number;
    const length = (optionEnds[option] as number) - start;
    for (let index = 0; index < count; index++) {
      const nameStart = base + (offsets[index * HEADER_STRIDE + LINE_START] as number);
      if (base + (offsets[index * HEADER_STRIDE + NAME_END] as number) - nameStart !== length) continue;
      if (!sameName(bytes, start, nameStart, length)) continue;
      const id = ids[index];
      if (id === HeaderId.HOST || id === HeaderId.CONTENT_LENGTH) return "bad_connection_option";
      if (id !== HeaderId.TRANSFER_ENCODING && id !== HeaderId.TRAILER) flags[index] = HOP_BY_HOP;
    }
  }
  return null;
}

function readConnection(head: MessageHead): void {
  // An Upgrade in HTTP/1.0 is to be ignored (RFC 9110 section 7.8).
  head.upgrade =
    sawUpgrade && upgradeOption && head.versionMinor === 1 ? (head.header("upgrade") ?? "").toLowerCase() : "";
  head.keepAlive = !closeOption && (head.versionMinor === 1 || keepAliveOption);
}

function valueIs(head: MessageHead, bytes: Uint8Array, base: number, index: number, lowerCase: string): boolean {
  const start = head.offsets[index * HEADER_STRIDE + VALUE_START] as number;
  const end = head.offsets[index * HEADER_STRIDE + VALUE_END] as number;
  return octetsAre(bytes, base + start, base + end, lowerCase);
}

function octetsAre(bytes: Uint8Array, start: number, end: number, lowerCase: string): boolean {
  if (end - start !== lowerCase.length) return false;
  for (let index = 0; index < lowerCase.length; index++) {
    if (LOWER[bytes[start + index] as number] !== lowerCase.charCodeAt(index)) return false;
  }
  return true;
}

function sameName(bytes: Uint8Array, left: number, right: number, length: number): boolean {
  for (let index = 0; index < length; index++) {
    if (LOWER[bytes[left + index] as number] !== LOWER[bytes[right + index] as number]) return false;
  }
  return true;
}

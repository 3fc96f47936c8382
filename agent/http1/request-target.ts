// Methods, the four forms of a request target (RFC 9112 section 3.2) and the syntax of host[:port] (RFC 3986 section
// 3.2). Works on the octets of a head whose characters head-parser.ts has checked; writes method, target and authority
// of the MessageHead. Which authority counts when there are two is decided in message-framing.ts.
import { HEXADECIMAL, IP_LITERAL, LOWER, REGISTERED_NAME } from "./characters.ts";
import type { MessageHead } from "./message-head.ts";
import type { RefusalReason } from "./refusal.ts";

const SLASH = 0x2f;
const COLON = 0x3a;

/** The methods of the IANA registry that Node's own server knows too; anything else is answered 501. */
export const METHODS: readonly string[] =
  // The frequent ones first: they are found by going through those of their length.
  (
    "GET PUT POST HEAD PATCH DELETE OPTIONS CONNECT TRACE QUERY COPY LOCK MOVE MKCOL PROPFIND PROPPATCH SEARCH UNLOCK " +
    "BIND REBIND UNBIND ACL REPORT MKACTIVITY CHECKOUT MERGE M-SEARCH NOTIFY SUBSCRIBE UNSUBSCRIBE PURGE MKCALENDAR " +
    "LINK UNLINK SOURCE"
  ).split(" ");
const LONGEST_METHOD = 11;
const methodsByLength: readonly (readonly string[])[] = Array.from({ length: LONGEST_METHOD + 1 }, (_, length) =>
  METHODS.filter((method) => method.length === length),
);

/** The method in bytes[start, end), or "" when it is none that we know. Methods are case-sensitive. */
export function methodOf(bytes: Uint8Array, start: number, end: number): string {
  const length = end - start;
  if (length > LONGEST_METHOD) return "";
  const candidates = methodsByLength[length] as readonly string[];
  for (let candidate = 0; candidate < candidates.length; candidate++) {
    const method = candidates[candidate] as string;
    let index = 0;
    while (index < length && method.charCodeAt(index) === bytes[start + index]) index++;
    if (index === length) return method;
  }
  return "";
}

/** Whether bytes[start, end) is uri-host [":" port] without userinfo. An empty host is valid here (RFC 9110 section 7.2). */
export function isAuthority(bytes: Uint8Array, start: number, end: number): boolean {
  let position = start;
  if (position < end && bytes[position] === 0x5b) {
    position++;
    const literal = position;
    while (position < end && IP_LITERAL[bytes[position] as number] === 1) position++;
    if (position === end || bytes[position] !== 0x5d || position - literal < 2) return false;
    position++;
  } else {
    for (; position < end; position++) {
      const octet = bytes[position] as number;
      if (REGISTERED_NAME[octet] === 1) continue;
      if (octet !== 0x25) break;
      if (position + 2 >= end || HEXADECIMAL[bytes[position + 1] as number] === 255) return false;
      if (HEXADECIMAL[bytes[position + 2] as number] === 255) return false;
      position += 2;
    }
  }
  return position === end || (bytes[position] === COLON && isPort(bytes, position + 1, end));
}

function isPort(bytes: Uint8Array, start: number, end: number): boolean {
  let port = 0;
  for (let position = start; position < end; position++) {
    const digit = (bytes[position] as number) - 0x30;
    if (digit < 0 || digit > 9) return false;
    port = port * 10 + digit;
    if (port > 65535) return false;
  }
  return true;
}

/**
 * Sets target, targetForm, path and query of `head`, and authority if the target has one; head.method and head.text are set already. `start`,
 * `end` and `queryMark` (of the first "?", -1 without) are offsets in head.text, which is at `base` in `bytes`.
 */
export function readTarget(
  head: MessageHead,
  bytes: Uint8Array,
  base: number,
  start: number,
  end: number,
  queryMark: number,
): RefusalReason | null {
  const { text } = head;
  head.target = text.slice(start, end);
  if (head.method === "CONNECT") return readConnectTarget(head, bytes, base + start, base + end);
  if (bytes[base + start] === SLASH) {
    head.targetForm = "origin";
    head.path = queryMark < 0 ? head.target : text.slice(start, queryMark);
    head.query = queryMark < 0 ? "" : text.slice(queryMark + 1, end);
    return null;
  }
  if (end - start === 1 && bytes[base + start] === 0x2a) {
    if (head.method !== "OPTIONS") return "bad_request_target";
    head.targetForm = "asterisk";
    head.path = "*";
    head.query = "";
    return null;
  }
  return readAbsoluteTarget(head, bytes, base, start, end, queryMark);
}

function readConnectTarget(head: MessageHead, bytes: Uint8Array, start: number, end: number): RefusalReason | null {
  // A port is required, and an empty one is none (RFC 9110 section 9.3.6).
  const lastDigit = (bytes[end - 1] as number) - 0x30;
  const colon = head.target.lastIndexOf(":");
  if (colon <= 0 || lastDigit < 0 || lastDigit > 9 || !isAuthority(bytes, start, end)) return "bad_request_target";
  if (bytes[start] === 0x5b && head.target.charCodeAt(colon - 1) !== 0x5d) return "bad_request_target";
  head.targetForm = "authority";
  head.authority = head.target;
  head.path = "";
  head.query = "";
  return null;
}

function readAbsoluteTarget(
  head: MessageHead,
  bytes: Uint8Array,
  base: number,
  start: number,
  end: number,
  queryMark: number,
): RefusalReason | null {
  const { text } = head;
  const afterHttp = start + schemeLength(bytes, base + start, base + end);
  if (afterHttp === start) return "bad_request_target";
  const pathEnd = queryMark < 0 ? end : queryMark;
  let authorityEnd = afterHttp;
  while (authorityEnd < pathEnd && bytes[base + authorityEnd] !== SLASH) authorityEnd++;
  // An http URI with an empty host is invalid (RFC 9110 section 4.2.1).
  const first = bytes[base + afterHttp];
  if (authorityEnd === afterHttp || first === COLON) return "bad_request_target";
  if (!isAuthority(bytes, base + afterHttp, base + authorityEnd)) return "bad_request_target";
  head.targetForm = "absolute";
  head.authority = text.slice(afterHttp, authorityEnd);
  head.query = queryMark < 0 ? "" : text.slice(queryMark + 1, end);
  if (authorityEnd < pathEnd) head.path = text.slice(authorityEnd, pathEnd);
  else head.path = head.method === "OPTIONS" && queryMark < 0 ? "*" : "/";
  return null;
}

/** Octets of "http://" or "https://" in any case at `start`; 0 when there is another scheme or none. */
function schemeLength(bytes: Uint8Array, start: number, end: number): number {
  for (const prefix of ["http://", "https://"]) {
    if (end - start <= prefix.length) continue;
    let index = 0;
    while (index < prefix.length && LOWER[bytes[start + index] as number] === prefix.charCodeAt(index)) index++;
    if (index === prefix.length) return prefix.length;
  }
  return 0;
}

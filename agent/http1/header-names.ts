// The header names that Heddle itself looks at, numbered, so that the parser names a header by a small integer without
// allocating. Owns the numbers and their recognition; what a header means is decided by message-framing.ts and by proxy/.
import { LOWER } from "./characters.ts";

/** 0 is "no well-known name". Ids up to LAST_FRAMING are those that message-framing.ts interprets. */
export const HeaderId = {
  UNKNOWN: 0,
  HOST: 1,
  CONNECTION: 2,
  KEEP_ALIVE: 3,
  PROXY_CONNECTION: 4,
  TRANSFER_ENCODING: 5,
  TE: 6,
  TRAILER: 7,
  UPGRADE: 8,
  CONTENT_LENGTH: 9,
  EXPECT: 10,
  HTTP2_SETTINGS: 11,
  LAST_FRAMING: 11,
  PROXY_AUTHENTICATE: 12,
  PROXY_AUTHORIZATION: 13,
  TRACEPARENT: 14,
  TRACESTATE: 15,
  B3: 16,
  X_B3_TRACEID: 17,
  X_B3_SPANID: 18,
  X_B3_PARENTSPANID: 19,
  X_B3_SAMPLED: 20,
  X_B3_FLAGS: 21,
  HEDDLE_MIRROR: 22,
  HEDDLE_REASON: 23,
  X_FORWARDED_FOR: 24,
  X_FORWARDED_PROTO: 25,
  X_FORWARDED_HOST: 26,
  FORWARDED: 27,
  VIA: 28,
  DATE: 29,
  SERVER: 30,
  AUTHORIZATION: 31,
  COOKIE: 32,
  SET_COOKIE: 33,
  CONTENT_TYPE: 34,
  CONTENT_ENCODING: 35,
  CONTENT_RANGE: 36,
  MAX_FORWARDS: 37,
  HEDDLE_REPLAY: 38,
} as const;

/** Lower-case name by id; "" at 0. */
export const HEADER_NAMES: readonly string[] = [
  "",
  "host",
  "connection",
  "keep-alive",
  "proxy-connection",
  "transfer-encoding",
  "te",
  "trailer",
  "upgrade",
  "content-length",
  "expect",
  "http2-settings",
  "proxy-authenticate",
  "proxy-authorization",
  "traceparent",
  "tracestate",
  "b3",
  "x-b3-traceid",
  "x-b3-spanid",
  "x-b3-parentspanid",
  "x-b3-sampled",
  "x-b3-flags",
  "heddle-mirror",
  "heddle-reason",
  "x-forwarded-for",
  "x-forwarded-proto",
  "x-forwarded-host",
  "forwarded",
  "via",
  "date",
  "server",
  "authorization",
  "cookie",
  "set-cookie",
  "content-type",
  "content-encoding",
  "content-range",
  "max-forwards",
  "heddle-replay",
];

// A hash of the length, the middle and the last character leads to a short chain of candidates.
const BUCKETS = 128;
const firstCandidate = new Uint8Array(BUCKETS);
const nextCandidate = new Uint8Array(HEADER_NAMES.length);
const nameLength = new Uint8Array(HEADER_NAMES.length);
const NAME_STRIDE = 32;
const nameOctets = new Uint8Array(HEADER_NAMES.length * NAME_STRIDE);

/** Length of the longest well-known name: a longer one needs no look-up. */
export const LONGEST_HEADER_NAME = 19;

function bucketOf(length: number, middle: number, last: number): number {
  return (length * 5 + middle * 3 + last) & (BUCKETS - 1);
}

for (const [id, name] of HEADER_NAMES.entries()) {
  if (id === 0) continue;
  nameLength[id] = name.length;
  for (let index = 0; index < name.length; index++) nameOctets[id * NAME_STRIDE + index] = name.charCodeAt(index);
  const bucket = bucketOf(name.length, name.charCodeAt(name.length >> 1), name.charCodeAt(name.length - 1));
  nextCandidate[id] = firstCandidate[bucket] as number;
  firstCandidate[bucket] = id;
}

/** The id of the name in bytes[start, end), in any case, or 0. Allocates nothing. */
export function headerIdOf(bytes: Uint8Array, start: number, end: number): number {
  const length = end - start;
  if (length < 2 || length > LONGEST_HEADER_NAME) return 0;
  const middle = LOWER[bytes[start + (length >> 1)] as number] as number;
  const last = LOWER[bytes[end - 1] as number] as number;
  let id = firstCandidate[bucketOf(length, middle, last)] as number;
  for (; id !== 0; id = nextCandidate[id] as number) {
    if (nameLength[id] !== length) continue;
    const octets = id * NAME_STRIDE;
    let index = 0;
    while (index < length && LOWER[bytes[start + index] as number] === nameOctets[octets + index]) index++;
    if (index === length) return id;
  }
  return 0;
}

// Character classes of HTTP/1.1 as lookup tables over one octet: RFC 9110 section 5.6, RFC 9112 sections 2 to 5,
// RFC 3986 section 3. Owns only the classes; what a wrong character means is said by the parsers.

export const TAB = 0x09;
export const LINE_FEED = 0x0a;
export const CARRIAGE_RETURN = 0x0d;
export const SPACE = 0x20;

const ALPHANUMERIC = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

function classOf(characters: string, ranges: readonly (readonly [number, number])[] = []): Uint8Array {
  const table = new Uint8Array(256);
  for (let index = 0; index < characters.length; index++) table[characters.charCodeAt(index)] = 1;
  for (const [first, last] of ranges) table.fill(1, first, last + 1);
  return table;
}

/** tchar: methods, header names, chunk extension names and values. */
export const TOKEN = classOf(`!#$%&'*+-.^_\`|~${ALPHANUMERIC}`);

/** Octets of a field value or reason phrase: HTAB, SP, VCHAR, obs-text. */
export const FIELD_VALUE = classOf("\t", [
  [0x20, 0x7e],
  [0x80, 0xff],
]);

/** Inside a quoted-string of a chunk extension, except DQUOTE and backslash. */
export const QUOTED_TEXT = classOf("\t !", [
  [0x23, 0x5b],
  [0x5d, 0x7e],
  [0x80, 0xff],
]);

/**
 * Octets of a request target: visible ASCII without "#". RFC 3986 allows fewer, but what browsers and curl leave
 * unescaped (quotes, braces, bars) is harmless to framing; octets above 0x7f and fragments are read differently by
 * different servers.
 */
export const TARGET = classOf("!", [
  [0x22, 0x22],
  [0x24, 0x7e],
]);

/** reg-name without "%": unreserved and sub-delims. */
export const REGISTERED_NAME = classOf(`-._~!$&'()*+,;=${ALPHANUMERIC}`);

/** Inside the brackets of an IP literal: IPv6 with an embedded IPv4, or IPvFuture. */
export const IP_LITERAL = classOf(`:-._~!$&'()*+,;=${ALPHANUMERIC}`);

/** 0 to 15, or 255 for what is no hexadecimal digit. */
export const HEXADECIMAL = new Uint8Array(256).fill(255);
for (let digit = 0; digit < 16; digit++) {
  HEXADECIMAL[digit.toString(16).charCodeAt(0)] = digit;
  HEXADECIMAL[digit.toString(16).toUpperCase().charCodeAt(0)] = digit;
}

/** ASCII lower case of every octet. */
export const LOWER = new Uint8Array(256);
for (let octet = 0; octet < 256; octet++) LOWER[octet] = octet >= 0x41 && octet <= 0x5a ? octet + 0x20 : octet;

// Reads all pass through one buffer, so one view of it is kept; whoever reads elsewhere pays for a view now and then.
let viewed: Uint8Array = new Uint8Array(0);
let view: DataView = new DataView(viewed.buffer);

/**
 * The first position in bytes[start, limit) whose octet is not of FIELD_VALUE, or `limit`. Four octets at a time, because
 * values are most of a head: a word is skipped when no octet is a control character or DEL.
 */
export function endOfFieldValue(bytes: Uint8Array, start: number, limit: number): number {
  if (bytes !== viewed) {
    viewed = bytes;
    view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }
  let position = start;
  for (;;) {
    while (position + 4 <= limit) {
      const word = view.getInt32(position, true);
      const flipped = word ^ 0x7f7f7f7f;
      // The high bit of each octet that is below 0x20, or equal to 0x7f (and, rarely, of one after such an octet).
      const controls = ((word - 0x20202020) & ~word) | ((flipped - 0x01010101) & ~flipped);
      if ((controls & 0x80808080) !== 0) break;
      position += 4;
    }
    const wordEnd = Math.min(position + 4, limit);
    while (position < wordEnd && FIELD_VALUE[bytes[position] as number] === 1) position++;
    // Past a tab or a word that only looked bad the fast loop goes on.
    if (position < wordEnd || position === limit) return position;
  }
}

// What a client speaks, by its first bytes. Pure: bytes in, verdict out; the listener owns the wait for more and the
// time limit after which a silent client's destination is dialled (server-first protocols).

export type DetectedProtocol = "http1" | "http2" | "opaque";

/** RFC 9113 section 3.4. */
const preface = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "latin1");

/** Longest method that is looked for; a token longer than this is not taken for HTTP. */
const maxMethodLength = 24;

/** The verdict, or null while the bytes so far leave it open. */
export function detectProtocol(bytes: Uint8Array, start: number, end: number): DetectedProtocol | null {
  const length = end - start;
  if (length === 0) return null;
  const compared = Math.min(length, preface.length);
  if (preface.compare(bytes, start, start + compared, 0, compared) === 0) {
    return length >= preface.length ? "http2" : null;
  }
  for (let index = start; index < end; index++) {
    const octet = bytes[index] ?? 0;
    if (octet === 0x20) return index > start ? "http1" : "opaque";
    const upperCase = octet >= 0x41 && octet <= 0x5a;
    if (!(upperCase || octet === 0x2d) || index - start >= maxMethodLength) return "opaque";
  }
  return null;
}

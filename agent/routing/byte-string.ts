// Byte strings: how the parts of a request reach the matchers. HTTP carries bytes; the codec reads each byte as one
// character (latin1). Configuration is text. This file owns the way between the two, so that "café" in a route
// means its UTF-8 bytes on the wire, and so that no character above 255 can turn into a line break when written.

const beyondAscii = /[^\0-\x7f]/;

/** The UTF-8 bytes of `text`, one character per byte. ASCII text is returned as it is. */
export function toByteString(text: string): string {
  return beyondAscii.test(text) ? Buffer.from(text, "utf8").toString("latin1") : text;
}

/** The text of a byte string; bytes that are not UTF-8 become U+FFFD. ASCII is returned as it is. */
export function fromByteString(bytes: string): string {
  return beyondAscii.test(bytes) ? Buffer.from(bytes, "latin1").toString("utf8") : bytes;
}

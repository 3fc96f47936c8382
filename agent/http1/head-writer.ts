// Writes a MessageHead out again: a new start line, the received header lines byte for byte in their order but for those
// that end here or are edited away, then what is appended. Owns no policy: which flags and names go, and what is
// appended, is the caller's. The result is latin1: write it with that encoding.
import { HeaderId } from "./header-names.ts";
import { HEADER_STRIDE, LINE_END, LINE_START, type MessageHead, REPLACED_HOST } from "./message-head.ts";

/**
 * The head with its empty line, as a latin1 string. A request leaves with exactly one Host, even if it came, in HTTP/1.0,
 * without; unless dropNames has "host": then append must bring one.
 * @param startLine with its CRLF
 * @param dropFlags bits of MessageHead.flags: headers that have one of them are left out
 * @param dropNames lower-case names to leave out
 * @param append further header lines, each with its CRLF, or ""
 */
export function writeHead(
  head: MessageHead,
  startLine: string,
  dropFlags: number,
  dropNames: readonly string[],
  append: string,
): string {
  const { text, offsets, flags, count } = head;
  const mask = dropFlags | REPLACED_HOST;
  let out = startLine;
  let runStart = head.headersStart;
  for (let index = 0; index < count; index++) {
    const flag = (flags[index] as number) & mask;
    if (flag === 0 && (dropNames.length === 0 || !isNamed(head, index, dropNames))) continue;
    const lineStart = offsets[index * HEADER_STRIDE + LINE_START] as number;
    if (runStart < lineStart) out += text.slice(runStart, lineStart);
    // RFC 9112 section 3.2.2: the authority of an absolute-form target replaces Host, where it stood.
    if (flag === REPLACED_HOST && !isNamed(head, index, dropNames)) out += `Host: ${head.authority}\r\n`;
    runStart = offsets[index * HEADER_STRIDE + LINE_END] as number;
  }
  if (runStart < text.length) out += text.slice(runStart);
  if (head.method !== "" && head.indexOf(HeaderId.HOST) < 0 && !dropNames.includes("host")) {
    out += `Host: ${head.authority}\r\n`;
  }
  return `${out}${append}\r\n`;
}

/** "METHOD target HTTP/1.1" with the target in origin-form. */
export function requestStartLine(head: MessageHead): string {
  return `${head.method} ${head.originTarget} HTTP/1.1\r\n`;
}

/** "HTTP/1.1 200 reason": we speak 1.1 whatever the upstream spoke (RFC 9110 section 6.2). */
export function responseStartLine(head: MessageHead): string {
  return `HTTP/1.1 ${head.statusCode} ${head.reason}\r\n`;
}

function isNamed(head: MessageHead, index: number, names: readonly string[]): boolean {
  for (let position = 0; position < names.length; position++) {
    if (head.nameIs(index, names[position] as string)) return true;
  }
  return false;
}

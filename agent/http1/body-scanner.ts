// Where the body of a message ends in the bytes that follow its head, by the framing that the head declares (RFC 9112
// section 6). Both connections use one for every message in turn; chunk syntax is chunked-scanner.ts's.
import { ChunkedScanner } from "./chunked-scanner.ts";
import type { MessageHead } from "./message-head.ts";

export class BodyScanner {
  /** The last byte has been scanned; never with framing "close", which only the end of the stream completes. */
  complete = true;
  readonly #chunked = new ChunkedScanner();
  #framing: MessageHead["framing"] = "none";
  #remainingBytes = 0;

  /** The body of this head comes next. */
  begin(head: MessageHead): void {
    this.#framing = head.framing;
    this.#remainingBytes = head.contentLength;
    this.complete = head.framing === "none";
    if (head.framing === "chunked") this.#chunked.reset();
  }

  /** The offset in bytes[start, end) after what belongs to the body, or -1 when it is malformed (see `failure`). */
  scan(bytes: Buffer, start: number, end: number): number {
    switch (this.#framing) {
      case "none":
        return start;
      case "length": {
        const bodyEnd = Math.min(end, start + this.#remainingBytes);
        this.#remainingBytes -= bodyEnd - start;
        this.complete = this.#remainingBytes === 0;
        return bodyEnd;
      }
      case "chunked": {
        const bodyEnd = this.#chunked.scan(bytes, start, end);
        this.complete = this.#chunked.done;
        return bodyEnd;
      }
      case "close":
        return end;
    }
  }

  /** The codec's name for what is malformed. */
  get failure(): string {
    return this.#chunked.failure?.reason ?? "";
  }
}

// Bytes of a watch -> its lines. Splits at line feeds before decoding, so that a character cut in two by the network
// stays whole. Pure; what a line says is list-watch.ts's.

const lineFeed = 0x0a;

export class LineDecoder {
  readonly #maxLineBytes: number;
  #parts: Uint8Array[] = [];
  #bytes = 0;

  constructor(maxLineBytes: number) {
    this.#maxLineBytes = maxLineBytes;
  }

  /** The lines that end in `chunk`, empty ones left out. Throws RangeError once a line is longer than the bound. */
  push(chunk: Uint8Array): string[] {
    const lines: string[] = [];
    let from = 0;
    for (;;) {
      const at = chunk.indexOf(lineFeed, from);
      this.#keep(chunk.subarray(from, at < 0 ? chunk.length : at));
      if (at < 0) return lines;
      const line = this.#take();
      if (line.trim() !== "") lines.push(line);
      from = at + 1;
    }
  }

  #keep(part: Uint8Array): void {
    this.#bytes += part.length;
    if (this.#bytes > this.#maxLineBytes) throw new RangeError(`line longer than ${this.#maxLineBytes} bytes`);
    if (part.length > 0) this.#parts.push(part);
  }

  #take(): string {
    const line = Buffer.concat(this.#parts, this.#bytes).toString("utf8");
    this.#parts = [];
    this.#bytes = 0;
    return line;
  }
}

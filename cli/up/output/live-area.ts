// The bottom of a terminal that is drawn again and again, with ordinary lines scrolling away above it. ANSI cursor
// moves only. Resize-safe: how many rows the last drawing takes is computed with the width of now, since terminals wrap
// what is already there.
import type { WriteStream } from "node:tty";

/** As much of a terminal as is needed. */
export type Terminal = Pick<WriteStream, "write" | "columns" | "rows">;

const up = (rows: number): string => (rows === 0 ? "" : `\u001B[${rows}A`);
const eraseDown = "\u001B[0J";
// eslint-disable-next-line no-control-regex -- removing control sequences is what it is for
const styleCodes = /\u001B\[\d+m/g;

export class LiveArea {
  readonly #terminal: Terminal;
  #drawn: readonly string[] = [];

  constructor(terminal: Terminal) {
    this.#terminal = terminal;
  }

  /** Characters per line. */
  get width(): number {
    return Math.max(20, this.#terminal.columns ?? 80);
  }

  get height(): number {
    return Math.max(3, (this.#terminal.rows ?? 24) - 1);
  }

  /** Prints `above` for good and replaces what was drawn with `lines`, each at most `width` long. */
  draw(above: readonly string[], lines: readonly string[]): void {
    const text = [...above, ...lines].map((line) => `${line}\n`).join("");
    this.#terminal.write(`${up(this.#rowsDrawn())}\r${eraseDown}${text}`);
    this.#drawn = lines;
  }

  #rowsDrawn(): number {
    const { width } = this;
    return this.#drawn.reduce((rows, line) => {
      const length = line.replaceAll(styleCodes, "").length;
      return rows + Math.max(1, Math.ceil(length / width));
    }, 0);
  }
}

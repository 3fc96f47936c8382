// One line of `heddle check`: what was looked at, how it is, and what to do about it.

export type Level = "pass" | "warn" | "fail";

export interface CheckLine {
  readonly category: string;
  readonly level: Level;
  readonly what: string;
  /** What to do; "" where nothing is. */
  readonly advice: string;
}

/** Lines of one category. */
export class Category {
  readonly lines: CheckLine[] = [];
  readonly #name: string;

  constructor(name: string) {
    this.#name = name;
  }

  pass(what: string): void {
    this.lines.push({ category: this.#name, level: "pass", what, advice: "" });
  }

  warn(what: string, advice: string): void {
    this.lines.push({ category: this.#name, level: "warn", what, advice });
  }

  fail(what: string, advice: string): void {
    this.lines.push({ category: this.#name, level: "fail", what, advice });
  }

  /** What is not known is a warning: it may be as it should. */
  unknown(what: string, reason: string): void {
    this.warn(`${what}: not known`, reason);
  }
}

const shown = 5;

/** "a, b, c and 4 more". */
export function few(names: readonly string[]): string {
  const more = names.length - shown;
  return `${names.slice(0, shown).join(", ")}${more > 0 ? ` and ${more} more` : ""}`;
}

// Prometheus text, version 0.0.4: the few shapes that the control plane needs.

/** Content type of the text. */
export const expositionContentType = "text/plain; version=0.0.4; charset=utf-8";

type Labels = Readonly<Record<string, string>>;

/** Collects families in the order they are added. */
export class Exposition {
  readonly #lines: string[] = [];

  gauge(name: string, help: string, value: number): void {
    this.#family(name, help, "gauge", [[{}, value]]);
  }

  counter(name: string, help: string, value: number): void {
    this.#family(name, help, "counter", [[{}, value]]);
  }

  /** One family with a sample for each set of labels; the caller bounds how many. */
  samples(
    name: string,
    help: string,
    type: "gauge" | "counter",
    samples: readonly (readonly [Labels, number])[],
  ): void {
    this.#family(name, help, type, samples);
  }

  /** `buckets` are counts per bucket, one more than `bounds`; they are added up here. */
  histogram(name: string, help: string, bounds: readonly number[], buckets: readonly number[], sum: number): void {
    const samples: [Labels, number, string][] = [];
    let total = 0;
    for (const [index, count] of buckets.entries()) {
      total += count;
      const bound = bounds[index];
      samples.push([{ le: bound === undefined ? "+Inf" : String(bound) }, total, "_bucket"]);
    }
    this.#family(name, help, "histogram", [...samples, [{}, sum, "_sum"], [{}, total, "_count"]]);
  }

  toString(): string {
    return `${this.#lines.join("\n")}\n`;
  }

  #family(
    name: string,
    help: string,
    type: string,
    samples: readonly (readonly [Labels, number] | readonly [Labels, number, string])[],
  ): void {
    this.#lines.push(
      `# HELP ${name} ${help.replaceAll("\\", "\\\\").replaceAll("\n", "\\n")}`,
      `# TYPE ${name} ${type}`,
    );
    for (const [labels, value, suffix = ""] of samples) {
      const pairs = Object.entries(labels).map(([label, text]) => `${label}="${escapeLabel(text)}"`);
      this.#lines.push(`${name}${suffix}${pairs.length === 0 ? "" : `{${pairs.join(",")}}`} ${value}`);
    }
  }
}

function escapeLabel(text: string): string {
  return text.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n");
}

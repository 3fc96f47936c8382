// Prometheus text format 0.0.4: how names, label values and numbers are written. Owns the syntax only; which series
// exist is the business of the families that call this at scrape time.

/** Content-Type of a scrape. */
export const expositionContentType = "text/plain; version=0.0.4; charset=utf-8";

const metricName = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/;
const labelName = /^(?!__)[a-zA-Z_][a-zA-Z0-9_]*$/;

/** Throws a TypeError on a name that a scraper would refuse: a mistake of ours, found at start-up. */
export function checkMetricName(name: string): void {
  if (!metricName.test(name)) {
    throw new TypeError(`not a Prometheus metric name: "${name}"`);
  }
}

/** Throws a TypeError on a label name that a scraper would refuse, and on "le", which histograms own. */
export function checkLabelName(name: string): void {
  if (!labelName.test(name) || name === "le") {
    throw new TypeError(`not a usable Prometheus label name: "${name}"`);
  }
}

/** `name="value"` pairs joined by commas, without braces; values are escaped. */
export function labelPairs(names: readonly string[], values: readonly string[]): string {
  return names.map((name, index) => `${name}="${escapeLabelValue(values[index] ?? "")}"`).join(",");
}

/** The HELP and TYPE lines that open a family. */
export function familyHeader(name: string, help: string, type: "counter" | "gauge" | "histogram"): string {
  return `# HELP ${name} ${help.replace(/\\/g, "\\\\").replace(/\n/g, "\\n")}\n# TYPE ${name} ${type}\n`;
}

/** One sample line. `pairs` as labelPairs() made it, may be empty. */
export function sampleLine(name: string, pairs: string, value: number): string {
  return pairs === "" ? `${name} ${sampleValue(value)}\n` : `${name}{${pairs}} ${sampleValue(value)}\n`;
}

function sampleValue(value: number): string {
  if (value === Infinity) {
    return "+Inf";
  }
  return value === -Infinity ? "-Inf" : String(value);
}

function escapeLabelValue(value: string): string {
  return /[\\"\n]/.test(value) ? value.replace(/\\/g, "\\\\").replace(/"/g, '\\"').replace(/\n/g, "\\n") : value;
}

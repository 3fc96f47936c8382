// Reads the Prometheus text format 0.0.4 strictly: what a scraper would refuse or read differently is an error. For
// tests, with the few query functions that the samples' queries use.

export interface Sample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

export interface MetricFamily {
  readonly name: string;
  readonly type: "counter" | "gauge" | "histogram";
  readonly help: string;
  readonly samples: readonly Sample[];
}

const helpLine = /^# HELP ([a-zA-Z_:][a-zA-Z0-9_:]*) (.*)$/;
const typeLine = /^# TYPE ([a-zA-Z_:][a-zA-Z0-9_:]*) (counter|gauge|histogram)$/;
const sampleStart = /^([a-zA-Z_:][a-zA-Z0-9_:]*)(\{)?/;
const labelPair = /([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"(,|\})/y;
const number = /^ (NaN|[+-]Inf|[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?)$/;

/**
 * Parses a scrape into families by name. Throws an Error that names the line: for anything malformed, a sample outside
 * its family, a repeated family, a repeated series, a counter below 0, a histogram whose buckets are not cumulative or
 * lack "+Inf".
 */
export function parsePrometheusText(text: string): Map<string, MetricFamily> {
  const families = new Map<string, MetricFamily & { samples: Sample[] }>();
  const seen = new Set<string>();
  let help: { name: string; text: string } | null = null;
  let family: (MetricFamily & { samples: Sample[] }) | null = null;
  if (text !== "" && !text.endsWith("\n")) {
    throw new Error("the last line does not end");
  }
  text.split("\n").forEach((line, index) => {
    const fail = (reason: string): never => {
      throw new Error(`line ${index + 1}: ${reason}: ${line}`);
    };
    if (line === "") {
      return;
    }
    if (line.startsWith("#")) {
      const helped = helpLine.exec(line);
      if (helped !== null) {
        help = { name: helped[1]!, text: helped[2]! };
        family = null;
        return;
      }
      const typed = typeLine.exec(line) ?? fail("neither HELP nor TYPE");
      const name = typed[1]!;
      if (help?.name !== name) {
        fail("TYPE without its HELP");
      }
      if (families.has(name)) {
        fail("family opened twice");
      }
      family = { name, type: typed[2] as MetricFamily["type"], help: help!.text, samples: [] };
      families.set(name, family);
      return;
    }
    if (family === null) {
      throw new Error(`line ${index + 1}: sample outside a family: ${line}`);
    }
    const sample = parseSample(line, fail);
    const { name, type } = family;
    const belongs =
      type === "histogram"
        ? [`${name}_bucket`, `${name}_sum`, `${name}_count`].includes(sample.name)
        : sample.name === name;
    if (!belongs) {
      fail(`not a sample of ${name}`);
    }
    const key = `${sample.name}${labelKey(sample.labels)}`;
    if (seen.has(key)) {
      fail("series given twice");
    }
    seen.add(key);
    if (type !== "gauge" && !(sample.value >= 0)) {
      fail("below 0");
    }
    family.samples.push(sample);
  });
  for (const { name, type, samples } of families.values()) {
    if (type === "histogram") {
      checkHistogram(name, samples);
    }
  }
  return families;
}

/** Every sample of a name: "x_bucket" finds those of histogram "x". Empty when there is none. */
export function samplesOf(families: ReadonlyMap<string, MetricFamily>, name: string): readonly Sample[] {
  const family = families.get(name) ?? families.get(name.replace(/_(bucket|sum|count)$/, ""));
  return family?.samples.filter((sample) => sample.name === name) ?? [];
}

/** The value of the one sample that has these labels among its own. Throws when it is not exactly one. */
export function valueOf(
  families: ReadonlyMap<string, MetricFamily>,
  name: string,
  labels: Readonly<Record<string, string>> = {},
): number {
  const found = samplesOf(families, name).filter((sample) => hasLabels(sample, labels));
  if (found.length !== 1) {
    throw new Error(`${found.length} samples of ${name} with ${JSON.stringify(labels)}`);
  }
  return found[0]!.value;
}

/**
 * `sum(rate(name{where}[seconds])) by (...by)` over two scrapes: keys are the label values joined by ",". A series that
 * the first scrape lacks has no rate, and a value that fell is a reset, as in Prometheus.
 */
export function sumOfRates(
  earlier: ReadonlyMap<string, MetricFamily>,
  later: ReadonlyMap<string, MetricFamily>,
  name: string,
  by: readonly string[],
  seconds: number,
  where: (sample: Sample) => boolean = () => true,
): Map<string, number> {
  const sums = new Map<string, number>();
  const before = samplesOf(earlier, name);
  for (const sample of samplesOf(later, name).filter(where)) {
    const first = before.find(
      (candidate) => hasLabels(candidate, sample.labels) && hasLabels(sample, candidate.labels),
    );
    if (first !== undefined) {
      const key = by.map((label) => sample.labels[label] ?? "").join(",");
      const increase = sample.value < first.value ? sample.value : sample.value - first.value;
      sums.set(key, (sums.get(key) ?? 0) + increase / seconds);
    }
  }
  return sums;
}

/** `histogram_quantile(quantile, ...)` over pairs of "le" and cumulative value, interpolated as Prometheus does. */
export function histogramQuantile(
  quantile: number,
  buckets: readonly (readonly [le: string, value: number])[],
): number {
  const sorted = buckets
    .map(([le, value]) => ({ bound: le === "+Inf" ? Infinity : Number(le), value }))
    .sort((one, other) => one.bound - other.bound);
  const total = sorted.at(-1)?.value ?? 0;
  if (total === 0) {
    return Number.NaN;
  }
  const rank = quantile * total;
  const index = sorted.findIndex(({ value }) => value >= rank);
  if (index === sorted.length - 1) {
    return sorted.at(-2)!.bound;
  }
  const start = index === 0 ? { bound: 0, value: 0 } : sorted[index - 1]!;
  const end = sorted[index]!;
  return start.bound + (end.bound - start.bound) * ((rank - start.value) / (end.value - start.value));
}

function parseSample(line: string, fail: (reason: string) => never): Sample {
  const start = sampleStart.exec(line) ?? fail("no metric name");
  const labels: Record<string, string> = {};
  let position = start[0].length;
  if (start[2] === "{") {
    for (let end = ""; end !== "}";) {
      labelPair.lastIndex = position;
      const pair = labelPair.exec(line) ?? fail("malformed labels");
      if (Object.hasOwn(labels, pair[1]!)) {
        fail("label given twice");
      }
      labels[pair[1]!] = pair[2]!.replace(/\\(["\\n])/g, (_, escaped) => (escaped === "n" ? "\n" : String(escaped)));
      position += pair[0].length;
      end = pair[3]!;
    }
  }
  const value = number.exec(line.slice(position)) ?? fail("malformed value");
  return { name: start[1]!, labels, value: Number(value[1]!.replace("Inf", "Infinity")) };
}

function checkHistogram(name: string, samples: readonly Sample[]): void {
  const series = new Map<string, Sample[]>();
  for (const sample of samples) {
    const { le: _, ...labels } = sample.labels;
    const key = labelKey(labels);
    series.set(key, [...(series.get(key) ?? []), sample]);
  }
  for (const [key, members] of series) {
    const buckets = members.filter((sample) => sample.name === `${name}_bucket`);
    const count = members.find((sample) => sample.name === `${name}_count`);
    const sum = members.find((sample) => sample.name === `${name}_sum`);
    const last = buckets.at(-1);
    if (count === undefined || sum === undefined || last?.labels["le"] !== "+Inf" || last.value !== count.value) {
      throw new Error(`histogram ${name} ${key}: incomplete`);
    }
    buckets.reduce((previous, next) => {
      if (next.value < previous.value || !(toBound(next) > toBound(previous))) {
        throw new Error(`histogram ${name} ${key}: buckets are not cumulative`);
      }
      return next;
    });
  }
}

function toBound(sample: Sample): number {
  return Number(sample.labels["le"]?.replace("Inf", "Infinity"));
}

function hasLabels(sample: Sample, labels: Readonly<Record<string, string>>): boolean {
  return Object.entries(labels).every(([name, value]) => sample.labels[name] === value);
}

function labelKey(labels: Readonly<Record<string, string>>): string {
  return JSON.stringify(Object.entries(labels).sort(([one], [other]) => (one < other ? -1 : 1)));
}

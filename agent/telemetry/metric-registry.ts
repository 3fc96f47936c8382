// Every metric of the process, by family: counters and gauges as objects with a plain `value`, and whoever else can
// render itself (request families). Owns uniqueness of names, the cap on series of a family, and the scrape.
// Adding to a metric is the caller's `value++`; nothing here runs between two scrapes.
import { checkLabelName, checkMetricName, familyHeader, labelPairs, sampleLine } from "./exposition.ts";

/** Only grows. */
export interface Counter {
  value: number;
}

export interface Gauge {
  value: number;
}

/** A family that renders itself at scrape time. */
export interface Collector {
  render(): string;
}

/** Series that a counter or gauge family may have; the rest share one series labelled "overflow". */
export const maxSeriesPerFamily = 500;

/** The label value of what found no place under a family's cap. */
export const overflowLabel = "overflow";

/** The series of one metric name. Ask for a series once and keep it where the path is hot. */
export class Family {
  readonly name: string;
  readonly #help: string;
  readonly #type: "counter" | "gauge";
  readonly #labelNames: readonly string[];
  readonly #onOverflow: () => void;
  readonly #series = new Map<string, { value: number; readonly pairs: string }>();

  constructor(
    name: string,
    help: string,
    type: "counter" | "gauge",
    labelNames: readonly string[],
    onOverflow: () => void,
  ) {
    checkMetricName(name);
    labelNames.forEach(checkLabelName);
    this.name = name;
    this.#help = help;
    this.#type = type;
    this.#labelNames = labelNames;
    this.#onOverflow = onOverflow;
    if (labelNames.length === 0) {
      this.with();
    }
  }

  /** The series of these label values, in the order of the label names; made at 0 when new. */
  with(...values: readonly string[]): Counter & Gauge {
    const key = values.length === 1 ? (values[0] as string) : values.join("\0");
    const known = this.#series.get(key);
    if (known !== undefined) {
      return known;
    }
    if (values.length !== this.#labelNames.length) {
      throw new TypeError(`${this.name} has ${this.#labelNames.length} labels, not ${values.length}`);
    }
    if (this.#series.size >= maxSeriesPerFamily) {
      this.#onOverflow();
      return this.#overflow();
    }
    const series = { value: 0, pairs: labelPairs(this.#labelNames, values) };
    this.#series.set(key, series);
    return series;
  }

  /** Removes every series: for a gauge whose label says what is true now, such as a generation. */
  clear(): void {
    this.#series.clear();
  }

  render(): string {
    let text = familyHeader(this.name, this.#help, this.#type);
    for (const series of this.#series.values()) {
      text += sampleLine(this.name, series.pairs, series.value);
    }
    return text;
  }

  #overflow(): Counter & Gauge {
    // A key that no values can join to: one more part than there are labels.
    const key = `${overflowLabel}${"\0".repeat(this.#labelNames.length + 1)}`;
    const known = this.#series.get(key);
    if (known !== undefined) {
      return known;
    }
    const values = this.#labelNames.map(() => overflowLabel);
    const series = { value: 0, pairs: labelPairs(this.#labelNames, values) };
    this.#series.set(key, series);
    return series;
  }
}

export class MetricRegistry {
  readonly #collectors: Collector[] = [];
  readonly #names = new Set<string>();
  readonly #beforeScrape: (() => void)[] = [];
  readonly #overflows: Family;

  constructor() {
    this.#overflows = new Family(
      "heddle_metric_series_overflow_total",
      "Times a family was asked for one more series than its cap, by family.",
      "counter",
      ["family"],
      () => {},
    );
    this.register([this.#overflows.name], this.#overflows);
  }

  /** A counter without labels. Throws a TypeError when the name is taken or malformed, like all of these. */
  counter(name: string, help: string): Counter {
    return this.counterFamily(name, help, []).with();
  }

  /** A gauge without labels. */
  gauge(name: string, help: string): Gauge {
    return this.gaugeFamily(name, help, []).with();
  }

  counterFamily(name: string, help: string, labelNames: readonly string[]): Family {
    return this.#add(name, help, "counter", labelNames);
  }

  gaugeFamily(name: string, help: string, labelNames: readonly string[]): Family {
    return this.#add(name, help, "gauge", labelNames);
  }

  /** Adds a family that renders itself, under all the names it uses. */
  register(names: readonly string[], collector: Collector): void {
    for (const name of names) {
      checkMetricName(name);
      if (this.#names.has(name)) {
        throw new TypeError(`metric "${name}" exists already`);
      }
      this.#names.add(name);
    }
    this.#collectors.push(collector);
  }

  /** Runs before each scrape, to set gauges that are read rather than counted. */
  beforeScrape(refresh: () => void): void {
    this.#beforeScrape.push(refresh);
  }

  /** Counts that a family was full. For families that register() themselves. */
  countOverflow(family: string): void {
    this.#overflows.with(family).value++;
  }

  /** The whole exposition. */
  render(): string {
    for (const refresh of this.#beforeScrape) {
      refresh();
    }
    return this.#collectors.map((collector) => collector.render()).join("");
  }

  #add(name: string, help: string, type: "counter" | "gauge", labelNames: readonly string[]): Family {
    const family = new Family(name, help, type, labelNames, () => {
      this.countOverflow(name);
    });
    this.register([name], family);
    return family;
  }
}

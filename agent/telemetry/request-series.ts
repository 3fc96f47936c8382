// Counts and latencies of one kind of request (routed, inbound, mirrored): a family of series, each with requests by
// status code and a histogram. Recording is a few array writes; labels are written once, when a series is made, and
// text at scrape time. Owns the cap on series and the retirement of idle ones; which series there are is
// request-metrics.ts's.
import { familyHeader, labelPairs, sampleLine } from "./exposition.ts";
import { LatencyHistogram } from "./histogram.ts";
import type { Collector } from "./metric-registry.ts";
import { overflowLabel } from "./metric-registry.ts";

/** Status codes that exist as series before any request had them, so that a rate over 5xx is 0 and not absent. */
const initialCodes: readonly number[] = [200, 500, 502, 503, 504];
/** Status codes told apart in one series; further ones are counted by class ("5xx", which `5..` still matches). */
const maxCodes = 24;

/** Versions told apart among the requests that found no series of their own. */
const maxOverflowVersions = 50;

/** Records finished requests. Safe to keep for as long as a request lives. */
export interface RequestCounter {
  /** `statusCode` is what the client was sent, 0 when it was sent none. */
  record(statusCode: number, durationMs: number): void;
}

export class RequestSeries implements RequestCounter {
  readonly labelValues: readonly string[];
  readonly histogram = new LatencyHistogram();
  /** Parallel arrays: a handful of codes is found faster by a walk than by a Map. */
  readonly codes: number[] = [...initialCodes];
  readonly counts: number[] = initialCodes.map(() => 0);
  /** Totals of codes beyond maxCodes, by class 1 to 5; index 0 for anything else. */
  readonly classCounts: number[] = [0, 0, 0, 0, 0, 0];
  /** Kept although idle: the current snapshot can still send requests here. */
  wanted = false;
  /** Dropped from its family. */
  retired = false;
  readonly #family: RequestFamily;
  /** What the sweep saw last. */
  lastTotal = 0;
  lastActiveMs: number;

  constructor(family: RequestFamily, labelValues: readonly string[], nowMs: number) {
    this.#family = family;
    this.labelValues = labelValues;
    this.lastActiveMs = nowMs;
  }

  record(statusCode: number, durationMs: number): void {
    if (this.retired) {
      // The request outlived its series: it is counted in the one that took its place.
      this.#family.with(this.labelValues).record(statusCode, durationMs);
      return;
    }
    const index = this.codes.indexOf(statusCode);
    if (index >= 0) {
      this.counts[index] = (this.counts[index] as number) + 1;
    } else {
      this.#recordNewCode(statusCode);
    }
    this.histogram.record(durationMs);
  }

  /** Requests of a status class, 1 to 5; 0 for those that ended without a response. */
  classTotal(statusClass: number): number {
    let total = this.classCounts[statusClass] as number;
    for (let index = 0; index < this.codes.length; index++) {
      if (classOf(this.codes[index] as number) === statusClass) {
        total += this.counts[index] as number;
      }
    }
    return total;
  }

  total(): number {
    return this.histogram.buckets.reduce((sum, count) => sum + count, 0);
  }

  #recordNewCode(statusCode: number): void {
    if (this.codes.length < maxCodes) {
      this.codes.push(statusCode);
      this.counts.push(1);
    } else {
      const statusClass = classOf(statusCode);
      this.classCounts[statusClass] = (this.classCounts[statusClass] as number) + 1;
    }
  }
}

export interface RequestFamilyOptions {
  readonly countName: string;
  readonly countHelp: string;
  readonly durationName: string;
  readonly durationHelp: string;
  /** Without "status" and "le". The first is the version. */
  readonly labelNames: readonly string[];
  readonly maxSeries: number;
  readonly idleMs: number;
  readonly nowMs: () => number;
  readonly onOverflow: () => void;
}

export class RequestFamily implements Collector {
  readonly #options: RequestFamilyOptions;
  readonly #series = new Map<string, RequestSeries>();
  readonly #overflow = new Map<string, RequestSeries>();

  constructor(options: RequestFamilyOptions) {
    this.#options = options;
  }

  get names(): readonly string[] {
    return [this.#options.countName, this.#options.durationName];
  }

  get size(): number {
    return this.#series.size;
  }

  /**
   * The series of these label values, made when new. When the family is full: the one that all of the same version
   * share, so that sums by version stay true; beyond maxOverflowVersions not even that.
   */
  with(labelValues: readonly string[]): RequestSeries {
    const key = labelValues.join("\0");
    const known = this.#series.get(key);
    if (known !== undefined) {
      return known;
    }
    if (this.#series.size >= this.#options.maxSeries) {
      this.#options.onOverflow();
      return this.#overflowOf(labelValues[0] ?? overflowLabel);
    }
    const series = new RequestSeries(this, labelValues, this.#options.nowMs());
    this.#series.set(key, series);
    return series;
  }

  /**
   * Makes the series at zero and keeps it while it is wanted, unless the family is three quarters full: the rest is
   * for what has traffic.
   */
  want(labelValues: readonly string[]): void {
    if (this.#series.size < this.#options.maxSeries * 0.75 || this.#series.has(labelValues.join("\0"))) {
      this.with(labelValues).wanted = true;
    }
  }

  /** Nothing is wanted until want() says so again. */
  forgetWants(): void {
    for (const series of this.#series.values()) {
      series.wanted = false;
    }
  }

  *all(): Generator<RequestSeries> {
    yield* this.#series.values();
    yield* this.#overflow.values();
  }

  /** Drops series that are not wanted and were idle for idleMs. Called at scrape and report time, never per request. */
  sweep(): void {
    const nowMs = this.#options.nowMs();
    for (const [key, series] of this.#series) {
      const total = series.total();
      if (series.wanted || total !== series.lastTotal) {
        series.lastTotal = total;
        series.lastActiveMs = nowMs;
      } else if (nowMs - series.lastActiveMs >= this.#options.idleMs) {
        this.#series.delete(key);
        series.retired = true;
      }
    }
  }

  #overflowOf(version: string): RequestSeries {
    const key = this.#overflow.has(version) || this.#overflow.size < maxOverflowVersions ? version : overflowLabel;
    let series = this.#overflow.get(key);
    if (series === undefined) {
      const labelValues = this.#options.labelNames.map((_, index) => (index === 0 ? key : overflowLabel));
      series = new RequestSeries(this, labelValues, this.#options.nowMs());
      this.#overflow.set(key, series);
    }
    return series;
  }

  render(): string {
    this.sweep();
    const { countName, durationName, labelNames } = this.#options;
    let counts = familyHeader(countName, this.#options.countHelp, "counter");
    let durations = familyHeader(durationName, this.#options.durationHelp, "histogram");
    for (const series of this.all()) {
      const pairs = labelPairs(labelNames, series.labelValues);
      for (let index = 0; index < series.codes.length; index++) {
        counts += sampleLine(countName, `${pairs},status="${series.codes[index]}"`, series.counts[index] as number);
      }
      for (let statusClass = 0; statusClass < series.classCounts.length; statusClass++) {
        const count = series.classCounts[statusClass] as number;
        if (count > 0) {
          counts += sampleLine(countName, `${pairs},status="${statusClass}xx"`, count);
        }
      }
      durations += series.histogram.render(durationName, pairs);
    }
    return counts + durations;
  }
}

/** 1 to 5; 0 for 0 and for what is no HTTP status class. */
function classOf(statusCode: number): number {
  const statusClass = Math.trunc(statusCode / 100);
  return statusClass <= 5 ? statusClass : 0;
}

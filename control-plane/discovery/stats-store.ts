// The sums of what agents report: per (route, rule, backend, workload version), over all agents and all time of this
// replica. Bounded: at the limit, the series that was reported longest ago goes. A report that cannot be true is
// counted and not added.
import { latencyBucketsSeconds } from "../../proto/latency-buckets.ts";
import type { RuleStats } from "../../proto/messages.ts";

/** One summed series; arrays as in the RuleStats message. */
export type RuleStatsSum = Readonly<Omit<RuleStats, "statusClasses" | "latencyBuckets">> & {
  readonly statusClasses: readonly number[];
  readonly latencyBuckets: readonly number[];
};

/** 1xx to 5xx, and requests that ended without a response. */
const statusClassCount = 6;
const maxFieldLength = 1024;

export class StatsStore {
  readonly #maxSeries: number;
  /** Least recently reported first. */
  readonly #series = new Map<string, RuleStats>();
  /** Entries of reports that were refused. */
  refusedCount = 0;
  /** Series that had to go. */
  evictedCount = 0;

  constructor(maxSeries: number) {
    this.#maxSeries = maxSeries;
  }

  /** Adds the counters of one report. */
  add(report: readonly RuleStats[]): void {
    for (const entry of report) {
      if (isBelievable(entry)) this.#addEntry(entry);
      else this.refusedCount += 1;
    }
  }

  /** Every series as it stands now. */
  sums(): readonly RuleStatsSum[] {
    return [...this.#series.values()].map((sum) => ({
      ...sum,
      statusClasses: [...sum.statusClasses],
      latencyBuckets: [...sum.latencyBuckets],
    }));
  }

  #addEntry(entry: RuleStats): void {
    const key = JSON.stringify([entry.route, entry.rule, entry.backend, entry.workloadVersion]);
    const sum = this.#series.get(key);
    if (sum === undefined) {
      if (this.#series.size >= this.#maxSeries) this.#evictOldest();
      this.#series.set(key, entry);
      return;
    }
    this.#series.delete(key);
    this.#series.set(key, sum);
    for (const [index, count] of entry.statusClasses.entries()) addTo(sum.statusClasses, index, count);
    for (const [index, count] of entry.latencyBuckets.entries()) addTo(sum.latencyBuckets, index, count);
    sum.latencySumSeconds += entry.latencySumSeconds;
    sum.mirrored += entry.mirrored;
    sum.mirrorsDropped += entry.mirrorsDropped;
  }

  #evictOldest(): void {
    for (const key of this.#series.keys()) {
      this.#series.delete(key);
      this.evictedCount += 1;
      return;
    }
  }
}

function addTo(sums: number[], index: number, count: number): void {
  sums[index] = (sums[index] ?? 0) + count;
}

function isBelievable(entry: RuleStats): boolean {
  return (
    entry.statusClasses.length === statusClassCount &&
    entry.latencyBuckets.length === latencyBucketsSeconds.length + 1 &&
    [...entry.statusClasses, ...entry.latencyBuckets, entry.mirrored, entry.mirrorsDropped].every(isCount) &&
    Number.isFinite(entry.latencySumSeconds) &&
    entry.latencySumSeconds >= 0 &&
    [entry.route, entry.backend, entry.workloadVersion].every((field) => field.length <= maxFieldLength)
  );
}

function isCount(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0;
}

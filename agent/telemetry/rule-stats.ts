// The deltas that an agent reports upstream: requests by status class and latency bucket, and mirrored copies, per rule,
// backend and workload version. Owns what was reported last; sending, and its encoding, are discovery's.
import type { RequestFamily, RequestSeries } from "./request-series.ts";

/** Domain twin of the wire's RuleStats. Mirrors are reported under the backend that got the copies. */
export interface RuleStats {
  /** "namespace/name"; "" for requests that no route claimed. */
  readonly route: string;
  readonly rule: number;
  readonly backend: string;
  readonly workloadVersion: string;
  /** 1xx to 5xx, and last those that ended without a response. */
  readonly statusClasses: readonly number[];
  /** By proto/latency-buckets.ts, one more for what lies above the last bound. Not cumulative. */
  readonly latencyBuckets: readonly number[];
  readonly latencySumSeconds: number;
  readonly mirrored: number;
  readonly mirrorsDropped: number;
}

interface Reported {
  total: number;
  statusClasses: number[];
  latencyBuckets: number[];
  sumMs: number;
}

export class RuleStatsReport {
  readonly #requests: RequestFamily;
  readonly #mirrors: RequestFamily;
  readonly #reported = new WeakMap<RequestSeries, Reported>();
  readonly #reportedCopies = new WeakMap<RequestSeries, number>();
  // Only what was dropped since the last report; bounded by the rules there are, and emptied by each report.
  readonly #drops = new Map<string, { route: string; rule: number; backend: string; count: number }>();

  constructor(requests: RequestFamily, mirrors: RequestFamily) {
    this.#requests = requests;
    this.#mirrors = mirrors;
  }

  countMirrorDrop(route: string, rule: number, backend: string): void {
    const key = `${route}\0${rule}\0${backend}`;
    const known = this.#drops.get(key);
    if (known === undefined) {
      this.#drops.set(key, { route, rule, backend, count: 1 });
    } else {
      known.count++;
    }
  }

  take(): RuleStats[] {
    const stats: RuleStats[] = [];
    for (const series of this.#requests.all()) {
      const delta = this.#requestDelta(series);
      if (delta !== null) {
        stats.push({ ...identity(series), ...delta, mirrored: 0, mirrorsDropped: 0 });
      }
    }
    for (const series of this.#mirrors.all()) {
      const total = series.total();
      const mirrored = total - (this.#reportedCopies.get(series) ?? 0);
      if (mirrored > 0) {
        this.#reportedCopies.set(series, total);
        stats.push({ ...identity(series), ...noRequests(), mirrored, mirrorsDropped: 0 });
      }
    }
    for (const { route, rule, backend, count } of this.#drops.values()) {
      stats.push({ route, rule, backend, workloadVersion: "", ...noRequests(), mirrored: 0, mirrorsDropped: count });
    }
    this.#drops.clear();
    return stats;
  }

  #requestDelta(
    series: RequestSeries,
  ): Pick<RuleStats, "statusClasses" | "latencyBuckets" | "latencySumSeconds"> | null {
    const before = this.#reported.get(series);
    const total = series.total();
    // Most series are idle from one report to the next.
    if (total === (before?.total ?? 0)) {
      return null;
    }
    const { buckets, sumMs } = series.histogram;
    const statusClasses = [1, 2, 3, 4, 5, 0].map((statusClass) => series.classTotal(statusClass));
    this.#reported.set(series, { total, statusClasses, latencyBuckets: [...buckets], sumMs });
    return {
      statusClasses: minus(statusClasses, before?.statusClasses),
      latencyBuckets: minus(buckets, before?.latencyBuckets),
      latencySumSeconds: (sumMs - (before?.sumMs ?? 0)) / 1000,
    };
  }
}

function identity(series: RequestSeries): Pick<RuleStats, "route" | "rule" | "backend" | "workloadVersion"> {
  const [version = "", route = "", rule = "", backend = ""] = series.labelValues;
  return { route, rule: Number(rule) || 0, backend, workloadVersion: version };
}

function noRequests(): Pick<RuleStats, "statusClasses" | "latencyBuckets" | "latencySumSeconds"> {
  return { statusClasses: [], latencyBuckets: [], latencySumSeconds: 0 };
}

function minus(now: readonly number[], before: readonly number[] | undefined): number[] {
  return now.map((count, index) => count - (before?.[index] ?? 0));
}

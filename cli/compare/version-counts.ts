// Per workload version of one route: requests, errors, latencies, from the summed reports of agents. Pure.
import { addLists, seriesKey } from "../cluster/summed-stats.ts";
import type { StatsSum } from "../up/output/live-routes.ts";
import { latencyQuantileMs } from "../up/output/latency-quantile.ts";

export interface VersionCounts {
  readonly version: string;
  readonly requests: number;
  /** 5xx, and requests that ended without a response. */
  readonly errors: number;
  /** 0 to 1; null without requests. */
  readonly errorRate: number | null;
  readonly p50Ms: number | null;
  readonly p99Ms: number | null;
}

const serverErrorClass = 4;
const noResponseClass = 5;

/**
 * Counts by version over every rule and backend of `route` ("namespace/name"), in order of `backends` ("namespace/name"
 * of Services as the route lists them), then by name: the first is what the others are compared with.
 */
export function countsByVersion(
  sums: readonly StatsSum[],
  route: string,
  backends: readonly string[],
): readonly VersionCounts[] {
  const byVersion = new Map<string, { readonly sum: StatsSum; readonly place: number }>();
  for (const entry of sums) {
    if (entry.route !== route || requestsOf(entry) === 0) {
      continue;
    }
    const found = backends.indexOf(entry.backend.replace(/:\d+$/, ""));
    const place = found === -1 ? backends.length : found;
    const known = byVersion.get(entry.workloadVersion);
    byVersion.set(
      entry.workloadVersion,
      known === undefined
        ? { sum: entry, place }
        : { sum: addSums(known.sum, entry), place: Math.min(known.place, place) },
    );
  }
  return [...byVersion]
    .toSorted(([one, a], [other, b]) => a.place - b.place || (one < other ? -1 : 1))
    .map(([version, { sum }]) => describe(version, sum));
}

/** What a version without requests counts. */
export function noCounts(version: string): VersionCounts {
  return { version, requests: 0, errors: 0, errorRate: null, p50Ms: null, p99Ms: null };
}

/** Series of each replica of the control plane, by its name. */
export type Reading = ReadonlyMap<string, readonly StatsSum[]>;

/**
 * What each replica counted between two readings. A series that is smaller than before belongs to a replica that
 * started anew: all of it is counted, and so is a replica that was not there before.
 */
export function countedBetween(before: Reading, after: Reading): Reading {
  return new Map(
    [...after].map(([replica, sums]) => {
      const known = new Map((before.get(replica) ?? []).map((entry) => [seriesKey(entry), entry]));
      return [replica, sums.map((entry) => subtractSums(entry, known.get(seriesKey(entry))))];
    }),
  );
}

function subtractSums(entry: StatsSum, old: StatsSum | undefined): StatsSum {
  if (old === undefined || requestsOf(old) > requestsOf(entry)) {
    return entry;
  }
  return {
    ...entry,
    statusClasses: subtract(entry.statusClasses, old.statusClasses),
    latencyBuckets: subtract(entry.latencyBuckets, old.latencyBuckets),
  };
}

function describe(version: string, { statusClasses, latencyBuckets }: StatsSum): VersionCounts {
  const requests = statusClasses.reduce((total, count) => total + count, 0);
  const errors = (statusClasses[serverErrorClass] ?? 0) + (statusClasses[noResponseClass] ?? 0);
  return {
    version,
    requests,
    errors,
    errorRate: requests === 0 ? null : errors / requests,
    p50Ms: latencyQuantileMs(latencyBuckets, 0.5),
    p99Ms: latencyQuantileMs(latencyBuckets, 0.99),
  };
}

function requestsOf({ statusClasses }: StatsSum): number {
  return statusClasses.reduce((total, count) => total + count, 0);
}

function addSums(one: StatsSum, other: StatsSum): StatsSum {
  return {
    ...one,
    statusClasses: addLists(one.statusClasses, other.statusClasses),
    latencyBuckets: addLists(one.latencyBuckets, other.latencyBuckets),
  };
}

function subtract(one: readonly number[], other: readonly number[]): readonly number[] {
  return one.map((count, index) => Math.max(0, count - (other[index] ?? 0)));
}

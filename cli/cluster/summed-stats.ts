// What agents reported, added up over the replicas of the control plane: an agent reports to the replica that it is
// connected to, so each knows a part. Pure.
import type { StatsSum } from "../up/output/live-routes.ts";

/** The page /debug/stats of one replica. */
export interface StatsPage {
  readonly series: readonly StatsSum[];
}

/** One series for each route, rule, backend and workload version. */
export function sumStats(pages: readonly StatsPage[]): readonly StatsSum[] {
  const sums = new Map<string, StatsSum>();
  for (const { series } of pages) {
    for (const entry of series) {
      const key = seriesKey(entry);
      const known = sums.get(key);
      sums.set(key, known === undefined ? entry : add(known, entry));
    }
  }
  return [...sums.values()];
}

export function seriesKey({ route, rule, backend, workloadVersion }: StatsSum): string {
  return JSON.stringify([route, rule, backend, workloadVersion]);
}

function add(one: StatsSum, other: StatsSum): StatsSum {
  return {
    ...one,
    statusClasses: addLists(one.statusClasses, other.statusClasses),
    latencyBuckets: addLists(one.latencyBuckets, other.latencyBuckets),
    mirrored: one.mirrored + other.mirrored,
    mirrorsDropped: one.mirrorsDropped + other.mirrorsDropped,
  };
}

export function addLists(one: readonly number[], other: readonly number[]): readonly number[] {
  return Array.from(
    { length: Math.max(one.length, other.length) },
    (_, index) => (one[index] ?? 0) + (other[index] ?? 0),
  );
}

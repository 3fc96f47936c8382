// Durations measured on a machine that other work shares.

/** The middle of `values`. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((left, right) => left - right);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}

/**
 * The lowest median of up to `rounds` rounds: a machine that is busy with something else makes rounds slower, never
 * faster. Ends early with the first round whose median is at most `limit`.
 */
export async function bestMedian(rounds: number, limit: number, measure: () => Promise<number[]>): Promise<number> {
  let best = Number.POSITIVE_INFINITY;
  for (let round = 0; round < rounds && best > limit; round++) best = Math.min(best, median(await measure()));
  return best;
}

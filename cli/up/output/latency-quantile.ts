// Quantiles of a latency histogram with the buckets of proto/latency-buckets.ts, interpolated inside the bucket as
// Prometheus' histogram_quantile does it. Pure.
import { latencyBucketsSeconds } from "../../../proto/latency-buckets.ts";

/** Milliseconds, or null without observations. Above the last bound the last bound is the answer. */
export function latencyQuantileMs(buckets: readonly number[], quantile: number): number | null {
  const total = buckets.reduce((sum, count) => sum + count, 0);
  if (total === 0) {
    return null;
  }
  const rank = quantile * total;
  let below = 0;
  for (const [index, count] of buckets.entries()) {
    const upper = latencyBucketsSeconds[index];
    if (upper === undefined) {
      break;
    }
    if (count > 0 && below + count >= rank) {
      const lower = latencyBucketsSeconds[index - 1] ?? 0;
      // Rounded to microseconds: what is beyond is of the arithmetic.
      return Math.round((lower + (upper - lower) * ((rank - below) / count)) * 1_000_000) / 1000;
    }
    below += count;
  }
  return (latencyBucketsSeconds.at(-1) ?? 0) * 1000;
}

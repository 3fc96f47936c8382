// A latency histogram in plain numbers: one array of counts over the buckets of proto/latency-buckets.ts and a sum.
// Recording allocates nothing; cumulative counts and "le" labels are made at scrape time.
import { latencyBucketsSeconds } from "../../proto/latency-buckets.ts";
import { sampleLine } from "./exposition.ts";

const boundsMs: readonly number[] = latencyBucketsSeconds.map((seconds) => seconds * 1000);
const boundCount = boundsMs.length;
const lePairs: readonly string[] = [...latencyBucketsSeconds.map((seconds) => `le="${seconds}"`), 'le="+Inf"'];

/** Buckets of a histogram: one for each bound and one for what lies above the last. */
export const latencyBucketCount = boundCount + 1;

/** Index of the bucket a duration falls into; a bound belongs to its own bucket, as "le" says. */
export function latencyBucketIndex(durationMs: number): number {
  let index = 0;
  // Requests are mostly fast, so the walk is mostly short; a binary search measured no better.
  while (index < boundCount && durationMs > (boundsMs[index] as number)) {
    index++;
  }
  return index;
}

export class LatencyHistogram {
  /** Counts per bucket, not cumulative. */
  readonly buckets: number[] = Array.from({ length: latencyBucketCount }, () => 0);
  sumMs = 0;

  record(durationMs: number): void {
    const index = latencyBucketIndex(durationMs);
    this.buckets[index] = (this.buckets[index] as number) + 1;
    this.sumMs += durationMs;
  }

  /** The `_bucket`, `_sum` and `_count` lines of one series. */
  render(name: string, pairs: string): string {
    const prefix = pairs === "" ? "" : `${pairs},`;
    let text = "";
    let cumulative = 0;
    for (let index = 0; index < latencyBucketCount; index++) {
      cumulative += this.buckets[index] as number;
      text += `${name}_bucket{${prefix}${lePairs[index]}} ${cumulative}\n`;
    }
    return text + sampleLine(`${name}_sum`, pairs, this.sumMs / 1000) + sampleLine(`${name}_count`, pairs, cumulative);
  }
}

// What the control plane counts about the way from source to snapshot. Plain numbers; exposition is admin's. What
// happens between the control plane and its agents is counted in discovery/metrics.ts.
import type { StateOrigin } from "./source/source.ts";

/** Upper bounds in seconds; one more bucket lies above. */
export const translationBucketsSeconds: readonly number[] = [
  0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1,
];

export class ControlPlaneMetrics {
  /** States that the source published. */
  sourceUpdates = 0;
  translationFailures = 0;
  /** Snapshots that were not published because they contradicted themselves. */
  inconsistentSnapshots = 0;
  snapshotsPublished = 0;
  resources = 0;
  /** From the first sign of the edit to the publish that carries it, of the last edit; settling included. */
  lastEditSeconds = 0;
  readonly translation = translationBucketsSeconds.map(() => 0).concat(0);
  translationSumSeconds = 0;

  observeTranslation(seconds: number): void {
    const index = translationBucketsSeconds.findIndex((bound) => seconds <= bound);
    const bucket = index < 0 ? translationBucketsSeconds.length : index;
    this.translation[bucket] = (this.translation[bucket] ?? 0) + 1;
    this.translationSumSeconds += seconds;
  }

  published(resources: number, origin: StateOrigin | null, nowMs: number): void {
    this.snapshotsPublished += 1;
    this.resources = resources;
    if (origin?.cause === "edit" || origin?.cause === "watch")
      this.lastEditSeconds = Math.max(0, nowMs - origin.changedAtMs) / 1000;
  }
}

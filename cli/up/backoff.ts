// Waiting times between restarts of something that keeps failing: doubling, capped, and back to the start after a run
// that lasted. The same for workloads and agents.

export interface BackoffOptions {
  readonly firstMs: number;
  readonly maxMs: number;
  /** A run at least this long counts as good. */
  readonly resetAfterMs: number;
}

export const restartBackoff: BackoffOptions = { firstMs: 200, maxMs: 10_000, resetAfterMs: 10_000 };

/** Counts consecutive short runs. */
export class Backoff {
  readonly #options: BackoffOptions;
  #failures = 0;

  constructor(options: BackoffOptions = restartBackoff) {
    this.#options = options;
  }

  /** How long to wait before the next start, given how long the last run lasted. */
  delayAfterRunMs(ranForMs: number): number {
    if (ranForMs >= this.#options.resetAfterMs) {
      this.#failures = 0;
    }
    const delayMs = Math.min(this.#options.firstMs * 2 ** this.#failures, this.#options.maxMs);
    this.#failures++;
    return delayMs;
  }
}

// Epoch times for what the monotonic clock has measured. The two drift apart for good when a machine sleeps or its clock is
// set, so their difference is asked for anew at each report.

/** Up to here a difference is the rounding of epoch time to milliseconds, which must not make spans jitter. */
const toleranceMs = 2;

export class WallClock {
  readonly #epochNow: () => number;
  #offsetMs: number;

  /** `epochNow` in milliseconds; `offsetMs`: what is known more precisely of its difference to the monotonic clock. */
  constructor(epochNow: () => number, offsetMs: number) {
    this.#epochNow = epochNow;
    this.#offsetMs = offsetMs;
  }

  /** What has to be added to monotonic milliseconds for epoch ones, when the monotonic clock says `nowMs`. */
  offsetMs(nowMs: number): number {
    const offsetMs = this.#epochNow() - nowMs;
    if (Math.abs(offsetMs - this.#offsetMs) > toleranceMs) this.#offsetMs = offsetMs;
    return this.#offsetMs;
  }
}

// One step again and again, never two at once: every interval, sooner when asked, soon again after a failure. Owns the
// timer and the step under way; what a step does is its maker's.
import type { Clock } from "../discovery/clock.ts";

export interface ReconcileLoopOptions {
  /** A rejection is a failure: told once, and tried again after `retryMs`. */
  readonly step: () => Promise<void>;
  readonly intervalMs: number;
  readonly retryMs: number;
  readonly clock: Clock;
  /** A failure, when it is another than the last. */
  readonly onFailure: (message: string) => void;
}

export class ReconcileLoop {
  readonly #options: ReconcileLoopOptions;
  #running: Promise<void> | null = null;
  #isAskedAgain = false;
  #isClosed = false;
  #lastFailure = "";
  #cancel: () => void = () => {};

  constructor(options: ReconcileLoopOptions) {
    this.#options = options;
  }

  /** Runs the step now, or once more after the one under way; resolves when it was tried. Also starts the loop. */
  trigger(): Promise<void> {
    if (this.#isClosed) return Promise.resolve();
    this.#isAskedAgain = true;
    this.#running ??= this.#run();
    return this.#running;
  }

  /** Resolves when no step is under way; none follows. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#cancel();
    await this.#running;
  }

  async #run(): Promise<void> {
    this.#cancel();
    let delayMs = this.#options.intervalMs;
    while (this.#isAskedAgain && !this.#isClosed) {
      this.#isAskedAgain = false;
      delayMs = (await this.#attempt()) ? this.#options.intervalMs : this.#options.retryMs;
    }
    this.#running = null;
    if (!this.#isClosed) this.#cancel = this.#options.clock.schedule(delayMs, () => void this.trigger());
  }

  async #attempt(): Promise<boolean> {
    try {
      await this.#options.step();
      this.#lastFailure = "";
      return true;
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      if (message !== this.#lastFailure) this.#options.onFailure(message);
      this.#lastFailure = message;
      return false;
    }
  }
}

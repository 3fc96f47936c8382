// Between the source and a publish: many changes in a row become one run. Waits for quiet, but never longer than a
// limit; what is urgent (an endpoint that goes away) does not wait at all and takes with it what was waiting.
//
//   state    | notify()                          | notify(urgent)   | timer
//   idle     | -> waiting, min(quiet, max) ahead | run              |
//   waiting  | timer moves, not past the limit   | run, -> idle     | run, -> idle
import type { Clock } from "./clock.ts";

export interface DebounceOptions {
  readonly run: () => void;
  readonly clock: Clock;
  readonly quietMs?: number;
  readonly maxMs?: number;
}

export class Debounce {
  readonly #run: () => void;
  readonly #clock: Clock;
  readonly #quietMs: number;
  readonly #maxMs: number;
  #limitMs = 0;
  #cancel: (() => void) | null = null;
  #isClosed = false;

  /** Defaults: 20 ms of quiet, 500 ms at most. */
  constructor(options: DebounceOptions) {
    this.#run = options.run;
    this.#clock = options.clock;
    this.#quietMs = options.quietMs ?? 20;
    this.#maxMs = options.maxMs ?? 500;
  }

  /** Something changed. */
  notify(urgency: "urgent" | "ordinary" = "ordinary"): void {
    if (this.#isClosed) return;
    if (urgency === "urgent") {
      this.#fire();
      return;
    }
    const nowMs = this.#clock.monotonicMs();
    if (this.#cancel === null) this.#limitMs = nowMs + this.#maxMs;
    else this.#cancel();
    const delayMs = Math.max(0, Math.min(this.#quietMs, this.#limitMs - nowMs));
    this.#cancel = this.#clock.schedule(delayMs, () => this.#fire());
  }

  /** Drops what is waiting; nothing runs any more. */
  close(): void {
    this.#isClosed = true;
    this.#cancel?.();
    this.#cancel = null;
  }

  #fire(): void {
    this.#cancel?.();
    this.#cancel = null;
    this.#run();
  }
}

// Work by key: a few at once, one of a key at a time, and a key that fails again later and later. What is done for a key
// is looked up when its turn comes, so that of many changes the newest counts. Holds each key at most once: its bound is
// the number of keys.
//
//   state   | add       | turn    | succeeded       | failed
//   --------+-----------+---------+-----------------+---------------------
//   absent  | waiting   |         |                 |
//   waiting | waiting   | running |                 |
//   running | + again   |         | absent; waiting when again; delayed when it asked for that | delayed
//   delayed | waiting unless it failed | | |
import type { Clock } from "../discovery/clock.ts";

export interface KeyedQueueOptions {
  readonly clock: Clock;
  readonly concurrency: number;
  readonly firstRetryMs: number;
  readonly maxRetryMs: number;
  /** Resolves with how long to wait before it is run once more, unless it is added before; undefined: not at all. */
  readonly run: (key: string) => Promise<number | undefined>;
  /** `attempt` counts from 1. */
  readonly onFailure: (key: string, error: unknown, attempt: number) => void;
}

export class KeyedQueue {
  readonly #options: KeyedQueueOptions;
  readonly #waiting = new Set<string>();
  /** Whether it was added again meanwhile. */
  readonly #running = new Map<string, boolean>();
  /** What ends the delay. */
  readonly #delayed = new Map<string, () => void>();
  readonly #failures = new Map<string, number>();
  readonly #idle = new Set<() => void>();

  constructor(options: KeyedQueueOptions) {
    this.#options = options;
  }

  /** Keys that wait, run or are delayed. */
  get size(): number {
    return this.#waiting.size + this.#running.size + this.#delayed.size;
  }

  /** A key that failed keeps its delay, however often it is added. */
  add(key: string, delayMs = 0): void {
    if (this.#running.has(key)) this.#running.set(key, true);
    else if (this.#delayed.has(key)) {
      if (this.#failures.has(key) || delayMs > 0) return;
      this.#undelay(key);
      this.#waiting.add(key);
    } else if (delayMs > 0 && !this.#waiting.has(key)) this.#delay(key, delayMs);
    else this.#waiting.add(key);
    this.#fill();
  }

  /** Forgets everything; what runs is not stopped, but does not come again. */
  clear(): void {
    this.#waiting.clear();
    for (const key of this.#delayed.keys()) this.#undelay(key);
    for (const key of this.#running.keys()) this.#running.set(key, false);
    this.#failures.clear();
    this.#announceIdle();
  }

  /** Resolves when nothing waits or runs; delayed keys are not waited for. */
  async idle(): Promise<void> {
    if (this.#isIdle()) return;
    await new Promise<void>((resolve) => {
      this.#idle.add(resolve);
    });
  }

  #fill(): void {
    for (const key of this.#waiting) {
      if (this.#running.size >= this.#options.concurrency) return;
      this.#waiting.delete(key);
      this.#running.set(key, false);
      void this.#run(key);
    }
  }

  async #run(key: string): Promise<void> {
    let failure: { readonly error: unknown } | null = null;
    let delayMs: number | undefined;
    try {
      delayMs = await this.#options.run(key);
    } catch (error) {
      failure = { error };
    }
    const isAgain = this.#running.get(key) === true;
    this.#running.delete(key);
    if (failure !== null) {
      const { firstRetryMs, maxRetryMs } = this.#options;
      const attempt = (this.#failures.get(key) ?? 0) + 1;
      this.#failures.set(key, attempt);
      this.#delay(key, Math.min(maxRetryMs, firstRetryMs * 2 ** Math.min(attempt - 1, 30)));
      this.#options.onFailure(key, failure.error, attempt);
    } else {
      this.#failures.delete(key);
      if (isAgain) this.#waiting.add(key);
      else if (delayMs !== undefined) this.#delay(key, delayMs);
    }
    this.#fill();
    this.#announceIdle();
  }

  #delay(key: string, delayMs: number): void {
    const cancel = this.#options.clock.schedule(delayMs, () => {
      this.#delayed.delete(key);
      this.#waiting.add(key);
      this.#fill();
    });
    this.#delayed.set(key, cancel);
  }

  #undelay(key: string): void {
    this.#delayed.get(key)?.();
    this.#delayed.delete(key);
  }

  #isIdle(): boolean {
    return this.#waiting.size === 0 && this.#running.size === 0;
  }

  #announceIdle(): void {
    if (!this.#isIdle()) return;
    for (const resolve of this.#idle) resolve();
    this.#idle.clear();
  }
}

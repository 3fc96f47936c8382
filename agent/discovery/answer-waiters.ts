// First dials that wait for the answer to their name. Each waits a stated time at most and then gets null; how many may
// wait is bounded, those beyond get null at once.
import type { Answer } from "../snapshot/resources.ts";
import type { Clock } from "./clock.ts";

interface Waiter {
  readonly resolve: (answer: Answer | null) => void;
  readonly cancelTimer: () => void;
}

export class AnswerWaiters {
  readonly #clock: Clock;
  readonly #maxWaiters: number;
  readonly #byName = new Map<string, Set<Waiter>>();
  #count = 0;

  constructor(clock: Clock, maxWaiters: number) {
    this.#clock = clock;
    this.#maxWaiters = maxWaiters;
  }

  get size(): number {
    return this.#count;
  }

  /** The answer to `name` when it comes, or null after `timeoutMs`. */
  wait(name: string, timeoutMs: number): Promise<Answer | null> {
    if (this.#count >= this.#maxWaiters) return Promise.resolve(null);
    return new Promise((resolve) => {
      const waiter: Waiter = {
        resolve,
        cancelTimer: this.#clock.schedule(timeoutMs, () => this.#finish(name, waiter, null)),
      };
      const waiters = this.#byName.get(name) ?? new Set();
      this.#byName.set(name, waiters.add(waiter));
      this.#count += 1;
    });
  }

  /** Hands out every answer that somebody waits for. */
  settle(answers: ReadonlyMap<string, Answer>): void {
    for (const [name, waiters] of this.#byName) {
      const answer = answers.get(name);
      if (answer !== undefined) for (const waiter of waiters) this.#finish(name, waiter, answer);
    }
  }

  /** Nobody waits any longer. */
  close(): void {
    for (const [name, waiters] of this.#byName) for (const waiter of waiters) this.#finish(name, waiter, null);
  }

  #finish(name: string, waiter: Waiter, answer: Answer | null): void {
    const waiters = this.#byName.get(name);
    if (waiters?.delete(waiter) !== true) return;
    if (waiters.size === 0) this.#byName.delete(name);
    this.#count -= 1;
    waiter.cancelTimer();
    waiter.resolve(answer);
  }
}

// Time that only passes when a test lets it: every replica has a clock of its own, slower or faster than the others,
// and can be stopped as a whole, as a paused process is.
import type { Clock } from "../../control-plane/discovery/clock.ts";

interface Event {
  readonly atMs: number;
  readonly run: () => void;
  readonly owner: SimulatedProcess | null;
}

export class SimulatedTime {
  #nowMs = 0;
  #events: Event[] = [];

  get nowMs(): number {
    return this.#nowMs;
  }

  /** Runs once after `delayMs` of true time; for a process, not before it runs again. */
  after(delayMs: number, run: () => void, owner: SimulatedProcess | null = null): () => void {
    const event = { atMs: this.#nowMs + delayMs, run, owner };
    this.#events.push(event);
    return () => {
      this.#events = this.#events.filter((other) => other !== event);
    };
  }

  /** Lets `durationMs` pass; `observe` is called after every event, when all that follows from it has happened. */
  async pass(durationMs: number, observe: () => void = () => undefined): Promise<void> {
    const endMs = this.#nowMs + durationMs;
    await settle();
    for (;;) {
      let next: Event | undefined;
      for (const event of this.#events) {
        if (event.owner?.isDead === true) continue;
        if (dueMs(event) <= endMs && (next === undefined || dueMs(event) < dueMs(next))) next = event;
      }
      if (next === undefined) break;
      const event = next;
      this.#events = this.#events.filter((other) => other !== event && other.owner?.isDead !== true);
      this.#nowMs = Math.max(this.#nowMs, dueMs(event));
      event.run();
      await settle();
      observe();
    }
    this.#nowMs = endMs;
  }
}

function dueMs({ atMs, owner }: Event): number {
  return Math.max(atMs, owner?.pausedUntilMs ?? 0);
}

/** Promises that need no time. */
function settle(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}

/** One process: its clock, and whether it runs. */
export class SimulatedProcess implements Clock {
  readonly #time: SimulatedTime;
  readonly #rate: number;
  readonly #offsetMs: number;
  pausedUntilMs = 0;
  isDead = false;

  /** `rate` 1.05 is a clock that is five percent too fast. */
  constructor(time: SimulatedTime, rate = 1, offsetMs = 0) {
    this.#time = time;
    this.#rate = rate;
    this.#offsetMs = offsetMs;
  }

  monotonicMs(): number {
    return this.#offsetMs + this.#time.nowMs * this.#rate;
  }

  wallMs(): number {
    return this.monotonicMs();
  }

  schedule(delayMs: number, run: () => void): () => void {
    return this.#time.after(delayMs / this.#rate, run, this);
  }
}

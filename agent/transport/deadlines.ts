// Coarse deadlines for many connections on one timer. A connection only sets a number; a sweep every quarter second
// looks for the ones that have passed. Precise enough for timeouts of a second and more, and free on the hot path.

export interface Deadlined {
  /** In the clock's milliseconds; Infinity when nothing is awaited. */
  deadlineMs: number;
  /** Called by a sweep once the deadline has passed; sets a new one or ends the thing. */
  onDeadline(nowMs: number): void;
}

const sweepIntervalMs = 250;

export class Deadlines {
  readonly #items = new Set<Deadlined>();
  readonly #now: () => number;
  #timer: NodeJS.Timeout | null = null;

  constructor(now: () => number) {
    this.#now = now;
  }

  add(item: Deadlined): void {
    this.#items.add(item);
    this.#timer ??= setInterval(() => this.sweep(), sweepIntervalMs).unref();
  }

  delete(item: Deadlined): void {
    this.#items.delete(item);
  }

  sweep(): void {
    const nowMs = this.#now();
    for (const item of this.#items) {
      if (item.deadlineMs <= nowMs) item.onDeadline(nowMs);
    }
  }

  close(): void {
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#timer = null;
    this.#items.clear();
  }
}

// Which Gateways are to be looked at and when: each by one round at a time, few rounds at once, and with growing pauses
// while rounds ask to be repeated. Knows nothing of what a round does.
import type { Clock } from "../discovery/clock.ts";

export interface RetryQueueOptions {
  readonly clock: Clock;
  /** Must not reject. */
  readonly run: (key: string) => Promise<"done" | "retry">;
}

interface Entry {
  isQueued: boolean;
  isRunning: boolean;
  retries: number;
  /** Rounds for "again" wait until then. */
  notBeforeMs: number;
  cancel: () => void;
}

const maxActive = 4;
const firstPauseMs = 500;
const maxPauseMs = 60_000;

export class RetryQueue {
  readonly #options: RetryQueueOptions;
  /** Dropped when there is nothing to do, and retries were long ago. */
  readonly #entries = new Map<string, Entry>();
  readonly #ready: string[] = [];
  readonly #active = new Set<Promise<void>>();
  #closed = false;

  constructor(options: RetryQueueOptions) {
    this.#options = options;
  }

  /** "fresh": there is something new to do, pauses are over. "again": look again when the pause allows. */
  add(key: string, why: "fresh" | "again"): void {
    if (this.#closed) return;
    let entry = this.#entries.get(key);
    if (entry === undefined) {
      entry = { isQueued: false, isRunning: false, retries: 0, notBeforeMs: 0, cancel: () => undefined };
      this.#entries.set(key, entry);
    }
    if (why === "fresh") {
      entry.retries = 0;
      entry.notBeforeMs = 0;
    }
    const waitMs = entry.notBeforeMs - this.#options.clock.monotonicMs();
    entry.cancel();
    if (waitMs > 0) {
      const kept = entry;
      entry.cancel = this.#options.clock.schedule(waitMs, () => this.#enqueue(key, kept));
    } else this.#enqueue(key, entry);
  }

  /** Resolves when nothing is under way. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#ready.length = 0;
    for (const entry of this.#entries.values()) entry.cancel();
    await Promise.all(this.#active);
  }

  #enqueue(key: string, entry: Entry): void {
    if (entry.isQueued || this.#closed) return;
    entry.isQueued = true;
    this.#ready.push(key);
    this.#pump();
  }

  #pump(): void {
    while (this.#active.size < maxActive) {
      const index = this.#ready.findIndex((key) => this.#entries.get(key)?.isRunning !== true);
      if (index < 0) return;
      const [key = ""] = this.#ready.splice(index, 1);
      const entry = this.#entries.get(key);
      if (entry === undefined) continue;
      entry.isQueued = false;
      entry.isRunning = true;
      const round = this.#options.run(key).then((outcome) => {
        this.#active.delete(round);
        this.#finish(key, entry, outcome);
      });
      this.#active.add(round);
    }
  }

  #finish(key: string, entry: Entry, outcome: "done" | "retry"): void {
    entry.isRunning = false;
    const nowMs = this.#options.clock.monotonicMs();
    if (outcome === "retry") {
      const pauseMs = Math.min(firstPauseMs * 2 ** Math.min(entry.retries, 10), maxPauseMs);
      entry.retries++;
      entry.notBeforeMs = nowMs + pauseMs;
      this.add(key, "again");
    } else if (!entry.isQueued) {
      if (entry.retries === 0) this.#entries.delete(key);
      else entry.cancel = this.#options.clock.schedule(maxPauseMs, () => this.#forget(key, entry));
    }
    this.#pump();
  }

  #forget(key: string, entry: Entry): void {
    if (!entry.isQueued && !entry.isRunning) this.#entries.delete(key);
  }
}

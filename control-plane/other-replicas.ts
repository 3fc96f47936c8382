// What agents of the other replicas hold. An agent's stream is with one replica and statuses are written by the one that
// leads, so each asks the others, over plain HTTP at their health address, which Gateways they know to be served: also
// those that follow, since who takes over must know what the replica knew that is gone.
import { type Clock, systemClock } from "./discovery/clock.ts";

export interface OtherReplicasOptions {
  /** "http://address:port" of every other replica that runs. */
  readonly addresses: () => readonly string[];
  readonly onChange: () => void;
  readonly clock?: Clock;
}

const intervalMs = 500;
const timeoutMs = 1000;
/** A replica that does not answer is believed this long: its agents are about to tell another. */
const believedForMs = 10_000;
const maxBytes = 1024 * 1024;

export class OtherReplicas {
  readonly #options: OtherReplicasOptions;
  readonly #clock: Clock;
  readonly #known = new Map<string, { readonly gateways: readonly string[]; readonly atMs: number }>();
  readonly #ended = new AbortController();
  #programmed: ReadonlySet<string> = new Set();

  constructor(options: OtherReplicasOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
  }

  /** "namespace/name" of Gateways that agents of other replicas hold. */
  get programmed(): ReadonlySet<string> {
    return this.#programmed;
  }

  start(): void {
    const cancel = this.#clock.schedule(intervalMs, () => {
      this.#ended.signal.removeEventListener("abort", cancel);
      void this.#round().finally(() => {
        if (!this.#ended.signal.aborted) this.start();
      });
    });
    this.#ended.signal.addEventListener("abort", cancel, { once: true });
  }

  close(): void {
    this.#ended.abort();
  }

  async #round(): Promise<void> {
    const addresses = new Set(this.#options.addresses());
    await Promise.all([...addresses].map((address) => this.#ask(address)));
    const oldestMs = this.#clock.monotonicMs() - believedForMs;
    for (const [address, { atMs }] of this.#known) {
      if (!addresses.has(address) && atMs < oldestMs) this.#known.delete(address);
    }
    const believed = [...this.#known.values()].filter(({ atMs }) => atMs >= oldestMs);
    const programmed = new Set(believed.flatMap(({ gateways }) => gateways));
    const isSame =
      programmed.size === this.#programmed.size && [...programmed].every((key) => this.#programmed.has(key));
    if (isSame || this.#ended.signal.aborted) return;
    this.#programmed = programmed;
    this.#options.onChange();
  }

  async #ask(address: string): Promise<void> {
    try {
      const signal = AbortSignal.any([AbortSignal.timeout(timeoutMs), this.#ended.signal]);
      const response = await fetch(`${address}/programmed`, { signal, redirect: "error" });
      if (!response.ok || Number(response.headers.get("content-length")) > maxBytes) return;
      const answer: unknown = await response.json();
      const gateways = Array.isArray(answer) ? answer.filter((key) => typeof key === "string") : [];
      this.#known.set(address, { gateways, atMs: this.#clock.monotonicMs() });
    } catch {
      // Gone, or not there yet: it is asked again.
    }
  }
}

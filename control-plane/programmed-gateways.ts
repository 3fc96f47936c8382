// Which Gateways an agent acknowledged: what makes a Gateway's Programmed condition true. Told of every published
// snapshot and of the agents; knows of generations, not of resources.
//
//   state          | event                                             | next
//   ---------------+---------------------------------------------------+---------------
//   not programmed | an agent acknowledged it, refusing no listener    | programmed
//   programmed     | its agents are gone, or not as far                | missed
//   missed         | an agent acknowledged it                          | programmed
//   missed         | other listeners, or gone from the snapshot        | not programmed
//   missed         | missedForMs passed                                | not programmed
//   any            | an agent refuses a listener and no other holds it | not programmed
import { type Clock, systemClock } from "./discovery/clock.ts";
import type { ConnectedAgent } from "./discovery/stream.ts";
import type { Snapshot } from "./snapshot/snapshot.ts";
import { sameElements } from "./translate/retain.ts";

/** A rollout, or agents that move to another replica, need not be told to anybody. */
const missedForMs = 10_000;

export class ProgrammedGateways {
  readonly #clock: Clock;
  readonly #onMissed: () => void;
  /** Gateways that nobody holds at the moment -> what ends the waiting for somebody who does. */
  readonly #missed = new Map<string, () => void>();
  /** "namespace/name" -> counter of the first snapshot that held it without a break. */
  #since: ReadonlyMap<string, number> = new Map();
  #listeners: Snapshot["gateways"] = new Map();
  #epoch = "";
  #gateways: ReadonlySet<string> = new Set();

  /** `onMissed` is called when a Gateway's agents stayed away and `gateways` has become smaller. */
  constructor(options: { readonly onMissed?: () => void; readonly clock?: Clock } = {}) {
    this.#onMissed = options.onMissed ?? (() => {});
    this.#clock = options.clock ?? systemClock;
  }

  /** Waits for nobody any more. */
  close(): void {
    for (const cancel of this.#missed.values()) cancel();
    this.#missed.clear();
  }

  /** "namespace/name" of Gateways that some connected agent holds, or held a moment ago. */
  get gateways(): ReadonlySet<string> {
    return this.#gateways;
  }

  /** A snapshot is about to be served. */
  published({ generation, gateways }: Snapshot): void {
    const { epoch, counter } = parse(generation);
    const since = new Map<string, number>();
    for (const key of gateways.keys()) since.set(key, this.#since.get(key) ?? counter);
    this.#since = since;
    for (const key of this.#missed.keys())
      if (!sameElements(this.#listeners.get(key) ?? [], gateways.get(key) ?? [])) this.#forget(key);
    this.#listeners = gateways;
    this.#epoch = epoch;
  }

  /** Returns whether `gateways` changed. */
  update(agents: readonly ConnectedAgent[]): boolean {
    const held = new Set<string>();
    const refused = new Set<string>();
    for (const { node, subscriptions, acknowledgedGeneration, withheld } of agents) {
      if (node.mode !== "GATEWAY") continue;
      const { epoch, counter } = parse(acknowledgedGeneration);
      if (epoch !== this.#epoch) continue;
      for (const name of subscriptions) {
        const key = name.slice("gateway:".length);
        const since = this.#since.get(key);
        if (since === undefined || counter < since) continue;
        // What an agent refused it does not serve, whatever else it acknowledged.
        const isRefused = this.#listeners.get(key)?.some((listener) => withheld.has(`LISTENER/${listener}`));
        (isRefused === true ? refused : held).add(key);
      }
    }
    const programmed = new Set(held);
    for (const key of held) this.#found(key);
    for (const key of this.#gateways) {
      if (held.has(key)) continue;
      if (refused.has(key) || !this.#since.has(key)) this.#found(key);
      else {
        this.#miss(key);
        programmed.add(key);
      }
    }
    const isSame = programmed.size === this.#gateways.size && [...programmed].every((key) => this.#gateways.has(key));
    if (!isSame) this.#gateways = programmed;
    return !isSame;
  }

  #miss(key: string): void {
    if (this.#missed.has(key)) return;
    const cancel = this.#clock.schedule(missedForMs, () => {
      this.#forget(key);
      this.#onMissed();
    });
    this.#missed.set(key, cancel);
  }

  #found(key: string): void {
    this.#missed.get(key)?.();
    this.#missed.delete(key);
  }

  #forget(key: string): void {
    this.#found(key);
    this.#gateways = new Set([...this.#gateways].filter((other) => other !== key));
  }
}

function parse(generation: string): { epoch: string; counter: number } {
  const [epoch = "", counter = ""] = generation.split(".");
  return { epoch, counter: Number(counter) };
}

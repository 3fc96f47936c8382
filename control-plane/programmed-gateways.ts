// Which Gateways an agent acknowledged: what makes a Gateway's Programmed condition true. Told of every published
// snapshot and of the agents; knows of generations, not of resources.
import type { ConnectedAgent } from "./discovery/stream.ts";
import type { Snapshot } from "./snapshot/snapshot.ts";

export class ProgrammedGateways {
  /** "namespace/name" -> counter of the first snapshot that held it without a break. */
  #since: ReadonlyMap<string, number> = new Map();
  #listeners: Snapshot["gateways"] = new Map();
  #epoch = "";
  #gateways: ReadonlySet<string> = new Set();

  /** "namespace/name" of Gateways that some connected agent holds. */
  get gateways(): ReadonlySet<string> {
    return this.#gateways;
  }

  /** A snapshot is about to be served. */
  published({ generation, gateways }: Snapshot): void {
    const { epoch, counter } = parse(generation);
    const since = new Map<string, number>();
    for (const key of gateways.keys()) since.set(key, this.#since.get(key) ?? counter);
    this.#since = since;
    this.#listeners = gateways;
    this.#epoch = epoch;
  }

  /** Returns whether `gateways` changed. */
  update(agents: readonly ConnectedAgent[]): boolean {
    const programmed = new Set<string>();
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
        if (isRefused !== true) programmed.add(key);
      }
    }
    const isSame = programmed.size === this.#gateways.size && [...programmed].every((key) => this.#gateways.has(key));
    if (!isSame) this.#gateways = programmed;
    return !isSame;
  }
}

function parse(generation: string): { epoch: string; counter: number } {
  const [epoch = "", counter = ""] = generation.split(".");
  return { epoch, counter: Number(counter) };
}

// The splits of an agent by rule, so that a bag goes on where it was when a snapshot is swapped for one that leaves the
// rule's backends and weights alone. Compilation asks for splits without changing anything, and hands over what it used
// only once it has succeeded: a rejected snapshot leaves every bag as it was.
import { createSplit } from "./split.ts";
import type { Random } from "./random.ts";
import type { Split } from "../snapshot/compiled.ts";

/** What a split is about; equal lists, equal split. */
export interface WeightedBackend {
  readonly displayName: string;
  readonly weight: number;
}

export interface RegisteredSplit {
  readonly backends: readonly WeightedBackend[];
  /** Null when no backend has a weight above 0. */
  readonly split: Split | null;
}

/** One per agent. Bound: one entry per rule of the current snapshot. */
export class SplitRegistry {
  readonly #random: Random;
  #splits: ReadonlyMap<string, RegisteredSplit> = new Map();

  constructor(random: Random) {
    this.#random = random;
  }

  /** The rule's split as it stands when its backends are unchanged, else a new one. Registers nothing. */
  splitFor(ruleId: string, backends: readonly WeightedBackend[]): RegisteredSplit {
    const registered = this.#splits.get(ruleId);
    if (registered !== undefined && areEqual(registered.backends, backends)) return registered;
    const split = createSplit(
      backends.map((backend) => backend.weight),
      this.#random,
    );
    return { backends: backends.map(({ displayName, weight }) => ({ displayName, weight })), split };
  }

  /** Keeps exactly these, by rule id; every other split is forgotten. */
  retain(splits: ReadonlyMap<string, RegisteredSplit>): void {
    this.#splits = splits;
  }

  get size(): number {
    return this.#splits.size;
  }
}

function areEqual(left: readonly WeightedBackend[], right: readonly WeightedBackend[]): boolean {
  return (
    left.length === right.length &&
    left.every((backend, index) => {
      const other = right[index];
      return other !== undefined && backend.displayName === other.displayName && backend.weight === other.weight;
    })
  );
}

// The versions that one agent acknowledged, and the comparison of what it is to hold with them. There is one of these
// per agent and every publish walks all of them, so a walk marks entries in place instead of making a set of its own:
// that set, for a thousand agents, would be most of what a push leaves to the garbage collector.
import type { ResourceKey, SnapshotResource } from "./resource.ts";

/** One version that an agent holds, or is to hold. */
export interface HeldResource {
  readonly version: string;
  /** Null when the agent had it before this stream and this replica does not know that version. */
  readonly resource: SnapshotResource | null;
}

/** What an agent holds, for reading. */
export type HeldResources = Pick<ReadonlyMap<ResourceKey, HeldResource>, "get" | "has" | "keys">;

interface Entry {
  version: string;
  resource: SnapshotResource | null;
  /** The last walk that needed it. */
  walk: number;
}

export class HeldSet implements HeldResources {
  readonly #entries = new Map<ResourceKey, Entry>();
  #walk = 0;

  get(key: ResourceKey): HeldResource | undefined {
    return this.#entries.get(key);
  }

  has(key: ResourceKey): boolean {
    return this.#entries.has(key);
  }

  keys(): MapIterator<ResourceKey> {
    return this.#entries.keys();
  }

  set(key: ResourceKey, { version, resource }: HeldResource): void {
    const entry = this.#entries.get(key);
    if (entry === undefined) this.#entries.set(key, { version, resource, walk: 0 });
    else {
      entry.version = version;
      entry.resource = resource;
    }
  }

  delete(key: ResourceKey): void {
    this.#entries.delete(key);
  }

  /** Begins a walk over everything that the agent is to hold. */
  beginWalk(): void {
    this.#walk += 1;
  }

  /** Notes that the agent is to hold this version: whether it does, holds another, or none. */
  compare(key: ResourceKey, version: string): "same" | "other" | "none" | "noted before" {
    const entry = this.#entries.get(key);
    if (entry === undefined) return "none";
    if (entry.walk === this.#walk) return "noted before";
    entry.walk = this.#walk;
    return entry.version === version ? "same" : "other";
  }

  /** Keys of what the walk did not come across. */
  unneeded(): readonly ResourceKey[] {
    const keys: ResourceKey[] = [];
    for (const [key, entry] of this.#entries) if (entry.walk !== this.#walk) keys.push(key);
    return keys;
  }
}

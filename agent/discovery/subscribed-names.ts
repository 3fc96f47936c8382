// The names an agent is subscribed to: which are pinned (its Gateway, its workload), which were dialled and go when they
// are idle, and which changes the control plane has not been told yet. No I/O: client.ts sends what takeChanges() gives.
// Bounded: beyond `maxNames` a name is refused, and its traffic passes through without being cached.

const frontendPrefix = "frontend:";

export interface SubscribedNamesOptions {
  readonly maxNames: number;
  readonly maxNameLength: number;
}

interface Entry {
  readonly isPinned: boolean;
  lastUsedMs: number;
}

/** Changes since the control plane was last told. It takes removals first, so a name may be in both. */
export interface NameChanges {
  readonly add: readonly string[];
  readonly remove: readonly string[];
}

export class SubscribedNames {
  readonly #options: SubscribedNamesOptions;
  readonly #entries = new Map<string, Entry>();
  /** The same entries by "host:port", so that a request touches its name without making a string. */
  readonly #frontends = new Map<string, Entry>();
  readonly #added = new Set<string>();
  readonly #removed = new Set<string>();

  constructor(options: SubscribedNamesOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#entries.size;
  }

  has(name: string): boolean {
    return this.#entries.has(name);
  }

  all(): readonly string[] {
    return [...this.#entries.keys()];
  }

  /** False when the name does not fit. Pinning a name that was dialled keeps it from being evicted. */
  add(name: string, kind: "pinned" | "dialled", nowMs: number): boolean {
    const known = this.#entries.get(name);
    if (known !== undefined) {
      known.lastUsedMs = nowMs;
      if (kind === "pinned" && !known.isPinned) this.#set(name, { isPinned: true, lastUsedMs: nowMs });
      return true;
    }
    if (this.#entries.size >= this.#options.maxNames || name.length > this.#options.maxNameLength) return false;
    this.#set(name, { isPinned: kind === "pinned", lastUsedMs: nowMs });
    this.#added.add(name);
    return true;
  }

  remove(name: string): void {
    if (!this.#entries.delete(name)) return;
    if (name.startsWith(frontendPrefix)) this.#frontends.delete(name.slice(frontendPrefix.length));
    // The control plane knows the name unless it is still waiting to be told.
    if (!this.#added.delete(name)) this.#removed.add(name);
  }

  /** A request used the frontend "host:port". */
  touch(hostAndPort: string, nowMs: number): void {
    const entry = this.#frontends.get(hostAndPort);
    if (entry !== undefined) entry.lastUsedMs = nowMs;
  }

  /** Names that were dialled and last used before `sinceMs`. */
  idleSince(sinceMs: number): readonly string[] {
    return [...this.#entries]
      .filter(([, entry]) => !entry.isPinned && entry.lastUsedMs < sinceMs)
      .map(([name]) => name);
  }

  /** What the control plane is to be told now, or null when it knows everything. */
  takeChanges(): NameChanges | null {
    if (this.#added.size === 0 && this.#removed.size === 0) return null;
    const changes = { add: [...this.#added], remove: [...this.#removed] };
    this.forgetChanges();
    return changes;
  }

  /** A Hello tells every name: nothing is left to tell. */
  forgetChanges(): void {
    this.#added.clear();
    this.#removed.clear();
  }

  #set(name: string, entry: Entry): void {
    this.#entries.set(name, entry);
    if (name.startsWith(frontendPrefix)) this.#frontends.set(name.slice(frontendPrefix.length), entry);
  }
}

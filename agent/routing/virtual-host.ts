// The entries of one hostname and the search among them. The given order is precedence and the first match wins; the
// index only avoids looking at entries whose path cannot match, and never prefers one entry to an earlier one.
import { matchesAllButPath, matchesRequest, type MatchPredicate } from "./match-predicate.ts";
import { endsElement } from "./path-match.ts";
import type { CompiledRule, MatchableRequest } from "../snapshot/compiled.ts";

export interface TableEntry {
  readonly rule: CompiledRule;
  /** Index of the match in its rule. */
  readonly match: number;
  readonly predicate: MatchPredicate;
}

interface OrderedEntry extends TableEntry {
  readonly order: number;
}

/** Up to here a scan is cheaper than slicing and hashing the path. Measured by bench/route-match.ts. */
const maxScannedEntries = 4;

/** Immutable. */
export class VirtualHost {
  readonly hostname: string;
  readonly entries: readonly TableEntry[];
  readonly #index: PathIndex | null;

  constructor(hostname: string, entries: readonly TableEntry[]) {
    this.hostname = hostname;
    this.entries = entries;
    this.#index = entries.length > maxScannedEntries ? new PathIndex(entries) : null;
  }

  /** The rule of the first entry that matches, or null. */
  match(request: MatchableRequest): CompiledRule | null {
    if (this.#index !== null) return this.#index.match(request);
    const { entries } = this;
    for (let index = 0; index < entries.length; index++) {
      const entry = entries[index];
      if (entry !== undefined && matchesRequest(entry.predicate, request)) return entry.rule;
    }
    return null;
  }
}

class PathIndex {
  readonly #exact = new Map<string, OrderedEntry[]>();
  readonly #prefixes = new Map<string, OrderedEntry[]>();
  /** The lengths that prefixes have, longest first: only there can a path be cut. */
  readonly #prefixLengths: readonly number[];
  /** Regular expressions, and prefixes that cover every path. */
  readonly #unindexed: OrderedEntry[] = [];

  constructor(entries: readonly TableEntry[]) {
    for (const [order, entry] of entries.entries()) {
      const { kind, value } = entry.predicate.path;
      const ordered = { rule: entry.rule, match: entry.match, predicate: entry.predicate, order };
      if (kind === "exact") append(this.#exact, value, ordered);
      else if (kind === "prefix" && value !== "") append(this.#prefixes, value, ordered);
      else this.#unindexed.push(ordered);
    }
    const lengths = new Set<number>();
    for (const prefix of this.#prefixes.keys()) lengths.add(prefix.length);
    this.#prefixLengths = [...lengths].sort((left, right) => right - left);
  }

  match(request: MatchableRequest): CompiledRule | null {
    const { path } = request;
    let best = firstByPath(this.#exact.get(path), request, null);
    const lengths = this.#prefixLengths;
    for (let index = 0; index < lengths.length; index++) {
      const length = lengths[index];
      if (length === undefined || !endsElement(path, length)) continue;
      best = firstByPath(this.#prefixes.get(path.slice(0, length)), request, best);
    }
    return first(this.#unindexed, request, best)?.rule ?? null;
  }
}

function append(index: Map<string, OrderedEntry[]>, path: string, entry: OrderedEntry): void {
  const entries = index.get(path);
  if (entries === undefined) index.set(path, [entry]);
  else entries.push(entry);
}

/** The first of `entries` that matches, unless `best` comes before it. Their path is known to match. */
function firstByPath(
  entries: readonly OrderedEntry[] | undefined,
  request: MatchableRequest,
  best: OrderedEntry | null,
): OrderedEntry | null {
  if (entries === undefined) return best;
  for (let index = 0; index < entries.length; index++) {
    const entry = entries[index];
    if (entry === undefined || (best !== null && best.order < entry.order)) return best;
    if (matchesAllButPath(entry.predicate, request)) return entry;
  }
  return best;
}

function first(
  entries: readonly OrderedEntry[],
  request: MatchableRequest,
  best: OrderedEntry | null,
): OrderedEntry | null {
  for (let index = 0; index < entries.length; index++) {
    const entry = entries[index];
    if (entry === undefined || (best !== null && best.order < entry.order)) return best;
    if (matchesRequest(entry.predicate, request)) return entry;
  }
  return best;
}

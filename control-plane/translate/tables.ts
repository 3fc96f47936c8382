// What one piece of translation may look up besides its own object, and the memory of what it did look up. A result
// stays valid while its object is the same and every lookup it made still finds the same thing; that one rule is the
// whole cache invalidation of translate/.
import type {
  EndpointSlice,
  Gateway,
  GatewayClass,
  Namespace,
  Pod,
  ReferenceGrant,
  Service,
} from "../source/cluster-state.ts";
import type { GatewayView } from "./gateway-view.ts";

/** Lookup tables over one ClusterState. Values keep their identity while what they were made from does. */
export interface Tables {
  readonly services: ReadonlyMap<string, Service>;
  readonly namespaces: ReadonlyMap<string, Namespace>;
  readonly pods: ReadonlyMap<string, Pod>;
  /** Gateways of our classes. */
  readonly gatewayViews: ReadonlyMap<string, GatewayView>;
  /** Every Gateway, also of other controllers. */
  readonly gateways: ReadonlyMap<string, Gateway>;
  /** Every Gateway, by the namespace it stands in. */
  readonly gatewaysByNamespace: ReadonlyMap<string, readonly Gateway[]>;
  /** "ours" and "others", by the controller that they name. */
  readonly gatewayClasses: ReadonlyMap<string, readonly GatewayClass[]>;
  /** By bare name, for telling people where the Gateway they meant lives. */
  readonly gatewaysByName: ReadonlyMap<string, readonly Gateway[]>;
  /** By the namespace they stand in, which is that of the target. */
  readonly grantsByNamespace: ReadonlyMap<string, readonly ReferenceGrant[]>;
  /** By "namespace/name" of the Service. */
  readonly slicesByService: ReadonlyMap<string, readonly EndpointSlice[]>;
}

type ValueOf<K extends keyof Tables> = Tables[K] extends ReadonlyMap<string, infer V> ? V : never;

interface Lookup {
  readonly table: keyof Tables;
  readonly key: string;
  readonly found: unknown;
}

/** Reads tables and remembers every lookup. One per computed result. */
export class TableReader {
  readonly #tables: Tables;
  readonly #lookups: Lookup[] = [];

  constructor(tables: Tables) {
    this.#tables = tables;
  }

  get<K extends keyof Tables>(table: K, key: string): ValueOf<K> | undefined {
    const found = this.#tables[table].get(key) as ValueOf<K> | undefined;
    this.#lookups.push({ table, key, found });
    return found;
  }

  lookups(): readonly Lookup[] {
    return this.#lookups;
  }
}

/** One translation's tables, and which of them are not the very same maps as in the translation before. */
export interface Round {
  readonly tables: Tables;
  readonly changed: ReadonlySet<keyof Tables>;
}

/** The round that follows `previous`. */
export function nextRound(previous: Round, tables: Tables): Round {
  const changed = new Set<keyof Tables>();
  for (const table of Object.keys(tables) as (keyof Tables)[]) {
    if (tables[table] !== previous.tables[table]) changed.add(table);
  }
  return { tables, changed };
}

/** A round before the first: nothing is there. */
export function emptyRound(): Round {
  const tables: Tables = {
    services: new Map(),
    namespaces: new Map(),
    pods: new Map(),
    gatewayViews: new Map(),
    gateways: new Map(),
    gatewaysByName: new Map(),
    gatewaysByNamespace: new Map(),
    gatewayClasses: new Map(),
    grantsByNamespace: new Map(),
    slicesByService: new Map(),
  };
  return { tables, changed: new Set() };
}

interface Entry<Source, Result> {
  readonly source: Source;
  readonly lookups: readonly Lookup[];
  readonly result: Result;
  /** The last round that asked for it, which is when its lookups were last known to hold. */
  round: number;
}

/**
 * Results by key, valid as long as source object and lookups are unchanged. Holds exactly the keys of the latest
 * round: end each with `sweep`, so that what no longer exists is forgotten.
 */
export class ResultCache<Source, Result> {
  readonly #entries = new Map<string, Entry<Source, Result>>();
  #round = 0;
  #asked = 0;
  #isChanged = false;

  /** `compute` gets the result of last time, if any, to keep the identity of parts that come out the same. */
  get(
    key: string,
    source: Source,
    round: Round,
    compute: (reader: TableReader, previous: Result | undefined) => Result,
  ): Result {
    this.#asked += 1;
    const entry = this.#entries.get(key);
    if (entry !== undefined && entry.source === source && stillTrue(entry.lookups, round)) {
      entry.round = this.#round;
      return entry.result;
    }
    const reader = new TableReader(round.tables);
    const result = compute(reader, entry?.result);
    this.#entries.set(key, { source, lookups: reader.lookups(), result, round: this.#round });
    this.#isChanged = true;
    return result;
  }

  /** Ends the round. False when every result was the same as in the round before, and none went away. */
  sweep(): boolean {
    let isChanged = this.#isChanged;
    if (this.#entries.size > this.#asked) {
      isChanged = true;
      for (const [key, entry] of this.#entries) if (entry.round !== this.#round) this.#entries.delete(key);
    }
    this.#round += 1;
    this.#asked = 0;
    this.#isChanged = false;
    return isChanged;
  }
}

function stillTrue(lookups: readonly Lookup[], { tables, changed }: Round): boolean {
  if (changed.size === 0) return true;
  for (const { table, key, found } of lookups) {
    if (changed.has(table) && tables[table].get(key) !== found) return false;
  }
  return true;
}

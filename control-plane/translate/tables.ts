// What one piece of translation may look up besides its own object, and the memory of what it did look up. A result
// stays valid while its object is the same and every lookup it made still finds the same thing; that one rule is the
// whole cache invalidation of translate/.
import type { EndpointSlice, Gateway, Namespace, Pod, ReferenceGrant, Service } from "../source/cluster-state.ts";
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

interface Entry<Source, Result> {
  readonly source: Source;
  readonly lookups: readonly Lookup[];
  readonly result: Result;
}

/**
 * Results by key, valid as long as source object and lookups are unchanged. Holds exactly the keys of the latest
 * round: call `sweep` after each so that what no longer exists is forgotten.
 */
export class ResultCache<Source, Result> {
  #entries = new Map<string, Entry<Source, Result>>();
  #next = new Map<string, Entry<Source, Result>>();

  /** `compute` gets the result of last time, if any, to keep the identity of parts that come out the same. */
  get(
    key: string,
    source: Source,
    tables: Tables,
    compute: (reader: TableReader, previous: Result | undefined) => Result,
  ): Result {
    const entry = this.#entries.get(key);
    if (entry !== undefined && entry.source === source && stillTrue(entry.lookups, tables)) {
      this.#next.set(key, entry);
      return entry.result;
    }
    const reader = new TableReader(tables);
    const result = compute(reader, entry?.result);
    this.#next.set(key, { source, lookups: reader.lookups(), result });
    return result;
  }

  sweep(): void {
    this.#entries = this.#next;
    this.#next = new Map();
  }
}

function stillTrue(lookups: readonly Lookup[], tables: Tables): boolean {
  for (const lookup of lookups) if (tables[lookup.table].get(lookup.key) !== lookup.found) return false;
  return true;
}

// The immutable snapshot that streams serve from, and the one place that makes it: versions of a Translation's bodies,
// the consistency check, and the generation. Who sees what of it is scope.ts's and subscriber.ts's business.
import { resourceTypeNames, type ResourceBodies, type ResourceTypeName } from "../../proto/discovery.ts";
import type { Frontend, Translation } from "../translate/translation.ts";
import { findFaults } from "./consistency.ts";
import { ResourceCache, resourceKey, type ResourceKey, type SnapshotResource } from "./resource.ts";

/** A consistent set of resources; never changed after it was made. */
export interface Snapshot {
  /** "epoch.counter", ordered only within one epoch. */
  readonly generation: string;
  readonly resources: ReadonlyMap<ResourceKey, SnapshotResource>;
  /** As in Translation. */
  readonly gateways: ReadonlyMap<string, readonly string[]>;
  readonly frontends: ReadonlyMap<string, Frontend>;
}

export type SnapshotResult =
  /** `changed` is false when nothing differs from the last one: `snapshot` is then the last one itself. */
  | { readonly ok: true; readonly snapshot: Snapshot; readonly changed: boolean }
  /** The translation contradicts itself; the last snapshot stays. */
  | { readonly ok: false; readonly faults: readonly string[] };

/**
 * Makes one snapshot after another. `epoch` names the life of this replica: two replicas, or two lives of one, must
 * not share it, and it has no dot in it.
 */
export class SnapshotBuilder {
  readonly #cache = new ResourceCache();
  readonly #epoch: string;
  #counter = 0;
  #last: Snapshot | null = null;

  constructor(options: { readonly epoch: string }) {
    if (!/^[A-Za-z0-9-]+$/.test(options.epoch)) throw new Error(`epoch "${options.epoch}" is not a plain word`);
    this.#epoch = options.epoch;
  }

  /** How many bodies were encoded so far. */
  get encodedCount(): number {
    return this.#cache.encodedCount;
  }

  /** The snapshot of `translation`. Costs encoding and hashing only for bodies that are new. */
  build(translation: Translation): SnapshotResult {
    const last = this.#last;
    const resources = new Map<ResourceKey, SnapshotResource>();
    const bodies = bodiesByType(translation);
    for (const type of resourceTypeNames) this.#addAll(type, bodies[type], resources);
    if (last !== null && isSame(last, translation, resources)) return { ok: true, snapshot: last, changed: false };
    const faults = findFaults(translation, resources);
    if (faults.length > 0) return { ok: false, faults };
    this.#counter += 1;
    const snapshot: Snapshot = {
      generation: `${this.#epoch}.${this.#counter}`,
      resources,
      gateways: translation.gateways,
      frontends: translation.frontends,
    };
    this.#last = snapshot;
    return { ok: true, snapshot, changed: true };
  }

  #addAll<Type extends ResourceTypeName>(
    type: Type,
    bodies: ReadonlyMap<string, ResourceBodies[Type]>,
    resources: Map<ResourceKey, SnapshotResource>,
  ): void {
    for (const [name, body] of bodies) {
      const key = resourceKey(type, name);
      resources.set(key, this.#cache.resourceOf(type, name, body, this.#last?.resources.get(key)));
    }
  }
}

function bodiesByType(translation: Translation): {
  readonly [Type in ResourceTypeName]: ReadonlyMap<string, ResourceBodies[Type]>;
} {
  return {
    LISTENER: translation.listeners,
    ROUTE_CONFIGURATION: translation.routeConfigurations,
    ROUTE: translation.routes,
    CLUSTER: translation.clusters,
    ENDPOINTS: translation.endpoints,
    WORKLOAD: translation.workloads,
  };
}

function isSame(
  last: Snapshot,
  translation: Translation,
  resources: ReadonlyMap<ResourceKey, SnapshotResource>,
): boolean {
  return (
    haveSameEntries(last.resources, resources, (left, right) => left.version === right.version) &&
    haveSameEntries(last.gateways, translation.gateways, haveSameItems) &&
    haveSameEntries(last.frontends, translation.frontends, isSameFrontend)
  );
}

function isSameFrontend(left: Frontend, right: Frontend): boolean {
  return (
    left.listener === right.listener &&
    haveSameEntries(left.consumerListeners, right.consumerListeners, (one, other) => one === other)
  );
}

function haveSameItems(left: readonly string[], right: readonly string[]): boolean {
  return left.length === right.length && left.every((item, index) => item === right[index]);
}

function haveSameEntries<Value>(
  left: ReadonlyMap<string, Value>,
  right: ReadonlyMap<string, Value>,
  isSameValue: (left: Value, right: Value) => boolean,
): boolean {
  if (left === right) return true;
  if (left.size !== right.size) return false;
  for (const [key, value] of left) {
    const other = right.get(key);
    if (other === undefined || (other !== value && !isSameValue(value, other))) return false;
  }
  return true;
}

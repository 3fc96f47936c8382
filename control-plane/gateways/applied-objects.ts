// What was applied last, so that only differences are applied again: a difference of what we want, or one that somebody
// else made. An object's state right after our apply is the measure; it is known once the watch has come that far.
//
//   applied    -> confirmed   the watch shows the version of the apply, or a later one: its fingerprint is the measure
//   applied    -> unsettled   it does not for 10 s: it may have been deleted at once
//   confirmed  -> unsettled   another fingerprint, gone, or going
import type { Clock } from "../discovery/clock.ts";
import type { ManagedObject } from "./gateway-objects.ts";
import { fingerprintOf, objectKey, type OwnedObject } from "./owned-objects.ts";

interface Applied {
  /** "namespace/name" of the Gateway. */
  readonly gateway: string;
  readonly desired: string;
  readonly version: bigint;
  readonly atMs: number;
  /** Null until confirmed. */
  fingerprint: string | null;
}

const confirmTimeoutMs = 10_000;

export class AppliedObjects {
  readonly #clock: Clock;
  /** By objectKey. Bounded by the cluster's Gateways. */
  readonly #applied = new Map<string, Applied>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  put(object: ManagedObject, version: bigint): void {
    const { namespace, ownerReferences } = object.metadata;
    this.#applied.set(managedKey(object), {
      gateway: `${namespace}/${ownerReferences[0]?.name}`,
      desired: fingerprintOf(object),
      version,
      atMs: this.#clock.monotonicMs(),
      fingerprint: null,
    });
  }

  delete(key: string): void {
    this.#applied.delete(key);
  }

  /** All objects of a Gateway, "namespace/name". */
  deleteAll(gateway: string): void {
    for (const [key, applied] of this.#applied) if (applied.gateway === gateway) this.#applied.delete(key);
  }

  /** Whether exactly this was applied before, whatever became of it. */
  has(object: ManagedObject): boolean {
    return this.#applied.get(managedKey(object))?.desired === fingerprintOf(object);
  }

  /** `live` is what the watch shows under the object's name. */
  state(object: ManagedObject, live: OwnedObject | undefined): "settled" | "unconfirmed" | "unsettled" {
    const applied = this.#applied.get(managedKey(object));
    if (applied?.desired !== fingerprintOf(object)) return "unsettled";
    if (applied.fingerprint === null) {
      if (live === undefined || live.version < applied.version) {
        return this.#clock.monotonicMs() - applied.atMs < confirmTimeoutMs ? "unconfirmed" : "unsettled";
      }
      applied.fingerprint = live.fingerprint;
    }
    return live?.fingerprint === applied.fingerprint && !live.isBeingDeleted ? "settled" : "unsettled";
  }
}

export function managedKey({ kind, metadata }: ManagedObject): string {
  return objectKey({ kind, namespace: metadata.namespace, name: metadata.name });
}

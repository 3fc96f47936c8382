// What was applied last, so that only differences are applied again: a difference of what we want, or one that somebody
// else made. The object that the API server answered our apply with is the measure: what the watch shows first may have
// been edited already.
//
//   applied    -> confirmed   the watch shows the version of the apply, or a later one
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
  readonly fingerprint: string;
  readonly atMs: number;
  isConfirmed: boolean;
}

const confirmTimeoutMs = 10_000;

export class AppliedObjects {
  readonly #clock: Clock;
  /** By objectKey. Bounded by the cluster's Gateways. */
  readonly #applied = new Map<string, Applied>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Version and fingerprint are those of the API server's answer to the apply. */
  put(object: ManagedObject, { version, fingerprint }: Pick<OwnedObject, "version" | "fingerprint">): void {
    const { namespace, ownerReferences } = object.metadata;
    this.#applied.set(managedKey(object), {
      gateway: `${namespace}/${ownerReferences[0]?.name}`,
      desired: fingerprintOf(object),
      version,
      fingerprint,
      atMs: this.#clock.monotonicMs(),
      isConfirmed: false,
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
    if (!applied.isConfirmed) {
      if (live === undefined || live.version < applied.version) {
        return this.#clock.monotonicMs() - applied.atMs < confirmTimeoutMs ? "unconfirmed" : "unsettled";
      }
      applied.isConfirmed = true;
    }
    return live?.fingerprint === applied.fingerprint && !live.isBeingDeleted ? "settled" : "unsettled";
  }
}

export function managedKey({ kind, metadata }: ManagedObject): string {
  return objectKey({ kind, namespace: metadata.namespace, name: metadata.name });
}

// The ClusterState of a cluster, changed object by object: a change costs a copy of its kind's map and no sorting of
// the whole. Owns what of the kept objects is part of the state, what stands for those that cannot be read, and their
// problems. Pure.
import type { ClusterObject } from "./build-cluster-state.ts";
import type { ClusterState } from "./cluster-state.ts";
import type { KnownKind } from "./kinds.ts";
import type { KeptObject, RejectedObject } from "./kubernetes-objects.ts";
import type { Problem } from "./source.ts";

const fieldByKind = {
  GatewayClass: "gatewayClasses",
  Gateway: "gateways",
  HTTPRoute: "httpRoutes",
  ReferenceGrant: "referenceGrants",
  Namespace: "namespaces",
  Service: "services",
  EndpointSlice: "endpointSlices",
  Deployment: "deployments",
  Pod: "pods",
} as const satisfies Record<KnownKind, keyof ClusterState>;

export class KubernetesState {
  readonly #rejected = new Map<string, readonly Problem[]>();
  /** GatewayClasses that the cluster has no more. Who deletes one says nothing of the Gateways that name it. */
  readonly #goneClasses = new Set<string>();
  #state: ClusterState = {
    gatewayClasses: new Map(),
    gateways: new Map(),
    httpRoutes: new Map(),
    referenceGrants: new Map(),
    namespaces: new Map(),
    services: new Map(),
    endpointSlices: new Map(),
    pods: new Map(),
    deployments: new Map(),
  };

  get current(): ClusterState {
    return this.#state;
  }

  /** Of rejected objects, ordered by object, and of GatewayClasses that are missed. */
  problems(): Problem[] {
    const rejected = [...this.#rejected].sort(([left], [right]) => (left < right ? -1 : 1));
    return [...[...this.#goneClasses].sort().map(goneClassProblem), ...rejected.flatMap(([, problems]) => problems)];
  }

  /** Takes over what `objects` has under `keys`. The maps of `current` stay ordered by key. */
  update(kind: KnownKind, keys: Iterable<string>, objects: ReadonlyMap<string, KeptObject>): void {
    const field = fieldByKind[kind];
    const before: ReadonlyMap<string, ClusterObject> = this.#state[field];
    const changed = new Map(before);
    const added: [string, ClusterObject][] = [];
    let isChanged = false;
    for (const key of keys) {
      const found = objects.get(key);
      const label = `${kind} ${key}`;
      if (found?.kind === "Rejected") this.#rejected.set(label, found.problems);
      else this.#rejected.delete(label);
      const kept = found?.kind === "Rejected" ? insteadOf(found, before.get(key)) : found;
      const isMissed = kind === "GatewayClass" && kept === undefined && before.has(key) && this.#isUsed(key);
      if (isMissed) this.#goneClasses.add(key);
      else if (kind === "GatewayClass") this.#goneClasses.delete(key);
      if (isMissed) continue;
      if (kept === undefined) isChanged = changed.delete(key) || isChanged;
      else if (before.get(key) !== kept) {
        isChanged = true;
        if (before.has(key)) changed.set(key, kept);
        else added.push([key, kept]);
      }
    }
    if (isChanged) this.#state = { ...this.#state, [field]: added.length === 0 ? changed : merge(changed, added) };
    if (isChanged && kind === "Gateway") this.#forgetUnusedClasses();
  }

  #isUsed(gatewayClass: string): boolean {
    for (const { gatewayClassName } of this.#state.gateways.values())
      if (gatewayClassName === gatewayClass) return true;
    return false;
  }

  #forgetUnusedClasses(): void {
    for (const name of this.#goneClasses) {
      if (this.#isUsed(name)) continue;
      this.#goneClasses.delete(name);
      const gatewayClasses = new Map(this.#state.gatewayClasses);
      gatewayClasses.delete(name);
      this.#state = { ...this.#state, gatewayClasses };
    }
  }
}

function goneClassProblem(name: string): Problem {
  const message =
    "deleted while Gateways are of this class: they are served on, but replicas that start now do not know them; make it again";
  return { severity: "warning", file: "", line: 0, column: 0, object: `GatewayClass ${name}`, field: "", message };
}

/** The last good version of the same object; of an HTTPRoute always something that can be given a status. */
function insteadOf({ uid, refusedRoute }: RejectedObject, last: ClusterObject | undefined): ClusterObject | undefined {
  const lastGood = last?.meta.uid === uid ? last : undefined;
  if (refusedRoute === null) return lastGood;
  if (lastGood?.kind !== "HTTPRoute" || lastGood.rules.length === 0) return refusedRoute;
  const { meta, refused } = refusedRoute;
  return { ...lastGood, meta, ...(refused !== undefined && { refused }) };
}

function merge(
  ordered: ReadonlyMap<string, ClusterObject>,
  added: [string, ClusterObject][],
): Map<string, ClusterObject> {
  added.sort(([left], [right]) => (left < right ? -1 : 1));
  const merged = new Map<string, ClusterObject>();
  let at = 0;
  for (const [key, object] of ordered) {
    for (let next = added[at]; next !== undefined && next[0] < key; next = added[++at]) merged.set(next[0], next[1]);
    merged.set(key, object);
  }
  for (const [key, object] of added.slice(at)) merged.set(key, object);
  return merged;
}

// What one agent is to hold when it refused something (without refusals that is the closure of its subscriptions). A
// refused version is withheld: in its place stays the version that the agent acknowledged before, together with what
// that one refers to; and what cannot do without the refused version falls back with it. Everything else goes on.
//
// A resource falls back when
//   1. this very version of it was refused, or
//   2. it refers to one that falls back and no earlier version can stand in: the agent holds none, or the reference is
//      by index (route configuration to route) and the earlier route has other matches, or
//   3. it is a route with new matches and a route configuration that points into it falls back.
// A resource whose current version the agent holds never falls back: it stood with the earlier versions already.
import type { HeldResource, HeldResources } from "./held-set.ts";
import { haveSameMatches, type ResourceKey, type SnapshotResource } from "./resource.ts";
import { closureOf } from "./scope.ts";
import type { Snapshot } from "./snapshot.ts";

/** What an agent is to hold by `roots` of `snapshot`; `missing` are the roots that it can have in no version. */
export interface EffectiveSet {
  readonly resources: ReadonlyMap<ResourceKey, HeldResource>;
  readonly missing: ReadonlySet<ResourceKey>;
}

/**
 * The set for an agent that holds `held` and refused the versions in `withheld`. `earlierRoots` are kept besides, in
 * whatever version the agent can have them.
 */
export function effectiveSet(
  snapshot: Snapshot,
  roots: Iterable<ResourceKey>,
  held: HeldResources,
  withheld: ReadonlyMap<ResourceKey, string>,
  earlierRoots: Iterable<ResourceKey> = [],
): EffectiveSet {
  const wanted = [...roots];
  const fallen = findFallen(snapshot, wanted, held, withheld);
  const resources = new Map<ResourceKey, HeldResource>();
  let hasUnknownBody = false;

  const include = (root: ResourceKey): boolean => {
    const pending = [root];
    for (let key = pending.pop(); key !== undefined; key = pending.pop()) {
      if (resources.has(key)) continue;
      const current = fallen.has(key) ? undefined : snapshot.resources.get(key);
      const entry = current === undefined ? held.get(key) : { version: current.version, resource: current };
      if (entry === undefined) continue;
      resources.set(key, entry);
      if (entry.resource === null) hasUnknownBody = true;
      else pending.push(...entry.resource.dependencies);
    }
    return resources.has(root);
  };

  const missing = new Set<ResourceKey>();
  for (const root of wanted) if (!include(root)) missing.add(root);
  for (const root of earlierRoots) include(root);
  // What an unknown body refers to is unknown: nothing that the agent holds may go while it stands in.
  if (hasUnknownBody) for (const key of held.keys()) include(key);
  return { resources, missing };
}

function findFallen(
  snapshot: Snapshot,
  roots: readonly ResourceKey[],
  held: HeldResources,
  withheld: ReadonlyMap<ResourceKey, string>,
): ReadonlySet<ResourceKey> {
  const fallen = new Set<ResourceKey>();
  for (const [key, version] of withheld) if (snapshot.resources.get(key)?.version === version) fallen.add(key);
  const reachable = new Set(roots.flatMap((root) => closureOf(snapshot, root)));
  const holdsCurrent = (resource: SnapshotResource): boolean => held.get(resource.key)?.version === resource.version;

  for (let before = -1; before !== fallen.size;) {
    before = fallen.size;
    for (const resource of reachable) {
      if (holdsCurrent(resource)) continue;
      if (fallen.has(resource.key)) {
        if (resource.type === "ROUTE_CONFIGURATION") addCoupledRoutes(snapshot, resource.key, held, fallen);
        continue;
      }
      const needsRefused = resource.dependencies.some(
        (key) => fallen.has(key) && !canStandIn(snapshot, resource, key, held),
      );
      if (needsRefused) fallen.add(resource.key);
    }
  }
  return fallen;
}

/** Whether the held version of `key` serves `dependent` as well as the current one would. */
function canStandIn(snapshot: Snapshot, dependent: SnapshotResource, key: ResourceKey, held: HeldResources): boolean {
  const earlier = held.get(key);
  if (earlier === undefined) return false;
  return dependent.type !== "ROUTE_CONFIGURATION" || hasSameMatchesAsCurrent(snapshot, key, earlier);
}

/** The routes that the held version of a fallen route configuration points into go back to what it points at. */
function addCoupledRoutes(
  snapshot: Snapshot,
  configuration: ResourceKey,
  held: HeldResources,
  fallen: Set<ResourceKey>,
): void {
  const earlier = held.get(configuration);
  if (earlier === undefined) return;
  for (const key of earlier.resource === null ? held.keys() : earlier.resource.dependencies) {
    if (!key.startsWith("ROUTE/")) continue;
    const route = held.get(key);
    if (route === undefined || route.version === snapshot.resources.get(key)?.version) continue;
    if (!hasSameMatchesAsCurrent(snapshot, key, route)) fallen.add(key);
  }
}

function hasSameMatchesAsCurrent(snapshot: Snapshot, key: ResourceKey, earlier: HeldResource): boolean {
  const current = snapshot.resources.get(key);
  if (current === undefined || earlier.resource === null) return false;
  if (current.type !== "ROUTE" || earlier.resource.type !== "ROUTE") return false;
  return haveSameMatches(current.body, earlier.resource.body);
}

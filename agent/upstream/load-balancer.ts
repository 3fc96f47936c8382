// Picks an endpoint inside a cluster: power of two choices by requests in flight. Pure over the live state it is given.
import type { ClusterState, EndpointState } from "./cluster-manager.ts";

/**
 * The less loaded of two endpoints drawn at random, among those not ejected; null when the cluster has none. With
 * `exclude`, which a replay has: elsewhere, and where connections stand, if it can, since there is no third attempt.
 */
export function pickEndpoint(
  cluster: ClusterState,
  nowMs: number,
  random: () => number,
  exclude: EndpointState | null,
): EndpointState | null {
  const all = cluster.endpoints;
  if (all.length <= 1) return all[0] ?? null;
  const first = draw(all, random);
  const second = drawOther(all, first, random);
  if (isUsable(first, nowMs, exclude) && isUsable(second, nowMs, exclude)) return lessLoaded(first, second);
  let usable = all.filter((endpoint) => isUsable(endpoint, nowMs, exclude));
  if (usable.length === 0) usable = all.filter((endpoint) => endpoint !== exclude && endpoint.ejectedUntilMs <= nowMs);
  if (usable.length === 0) usable = all.filter((endpoint) => endpoint !== exclude);
  if (usable.length === 1) return usable[0] ?? null;
  const one = draw(usable, random);
  return lessLoaded(one, drawOther(usable, one, random));
}

function isUsable(endpoint: EndpointState, nowMs: number, exclude: EndpointState | null): boolean {
  if (exclude === null) return endpoint.ejectedUntilMs <= nowMs;
  return endpoint !== exclude && endpoint.ejections === 0;
}

function draw(endpoints: readonly EndpointState[], random: () => number): EndpointState {
  const drawn = endpoints[Math.floor(random() * endpoints.length)];
  if (drawn === undefined) throw new RangeError("random() must return a number in [0, 1)");
  return drawn;
}

function drawOther(endpoints: readonly EndpointState[], first: EndpointState, random: () => number): EndpointState {
  const offset = 1 + Math.floor(random() * (endpoints.length - 1));
  return endpoints[(endpoints.indexOf(first) + offset) % endpoints.length] ?? first;
}

function lessLoaded(one: EndpointState, other: EndpointState): EndpointState {
  return other.activeRequests < one.activeRequests ? other : one;
}

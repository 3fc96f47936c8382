// The check before a snapshot is published: every reference leads somewhere and every index is inside its list. The
// agent checks the same again before it swaps; a fault found here is a mistake of translation, and never gets that far.
import type { Translation } from "../translate/translation.ts";
import type { ResourceBodies } from "../../proto/discovery.ts";
import type { ResourceKey, SnapshotResource } from "./resource.ts";

const maxFaults = 20;

/** What is wrong with the set, one sentence each, at most 20; empty when it may be published. */
export function findFaults(
  translation: Pick<Translation, "gateways" | "frontends">,
  resources: ReadonlyMap<ResourceKey, SnapshotResource>,
): readonly string[] {
  const faults: string[] = [];
  for (const fault of faultsOf(translation, resources)) {
    faults.push(fault);
    if (faults.length === maxFaults) break;
  }
  return faults;
}

function* faultsOf(
  translation: Pick<Translation, "gateways" | "frontends">,
  resources: ReadonlyMap<ResourceKey, SnapshotResource>,
): Iterable<string> {
  for (const resource of resources.values()) {
    for (const dependency of resource.dependencies) {
      if (!resources.has(dependency)) yield `${resource.key} refers to ${dependency}, which does not exist`;
    }
    if (resource.type === "ROUTE_CONFIGURATION") yield* entryFaults(resource.key, resource.body, resources);
  }
  for (const [name, listeners] of translation.gateways) {
    for (const listener of listeners) yield* listenerFault(`gateway ${name}`, listener, resources);
  }
  for (const [name, frontend] of translation.frontends) {
    yield* listenerFault(`frontend ${name}`, frontend.listener, resources);
    for (const listener of frontend.consumerListeners.values()) {
      yield* listenerFault(`frontend ${name}`, listener, resources);
    }
  }
}

function* listenerFault(
  owner: string,
  listener: string,
  resources: ReadonlyMap<ResourceKey, SnapshotResource>,
): Iterable<string> {
  if (!resources.has(`LISTENER/${listener}`)) yield `${owner} refers to LISTENER/${listener}, which does not exist`;
}

function* entryFaults(
  key: ResourceKey,
  body: ResourceBodies["ROUTE_CONFIGURATION"],
  resources: ReadonlyMap<ResourceKey, SnapshotResource>,
): Iterable<string> {
  const hostnames = new Set<string>();
  const routes = body.routes.map((name) => resources.get(`ROUTE/${name}`));
  for (const host of body.virtualHosts) {
    if (hostnames.has(host.hostname)) yield `${key} has two virtual hosts named "${host.hostname}"`;
    hostnames.add(host.hostname);
    for (const entry of host.entries) {
      const route = routes[entry.route];
      // A route that is listed but does not exist was named above.
      if (route === undefined ? entry.route < routes.length : hasMatch(route, entry.rule, entry.match)) continue;
      yield `${key} points at route ${entry.route}, rule ${entry.rule}, match ${entry.match}, which does not exist`;
    }
  }
}

function hasMatch(route: SnapshotResource, rule: number, match: number): boolean {
  return route.type === "ROUTE" && route.body.rules[rule]?.matches[match] !== undefined;
}

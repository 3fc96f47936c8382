// A Translation as YAML that people review: maps sorted by name, empty fields left out, entries of virtual hosts with
// the route's name instead of its index.
import type { Statuses, Translation } from "../../control-plane/translate/translation.ts";

export function printResources(translation: Translation): unknown {
  return {
    gateways: sorted(translation.gateways, (names) => names),
    frontends: sorted(translation.frontends, ({ listener, consumerListeners }) => ({
      listener,
      ...(consumerListeners.size > 0 ? { consumerListeners: sorted(consumerListeners, (name) => name) } : {}),
    })),
    listeners: sorted(translation.listeners, withoutEmpty),
    routeConfigurations: sorted(translation.routeConfigurations, ({ virtualHosts, routes }) =>
      virtualHosts.map(({ hostname, entries }) => ({
        hostname: hostname === "" ? "any" : hostname,
        entries: entries.map(({ route, rule, match }) => `${routes[route]} rule ${rule} match ${match}`),
      })),
    ),
    routes: sorted(translation.routes, ({ rules }) => rules.map(withoutEmpty)),
    clusters: sorted(translation.clusters, (cluster) => cluster),
    endpoints: sorted(translation.endpoints, ({ endpoints }) => endpoints.map(withoutEmpty)),
    workloads: sorted(translation.workloads, withoutEmpty),
  };
}

export function printStatuses(statuses: Statuses): unknown {
  const conditions = (list: Statuses["gatewayClasses"] extends ReadonlyMap<string, infer C> ? C : never) =>
    list.map(({ type, status, reason, message, observedGeneration }) => ({
      [type]: `${status}/${reason}`,
      message,
      ...(observedGeneration === 1 ? {} : { observedGeneration }),
    }));
  return {
    gatewayClasses: sorted(statuses.gatewayClasses, conditions),
    gateways: sorted(statuses.gateways, (gateway) => ({
      conditions: conditions(gateway.conditions),
      listeners: gateway.listeners.map((listener) => ({
        name: listener.name,
        supportedKinds: listener.supportedKinds.map(({ group, kind }) => `${group}/${kind}`),
        attachedRoutes: listener.attachedRoutes,
        conditions: conditions(listener.conditions),
      })),
    })),
    httpRoutes: sorted(statuses.httpRoutes, (parents) =>
      parents.map(({ parentRef, conditions: list }) => ({ parentRef, conditions: conditions(list) })),
    ),
  };
}

function sorted<T>(map: ReadonlyMap<string, T>, print: (value: T) => unknown): Record<string, unknown> {
  const keys = [...map.keys()].sort();
  return Object.fromEntries(keys.map((key) => [key, print(map.get(key)!)]));
}

function withoutEmpty(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutEmpty);
  if (typeof value !== "object" || value === null) return value;
  const kept = Object.entries(value).filter(
    ([, field]) => field !== null && field !== "" && field !== false && !(Array.isArray(field) && field.length === 0),
  );
  return Object.fromEntries(kept.map(([key, field]) => [key, withoutEmpty(field)]));
}

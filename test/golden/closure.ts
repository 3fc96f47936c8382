// Names that a Translation uses without defining them. An agent refuses such a snapshot, so there must never be one.
import type { Translation } from "../../control-plane/translate/translation.ts";

export function danglingNames(translation: Translation): readonly string[] {
  const dangling: string[] = [];
  const need = (map: ReadonlyMap<string, unknown>, name: string, from: string) => {
    if (!map.has(name)) dangling.push(`${from} -> ${name}`);
  };
  for (const [gateway, names] of translation.gateways) {
    for (const name of names) need(translation.listeners, name, gateway);
  }
  for (const [key, { listener, consumerListeners }] of translation.frontends) {
    for (const name of [listener, ...consumerListeners.values()]) need(translation.listeners, name, key);
  }
  for (const [name, { routeConfiguration, cluster }] of translation.listeners) {
    if (routeConfiguration !== "") need(translation.routeConfigurations, routeConfiguration, name);
    if (cluster !== "") need(translation.clusters, cluster, name);
    if ((routeConfiguration === "") === (cluster === "")) dangling.push(`${name} has not exactly one target`);
  }
  for (const [name, { routes, virtualHosts }] of translation.routeConfigurations) {
    for (const route of routes) need(translation.routes, route, name);
    for (const { entries } of virtualHosts) {
      for (const { route, rule, match } of entries) {
        const found = translation.routes.get(routes[route] ?? "")?.rules[rule]?.matches[match];
        if (found === undefined) dangling.push(`${name} -> ${route}/${rule}/${match}`);
      }
    }
  }
  for (const [name, { rules }] of translation.routes) {
    for (const { backends, mirrors } of rules) {
      const clusters = [...backends, ...mirrors, ...backends.flatMap((backend) => backend.mirrors)];
      for (const { cluster } of clusters) if (cluster !== "") need(translation.clusters, cluster, name);
    }
  }
  for (const name of translation.clusters.keys()) need(translation.endpoints, name, name);
  return dangling;
}

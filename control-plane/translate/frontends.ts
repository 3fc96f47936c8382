// Services to frontends: the addresses that clients dial, the listener behind each, and for client namespaces with
// consumer routes the listener of their own (GEP-1294). A frontend that no route claims forwards to its own cluster.
import type { Listener } from "../../proto/messages.ts";
import type { Service, ServicePort } from "../source/cluster-state.ts";
import { isFrontend } from "./attachment.ts";
import { clusterName } from "./references.ts";
import { retain } from "./retain.ts";
import type { Frontend } from "./translation.ts";

/** Listeners and frontends of one Service. */
export interface ServiceFrontends {
  readonly listeners: readonly (readonly [name: string, listener: Listener])[];
  /** Keys: "address:port" ("[address]:port" for IPv6) and "name.namespace:port". */
  readonly frontends: readonly (readonly [keys: readonly string[], frontend: Frontend])[];
}

/**
 * `routed` holds the resource names that routes attached to; `consumers` the client namespaces with consumer routes, by
 * "namespace/name:port". Parts equal to `previous` keep their identity.
 */
export function translateFrontends(
  service: Service,
  routed: ReadonlySet<string>,
  consumers: ReadonlyMap<string, readonly string[]>,
  previous: ServiceFrontends | undefined,
): ServiceFrontends {
  if (!isFrontend(service)) return { listeners: [], frontends: [] };
  const listeners: [string, Listener][] = [];
  const frontends: [readonly string[], Frontend][] = [];
  for (const port of service.ports) {
    if (port.protocol !== "TCP") continue;
    const name = clusterName(service, port);
    listeners.push([name, frontendListener(service, port, routed.has(name) ? name : "")]);
    const consumerListeners = new Map<string, string>();
    for (const namespace of consumers.get(name) ?? []) {
      const own = `${name}@${namespace}`;
      listeners.push([own, frontendListener(service, port, own)]);
      consumerListeners.set(namespace, own);
    }
    frontends.push([frontendKeys(service, port), { listener: name, consumerListeners }]);
  }
  return retain(previous, { listeners, frontends });
}

function frontendListener(service: Service, port: ServicePort, routeConfiguration: string): Listener {
  const name = clusterName(service, port);
  const cluster = routeConfiguration === "" ? name : "";
  return { port: port.port, hostname: "", routeConfiguration, cluster, displayName: name };
}

function frontendKeys(service: Service, port: ServicePort): readonly string[] {
  const hosts = [...service.clusterIps.map(hostOf), `${service.meta.name}.${service.meta.namespace}`];
  return hosts.map((host) => `${host}:${port.port}`);
}

/** One IPv6 address has many spellings; RFC 5952's is the one that is looked for. */
function hostOf(address: string): string {
  if (!address.includes(":")) return address;
  const url = `http://[${address}]/`;
  return URL.canParse(url) ? new URL(url).hostname : `[${address.toLowerCase()}]`;
}

// Which listeners and frontends a route reaches through one of its parentRefs: the decision order of the Gateway API
// for Gateways (section and port, then kind and namespace, then hostname) and GAMMA (GEP-1294) for Services. The rules
// of the route play no part here.
import type { Gateway, HttpRoute, ParentReference, Service } from "../source/cluster-state.ts";
import { type Problem, gatewayGroup, listOf } from "./conditions.ts";
import { type GatewayView, type ListenerView, isServed } from "./gateway-view.ts";
import { effectiveHostnames } from "./hostname.ts";
import { matchesSelector, namespaceLabels } from "./label-selector.ts";
import type { TableReader } from "./tables.ts";

/** A listener or frontend that a route reaches, with the hostnames it reaches it by ([""] for every host). */
export interface Place {
  readonly resourceName: string;
  readonly hostnames: readonly string[];
}

export type ParentKind = "gateway" | "service";

export type Attachment =
  | { readonly attached: true; readonly parent: ParentKind; readonly places: readonly Place[] }
  | { readonly attached: false; readonly parent: ParentKind; readonly problem: Problem };

/** Null when the parent is another controller's business: it gets no status from us. */
export function attach(route: HttpRoute, ref: ParentReference, reader: TableReader): Attachment | null {
  if (ref.group === gatewayGroup && ref.kind === "Gateway") return attachToGateway(route, ref, reader);
  if (ref.group === "" && ref.kind === "Service") return attachToService(route, ref, reader);
  return null;
}

function attachToGateway(route: HttpRoute, ref: ParentReference, reader: TableReader): Attachment | null {
  const key = `${ref.namespace}/${ref.name}`;
  const view = reader.get("gatewayViews", key);
  if (view === undefined) return missingGateway(ref, reader);
  const selected = view.listeners.filter(
    ({ listener }) =>
      (ref.sectionName === undefined || ref.sectionName === listener.name) &&
      (ref.port === undefined || ref.port === listener.port),
  );
  if (selected.length === 0) {
    const has = view.listeners.map(({ listener }) => `${listener.name} (port ${listener.port})`);
    return refuse(
      "gateway",
      "NoMatchingParent",
      `Gateway ${key} has no listener ${asked(ref, "on port")}; it has ${listOf(has)}`,
    );
  }
  const allowed = selected.filter((listener) => isServed(listener) && allowsNamespace(listener, view, route, reader));
  if (allowed.length === 0) {
    const why = selected.map((listener) => `${listener.listener.name}: ${refusal(listener, route)}`);
    return refuse(
      "gateway",
      "NotAllowedByListeners",
      `No listener of Gateway ${key} takes this route. ${why.join("; ")}`,
    );
  }
  const places: Place[] = [];
  for (const listener of allowed) {
    const hostnames = effectiveHostnames(listener.hostname, route.hostnames);
    if (hostnames.length > 0) places.push({ resourceName: listener.resourceName, hostnames });
  }
  if (places.length > 0) return { attached: true, parent: "gateway", places };
  const hostnames = listOf(allowed.map(({ hostname }) => hostname));
  const message = `None of the route's hostnames (${listOf(route.hostnames)}) falls under those of the listeners (${hostnames})`;
  return refuse("gateway", "NoMatchingListenerHostname", message);
}

/**
 * A Gateway of another controller is not ours to speak of. One that is nowhere may be anybody's, and its entry is its
 * controller's to write: it is taken for ours when one of ours has its name, when its namespace has Gateways of ours
 * alone, or when the cluster has no other controller.
 */
function missingGateway(ref: ParentReference, reader: TableReader): Attachment | null {
  if (reader.get("gateways", `${ref.namespace}/${ref.name}`) !== undefined) return null;
  const isOurs = ({ meta }: Gateway): boolean =>
    reader.get("gatewayViews", `${meta.namespace}/${meta.name}`) !== undefined;
  const sameName = reader.get("gatewaysByName", ref.name) ?? [];
  const ours = sameName.filter(isOurs);
  if (ours.length === 0) {
    if (sameName.length > 0) return null;
    const neighbours = reader.get("gatewaysByNamespace", ref.namespace) ?? [];
    const isAmongOurs = neighbours.length > 0 && neighbours.every(isOurs);
    if (!isAmongOurs && reader.get("gatewayClasses", "others") !== undefined) return null;
  }
  const namespaces = ours.map((gateway) => gateway.meta.namespace).sort();
  const hint =
    namespaces.length === 0
      ? "no namespace has one of that name"
      : `namespace ${listOf(namespaces)} has one of that name: set the parentRef's namespace, or move the route`;
  return refuse(
    "gateway",
    "NoMatchingParent",
    `Gateway ${ref.name} does not exist in namespace ${ref.namespace}; ${hint}`,
  );
}

function allowsNamespace(view: ListenerView, gateway: GatewayView, route: HttpRoute, reader: TableReader): boolean {
  const allowed = view.listener.allowedNamespaces;
  const namespace = route.meta.namespace;
  if (allowed === "All") return true;
  if (allowed === "None" || allowed === null) return false;
  if (allowed === "Same") return namespace === gateway.gateway.meta.namespace;
  return matchesSelector(allowed, namespaceLabels(namespace, reader.get("namespaces", namespace)));
}

function refusal(view: ListenerView, route: HttpRoute): string {
  if (view.notAccepted !== null) return view.notAccepted.message;
  if (view.supportedKinds.length === 0) return "allowedRoutes.kinds excludes HTTPRoute";
  return `allowedRoutes.namespaces excludes namespace ${route.meta.namespace}`;
}

function attachToService(route: HttpRoute, ref: ParentReference, reader: TableReader): Attachment {
  const key = `${ref.namespace}/${ref.name}`;
  const service = reader.get("services", key);
  if (service === undefined) {
    return refuse("service", "NoMatchingParent", `Service ${ref.name} does not exist in namespace ${ref.namespace}`);
  }
  if (!isFrontend(service)) {
    const what = service.type === "ExternalName" ? "an ExternalName Service" : "headless";
    return refuse("service", "UnsupportedValue", `Service ${key} is ${what}: it has no cluster IP that clients dial`);
  }
  // All clients when the route stands beside the Service (producer), else only those of its own namespace (consumer).
  const consumer = route.meta.namespace === ref.namespace ? "" : `@${route.meta.namespace}`;
  const places: Place[] = [];
  for (const port of service.ports) {
    if (port.protocol !== "TCP") continue;
    if (ref.sectionName !== undefined && ref.sectionName !== port.name) continue;
    if (ref.port !== undefined && ref.port !== port.port) continue;
    // hostnames have no meaning on a mesh route (GEP-1294): the frontend was chosen by destination.
    places.push({ resourceName: `${key}:${port.port}${consumer}`, hostnames: [""] });
  }
  if (places.length > 0) return { attached: true, parent: "service", places };
  return refuse("service", "NoMatchingParent", `Service ${key} has no TCP port ${asked(ref, "numbered")}`);
}

/**
 * Whether clients dial the Service itself and not its pods, which is what GAMMA attaches routes to. A Service that has
 * no address, as on one machine without a cluster, is dialled by name.
 */
export function isFrontend(service: Service): boolean {
  return service.type !== "ExternalName" && !service.clusterIps.includes("None");
}

function asked(ref: ParentReference, portWord: string): string {
  const words: string[] = [];
  if (ref.sectionName !== undefined) words.push(`named ${ref.sectionName}`);
  if (ref.port !== undefined) words.push(`${portWord} ${ref.port}`);
  return words.join(" ");
}

function refuse(parent: ParentKind, reason: string, message: string): Attachment {
  return { attached: false, parent, problem: { reason, message } };
}

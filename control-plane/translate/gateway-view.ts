// What a Gateway's spec alone says: which listeners can be served, which kinds they take, which conflict. Made once
// per Gateway object; attachment.ts reads it for routes, gateway-status.ts turns it into conditions.
import type { Gateway, GatewayListener } from "../source/cluster-state.ts";
import { type Problem, gatewayGroup, httpRouteKind } from "./conditions.ts";
import { normalizeHostname } from "./hostname.ts";
import { selectorFault } from "./label-selector.ts";

export interface GatewayView {
  readonly gateway: Gateway;
  /** "namespace/name". */
  readonly key: string;
  /** One per spec listener, in order. */
  readonly listeners: readonly ListenerView[];
  /** Why the Gateway as a whole is refused, whatever its listeners say; null when it is not. */
  readonly refused: Problem | null;
}

export interface ListenerView {
  /** "namespace/name/section": name of its LISTENER and ROUTE_CONFIGURATION resources. */
  readonly resourceName: string;
  readonly listener: GatewayListener;
  readonly hostname: string;
  readonly supportedKinds: readonly { readonly group: string; readonly kind: string }[];
  /** Why it is not accepted; null when it is. */
  readonly notAccepted: Problem | null;
  readonly conflict: Problem | null;
  /** allowedRoutes.kinds names kinds that are not supported; null when it does not. */
  readonly invalidKinds: Problem | null;
}

/**
 * Protocols that cannot share a port, by what a server would have to speak on it. HTTPS and TLS share one by SNI.
 * UDP has ports of its own; an unknown protocol is only ever unsupported.
 */
const portUses = new Map([
  ["HTTP", "HTTP"],
  ["HTTPS", "TLS"],
  ["TLS", "TLS"],
  ["TCP", "TCP"],
]);

const addressTypes = new Set(["IPAddress", "Hostname"]);

/** Why agents cannot bind a listener's port; null when they can. */
export type PortFault = (port: number) => string | null;

/** Judges every listener of one Gateway. Never throws: what cannot be served says so. */
export function viewGateway(gateway: Gateway, portFault: PortFault = () => null): GatewayView {
  const key = `${gateway.meta.namespace}/${gateway.meta.name}`;
  const listeners = gateway.listeners.map((listener) => viewListener(key, listener, gateway.listeners, portFault));
  return { gateway, key, listeners, refused: refusalOf(gateway) };
}

/** Whether an agent is to bind the listener. */
export function isServed(view: ListenerView): boolean {
  return view.notAccepted === null && view.supportedKinds.length > 0;
}

function viewListener(
  gateway: string,
  listener: GatewayListener,
  all: readonly GatewayListener[],
  portFault: PortFault,
): ListenerView {
  const resourceName = `${gateway}/${listener.name}`;
  const hostname = normalizeHostname(listener.hostname);
  const conflict = conflictOf(listener, all);
  if (listener.protocol !== "HTTP") {
    const message = `Protocol ${listener.protocol} is not supported; HTTP is`;
    const notAccepted = { reason: "UnsupportedProtocol", message };
    return { resourceName, listener, hostname, supportedKinds: [], notAccepted, conflict, invalidKinds: null };
  }
  const invalid = listener.allowedKinds.filter((kind) => !isHttpRoute(kind));
  const supportedKinds = listener.allowedKinds.length === invalid.length && invalid.length > 0 ? [] : [httpRouteKind];
  const invalidKinds =
    invalid.length === 0
      ? null
      : {
          reason: "InvalidRouteKinds",
          message: `allowedRoutes.kinds names ${invalid.map((kind) => `${kind.group}/${kind.kind}`).join(", ")}; only ${gatewayGroup}/HTTPRoute is supported`,
        };
  const notAccepted = conflict ?? namespacesFault(listener) ?? portProblem(portFault(listener.port));
  return { resourceName, listener, hostname, supportedKinds, notAccepted, conflict, invalidKinds };
}

/** No reason is made for it. The listener would take no route, or, if its slip were overlooked, more than it should. */
function namespacesFault({ allowedNamespaces: allowed }: GatewayListener): Problem | null {
  if (allowed === "All" || allowed === "Same" || allowed === "None") return null;
  const fault = allowed === null ? "from: Selector needs a selector" : selectorFault(allowed);
  if (fault === null) return null;
  return { reason: "UnsupportedValue", message: `allowedRoutes.namespaces selects no namespace: ${fault}` };
}

function portProblem(fault: string | null): Problem | null {
  return fault === null ? null : { reason: "PortUnavailable", message: fault };
}

function isHttpRoute(kind: { readonly group: string; readonly kind: string }): boolean {
  return kind.group === httpRouteKind.group && kind.kind === httpRouteKind.kind;
}

/** Listeners that are not distinct are all refused: serving one of them would be a guess. */
function conflictOf(listener: GatewayListener, all: readonly GatewayListener[]): Problem | null {
  const use = portUses.get(listener.protocol);
  if (use === undefined) return null;
  const others = all.filter((other) => other !== listener && other.port === listener.port);
  const foreign = others.find((other) => portUses.has(other.protocol) && portUses.get(other.protocol) !== use);
  if (foreign !== undefined) {
    const message = `Listener ${foreign.name} wants ${foreign.protocol} on the same port ${listener.port}`;
    return { reason: "ProtocolConflict", message };
  }
  const twin = others.find(
    (other) =>
      other.protocol === listener.protocol &&
      normalizeHostname(other.hostname) === normalizeHostname(listener.hostname),
  );
  if (twin === undefined) return null;
  const message = `Listener ${twin.name} has the same port ${listener.port}, protocol and hostname`;
  return { reason: "HostnameConflict", message };
}

function refusalOf(gateway: Gateway): Problem | null {
  const parameters = gateway.infrastructure?.parametersRef;
  if (parameters !== undefined && (parameters.group !== "" || parameters.kind !== "ConfigMap")) {
    const message = `infrastructure.parametersRef must name a ConfigMap, not ${parameters.group}/${parameters.kind}`;
    return { reason: "InvalidParameters", message };
  }
  const address = gateway.addresses.find((address) => !addressTypes.has(address.type));
  if (address === undefined) return null;
  const message = `Address type ${address.type} is not supported; ${[...addressTypes].join(" and ")} are`;
  return { reason: "UnsupportedAddress", message };
}

// What a route hangs on and points at: parents that do not exist, live in another namespace or belong to another
// controller, and Services that do not exist or select nothing. Pure, over the statuses that the control plane writes.
import type { ClusterState, HttpRoute, ParentReference, Service } from "../../control-plane/source/cluster-state.ts";
import type { Condition, Translation } from "../../control-plane/translate/translation.ts";
import { controllerName } from "../folder/controller.ts";
import type { Finding } from "./finding.ts";

/** Names that a line lists. */
const maxNames = 8;

export function findReferenceFindings(state: ClusterState, translation: Translation): readonly Finding[] {
  return [
    ...classFindings(state),
    ...gatewayFindings(translation),
    ...[...state.httpRoutes].flatMap(([key, route]) => [
      ...route.parentRefs.flatMap((parent) => parentFindings(state, translation, key, parent)),
      ...serviceFindings(state, key, route),
    ]),
  ];
}

/** Gateways of a class that does not exist: no controller will ever say a word of them. */
function classFindings(state: ClusterState): readonly Finding[] {
  return [...state.gateways]
    .filter(([, { gatewayClassName }]) => !state.gatewayClasses.has(gatewayClassName))
    .map(([key, { gatewayClassName }]) => ({
      severity: "warning",
      where: `Gateway ${key}`,
      what: `GatewayClass "${gatewayClassName}" does not exist: nobody serves it`,
      advice: `set gatewayClassName to one that exists: ${[...state.gatewayClasses.keys()].join(", ") || "there is none"}`,
    }));
}

const gatewayAdvice: Readonly<Record<string, string>> = {
  InvalidParameters: "correct the ConfigMap that infrastructure.parametersRef names; docs/gateways.md lists its keys",
  UnsupportedAddress: "remove the address",
};

/**
 * Gateways as a whole, but for their listeners, which have lines of their own; and listeners that will not serve. What
 * runs goes on, the other listeners too, hence warnings.
 */
function gatewayFindings({ statuses }: Translation): readonly Finding[] {
  return [...statuses.gateways].flatMap(([key, { conditions, listeners }]) => [
    ...conditions
      .filter(({ type, status, reason }) => type === "Accepted" && status !== "True" && reason !== "ListenersNotValid")
      .map(({ status, reason, message }) => ({
        severity: "warning" as const,
        where: `Gateway ${key}`,
        what: `Accepted=${status}, ${reason}: ${message}`,
        advice: gatewayAdvice[reason] ?? "",
      })),
    ...listeners.flatMap(({ name, conditions }) =>
      conditions
        .filter(({ type, status }) => (type === "Accepted" || type === "ResolvedRefs") && status !== "True")
        .map(({ type, status, reason, message }) => ({
          severity: "warning" as const,
          where: `Gateway ${key} listener ${name}`,
          what: `${type}=${status}, ${reason}: ${message}`,
          advice: reason === "UnsupportedProtocol" ? "HTTP is what is served so far; remove the listener" : "",
        })),
    ),
  ]);
}

function parentFindings(
  state: ClusterState,
  translation: Translation,
  key: string,
  parent: ParentReference,
): readonly Finding[] {
  const where = `HTTPRoute ${key}`;
  const name = `${parent.kind} ${parent.namespace}/${parent.name}`;
  const foreign = parent.kind === "Gateway" ? foreignGateway(state, parent) : null;
  if (foreign !== null) {
    return [{ severity: "warning", where, ...foreign }];
  }
  const status = translation.statuses.httpRoutes
    .get(key)
    ?.find(
      ({ parentRef }) =>
        parentRef.kind === parent.kind &&
        parentRef.namespace === parent.namespace &&
        parentRef.name === parent.name &&
        parentRef.sectionName === parent.sectionName &&
        parentRef.port === parent.port,
    );
  if (status === undefined) {
    return [{ severity: "error", where, what: `parent ${name} does not exist`, advice: parentAdvice(state, parent) }];
  }
  return status.conditions.filter(isBad).map((condition) => ({
    severity: "error",
    where,
    what: `${condition.type}=${condition.status} at ${name}, ${condition.reason}: ${condition.message}`,
    advice: adviceFor(state, parent, condition),
  }));
}

/** PartiallyInvalid is bad when true, the others when they are not. */
function isBad({ type, status }: Condition): boolean {
  return type === "PartiallyInvalid" ? status === "True" : status !== "True";
}

function foreignGateway(state: ClusterState, parent: ParentReference): Pick<Finding, "what" | "advice"> | null {
  const gateway = state.gateways.get(`${parent.namespace}/${parent.name}`);
  if (gateway === undefined) {
    return null;
  }
  const gatewayClass = state.gatewayClasses.get(gateway.gatewayClassName);
  if (gatewayClass?.controllerName === controllerName) {
    return null;
  }
  const controller =
    gatewayClass === undefined
      ? `GatewayClass "${gateway.gatewayClassName}", which does not exist`
      : `GatewayClass "${gateway.gatewayClassName}" of controller ${gatewayClass.controllerName}`;
  return {
    what:
      `Gateway ${parent.namespace}/${parent.name} has ${controller}: Heddle does not serve it, and whether weighted ` +
      "backendRefs, header matches and RequestMirror work is up to that controller",
    advice: `set gatewayClassName to a class whose controllerName is ${controllerName}`,
  };
}

function parentAdvice(state: ClusterState, parent: ParentReference): string {
  const objects = parent.kind === "Gateway" ? state.gateways : state.services;
  const elsewhere = [...objects.values()].filter(({ meta }) => meta.name === parent.name);
  if (elsewhere.length === 0) {
    return `create it, or name one that exists${fewOf(objects.keys())}`;
  }
  if (parent.kind !== "Gateway") return "set parentRefs[].namespace to that of the Service";
  const namespaces = elsewhere.map(({ meta }) => meta.namespace);
  return (
    `namespace ${namespaces.join(", ")} has a Gateway of that name: set parentRefs[].namespace to it (its listeners ` +
    "must allow routes from this namespace), or move the route there"
  );
}

/** ": a, b, c and 12 more": a cluster may have thousands. */
function fewOf(names: Iterable<string>): string {
  const all = [...names];
  if (all.length === 0) return "; there is none";
  const more = all.length > maxNames ? ` and ${all.length - maxNames} more` : "";
  return `: ${all.slice(0, maxNames).join(", ")}${more}`;
}

function adviceFor(state: ClusterState, parent: ParentReference, { reason }: Condition): string {
  switch (reason) {
    case "NoMatchingParent": {
      const exists = state.gateways.has(`${parent.namespace}/${parent.name}`);
      return exists ? "check sectionName and port against the Gateway's listeners" : parentAdvice(state, parent);
    }
    case "NotAllowedByListeners": {
      return "set allowedRoutes.namespaces.from on the Gateway's listener, or move the route";
    }
    case "NoMatchingListenerHostname": {
      return "make a hostname of the route and one of a listener overlap";
    }
    case "BackendNotFound": {
      return "create the Service, or correct name, namespace or port; its share is answered 500 until then";
    }
    case "RefNotPermitted": {
      return "add a ReferenceGrant in the Service's namespace; the share is answered 500 until then";
    }
    case "InvalidKind": {
      return "refer to a Service; the share is answered 500 until then";
    }
    case "UnsupportedValue": {
      return "remove what is not supported";
    }
    default: {
      return "";
    }
  }
}

function serviceFindings(state: ClusterState, key: string, route: HttpRoute): readonly Finding[] {
  const names = new Set(
    route.rules.flatMap(({ backendRefs, filters }) => [
      ...backendRefs.map((ref) => `${ref.namespace}/${ref.name}`),
      ...filters.flatMap((filter) =>
        filter.type === "RequestMirror" ? [`${filter.backendRef.namespace}/${filter.backendRef.name}`] : [],
      ),
    ]),
  );
  return [...names].flatMap((name): readonly Finding[] => {
    const service = state.services.get(name);
    if (service === undefined || hasEndpoints(state, service)) {
      return [];
    }
    return [
      {
        severity: "warning",
        where: `HTTPRoute ${key}`,
        what: `Service ${name} selects no Deployment and no Pod and has no endpoints: its share is answered 503`,
        advice: "compare its selector with the labels of the pod template",
      },
    ];
  });
}

function hasEndpoints(state: ClusterState, { meta, selector }: Service): boolean {
  const wanted = Object.entries(selector);
  const selects = (namespace: string, labels: Readonly<Record<string, string>>): boolean =>
    namespace === meta.namespace && wanted.length > 0 && wanted.every(([label, value]) => labels[label] === value);
  return (
    [...state.deployments.values()].some(({ meta: { namespace }, template }) => selects(namespace, template.labels)) ||
    [...state.pods.values()].some((pod) => selects(pod.meta.namespace, pod.meta.labels)) ||
    [...state.endpointSlices.values()].some(
      ({ meta: slice, serviceName, endpoints }) =>
        slice.namespace === meta.namespace && serviceName === meta.name && endpoints.length > 0,
    )
  );
}

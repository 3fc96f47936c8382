// Manifests of the Gateway API -> the narrow objects of cluster-state.ts, with the defaults that the API server would
// apply. Manifests obey their schema and the rule tables by then; nothing is checked here.
import type { IGateway } from "@kubernetes-models/gateway-api/gateway.networking.k8s.io/v1/Gateway";
import type { IGatewayClass } from "@kubernetes-models/gateway-api/gateway.networking.k8s.io/v1/GatewayClass";
import type { IHTTPRoute } from "@kubernetes-models/gateway-api/gateway.networking.k8s.io/v1/HTTPRoute";
import type { IReferenceGrant } from "@kubernetes-models/gateway-api/gateway.networking.k8s.io/v1/ReferenceGrant";
import type {
  BackendReference,
  Gateway,
  GatewayClass,
  GatewayListener,
  HeaderModifierFilter,
  HttpRoute,
  HttpRouteFilter,
  HttpRouteMatch,
  HttpRouteRule,
  ObjectMeta,
  ReferenceGrant,
} from "./cluster-state.ts";

const gatewayGroup = "gateway.networking.k8s.io";

type RouteRule = NonNullable<IHTTPRoute["spec"]["rules"]>[number];
type RouteMatch = NonNullable<RouteRule["matches"]>[number];
type RouteFilter = NonNullable<RouteRule["filters"]>[number];
type RouteBackend = NonNullable<RouteRule["backendRefs"]>[number];
type Reference = NonNullable<RouteFilter["requestMirror"]>["backendRef"];
type Modifier = NonNullable<RouteFilter["requestHeaderModifier"]>;
type Listener = IGateway["spec"]["listeners"][number];

/** GatewayClass. */
export function toGatewayClass({ spec }: IGatewayClass, meta: ObjectMeta): GatewayClass {
  const { controllerName, parametersRef } = spec;
  return { kind: "GatewayClass", meta, controllerName, ...(parametersRef && { parametersRef }) };
}

/** Gateway. */
export function toGateway({ spec }: IGateway, meta: ObjectMeta): Gateway {
  const { infrastructure } = spec;
  return {
    kind: "Gateway",
    meta,
    gatewayClassName: spec.gatewayClassName,
    listeners: spec.listeners.map(toListener),
    addresses: (spec.addresses ?? []).map(({ type, value }) => ({ type: type ?? "IPAddress", value: value ?? "" })),
    ...(infrastructure && {
      infrastructure: {
        labels: { ...infrastructure.labels },
        annotations: { ...infrastructure.annotations },
        ...(infrastructure.parametersRef && { parametersRef: infrastructure.parametersRef }),
      },
    }),
  };
}

function toListener(listener: Listener): GatewayListener {
  const { namespaces, kinds } = listener.allowedRoutes ?? {};
  const { selector } = namespaces ?? {};
  const from = namespaces?.from ?? "Same";
  return {
    name: listener.name,
    ...(listener.hostname && { hostname: listener.hostname }),
    port: listener.port,
    protocol: listener.protocol,
    allowedNamespaces:
      from === "All" || from === "None" || from === "Same"
        ? from
        : selector === undefined
          ? null
          : {
              matchLabels: { ...selector.matchLabels },
              matchExpressions: (selector.matchExpressions ?? []).map(({ key, operator, values }) => ({
                key,
                operator,
                values: values ?? [],
              })),
            },
    allowedKinds: (kinds ?? []).map(({ group, kind }) => ({ group: group ?? gatewayGroup, kind })),
  };
}

/** ReferenceGrant. */
export function toReferenceGrant({ spec }: IReferenceGrant, meta: ObjectMeta): ReferenceGrant {
  return {
    kind: "ReferenceGrant",
    meta,
    from: (spec?.from ?? []).map(({ group, kind, namespace }) => ({ group, kind, namespace })),
    to: (spec?.to ?? []).map(({ group, kind, name }) => ({ group, kind, ...(name && { name }) })),
  };
}

/** HTTPRoute. */
export function toHttpRoute({ spec }: IHTTPRoute, meta: ObjectMeta): HttpRoute {
  return {
    kind: "HTTPRoute",
    meta,
    parentRefs: (spec.parentRefs ?? []).map(({ group, kind, namespace, name, sectionName, port }) => ({
      group: group ?? gatewayGroup,
      kind: kind ?? "Gateway",
      namespace: namespace ?? meta.namespace,
      name,
      ...(sectionName && { sectionName }),
      ...(port !== undefined && { port }),
    })),
    hostnames: spec.hostnames ?? [],
    rules: (spec.rules ?? [{}]).map((rule) => toRule(rule, meta.namespace)),
  };
}

function toRule(rule: RouteRule, namespace: string): HttpRouteRule {
  const matches = rule.matches ?? [];
  return {
    ...(rule.name && { name: rule.name }),
    matches: (matches.length === 0 ? [{}] : matches).map(toMatch),
    filters: (rule.filters ?? []).map((filter) => toFilter(filter, namespace)),
    backendRefs: (rule.backendRefs ?? []).map((backend: RouteBackend) => ({
      ...toReference(backend, namespace),
      weight: backend.weight ?? 1,
      filters: (backend.filters ?? []).map((filter) => toFilter(filter, namespace)),
    })),
    unsupportedFields: (["timeouts", "retry", "sessionPersistence"] as const).filter(
      (field) => rule[field] !== undefined,
    ),
  };
}

function toMatch({ path, headers, queryParams, method }: RouteMatch): HttpRouteMatch {
  return {
    path: { type: path?.type ?? "PathPrefix", value: path?.value ?? "/" },
    headers: (headers ?? []).map(({ type, name, value }) => ({ type: type ?? "Exact", name, value })),
    queryParams: (queryParams ?? []).map(({ type, name, value }) => ({ type: type ?? "Exact", name, value })),
    ...(method && { method }),
  };
}

function toReference({ group, kind, namespace, name, port }: Reference, routeNamespace: string): BackendReference {
  return {
    group: group ?? "",
    kind: kind ?? "Service",
    namespace: namespace ?? routeNamespace,
    name,
    ...(port !== undefined && { port }),
  };
}

function toFilter(filter: RouteFilter, namespace: string): HttpRouteFilter {
  const { requestHeaderModifier, responseHeaderModifier, requestMirror } = filter;
  if (filter.type === "RequestHeaderModifier" && requestHeaderModifier)
    return { type: "RequestHeaderModifier", modifier: toModifier(requestHeaderModifier) };
  if (filter.type === "ResponseHeaderModifier" && responseHeaderModifier)
    return { type: "ResponseHeaderModifier", modifier: toModifier(responseHeaderModifier) };
  if (filter.type === "RequestMirror" && requestMirror) {
    const { backendRef, percent, fraction } = requestMirror;
    return {
      type: "RequestMirror",
      backendRef: toReference(backendRef, namespace),
      numerator: fraction?.numerator ?? percent ?? 1,
      denominator: fraction ? (fraction.denominator ?? 100) : percent === undefined ? 1 : 100,
    };
  }
  return { type: "Unsupported", name: filter.type };
}

function toModifier({ set, add, remove }: Modifier): HeaderModifierFilter {
  const pairs = (list: Modifier["set"]): HeaderModifierFilter["set"] =>
    (list ?? []).map(({ name, value }) => ({ name, value }));
  return { set: pairs(set), add: pairs(add), remove: remove ?? [] };
}

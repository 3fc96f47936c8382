// Objects of a cluster for tests and benchmarks, with everything filled in that a case does not speak of. What a schema
// would refuse can be made here, unlike in the golden cases.
import type {
  ClusterState,
  EndpointSlice,
  Gateway,
  GatewayListener,
  HttpBackendReference,
  HttpRoute,
  HttpRouteMatch,
  HttpRouteRule,
  ObjectMeta,
  ParentReference,
  Pod,
  Service,
} from "../../control-plane/source/cluster-state.ts";
import type { Translation } from "../../control-plane/translate/translation.ts";

export const controllerName = "heddle.dev/gateway-controller";

/** Metadata of "namespace/name" (or "name" of a cluster-scoped object). */
export function makeMeta(key: string, overrides: Partial<ObjectMeta> = {}): ObjectMeta {
  const slash = key.indexOf("/");
  return {
    namespace: slash < 0 ? "" : key.slice(0, slash),
    name: key.slice(slash + 1),
    generation: 1,
    creationTimestampMs: 0,
    labels: {},
    annotations: {},
    ...overrides,
  };
}

type AnyObject = ClusterState[keyof ClusterState] extends ReadonlyMap<string, infer V> ? V : never;

const tables = {
  GatewayClass: "gatewayClasses",
  Gateway: "gateways",
  HTTPRoute: "httpRoutes",
  ReferenceGrant: "referenceGrants",
  Namespace: "namespaces",
  Service: "services",
  EndpointSlice: "endpointSlices",
  Pod: "pods",
  Deployment: "deployments",
} as const;

/** A state that holds the GatewayClass "heddle" and the given objects, in their order. */
export function makeState(...objects: readonly AnyObject[]): ClusterState {
  const maps = Object.fromEntries(Object.values(tables).map((table) => [table, new Map<string, unknown>()]));
  maps["gatewayClasses"]?.set("heddle", { kind: "GatewayClass", meta: makeMeta("heddle"), controllerName });
  for (const object of objects) {
    const { namespace, name } = object.meta;
    maps[tables[object.kind]]?.set(namespace === "" ? name : `${namespace}/${name}`, object);
  }
  return maps as unknown as ClusterState;
}

export function makeListener(overrides: Partial<GatewayListener> = {}): GatewayListener {
  return { name: "http", port: 80, protocol: "HTTP", allowedNamespaces: "All", allowedKinds: [], ...overrides };
}

export function makeGateway(key: string, ...listeners: readonly GatewayListener[]): Gateway {
  return {
    kind: "Gateway",
    meta: makeMeta(key),
    gatewayClassName: "heddle",
    listeners: listeners.length === 0 ? [makeListener()] : listeners,
    addresses: [],
  };
}

export function gatewayParent(key: string, overrides: Partial<ParentReference> = {}): ParentReference {
  const { namespace, name } = makeMeta(key);
  return { group: "gateway.networking.k8s.io", kind: "Gateway", namespace, name, ...overrides };
}

export function serviceParent(key: string, overrides: Partial<ParentReference> = {}): ParentReference {
  return gatewayParent(key, { group: "", kind: "Service", ...overrides });
}

export function makeBackend(key: string, overrides: Partial<HttpBackendReference> = {}): HttpBackendReference {
  const { namespace, name } = makeMeta(key);
  return { group: "", kind: "Service", namespace, name, port: 80, weight: 1, filters: [], ...overrides };
}

export function makeMatch(overrides: Partial<HttpRouteMatch> = {}): HttpRouteMatch {
  return { path: { type: "PathPrefix", value: "/" }, headers: [], queryParams: [], ...overrides };
}

export function makeRule(overrides: Partial<HttpRouteRule> = {}): HttpRouteRule {
  return { matches: [makeMatch()], filters: [], backendRefs: [], unsupportedFields: [], ...overrides };
}

/** Its parent is Gateway "apps/edge" and it has one rule, unless told otherwise. */
export function makeRoute(key: string, overrides: Partial<HttpRoute> = {}): HttpRoute {
  return {
    kind: "HTTPRoute",
    meta: makeMeta(key),
    parentRefs: [gatewayParent("apps/edge")],
    hostnames: [],
    rules: [makeRule()],
    ...overrides,
  };
}

/** One port, named http: 80 to 8080. */
export function makeService(key: string, clusterIp: string, overrides: Partial<Service> = {}): Service {
  return {
    kind: "Service",
    meta: makeMeta(key),
    type: "ClusterIP",
    clusterIps: [clusterIp],
    selector: {},
    ports: [{ name: "http", port: 80, targetPort: 8080, protocol: "TCP" }],
    ...overrides,
  };
}

/** Ready endpoints of a Service at port 8080, one per pod: address -> "namespace/name". */
export function makeSlice(serviceKey: string, endpoints: Readonly<Record<string, string>>): EndpointSlice {
  return {
    kind: "EndpointSlice",
    meta: makeMeta(`${serviceKey}-1`),
    serviceName: makeMeta(serviceKey).name,
    addressType: "IPv4",
    ports: [{ name: "http", port: 8080 }],
    endpoints: Object.entries(endpoints).map(([address, pod]) => ({
      addresses: [address],
      ready: true,
      serving: true,
      terminating: false,
      pod,
    })),
  };
}

export function makePod(key: string, labels: Readonly<Record<string, string>>): Pod {
  return {
    kind: "Pod",
    meta: makeMeta(key, { labels }),
    podIps: ["10.0.0.1"],
    phase: "Running",
    ready: true,
    serviceAccountName: "default",
    containers: [],
    owner: "",
  };
}

/** Every body and status by "kind name". */
export function partsOf(translation: Translation): ReadonlyMap<string, unknown> {
  const all = new Map<string, unknown>();
  const { statuses, ...resources } = translation;
  for (const [kind, map] of [...Object.entries(resources), ...Object.entries(statuses)]) {
    for (const [name, value] of map as ReadonlyMap<string, unknown>) all.set(`${kind} ${name}`, value);
  }
  return all;
}

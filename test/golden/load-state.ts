// Reads the objects of a golden case into a ClusterState. Defaults are applied as the API server would; nothing is
// validated, so that cases can hold what a schema would refuse.
import { parseAllDocuments } from "yaml";
import type * as state from "../../control-plane/source/cluster-state.ts";

// Untyped YAML; what is missing reads as undefined.
type Node = { readonly [K in Field]?: Node };
type Field = "add" | "addressType" | "addresses" | "allowedRoutes" | "annotations" | "appProtocol" | "backendRef" | "backendRefs" | "clusterIP" | "clusterIPs" | "conditions" | "containerPort" | "containers" | "controllerName" | "creationTimestamp" | "denominator" | "endpoints" | "filters" | "fraction" | "from" | "gatewayClassName" | "generation" | "group" | "headers" | "hostname" | "hostnames" | "infrastructure" | "key" | "kind" | "kinds" | "labels" | "listeners" | "matchExpressions" | "matchLabels" | "matches" | "metadata" | "method" | "name" | "namespace" | "namespaces" | "numerator" | "operator" | "ownerReferences" | "parametersRef" | "parentRefs" | "path" | "percent" | "phase" | "podIP" | "port" | "ports" | "protocol" | "queryParams" | "ready" | "remove" | "requestHeaderModifier" | "requestMirror" | "responseHeaderModifier" | "rules" | "sectionName" | "selector" | "serving" | "set" | "spec" | "status" | "targetPort" | "targetRef" | "terminating" | "to" | "type" | "value" | "values" | "weight";
type Mutable = { -readonly [K in keyof state.ClusterState]: Map<string, never> };

const gatewayGroup = "gateway.networking.k8s.io";

/** Throws on YAML that does not parse and on kinds that translation does not read. */
export function loadState(text: string): state.ClusterState {
  const result = emptyState() as unknown as Mutable;
  for (const document of parseAllDocuments(text)) {
    if (document.errors.length > 0) throw document.errors[0];
    const node = document.toJS() as Node | null;
    if (node === null) continue;
    const kind = node.kind as unknown as string;
    const read = readers[kind];
    if (read === undefined) throw new Error(`golden cases do not know kind ${kind}`);
    const [table, scope, object] = read(node);
    const { namespace, name } = (object as { meta: state.ObjectMeta }).meta;
    result[table].set(scope === "cluster" ? name : `${namespace}/${name}`, object as never);
  }
  return result as unknown as state.ClusterState;
}

/** A ClusterState without objects. */
export function emptyState(): state.ClusterState {
  return {
    gatewayClasses: new Map(),
    gateways: new Map(),
    httpRoutes: new Map(),
    referenceGrants: new Map(),
    namespaces: new Map(),
    services: new Map(),
    endpointSlices: new Map(),
    pods: new Map(),
    deployments: new Map(),
  };
}

type Reader = (node: Node) => readonly [keyof state.ClusterState, "cluster" | "namespace", unknown];

const readers: Record<string, Reader | undefined> = {
  GatewayClass: (node) => [
    "gatewayClasses",
    "cluster",
    { kind: "GatewayClass", meta: meta(node), controllerName: node.spec?.controllerName },
  ],
  Namespace: (node) => ["namespaces", "cluster", { kind: "Namespace", meta: meta(node) }],
  Gateway: (node) => ["gateways", "namespace", gateway(node)],
  HTTPRoute: (node) => ["httpRoutes", "namespace", httpRoute(node)],
  ReferenceGrant: (node) => [
    "referenceGrants",
    "namespace",
    { kind: "ReferenceGrant", meta: meta(node), from: node.spec?.from, to: node.spec?.to },
  ],
  Service: (node) => ["services", "namespace", service(node)],
  EndpointSlice: (node) => ["endpointSlices", "namespace", endpointSlice(node)],
  Pod: (node) => ["pods", "namespace", pod(node)],
};

function meta(node: Node): state.ObjectMeta {
  const metadata = node.metadata ?? ({} as Node);
  const created = metadata.creationTimestamp as unknown as string | undefined;
  return {
    namespace: text(metadata.namespace, node.kind as unknown as string, "default"),
    name: metadata.name as unknown as string,
    generation: number(metadata.generation, 1),
    creationTimestampMs: created === undefined ? 0 : Date.parse(created),
    labels: (metadata.labels ?? {}) as Record<string, string>,
    annotations: (metadata.annotations ?? {}) as Record<string, string>,
  };
}

function gateway(node: Node): state.Gateway {
  const spec = node.spec as Node;
  const infrastructure = spec.infrastructure;
  return {
    kind: "Gateway",
    meta: meta(node),
    gatewayClassName: spec.gatewayClassName as unknown as string,
    addresses: list(spec.addresses).map((address) => ({
      type: text(address.type, "", "IPAddress"),
      value: text(address.value, "", ""),
    })),
    listeners: list(spec.listeners).map((listener) => ({
      name: listener.name as unknown as string,
      ...optional("hostname", listener.hostname as unknown as string | undefined),
      port: number(listener.port, 0),
      protocol: listener.protocol as unknown as string,
      allowedNamespaces: allowedNamespaces(listener.allowedRoutes?.namespaces),
      allowedKinds: list(listener.allowedRoutes?.kinds).map((kind) => ({
        group: text(kind.group, "", gatewayGroup),
        kind: kind.kind as unknown as string,
      })),
    })),
    ...(infrastructure === undefined
      ? {}
      : {
          infrastructure: {
            labels: {},
            annotations: {},
            parametersRef: infrastructure.parametersRef as unknown as {
              group: string;
              kind: string;
              name: string;
            },
          },
        }),
  };
}

function allowedNamespaces(node: Node | undefined): state.GatewayListener["allowedNamespaces"] {
  const from = text(node?.from, "", "Same");
  if (from !== "Selector") return from as "All" | "Same" | "None";
  return {
    matchLabels: (node?.selector?.matchLabels ?? {}) as Record<string, string>,
    matchExpressions: list(node?.selector?.matchExpressions).map((expression) => ({
      key: expression.key as unknown as string,
      operator: expression.operator as unknown as string,
      values: (expression.values ?? []) as unknown as string[],
    })),
  };
}

function httpRoute(node: Node): state.HttpRoute {
  const metadata = meta(node);
  const spec = node.spec as Node;
  const rules = spec.rules === undefined ? [{} as Node] : list(spec.rules);
  return {
    kind: "HTTPRoute",
    meta: metadata,
    hostnames: (spec.hostnames ?? []) as unknown as string[],
    parentRefs: list(spec.parentRefs).map((ref) => ({
      group: text(ref.group, "", gatewayGroup),
      kind: text(ref.kind, "", "Gateway"),
      namespace: text(ref.namespace, "", metadata.namespace),
      name: ref.name as unknown as string,
      ...optional("sectionName", ref.sectionName as unknown as string | undefined),
      ...optional("port", ref.port as unknown as number | undefined),
    })),
    rules: rules.map((rule) => ({
      ...optional("name", rule.name as unknown as string | undefined),
      matches: (rule.matches === undefined ? [{} as Node] : list(rule.matches)).map((match) => ({
        path: { type: text(match.path?.type, "", "PathPrefix"), value: text(match.path?.value, "", "/") },
        headers: values(match.headers),
        queryParams: values(match.queryParams),
        ...optional("method", match.method as unknown as string | undefined),
      })),
      filters: list(rule.filters).map((filter) => httpFilter(filter, metadata.namespace)),
      backendRefs: list(rule.backendRefs).map((ref) => ({
        ...backendRef(ref, metadata.namespace),
        weight: number(ref.weight, 1),
        filters: list(ref.filters).map((filter) => httpFilter(filter, metadata.namespace)),
      })),
      unsupportedFields: ["timeouts", "retry", "sessionPersistence"].filter((field) => field in rule),
    })),
  };
}

function httpFilter(filter: Node, namespace: string): state.HttpRouteFilter {
  const type = filter.type as unknown as string;
  const modifier = (node: Node): state.HeaderModifierFilter => ({
    set: (node.set ?? []) as never,
    add: (node.add ?? []) as never,
    remove: (node.remove ?? []) as never,
  });
  if (type === "RequestHeaderModifier") return { type, modifier: modifier(filter.requestHeaderModifier as Node) };
  if (type === "ResponseHeaderModifier") return { type, modifier: modifier(filter.responseHeaderModifier as Node) };
  if (type !== "RequestMirror") return { type: "Unsupported", name: type };
  const mirror = filter.requestMirror as Node;
  const percent = mirror.percent as unknown as number | undefined;
  return {
    type,
    backendRef: backendRef(mirror.backendRef as Node, namespace),
    numerator: percent ?? number(mirror.fraction?.numerator, 1),
    denominator: percent === undefined ? number(mirror.fraction?.denominator, mirror.fraction ? 100 : 1) : 100,
  };
}

function backendRef(ref: Node, namespace: string): state.BackendReference {
  return {
    group: text(ref.group, "", ""),
    kind: text(ref.kind, "", "Service"),
    namespace: text(ref.namespace, "", namespace),
    name: ref.name as unknown as string,
    ...optional("port", ref.port as unknown as number | undefined),
  };
}

function service(node: Node): state.Service {
  const spec = node.spec as Node;
  const clusterIp = spec.clusterIP as unknown as string | undefined;
  return {
    kind: "Service",
    meta: meta(node),
    type: text(spec.type, "", "ClusterIP"),
    clusterIps: (spec.clusterIPs ?? (clusterIp === undefined ? [] : [clusterIp])) as unknown as string[],
    selector: (spec.selector ?? {}) as Record<string, string>,
    ports: list(spec.ports).map((port) => ({
      name: text(port.name, "", ""),
      port: number(port.port, 0),
      targetPort: (port.targetPort ?? port.port) as unknown as number,
      protocol: text(port.protocol, "", "TCP"),
      ...optional("appProtocol", port.appProtocol as unknown as string | undefined),
    })),
  };
}

function endpointSlice(node: Node): state.EndpointSlice {
  const metadata = meta(node);
  return {
    kind: "EndpointSlice",
    meta: metadata,
    serviceName: metadata.labels["kubernetes.io/service-name"] ?? "",
    addressType: text(node.addressType, "", "IPv4"),
    ports: list(node.ports).map((port) => ({
      name: text(port.name, "", ""),
      ...optional("port", port.port as unknown as number | undefined),
    })),
    endpoints: list(node.endpoints).map((endpoint) => ({
      addresses: endpoint.addresses as unknown as string[],
      ready: ((endpoint.conditions?.ready as unknown as boolean | undefined) ?? true) === true,
      serving: ((endpoint.conditions?.serving as unknown as boolean | undefined) ?? true) === true,
      terminating: (endpoint.conditions?.terminating as unknown as boolean | undefined) === true,
      pod: endpoint.targetRef === undefined ? "" : `${metadata.namespace}/${String(endpoint.targetRef.name)}`,
    })),
  };
}

function pod(node: Node): state.Pod {
  const ip = node.status?.podIP as unknown as string | undefined;
  return {
    kind: "Pod",
    meta: meta(node),
    podIps: ip === undefined ? [] : [ip],
    phase: text(node.status?.phase, "", "Running"),
    ready: true,
    serviceAccountName: "default",
    owner: text(node.metadata?.ownerReferences, "", ""),
    containers: list(node.spec?.containers).map((container) => ({
      name: container.name as unknown as string,
      image: "",
      env: [],
      ports: list(container.ports).map((port) => ({
        name: text(port.name, "", ""),
        containerPort: number(port.containerPort, 0),
        protocol: text(port.protocol, "", "TCP"),
      })),
    })),
  };
}

function values(node: Node | undefined): readonly state.ValueMatch[] {
  return list(node).map((value) => ({
    type: text(value.type, "", "Exact"),
    name: value.name as unknown as string,
    value: value.value as unknown as string,
  }));
}

function list(node: unknown): readonly Node[] {
  return Array.isArray(node) ? (node as Node[]) : [];
}

function text(node: unknown, kind: string, fallback: string): string {
  if (kind === "GatewayClass" || kind === "Namespace") return "";
  return typeof node === "string" ? node : fallback;
}

function number(node: unknown, fallback: number): number {
  return typeof node === "number" ? node : fallback;
}

function optional<K extends string, V>(key: K, value: V | undefined): { [key in K]?: V } {
  return value === undefined ? {} : ({ [key]: value } as { [key in K]?: V });
}

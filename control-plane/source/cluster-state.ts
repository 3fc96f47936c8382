// The objects of the cluster as the control plane keeps them: only the fields it reads, schema defaults applied,
// readonly. A source (folder or Kubernetes) owns making them; an unchanged object keeps its identity from one
// ClusterState to the next, so that what was computed from it can be kept too.

/** What every object has. `creationTimestampMs` decides precedence between otherwise equal routes. */
export interface ObjectMeta {
  readonly namespace: string;
  readonly name: string;
  /** Where a source knows it: tells an object from one that was made anew under its name. */
  readonly uid?: string;
  readonly generation: number;
  readonly creationTimestampMs: number;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
}

/** Everything that translation reads, at one moment. Maps are keyed "namespace/name" (cluster-scoped: "name"). */
export interface ClusterState {
  readonly gatewayClasses: ReadonlyMap<string, GatewayClass>;
  readonly gateways: ReadonlyMap<string, Gateway>;
  readonly httpRoutes: ReadonlyMap<string, HttpRoute>;
  readonly referenceGrants: ReadonlyMap<string, ReferenceGrant>;
  readonly namespaces: ReadonlyMap<string, Namespace>;
  readonly services: ReadonlyMap<string, Service>;
  readonly endpointSlices: ReadonlyMap<string, EndpointSlice>;
  readonly pods: ReadonlyMap<string, Pod>;
  readonly deployments: ReadonlyMap<string, Deployment>;
}

export interface GatewayClass {
  readonly kind: "GatewayClass";
  readonly meta: ObjectMeta;
  readonly controllerName: string;
  readonly parametersRef?: { readonly group: string; readonly kind: string; readonly name: string };
}

export interface Gateway {
  readonly kind: "Gateway";
  readonly meta: ObjectMeta;
  readonly gatewayClassName: string;
  readonly listeners: readonly GatewayListener[];
  readonly addresses: readonly { readonly type: string; readonly value: string }[];
  readonly infrastructure?: {
    readonly labels: Readonly<Record<string, string>>;
    readonly annotations: Readonly<Record<string, string>>;
    readonly parametersRef?: { readonly group: string; readonly kind: string; readonly name: string };
  };
}

export interface GatewayListener {
  readonly name: string;
  readonly hostname?: string;
  readonly port: number;
  /** HTTP, HTTPS, TLS, TCP, UDP or anything else. */
  readonly protocol: string;
  /** Null: a selector is asked for, and there is none. */
  readonly allowedNamespaces: "All" | "Same" | "None" | LabelSelector | null;
  /** Empty: every kind that the protocol supports. */
  readonly allowedKinds: readonly { readonly group: string; readonly kind: string }[];
}

export interface LabelSelector {
  readonly matchLabels: Readonly<Record<string, string>>;
  readonly matchExpressions: readonly {
    readonly key: string;
    readonly operator: string;
    readonly values: readonly string[];
  }[];
}

export interface HttpRoute {
  readonly kind: "HTTPRoute";
  readonly meta: ObjectMeta;
  readonly parentRefs: readonly ParentReference[];
  readonly hostnames: readonly string[];
  readonly rules: readonly HttpRouteRule[];
  /**
   * Why the object cannot be read as it stands, of which only `meta` and this are then taken: the rest is that of the
   * last version that could be read, or without one the parents alone and no rule.
   */
  readonly refused?: string;
}

/** Defaults applied: group, kind and namespace are always there. */
export interface ParentReference {
  readonly group: string;
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
  readonly sectionName?: string;
  readonly port?: number;
}

export interface HttpRouteRule {
  readonly name?: string;
  /** Never empty: the default is one PathPrefix "/". */
  readonly matches: readonly HttpRouteMatch[];
  readonly filters: readonly HttpRouteFilter[];
  readonly backendRefs: readonly HttpBackendReference[];
  /** Fields of the rule that are set but not supported, for example "timeouts". */
  readonly unsupportedFields: readonly string[];
}

export interface HttpRouteMatch {
  readonly path: { readonly type: string; readonly value: string };
  readonly headers: readonly ValueMatch[];
  readonly queryParams: readonly ValueMatch[];
  readonly method?: string;
}

export interface ValueMatch {
  readonly type: string;
  readonly name: string;
  readonly value: string;
}

/** Defaults applied. `weight` is 1 and `filters` empty where the reference cannot have them. */
export interface BackendReference {
  readonly group: string;
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
  readonly port?: number;
}

export interface HttpBackendReference extends BackendReference {
  readonly weight: number;
  readonly filters: readonly HttpRouteFilter[];
}

export interface HeaderModifierFilter {
  readonly set: readonly { readonly name: string; readonly value: string }[];
  readonly add: readonly { readonly name: string; readonly value: string }[];
  readonly remove: readonly string[];
}

export type HttpRouteFilter =
  | { readonly type: "RequestHeaderModifier"; readonly modifier: HeaderModifierFilter }
  | { readonly type: "ResponseHeaderModifier"; readonly modifier: HeaderModifierFilter }
  | {
      readonly type: "RequestMirror";
      readonly backendRef: BackendReference;
      /** Share of requests that are copied; 1/1 when the route says nothing. */
      readonly numerator: number;
      readonly denominator: number;
    }
  /** Known to the API, not supported here: its name, for the condition. */
  | { readonly type: "Unsupported"; readonly name: string };

export interface ReferenceGrant {
  readonly kind: "ReferenceGrant";
  readonly meta: ObjectMeta;
  readonly from: readonly { readonly group: string; readonly kind: string; readonly namespace: string }[];
  readonly to: readonly { readonly group: string; readonly kind: string; readonly name?: string }[];
}

export interface Namespace {
  readonly kind: "Namespace";
  readonly meta: ObjectMeta;
}

export interface Service {
  readonly kind: "Service";
  readonly meta: ObjectMeta;
  readonly type: string;
  /** Empty for a Service without cluster IP; "None" for a headless one. */
  readonly clusterIps: readonly string[];
  readonly selector: Readonly<Record<string, string>>;
  readonly ports: readonly ServicePort[];
}

export interface ServicePort {
  readonly name: string;
  readonly port: number;
  /** Number, or the name of a container port. */
  readonly targetPort: number | string;
  readonly protocol: string;
  readonly appProtocol?: string;
}

export interface EndpointSlice {
  readonly kind: "EndpointSlice";
  readonly meta: ObjectMeta;
  /** From the label kubernetes.io/service-name; empty when it has none. */
  readonly serviceName: string;
  readonly addressType: string;
  readonly ports: readonly { readonly name: string; readonly port?: number; readonly appProtocol?: string }[];
  readonly endpoints: readonly {
    readonly addresses: readonly string[];
    readonly ready: boolean;
    readonly serving: boolean;
    readonly terminating: boolean;
    /** "namespace/name" of the pod behind it; empty when it names none. */
    readonly pod: string;
  }[];
}

export interface Pod {
  readonly kind: "Pod";
  readonly meta: ObjectMeta;
  readonly podIps: readonly string[];
  readonly phase: string;
  readonly ready: boolean;
  readonly serviceAccountName: string;
  readonly containers: readonly Container[];
  /** "kind/name" of the owner that people know (a ReplicaSet's Deployment), or "". */
  readonly owner: string;
}

export interface Container {
  readonly name: string;
  readonly image: string;
  readonly env: readonly { readonly name: string; readonly value: string }[];
  readonly ports: readonly { readonly name: string; readonly containerPort: number; readonly protocol: string }[];
  readonly readinessProbe?: Probe;
}

export interface Probe {
  readonly httpGet?: {
    readonly path: string;
    readonly port: number | string;
    readonly headers: readonly { readonly name: string; readonly value: string }[];
  };
  readonly tcpSocket?: { readonly port: number | string };
  readonly initialDelaySeconds: number;
  readonly periodSeconds: number;
  readonly timeoutSeconds: number;
  readonly failureThreshold: number;
  readonly successThreshold: number;
}

export interface Deployment {
  readonly kind: "Deployment";
  readonly meta: ObjectMeta;
  readonly replicas: number;
  readonly template: {
    readonly labels: Readonly<Record<string, string>>;
    readonly annotations: Readonly<Record<string, string>>;
    readonly serviceAccountName: string;
    readonly containers: readonly Container[];
  };
}

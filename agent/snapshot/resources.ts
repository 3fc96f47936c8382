// The resources an agent holds, as the agent sees them: domain values, not wire messages. discovery/ decodes into
// them, compile.ts turns them into what the data path reads. All readonly; a changed resource is a new value.

export type ResourceType = "listener" | "route-configuration" | "route" | "cluster" | "endpoints" | "workload";

/** Everything the agent was told, by name. Held by the discovery client; never mutated, a response makes a new one. */
export interface ResourceSet {
  readonly generation: string;
  readonly listeners: ReadonlyMap<string, Listener>;
  readonly routeConfigurations: ReadonlyMap<string, RouteConfiguration>;
  readonly routes: ReadonlyMap<string, Route>;
  readonly clusters: ReadonlyMap<string, Cluster>;
  readonly endpoints: ReadonlyMap<string, Endpoints>;
  readonly workloads: ReadonlyMap<string, Workload>;
  /** By subscription name. */
  readonly answers: ReadonlyMap<string, Answer>;
}

export interface Answer {
  readonly state: "found" | "not-found" | "withheld";
  readonly listeners: readonly string[];
  readonly workload: string;
}

interface Versioned {
  readonly name: string;
  /** Content hash. */
  readonly version: string;
}

export interface Listener extends Versioned {
  readonly port: number;
  /** Exact or "*."-wildcard, lower case; "" matches every host. */
  readonly hostname: string;
  readonly routeConfiguration: string;
  readonly cluster: string;
  readonly displayName: string;
}

export interface RouteConfiguration extends Versioned {
  readonly virtualHosts: readonly VirtualHost[];
  readonly routes: readonly string[];
}

export interface VirtualHost {
  readonly hostname: string;
  readonly entries: readonly RouteEntry[];
}

/** Indexes: of the route in its configuration's list, of the rule in the route, of the match in the rule. */
export interface RouteEntry {
  readonly route: number;
  readonly rule: number;
  readonly match: number;
}

export interface Route extends Versioned {
  readonly rules: readonly Rule[];
}

export interface Rule {
  readonly name: string;
  readonly matches: readonly Match[];
  readonly requestHeaders: HeaderModifier | null;
  readonly responseHeaders: HeaderModifier | null;
  readonly mirrors: readonly Mirror[];
  readonly backends: readonly Backend[];
  readonly unsupported: string;
}

export interface Match {
  readonly path:
    | { readonly kind: "prefix"; readonly value: string }
    | { readonly kind: "exact"; readonly value: string }
    | { readonly kind: "regular-expression"; readonly value: string };
  readonly headers: readonly ValueMatch[];
  readonly queryParameters: readonly ValueMatch[];
  /** "" matches every method. */
  readonly method: string;
}

export interface ValueMatch {
  readonly name: string;
  readonly value: string;
  readonly regularExpression: boolean;
}

export interface Header {
  readonly name: string;
  readonly value: string;
}

export interface HeaderModifier {
  readonly set: readonly Header[];
  readonly add: readonly Header[];
  readonly remove: readonly string[];
}

export interface Backend {
  readonly displayName: string;
  /** "" when the reference is invalid. */
  readonly cluster: string;
  readonly weight: number;
  readonly requestHeaders: HeaderModifier | null;
  readonly responseHeaders: HeaderModifier | null;
  readonly mirrors: readonly Mirror[];
  readonly invalidReason: string;
}

export interface Mirror {
  readonly displayName: string;
  readonly cluster: string;
  readonly numerator: number;
  readonly denominator: number;
}

export interface Cluster extends Versioned {
  readonly protocol: "http1" | "h2c";
  readonly defaultWorkloadVersion: string;
}

export interface Endpoints extends Versioned {
  readonly endpoints: readonly Endpoint[];
}

export interface Endpoint {
  readonly address: string;
  readonly port: number;
  readonly workloadVersion: string;
  readonly pod: string;
}

export interface Workload extends Versioned {
  readonly serviceName: string;
  readonly workloadVersion: string;
  readonly inboundPorts: readonly InboundPort[];
}

export interface InboundPort {
  readonly port: number;
  readonly applicationAddress: string;
  readonly applicationPort: number;
  readonly protocol: "detect" | "http1" | "h2c" | "tcp";
}

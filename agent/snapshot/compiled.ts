// What the data path reads: the shape that compile.ts makes of a ResourceSet. One value per generation, swapped by one
// reference; a request keeps the one it began with. Live state (connections, ejections, counters) is never in here,
// except the splits, which compile.ts carries over so that a bag survives swaps.
import type { ResourceSet, Workload } from "./resources.ts";

export interface CompiledSnapshot {
  readonly generation: string;
  readonly resources: ResourceSet;
  /** Gateway mode: by listener port. */
  readonly gatewayPorts: ReadonlyMap<number, GatewayPort>;
  /** Sidecar mode: by "host:port" as subscribed, without the "frontend:" prefix. */
  readonly frontends: ReadonlyMap<string, CompiledFrontend>;
  readonly workload: Workload | null;
  readonly clusters: ReadonlyMap<string, CompiledCluster>;
}

export interface GatewayPort {
  readonly port: number;
  /** The single best listener for the host (Gateway API listener isolation), or null: 404. */
  listenerFor(host: string): CompiledListener | null;
}

export interface CompiledFrontend {
  readonly state: "found" | "not-found" | "withheld";
  /** Only when found. */
  readonly listener: CompiledListener | null;
}

export interface CompiledListener {
  readonly displayName: string;
  /** Null on a frontend that no route claims: requests go to `cluster`. */
  readonly routes: RouteTable | null;
  readonly cluster: CompiledCluster | null;
}

/**
 * What matching may ask of a request. The HTTP/1.1 head is one; allocation only where a rule really asks. Strings hold
 * one character per byte (latin1), as they were on the wire.
 */
export interface MatchableRequest {
  readonly method: string;
  /** Host without port, lower case. */
  readonly host: string;
  /** The path as received, undecoded, without query. */
  readonly path: string;
  /** After "?", without it; "" when there is none. */
  readonly query: string;
  /** Value of a header by lower-case name; repeated ones joined with ", " (RFC 9110 section 5.3); "host" answers the authority. */
  header(lowerCaseName: string): string | undefined;
}

export interface RouteTable {
  /** The winning rule by Gateway API precedence, or null: 404. */
  match(request: MatchableRequest): CompiledRule | null;
}

export interface CompiledRule {
  /** "namespace/name" of the route. */
  readonly route: string;
  readonly index: number;
  /** "namespace/name/index": identity of the split across swaps. */
  readonly id: string;
  readonly name: string;
  readonly unsupported: string;
  readonly backends: readonly CompiledBackend[];
  /** Draws once per request. Null when no backend has a weight above 0. */
  readonly split: Split | null;
}

export interface Split {
  /** Index into the rule's backends. */
  next(): number;
}

export interface CompiledBackend {
  readonly rule: CompiledRule;
  readonly displayName: string;
  readonly weight: number;
  /** Null when the reference is invalid: 500. */
  readonly cluster: CompiledCluster | null;
  readonly invalidReason: string;
  /** Rule filters and backend filters composed into one edit each; null when nothing changes. */
  readonly requestEdit: HeaderEdit | null;
  readonly responseEdit: HeaderEdit | null;
  /** The rule's mirrors, then the backend's own; only those with a valid cluster. */
  readonly mirrors: readonly CompiledMirror[];
}

/** First every header in `drop` goes, then `append` is added. Equivalent to the filters in their order. */
export interface HeaderEdit {
  /** Lower-case names. */
  readonly drop: readonly string[];
  /** "Name: value\r\n" lines, one character per byte: to be written as latin1. */
  readonly append: string;
}

export interface CompiledMirror {
  readonly displayName: string;
  readonly cluster: CompiledCluster;
  readonly numerator: number;
  readonly denominator: number;
}

export interface CompiledCluster {
  readonly name: string;
  readonly protocol: "http1" | "h2c";
  readonly endpoints: readonly CompiledEndpoint[];
}

export interface CompiledEndpoint {
  readonly address: string;
  readonly port: number;
  /** "address:port" ("[address]:port" for IPv6): identity of its live state. */
  readonly key: string;
  /** Never empty: falls back to the cluster's default. */
  readonly workloadVersion: string;
  readonly pod: string;
}

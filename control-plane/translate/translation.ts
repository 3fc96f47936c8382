// What translation makes of a ClusterState: resources for agents, an index from subscription names to them, and a
// status for every object that has one. Types only; translate.ts makes it, snapshot/ versions and serves it,
// status/ writes the statuses.
import type { Cluster, Endpoints, Listener, Route, RouteConfiguration, Workload } from "../../proto/messages.ts";

/** Bodies by resource name. A body that did not change keeps its identity from one translation to the next. */
export interface Translation {
  readonly listeners: ReadonlyMap<string, Listener>;
  readonly routeConfigurations: ReadonlyMap<string, RouteConfiguration>;
  readonly routes: ReadonlyMap<string, Route>;
  readonly clusters: ReadonlyMap<string, Cluster>;
  readonly endpoints: ReadonlyMap<string, Endpoints>;
  readonly workloads: ReadonlyMap<string, Workload>;
  /** "namespace/name" of a Gateway of our class -> names of its listeners. */
  readonly gateways: ReadonlyMap<string, readonly string[]>;
  /** "host:port" with the host as a cluster address or as "name.namespace" -> the frontend. */
  readonly frontends: ReadonlyMap<string, Frontend>;
  readonly statuses: Statuses;
}

/** A Service's address and port that clients dial. */
export interface Frontend {
  readonly listener: string;
  /** Client namespaces with consumer routes of their own for this frontend -> their listener (GEP-1294). */
  readonly consumerListeners: ReadonlyMap<string, string>;
}

export interface Condition {
  readonly type: string;
  readonly status: "True" | "False" | "Unknown";
  readonly reason: string;
  readonly message: string;
  readonly observedGeneration: number;
}

export interface Statuses {
  /** By name. */
  readonly gatewayClasses: ReadonlyMap<string, readonly Condition[]>;
  /** By "namespace/name". */
  readonly gateways: ReadonlyMap<string, GatewayStatus>;
  /** By "namespace/name"; a route without a parent of ours is absent. */
  readonly httpRoutes: ReadonlyMap<string, readonly RouteParentStatus[]>;
}

/** As in status.addresses of a Gateway. */
export interface GatewayAddress {
  /** "IPAddress" or "Hostname". */
  readonly type: string;
  readonly value: string;
}

export interface GatewayStatus {
  readonly conditions: readonly Condition[];
  readonly listeners: readonly ListenerStatus[];
}

export interface ListenerStatus {
  readonly name: string;
  readonly supportedKinds: readonly { readonly group: string; readonly kind: string }[];
  readonly attachedRoutes: number;
  readonly conditions: readonly Condition[];
}

export interface RouteParentStatus {
  readonly parentRef: {
    readonly group: string;
    readonly kind: string;
    readonly namespace: string;
    readonly name: string;
    readonly sectionName?: string;
    readonly port?: number;
  };
  readonly conditions: readonly Condition[];
}

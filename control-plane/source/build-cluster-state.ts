// Objects -> one ClusterState. Owns the identity of its maps: a kind of which nothing changed keeps its map.
import type {
  ClusterState,
  Deployment,
  EndpointSlice,
  Gateway,
  GatewayClass,
  HttpRoute,
  Namespace,
  Pod,
  ReferenceGrant,
  Service,
} from "./cluster-state.ts";

/** Anything that a ClusterState holds. */
export type ClusterObject =
  | GatewayClass
  | Gateway
  | HttpRoute
  | ReferenceGrant
  | Namespace
  | Service
  | EndpointSlice
  | Deployment
  | Pod;

const clusterScoped: ReadonlySet<string> = new Set(["GatewayClass", "Namespace"]);

/** "namespace/name", or "name" for kinds without namespaces. */
export function objectKey({ kind, meta }: ClusterObject): string {
  return clusterScoped.has(kind) ? meta.name : `${meta.namespace}/${meta.name}`;
}

/**
 * Makes the state that holds `objects`; of two with the same kind and key the first is kept. Maps are ordered by
 * key. Returns `previous` itself when nothing differs from it.
 */
export function buildClusterState(objects: Iterable<ClusterObject>, previous: ClusterState | null): ClusterState {
  const lists = new Map<ClusterObject["kind"], Map<string, ClusterObject>>();
  for (const object of objects) {
    let list = lists.get(object.kind);
    if (list === undefined) lists.set(object.kind, (list = new Map()));
    const key = objectKey(object);
    if (!list.has(key)) list.set(key, object);
  }
  const retain = <Kind extends ClusterObject>(
    kind: Kind["kind"],
    old: ReadonlyMap<string, Kind> | undefined,
  ): ReadonlyMap<string, Kind> => {
    const found = [...(lists.get(kind) ?? [])] as [string, Kind][];
    if (old?.size === found.length && found.every(([key, object]) => old.get(key) === object)) return old;
    return new Map(found.sort(([left], [right]) => (left < right ? -1 : 1)));
  };
  const state: ClusterState = {
    gatewayClasses: retain("GatewayClass", previous?.gatewayClasses),
    gateways: retain("Gateway", previous?.gateways),
    httpRoutes: retain("HTTPRoute", previous?.httpRoutes),
    referenceGrants: retain("ReferenceGrant", previous?.referenceGrants),
    namespaces: retain("Namespace", previous?.namespaces),
    services: retain("Service", previous?.services),
    endpointSlices: retain("EndpointSlice", previous?.endpointSlices),
    pods: retain("Pod", previous?.pods),
    deployments: retain("Deployment", previous?.deployments),
  };
  const kinds = Object.keys(state) as (keyof ClusterState)[];
  return previous !== null && kinds.every((kind) => state[kind] === previous[kind]) ? previous : state;
}

/** Every object of a state. */
export function objectsOf(state: ClusterState): ClusterObject[] {
  return [
    ...state.gatewayClasses.values(),
    ...state.gateways.values(),
    ...state.httpRoutes.values(),
    ...state.referenceGrants.values(),
    ...state.namespaces.values(),
    ...state.services.values(),
    ...state.endpointSlices.values(),
    ...state.pods.values(),
    ...state.deployments.values(),
  ];
}

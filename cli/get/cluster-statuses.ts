// What the API server holds of routes and Gateways, in the shape that the rows are made from: only our controller's
// entries, defaults of references applied, and a line for what has no status yet. Pure.
import type { ClusterState } from "../../control-plane/source/cluster-state.ts";
import type { StatusObject } from "../../control-plane/status/status-object.ts";
import type { ListedObject } from "../cluster/load-cluster.ts";
import { controllerName, ourGateways } from "../folder/controller.ts";

interface ParentEntry {
  readonly controllerName?: string;
  readonly parentRef: { readonly kind?: string; readonly namespace?: string; readonly name: string };
  readonly conditions?: readonly unknown[];
}

/** A route with parents of other controllers only has none of ours. */
export function routeStatuses(routes: readonly ListedObject[]): readonly StatusObject[] {
  return routes.map(({ metadata, status }) => {
    const { name, namespace = "", generation = 0 } = metadata;
    const parents = ((status?.["parents"] ?? []) as readonly ParentEntry[])
      .filter((entry) => entry.controllerName === controllerName)
      .map(({ parentRef, conditions = [] }) => ({
        parentRef: { ...parentRef, kind: parentRef.kind ?? "Gateway", namespace: parentRef.namespace ?? namespace },
        conditions: markStale(conditions, generation),
      }));
    return { kind: "HTTPRoute", namespace, name, generation, status: { parents } };
  });
}

/** Gateways of our classes; a listener that the status does not know yet is there without conditions. */
export function gatewayStatuses(
  state: Pick<ClusterState, "gateways" | "gatewayClasses">,
  gateways: readonly ListedObject[],
): readonly StatusObject[] {
  const ours = ourGateways(state);
  return gateways.flatMap(({ metadata, status }): readonly StatusObject[] => {
    const { name, namespace = "", generation = 0 } = metadata;
    const gateway = ours.get(`${namespace}/${name}`);
    if (gateway === undefined) {
      return [];
    }
    const known = (status?.["listeners"] ?? []) as readonly { readonly name: string; readonly conditions: unknown[] }[];
    const listeners = gateway.listeners.map(
      (listener) =>
        known.find((entry) => entry.name === listener.name) ?? {
          name: listener.name,
          attachedRoutes: 0,
          conditions: [],
        },
    );
    const conditions = markStale((status?.["conditions"] ?? []) as readonly unknown[], generation);
    const addresses = status?.["addresses"] ?? [];
    return [{ kind: "Gateway", namespace, name, generation, status: { addresses, conditions, listeners } }];
  });
}

/** Conditions about an older object than the one that is there say so. */
function markStale(conditions: readonly unknown[], generation: number): readonly unknown[] {
  return conditions.map((condition) => {
    const { type, observedGeneration = generation } = condition as {
      readonly type: string;
      readonly observedGeneration?: number;
    };
    return observedGeneration < generation
      ? { ...(condition as object), type: `${type} (of generation ${observedGeneration}, now ${generation})` }
      : condition;
  });
}

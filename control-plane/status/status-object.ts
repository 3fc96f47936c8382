// Statuses as the objects of the Gateway API carry them: what a client would see under `status`. Pure; the transition
// times are the only memory. Who writes them is a sink's.
import type { ClusterState, ObjectMeta } from "../source/cluster-state.ts";
import type { Condition, Statuses } from "../translate/translation.ts";

/** One object with the status Heddle gives it, in the shape of the API. */
export interface StatusObject {
  readonly kind: "GatewayClass" | "Gateway" | "HTTPRoute";
  /** Empty for a GatewayClass. */
  readonly namespace: string;
  readonly name: string;
  readonly generation: number;
  /** Of the object that the status speaks of, when the source knows it. */
  readonly uid?: string;
  readonly status: Readonly<Record<string, unknown>>;
}

/** Where the statuses of one translation go. Called with the newest; a sink may skip what it could not keep up with. */
export interface StatusSink {
  write(objects: readonly StatusObject[]): void;
  /** Resolves when the newest is written. */
  close(): Promise<void>;
}

export interface StatusObjectOptions {
  /** Written beside every route parent, so that other controllers' entries can be told from ours. */
  readonly controllerName: string;
  /** status.addresses of every Gateway that is programmed. */
  readonly gatewayAddresses: readonly { readonly type: string; readonly value: string }[];
  readonly now: () => number;
}

interface Transition {
  readonly status: string;
  readonly time: string;
}

/** Makes the status objects of one translation after another; remembers when each condition last changed. */
export class StatusObjects {
  readonly #options: StatusObjectOptions;
  #transitions: ReadonlyMap<string, Transition> = new Map();

  constructor(options: StatusObjectOptions) {
    this.#options = options;
  }

  /** In order of kind, namespace and name. Objects that are not in `state` have none. */
  make(statuses: Statuses, state: ClusterState): readonly StatusObject[] {
    const transitions = new Map<string, Transition>();
    const dated = (object: string, conditions: readonly Condition[]): readonly Record<string, unknown>[] =>
      conditions.map(({ type, status, reason, message, observedGeneration }) => {
        const key = `${object} ${type}`;
        const before = this.#transitions.get(key);
        const now = new Date(this.#options.now()).toISOString().replace(/\.\d+Z$/, "Z");
        const transition = before?.status === status ? before : { status, time: now };
        transitions.set(key, transition);
        return { type, status, reason, message, observedGeneration, lastTransitionTime: transition.time };
      });
    const { controllerName, gatewayAddresses } = this.#options;
    const objects: StatusObject[] = [];
    for (const [key, conditions] of sorted(statuses.gatewayClasses)) {
      const meta = state.gatewayClasses.get(key)?.meta;
      const object = `GatewayClass ${key}`;
      if (meta) objects.push(statusObject("GatewayClass", meta, { conditions: dated(object, conditions) }));
    }
    for (const [key, gateway] of sorted(statuses.gateways)) {
      const meta = state.gateways.get(key)?.meta;
      if (meta === undefined) continue;
      const object = `Gateway ${key}`;
      const isProgrammed = gateway.conditions.some(({ type, status }) => type === "Programmed" && status === "True");
      objects.push(
        statusObject("Gateway", meta, {
          ...(isProgrammed && { addresses: gatewayAddresses }),
          conditions: dated(object, gateway.conditions),
          listeners: gateway.listeners.map(({ conditions, ...listener }) => ({
            ...listener,
            conditions: dated(`${object} ${listener.name}`, conditions),
          })),
        }),
      );
    }
    for (const [key, parents] of sorted(statuses.httpRoutes)) {
      const meta = state.httpRoutes.get(key)?.meta;
      if (meta === undefined) continue;
      objects.push(
        statusObject("HTTPRoute", meta, {
          parents: parents.map(({ parentRef, conditions }) => ({
            parentRef,
            controllerName,
            conditions: dated(`HTTPRoute ${key} ${JSON.stringify(parentRef)}`, conditions),
          })),
        }),
      );
    }
    this.#transitions = transitions;
    return objects;
  }
}

function sorted<Value>(map: ReadonlyMap<string, Value>): [string, Value][] {
  return [...map].sort(([left], [right]) => (left < right ? -1 : 1));
}

function statusObject(
  kind: StatusObject["kind"],
  { namespace, name, generation }: ObjectMeta,
  status: StatusObject["status"],
): StatusObject {
  return { kind, namespace: kind === "GatewayClass" ? "" : namespace, name, generation, status };
}

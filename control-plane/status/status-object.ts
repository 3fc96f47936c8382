// Statuses as the objects of the Gateway API carry them: what a client would see under `status`. Pure; the transition
// times are the only memory. Who writes them is a sink's.
import type { ClusterState, Gateway, ObjectMeta } from "../source/cluster-state.ts";
import { sameElements } from "../translate/retain.ts";
import type { Condition, GatewayAddress, Statuses } from "../translate/translation.ts";
import { supportedFeatures } from "./supported-features.ts";

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
  /** Where a Gateway ("namespace/name") is reached: its status.addresses once it is programmed. */
  readonly addressesOf: (gateway: string) => readonly GatewayAddress[];
  readonly now: () => number;
}

interface Transition {
  readonly status: string;
  readonly time: string;
}

type Transitions = ReadonlyMap<string, Transition>;
type Dated = (part: string, conditions: readonly Condition[]) => readonly Record<string, unknown>[];

/** One object and all that it was made of. */
interface Made {
  readonly from: readonly unknown[];
  readonly object: StatusObject;
  readonly transitions: Transitions;
}

/** Makes the status objects of one translation after another; remembers when each condition last changed. */
export class StatusObjects {
  readonly #options: StatusObjectOptions;
  #made: ReadonlyMap<string, Made> = new Map();

  constructor(options: StatusObjectOptions) {
    this.#options = options;
  }

  /**
   * In order of kind, namespace and name. Objects that are not in `state` have none. An object of which nothing changed
   * keeps its identity.
   */
  make(statuses: Statuses, state: ClusterState): readonly StatusObject[] {
    const made = new Map<string, Made>();
    const add = (
      kind: StatusObject["kind"],
      meta: ObjectMeta | undefined,
      from: readonly unknown[],
      status: (dated: Dated) => StatusObject["status"],
    ): void => {
      if (meta === undefined) return;
      const key = `${kind} ${meta.namespace}/${meta.name}`;
      const before = this.#made.get(key);
      const parts = [meta.uid, meta.generation, ...from];
      made.set(
        key,
        before && sameElements(before.from, parts) ? before : this.#make(kind, meta, parts, status, before),
      );
    };
    const { controllerName, addressesOf } = this.#options;
    for (const [key, conditions] of sorted(statuses.gatewayClasses)) {
      add("GatewayClass", state.gatewayClasses.get(key)?.meta, [conditions], (dated) => ({
        conditions: dated("", conditions),
        supportedFeatures,
      }));
    }
    for (const [key, gateway] of sorted(statuses.gateways)) {
      const found = state.gateways.get(key);
      const isProgrammed = gateway.conditions.some(({ type, status }) => type === "Programmed" && status === "True");
      const addresses = isProgrammed && found ? askedFor(found, addressesOf(key)) : [];
      const values = addresses.map(({ type, value }) => `${type} ${value}`).join();
      add("Gateway", found?.meta, [gateway, values], (dated) => ({
        ...(addresses.length > 0 && { addresses }),
        conditions: dated("", gateway.conditions),
        listeners: gateway.listeners.map(({ conditions, ...listener }) => ({
          ...listener,
          conditions: dated(listener.name, conditions),
        })),
      }));
    }
    for (const [key, parents] of sorted(statuses.httpRoutes)) {
      add("HTTPRoute", state.httpRoutes.get(key)?.meta, [parents], (dated) => ({
        parents: parents.map(({ parentRef, conditions }) => ({
          parentRef,
          controllerName,
          conditions: dated(JSON.stringify(parentRef), conditions),
        })),
      }));
    }
    this.#made = made;
    return [...made.values()].map(({ object }) => object);
  }

  #make(
    kind: StatusObject["kind"],
    { namespace, name, generation, uid }: ObjectMeta,
    from: readonly unknown[],
    status: (dated: Dated) => StatusObject["status"],
    previous: Made | undefined,
  ): Made {
    const transitions = new Map<string, Transition>();
    const now = new Date(this.#options.now()).toISOString().replace(/\.\d+Z$/, "Z");
    const dated: Dated = (part, conditions) =>
      conditions.map(({ type, status: value, reason, message, observedGeneration }) => {
        const key = `${part} ${type}`;
        const before = previous?.transitions.get(key);
        const transition = before?.status === value ? before : { status: value, time: now };
        transitions.set(key, transition);
        return { type, status: value, reason, message, observedGeneration, lastTransitionTime: transition.time };
      });
    const made = { kind, namespace: kind === "GatewayClass" ? "" : namespace, name, generation };
    return { from, object: { ...made, ...(uid !== undefined && { uid }), status: status(dated) }, transitions };
  }
}

/** Of the addresses, those that spec.addresses names; all, when it names none. */
function askedFor({ addresses: asked }: Gateway, addresses: readonly GatewayAddress[]): readonly GatewayAddress[] {
  const values = new Set(asked.map(({ value }) => value).filter((value) => value !== ""));
  return values.size === 0 ? addresses : addresses.filter(({ value }) => values.has(value));
}

function sorted<Value>(map: ReadonlyMap<string, Value>): [string, Value][] {
  return [...map].sort(([left], [right]) => (left < right ? -1 : 1));
}

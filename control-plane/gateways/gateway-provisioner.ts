// Keeps what runs our Gateways as gateway-objects.ts says, and knows at which addresses they are reached. Every replica
// watches; the leader alone writes. Bad input changes nothing: a Gateway that is refused, has no listener to serve or has
// bad parameters keeps the objects that it has.
//
//   a Gateway              its objects
//   ours                   applied when they differ from what was last applied, be it by us or by somebody else
//   ours, of a new class   those of the new class made, those of the old deleted
//   no longer ours         deleted
//   deleted                left to the garbage collector: they are owned by the Gateway
//   its GatewayClass gone  kept: the class may come back, its traffic would not
import { CustomObjectsApi, type KubeConfig } from "@kubernetes/client-node";
import { gatewayObjectName, labels } from "../../proto/kubernetes.ts";
import { type Clock, systemClock } from "../discovery/clock.ts";
import type { Logger } from "../discovery/logger.ts";
import { isNamespaceTerminating, isStatus, readableError } from "../kubernetes/api-refusal.ts";
import type { ClusterState, Gateway } from "../source/cluster-state.ts";
import { isServed, viewGateway } from "../translate/gateway-view.ts";
import { gatewayObjects, type GatewaySettings, labelsOf, type ManagedObject, portFault } from "./gateway-objects.ts";
import { apiCall } from "./api-call.ts";
import { AppliedObjects, managedKey } from "./applied-objects.ts";
import { fingerprintOf, type GatewayAddress, objectKey, type OwnedObject, OwnedObjects } from "./owned-objects.ts";
import type { GatewayParameters } from "./parameters.ts";
import { configMapOf, ParameterReader } from "./parameter-reader.ts";
import { RetryQueue } from "./retry-queue.ts";

/** Why the objects of a Gateway are not as they should be: for its Programmed condition. */
export interface ProvisioningProblem {
  readonly reason: "Invalid" | "Pending";
  readonly message: string;
}

export interface GatewayProvisionerOptions {
  readonly kubeConfig: KubeConfig;
  readonly isLeader: () => boolean;
  readonly controllerName: string;
  readonly settings: GatewaySettings;
  readonly logger: Logger;
  readonly clock?: Clock;
  /** `addressesOf`, `parameterErrors` or `problems` answer something else from now on. */
  readonly onChange: () => void;
}

class Obstacle extends Error {
  readonly problem: ProvisioningProblem;

  constructor(problem: ProvisioningProblem) {
    super(problem.message);
    this.problem = problem;
  }
}

export class GatewayProvisioner {
  readonly #options: GatewayProvisionerOptions;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #gatewayApi: CustomObjectsApi;
  readonly #objects: OwnedObjects;
  readonly #parameters: ParameterReader;
  readonly #queue: RetryQueue;
  #state: ClusterState | null = null;
  #ours: ReadonlyMap<string, Gateway> = new Map();
  /** Of our Gateways, as the API server last said. */
  readonly #uids = new Map<string, string>();
  readonly #applied: AppliedObjects;
  readonly #problems = new Map<string, ProvisioningProblem>();

  constructor(options: GatewayProvisionerOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#logger = options.logger;
    this.#applied = new AppliedObjects(this.#clock);
    this.#gatewayApi = options.kubeConfig.makeApiClient(CustomObjectsApi);
    this.#queue = new RetryQueue({ clock: this.#clock, run: (gateway) => this.#converge(gateway) });
    this.#objects = new OwnedObjects({
      kubeConfig: options.kubeConfig,
      clock: this.#clock,
      logger: this.#logger,
      onChange: (before, now) => this.#onObject(before, now),
      onSynced: () => this.wake(),
    });
    this.#parameters = new ParameterReader({
      kubeConfig: options.kubeConfig,
      clock: this.#clock,
      logger: this.#logger,
      onChange: (configMap) => this.#onParameters(configMap),
    });
  }

  start(): void {
    this.#objects.start();
  }

  /** What is under way is finished; nothing new begins. */
  async close(): Promise<void> {
    await Promise.all([this.#queue.close(), this.#objects.close(), this.#parameters.close()]);
  }

  /** The newest state; cheap when no Gateway changed. */
  reconcile(state: ClusterState): void {
    const before = this.#state;
    this.#state = state;
    const ours = new Map<string, Gateway>();
    for (const [key, gateway] of state.gateways) {
      const gatewayClass = state.gatewayClasses.get(gateway.gatewayClassName);
      if (gatewayClass?.controllerName === this.#options.controllerName) ours.set(key, gateway);
    }
    const previous = this.#ours;
    this.#ours = ours;
    this.#parameters.follow(ours.values());
    for (const key of new Set([...ours.keys(), ...previous.keys()])) {
      const isNew = ours.get(key) !== previous.get(key);
      if (isNew) this.#queue.add(key, "fresh");
    }
    // What a Gateway of another class still has of ours may be from before this process.
    for (const [key, gateway] of state.gateways) {
      if (!ours.has(key) && before?.gateways.get(key) !== gateway) this.#queue.add(key, "fresh");
    }
  }

  /** Looks at every Gateway again: this replica leads from now on. */
  wake(): void {
    for (const key of this.#state?.gateways.keys() ?? []) this.#queue.add(key, "fresh");
  }

  /** Where "namespace/name" is reached: its load balancer, until there is one its cluster addresses, before that nowhere. */
  addressesOf(key: string): readonly GatewayAddress[] {
    const gateway = this.#ours.get(key);
    if (gateway === undefined) return [];
    const { namespace, name } = gateway.meta;
    const service = this.#objects.get("Service", namespace, gatewayObjectName(name, gateway.gatewayClassName));
    return service !== undefined && gatewayKeyOf(service) === key ? service.addresses : [];
  }

  /** "namespace/name" -> what is wrong with the ConfigMap of its parametersRef. */
  parameterErrors(): ReadonlyMap<string, string> {
    const errors = new Map<string, string>();
    for (const [key, gateway] of this.#ours) {
      const state = this.#parameters.of(gateway);
      if (state.kind === "invalid") errors.set(key, state.message);
    }
    return errors;
  }

  /** "namespace/name" -> why its objects are not as they should be. Known to the leader alone. */
  problems(): ReadonlyMap<string, ProvisioningProblem> {
    return this.#problems;
  }

  #onObject(before: OwnedObject | undefined, now: OwnedObject | undefined): void {
    const object = now ?? before;
    const key = object && gatewayKeyOf(object);
    if (key === undefined) return;
    this.#queue.add(key, "again");
    if (fingerprintOf(before?.addresses) !== fingerprintOf(now?.addresses)) this.#options.onChange();
  }

  #onParameters(configMap: string): void {
    for (const [key, gateway] of this.#ours) if (configMapOf(gateway) === configMap) this.#queue.add(key, "fresh");
    this.#options.onChange();
  }

  /** One round for one Gateway. "retry": it is to be looked at again after a pause. */
  async #converge(key: string): Promise<"done" | "retry"> {
    const gateway = this.#state?.gateways.get(key);
    if (gateway === undefined || !this.#ours.has(key)) {
      this.#uids.delete(key);
      this.#report(key, undefined);
    }
    if (gateway === undefined) this.#applied.deleteAll(key);
    if (gateway === undefined || !this.#options.isLeader() || !this.#objects.isSynced) return "done";
    try {
      if (!this.#ours.has(key)) {
        await this.#removeOtherClasses(gateway, key);
        return "done";
      }
      const parameters = this.#parameters.of(gateway);
      const ports = servedPorts(gateway);
      if (parameters.kind !== "known" || ports.length === 0) return "done";
      const outcome = await this.#provision(gateway, key, ports, parameters.parameters);
      this.#report(key, undefined);
      return outcome;
    } catch (error) {
      // The Gateway goes with its namespace.
      if (isNamespaceTerminating(error)) return "done";
      this.#report(key, problemOf(error));
      return "retry";
    }
  }

  async #provision(
    gateway: Gateway,
    key: string,
    ports: readonly number[],
    parameters: GatewayParameters,
  ): Promise<"done" | "retry"> {
    const { settings } = this.#options;
    const known = this.#uids.get(key);
    if (known !== undefined) {
      const objects = gatewayObjects({ gateway, uid: known, ports, parameters, settings });
      const states = new Set(objects.map((object) => this.#stateOf(object)));
      if (!states.has("unsettled") && this.#surplus(key, known, objects).length === 0)
        return states.has("unconfirmed") ? "retry" : "done";
    }
    const uid = await this.#readUid(gateway);
    if (uid === undefined) return "done";
    this.#uids.set(key, uid);
    const objects = gatewayObjects({ gateway, uid, ports, parameters, settings });
    for (const object of objects) {
      if (this.#stateOf(object) !== "unsettled") continue;
      const isRepair = this.#applied.has(object);
      await this.#apply(object, uid);
      this.#logger.info({ gateway: key, object: nameOf(object) }, isRepair ? "object repaired" : "object applied");
    }
    for (const object of this.#surplus(key, uid, objects)) await this.#remove(key, object);
    // Looked at again once the watch has shown it. Somebody who undoes every repair is met by growing pauses.
    return "retry";
  }

  async #apply(object: ManagedObject, uid: string): Promise<void> {
    const existing = this.#live(object) ?? (await this.#objects.read(object));
    if (existing !== undefined && existing.owner?.uid !== uid) {
      const { kind, name } = existing.owner ?? {};
      const isEarlier = kind === "Gateway" && name === object.metadata.ownerReferences[0]?.name;
      const message = isEarlier
        ? `${nameOf(object)} belongs to an earlier Gateway of this name and is not removed yet`
        : `${nameOf(object)} exists and is not of this Gateway; delete it, or give the Gateway another name`;
      throw new Obstacle({ reason: isEarlier ? "Pending" : "Invalid", message });
    }
    if (existing?.isBeingDeleted === true)
      throw new Obstacle({ reason: "Pending", message: `${nameOf(object)} is being deleted` });
    try {
      this.#applied.put(object, await this.#objects.apply(object, existing));
    } catch (error) {
      if (isNamespaceTerminating(error)) throw error;
      const reason = isStatus(error, 400, 422) ? "Invalid" : "Pending";
      throw new Obstacle({ reason, message: `${nameOf(object)}: ${readableError(error).message}` });
    }
  }

  #live({ kind, metadata }: ManagedObject): OwnedObject | undefined {
    return this.#objects.get(kind, metadata.namespace, metadata.name);
  }

  #stateOf(object: ManagedObject): "settled" | "unconfirmed" | "unsettled" {
    return this.#applied.state(object, this.#live(object));
  }

  /** What the Gateway owns and needs no more. */
  #surplus(key: string, uid: string, needed: readonly ManagedObject[]): readonly OwnedObject[] {
    const keys = new Set(needed.map(managedKey));
    return [...this.#objects.all()].filter(
      (object) =>
        gatewayKeyOf(object) === key &&
        object.owner?.uid === uid &&
        !object.isBeingDeleted &&
        !keys.has(objectKey(object)),
    );
  }

  async #removeOtherClasses(gateway: Gateway, key: string): Promise<void> {
    const current = labelsOf(gateway)[labels.gatewayClassName];
    for (const object of this.#objects.all()) {
      if (gatewayKeyOf(object) !== key || object.isBeingDeleted) continue;
      const madeFor = object.labels[labels.gatewayClassName];
      if (madeFor !== undefined && madeFor !== current) await this.#remove(key, object);
    }
  }

  async #remove(key: string, object: OwnedObject): Promise<void> {
    await this.#objects.remove(object);
    this.#applied.delete(objectKey(object));
    this.#logger.info({ gateway: key, object: `${object.kind} ${object.namespace}/${object.name}` }, "object deleted");
  }

  /** Undefined when the Gateway is gone or going: the state will say so in a moment. */
  async #readUid({ meta }: Gateway): Promise<string | undefined> {
    try {
      const request = this.#gatewayApi.getNamespacedCustomObject({
        group: "gateway.networking.k8s.io",
        version: "v1",
        namespace: meta.namespace,
        plural: "gateways",
        name: meta.name,
      });
      const { metadata } = (await apiCall(request, this.#clock)) as {
        readonly metadata?: { readonly uid?: string; readonly deletionTimestamp?: string };
      };
      return metadata?.deletionTimestamp === undefined ? metadata?.uid : undefined;
    } catch (error) {
      if (isStatus(error, 404)) return undefined;
      throw error;
    }
  }

  #report(key: string, problem: ProvisioningProblem | undefined): void {
    if (this.#problems.get(key)?.message === problem?.message) return;
    if (problem === undefined) this.#problems.delete(key);
    else {
      this.#problems.set(key, problem);
      this.#logger[problem.reason === "Invalid" ? "error" : "warn"](
        { gateway: key, reason: problem.reason, problem: problem.message },
        "cannot provision a Gateway",
      );
    }
    this.#options.onChange();
  }
}

/** Distinct ports of listeners that agents are to serve and a Service can name; none when the Gateway is refused. */
export function servedPorts(gateway: Gateway): readonly number[] {
  const view = viewGateway(gateway);
  if (view.refused !== null) return [];
  const ports = view.listeners.filter(isServed).map(({ listener }) => listener.port);
  return [...new Set(ports)].filter((port) => portFault(port) === null).toSorted((one, other) => one - other);
}

function problemOf(error: unknown): ProvisioningProblem {
  if (error instanceof Obstacle) return error.problem;
  return { reason: "Pending", message: readableError(error).message };
}

function gatewayKeyOf({ namespace, owner }: OwnedObject): string | undefined {
  const isGateway = owner?.kind === "Gateway" && owner.apiVersion.startsWith("gateway.networking.k8s.io/");
  return isGateway ? `${namespace}/${owner.name}` : undefined;
}

function nameOf({ kind, metadata }: ManagedObject): string {
  return `${kind} ${metadata.namespace}/${metadata.name}`;
}

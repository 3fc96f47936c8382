// Gives every namespace with agents the CA bundle: ConfigMap "heddle-ca", made, and repaired when it was edited or
// removed. Acts only while this replica leads. What has to be done is config-map-plan.ts's; which namespaces have
// agents is told from outside.
import { CoreV1Api, type KubeConfig } from "@kubernetes/client-node";
import { caConfigMapName } from "../../proto/kubernetes.ts";
import { ListWatch } from "../kubernetes/list-watch.ts";
import { systemClock, type Clock } from "../discovery/clock.ts";
import { silentLogger, type Logger } from "../discovery/logger.ts";
import type { ApiCalls } from "../kubernetes/api-calls.ts";
import { isNamespaceTerminating, isStatus, readableError } from "../kubernetes/api-refusal.ts";
import { heldConfigMap, planConfigMaps, type ConfigMapAction, type HeldConfigMap } from "./config-map-plan.ts";
import { ReconcileLoop } from "./reconcile-loop.ts";

export interface CaConfigMapsOptions {
  readonly kubeConfig: KubeConfig;
  readonly calls: ApiCalls;
  /** The control plane's own: says which ConfigMaps are ours. */
  readonly namespace: string;
  readonly isLeader: () => boolean;
  readonly clock?: Clock;
  readonly logger?: Logger;
}

/** Edits are seen as they happen; this often it is looked all the same, for what could not be written. */
const intervalMs = 60_000;
const maxConcurrentWrites = 8;

export class CaConfigMaps {
  readonly #options: CaConfigMapsOptions;
  readonly #logger: Logger;
  readonly #api: CoreV1Api;
  readonly #existing: ListWatch<HeldConfigMap>;
  readonly #loop: ReconcileLoop;
  /** Null until it was told. */
  #wanted: ReadonlySet<string> | null = null;
  #bundle: string | null = null;
  /** The bundle that every namespace was found to hold, with the namespaces that were wanted then. */
  #distributed: { readonly bundle: string; readonly wanted: ReadonlySet<string> } | null = null;
  /** Namespaces whose ConfigMap is somebody else's. */
  #foreign: ReadonlySet<string> = new Set();

  constructor(options: CaConfigMapsOptions) {
    this.#options = options;
    this.#logger = options.logger ?? silentLogger;
    this.#loop = new ReconcileLoop({
      step: () => this.#reconcile(),
      intervalMs,
      retryMs: 2000,
      clock: options.clock ?? systemClock,
      onFailure: (reason) => this.#logger.error({ reason }, `cannot keep ConfigMap ${caConfigMapName} everywhere`),
    });
    this.#api = options.kubeConfig.makeApiClient(CoreV1Api);
    this.#existing = new ListWatch({
      kubeConfig: options.kubeConfig,
      path: "/api/v1/configmaps",
      // By name, because the right to list can be given for one name; and so those of others are seen too.
      fieldSelector: `metadata.name=${caConfigMapName}`,
      keep: heldConfigMap,
      onSynced: () => void this.refresh(),
      onChange: () => void this.refresh(),
      logger: this.#logger,
      ...(options.clock && { clock: options.clock }),
    });
  }

  start(): void {
    this.#existing.start();
    void this.refresh();
  }

  /** The namespaces with agents. */
  setNamespaces(namespaces: readonly string[]): void {
    const wanted = new Set(namespaces);
    if (this.#wanted?.symmetricDifference(wanted).size === 0) return;
    this.#wanted = wanted;
    void this.refresh();
  }

  setBundle(bundle: string): void {
    this.#bundle = bundle;
    void this.refresh();
  }

  /** Whether every wanted namespace held `bundle` when last looked at; those that are somebody else's do not count. */
  isDistributed(bundle: string): boolean {
    return this.#distributed?.bundle === bundle && this.#distributed.wanted === this.#wanted;
  }

  /** Looks and repairs; resolves when that was tried. */
  refresh(): Promise<void> {
    return this.#loop.trigger();
  }

  async close(): Promise<void> {
    await Promise.all([this.#existing.close(), this.#loop.close()]);
  }

  async #reconcile(): Promise<void> {
    const bundle = this.#bundle;
    const wanted = this.#wanted;
    if (bundle === null || wanted === null || !this.#existing.isSynced || !this.#options.isLeader()) {
      this.#distributed = null;
      return;
    }
    const actions = planConfigMaps(wanted, this.#existing.objects.values(), bundle, this.#options.namespace);
    this.#report(actions);
    const failures: string[] = [];
    let isDistributed = true;
    const pending = actions.values();
    const work = async (): Promise<void> => {
      for (const action of pending) {
        const outcome = await this.#perform(action);
        if (outcome.kind !== "done") isDistributed = false;
        if (outcome.kind === "failed") failures.push(`${action.namespace}: ${outcome.reason}`);
      }
    };
    await Promise.all(Array.from({ length: maxConcurrentWrites }, work));
    this.#distributed = isDistributed ? { bundle, wanted } : null;
    if (failures.length > 0) throw new Error(failures.toSorted().slice(0, 5).join("; "));
  }

  async #perform(action: ConfigMapAction): Promise<Outcome> {
    const { namespace } = action;
    if (action.kind === "foreign") return { kind: "done" };
    const api = this.#api;
    const { calls } = this.#options;
    const request = { name: caConfigMapName, namespace, body: action.body };
    try {
      if (action.kind === "create") await api.createNamespacedConfigMap(request, calls.options());
      else await api.replaceNamespacedConfigMap(request, calls.options());
      this.#logger.info({ namespace, action: action.kind }, `ConfigMap ${caConfigMapName}`);
      return { kind: "done" };
    } catch (error) {
      // A namespace that is gone or going has no agents to come.
      if (action.kind === "create" && (isStatus(error, 404) || isNamespaceTerminating(error))) return { kind: "done" };
      // Changed since it was seen: the change is on its way here, and asks for the next look.
      if (isStatus(error, 404, 409)) return { kind: "outdated" };
      return { kind: "failed", reason: readableError(error).message };
    }
  }

  #report(actions: readonly ConfigMapAction[]): void {
    const foreign = new Set(actions.flatMap(({ kind, namespace }) => (kind === "foreign" ? [namespace] : [])));
    for (const namespace of foreign) {
      if (this.#foreign.has(namespace)) continue;
      const message = `ConfigMap ${caConfigMapName} is not Heddle's and is left alone: agents of this namespace cannot connect`;
      this.#logger.error({ namespace }, message);
    }
    this.#foreign = foreign;
  }
}

type Outcome = { readonly kind: "done" | "outdated" } | { readonly kind: "failed"; readonly reason: string };

// Gives every namespace with agents the CA bundle: ConfigMap "heddle-ca", made, and repaired when it was edited or
// removed. Acts only while this replica leads. What has to be done is config-map-plan.ts's; which namespaces have
// agents is told from outside.
import type { CoreV1Api, V1ConfigMap } from "@kubernetes/client-node";
import { caConfigMapName } from "../../proto/kubernetes.ts";
import { systemClock, type Clock } from "../discovery/clock.ts";
import { silentLogger, type Logger } from "../discovery/logger.ts";
import { type ApiCalls, isStatus, readableError } from "./api-calls.ts";
import { planConfigMaps, type ConfigMapAction } from "./config-map-plan.ts";
import { ReconcileLoop } from "./reconcile-loop.ts";

type ConfigMapApi = Pick<
  CoreV1Api,
  "listConfigMapForAllNamespaces" | "createNamespacedConfigMap" | "replaceNamespacedConfigMap"
>;

export interface CaConfigMapsOptions {
  readonly api: ConfigMapApi;
  readonly calls: ApiCalls;
  readonly isLeader: () => boolean;
  readonly clock?: Clock;
  readonly logger?: Logger;
  /** An edit or a removal is repaired after this long at the latest. */
  readonly intervalMs?: number;
}

/** Objects of one answer, and requests under way at once. */
const pageSize = 500;
const maxConcurrentWrites = 8;

export class CaConfigMaps {
  readonly #options: CaConfigMapsOptions;
  readonly #logger: Logger;
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
      intervalMs: options.intervalMs ?? 10_000,
      retryMs: 2000,
      clock: options.clock ?? systemClock,
      onFailure: (reason) => this.#logger.error({ reason }, `cannot keep ConfigMap ${caConfigMapName} everywhere`),
    });
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

  /** Namespaces whose ConfigMap of that name is not ours: their agents cannot verify the control plane. */
  get foreign(): ReadonlySet<string> {
    return this.#foreign;
  }

  /** Looks and repairs; resolves when that was tried. The first call starts the repeating. */
  refresh(): Promise<void> {
    return this.#loop.trigger();
  }

  close(): Promise<void> {
    return this.#loop.close();
  }

  async #reconcile(): Promise<void> {
    const bundle = this.#bundle;
    const wanted = this.#wanted;
    if (bundle === null || wanted === null || !this.#options.isLeader()) {
      this.#distributed = null;
      return;
    }
    const actions = planConfigMaps(wanted, await this.#list(), bundle);
    this.#report(actions);
    const failures: string[] = [];
    const pending = actions.values();
    const work = async (): Promise<void> => {
      for (const action of pending) {
        const failure = await this.#perform(action);
        if (failure !== null) failures.push(`${action.namespace}: ${failure}`);
      }
    };
    await Promise.all(Array.from({ length: maxConcurrentWrites }, work));
    this.#distributed = failures.length === 0 ? { bundle, wanted } : null;
    if (failures.length > 0) throw new Error(failures.toSorted().slice(0, 5).join("; "));
  }

  async #list(): Promise<readonly V1ConfigMap[]> {
    const { api, calls } = this.#options;
    const found: V1ConfigMap[] = [];
    let next: string | undefined;
    do {
      const request = {
        // By name, because the right to list can be given for one name.
        fieldSelector: `metadata.name=${caConfigMapName}`,
        limit: pageSize,
        ...(next !== undefined && { _continue: next }),
      };
      const page = await api.listConfigMapForAllNamespaces(request, calls.options()).catch((error: unknown) => {
        throw readableError(error);
      });
      found.push(...page.items);
      next = page.metadata?._continue;
    } while (next !== undefined && next !== "");
    return found;
  }

  /** Null when done, else why not. */
  async #perform(action: ConfigMapAction): Promise<string | null> {
    const { namespace } = action;
    if (action.kind === "foreign") return null;
    const { api, calls } = this.#options;
    const request = { name: caConfigMapName, namespace, body: action.body };
    try {
      if (action.kind === "create") await api.createNamespacedConfigMap(request, calls.options());
      else await api.replaceNamespacedConfigMap(request, calls.options());
      this.#logger.info({ namespace, action: action.kind }, `ConfigMap ${caConfigMapName}`);
      return null;
    } catch (error) {
      // A namespace that is gone or going has no agents to come.
      if (action.kind === "create" && (isStatus(error, 404) || isTerminating(error))) return null;
      return readableError(error).message;
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

function isTerminating(error: unknown): boolean {
  return isStatus(error, 403) && readableError(error).message.includes("because it is being terminated");
}

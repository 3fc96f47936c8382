// The composition root of the control plane: source -> debounce -> translation -> snapshot -> agents, and statuses to
// their sinks. Owns the order of start and close and the numbers about itself; every step's rules are the step's.
import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { AdminServer } from "./admin/server.ts";
import type { AdminView, ClusterView } from "./admin/view.ts";
import { type Clock, systemClock } from "./discovery/clock.ts";
import { Debounce } from "./discovery/debounce.ts";
import { type Logger, silentLogger } from "./discovery/logger.ts";
import { DiscoveryServer, type DiscoveryServerOptions } from "./discovery/server.ts";
import { ControlPlaneMetrics } from "./metrics.ts";
import { ProgrammedGateways } from "./programmed-gateways.ts";
import { removesEndpoints } from "./snapshot/endpoint-removal.ts";
import { SnapshotBuilder } from "./snapshot/snapshot.ts";
import type { ClusterState } from "./source/cluster-state.ts";
import { type Problem, type Source, type StateOrigin, formatProblem } from "./source/source.ts";
import { type StatusChange, changedConditions } from "./status/status-changes.ts";
import { type StatusObject, type StatusSink, StatusObjects } from "./status/status-object.ts";
import type { PortFault } from "./translate/gateway-view.ts";
import { Translator } from "./translate/translate.ts";
import type { GatewayAddress, Statuses } from "./translate/translation.ts";

/** Address to bind; port 0 is any free one. */
export interface ListenAddress {
  readonly host: string;
  readonly port: number;
}

export interface ControlPlaneOptions {
  readonly source: Source;
  readonly controllerName?: string;
  readonly discovery?: ListenAddress &
    Pick<DiscoveryServerOptions, "credentials" | "authenticate" | "gatewayServiceAccount">;
  readonly admin?: ListenAddress;
  /** Health and metrics alone, for a kubelet and a Prometheus; null: nowhere but at `admin`. */
  readonly health?: ListenAddress | null;
  readonly statusSinks?: readonly StatusSink[];
  /** Where a Gateway ("namespace/name") is reached: what statuses say and what spec.addresses may ask for. */
  readonly addressesOf?: (gateway: string) => readonly GatewayAddress[];
  /** "namespace/name" of Gateways whose infrastructure.parametersRef is of no use -> why. */
  readonly gatewayParameterErrors?: () => ReadonlyMap<string, string>;
  /** Ports that gateways cannot bind. */
  readonly portFault?: PortFault;
  /** "namespace/name" of Gateways that nothing can be made for to serve them -> why. */
  readonly gatewayObstacles?: () => ReadonlyMap<string, { readonly reason: string; readonly message: string }>;
  readonly logger?: Logger;
  readonly clock?: Clock;
  readonly limits?: DiscoveryServerOptions["limits"];
  /** Told of every state that is translated, before its statuses are written. */
  readonly onState?: (state: ClusterState) => void;
  /** Whether what stands around the control plane is ready too. */
  readonly isReady?: () => boolean;
  /** "namespace/name" of Gateways that agents of other replicas hold. */
  readonly programmedElsewhere?: () => ReadonlySet<string>;
  readonly cluster?: ClusterView;
}

/** `isFirst`: the conditions of everything that was there at the start, of which nobody knows whether they are new. */
export type StatusListener = (changes: readonly StatusChange[], isFirst: boolean) => void;

/** GatewayClasses with this name are ours. */
export const defaultControllerName = "heddle.dev/gateway-controller";

const loopback: ListenAddress = { host: "127.0.0.1", port: 0 };

export class ControlPlane {
  readonly metrics = new ControlPlaneMetrics();
  readonly discovery: DiscoveryServer;
  readonly #source: Source;
  readonly #admin: AdminServer;
  readonly #health: AdminServer | null;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #controllerName: string;
  readonly #addressesOf: (gateway: string) => readonly GatewayAddress[];
  readonly #parameterErrors: () => ReadonlyMap<string, string>;
  readonly #portFault: PortFault | undefined;
  readonly #obstacles: NonNullable<ControlPlaneOptions["gatewayObstacles"]>;
  readonly #translator = new Translator();
  readonly #snapshots: SnapshotBuilder;
  readonly #debounce: Debounce;
  readonly #onTranslate: (state: ClusterState) => void;
  readonly #programmedElsewhere: () => ReadonlySet<string>;
  readonly #programmed: ProgrammedGateways;
  readonly #statusObjects: StatusObjects;
  readonly #sinks: readonly StatusSink[];
  readonly #statusListeners = new Set<StatusListener>();
  #state: ClusterState | null = null;
  #translated: ClusterState | null = null;
  #origin: StateOrigin | null = null;
  #statuses: Statuses | null = null;
  #objects: readonly StatusObject[] = [];
  #knownProblems: ReadonlySet<string> = new Set();
  #closed: Promise<void> | null = null;

  constructor(options: ControlPlaneOptions) {
    this.#source = options.source;
    this.#clock = options.clock ?? systemClock;
    this.#logger = options.logger ?? silentLogger;
    this.#controllerName = options.controllerName ?? defaultControllerName;
    this.#addressesOf = options.addressesOf ?? (() => [{ type: "IPAddress", value: "127.0.0.1" }]);
    this.#parameterErrors = options.gatewayParameterErrors ?? (() => new Map());
    this.#portFault = options.portFault;
    this.#obstacles = options.gatewayObstacles ?? (() => new Map());
    this.#sinks = options.statusSinks ?? [];
    this.#onTranslate = options.onState ?? (() => {});
    this.#programmedElsewhere = options.programmedElsewhere ?? (() => new Set());
    // A new life is a new epoch: generations of two lives are never compared.
    this.#snapshots = new SnapshotBuilder({ epoch: randomBytes(6).toString("hex") });
    this.#statusObjects = new StatusObjects({
      controllerName: this.#controllerName,
      addressesOf: this.#addressesOf,
      now: () => this.#clock.wallMs(),
    });
    this.#programmed = new ProgrammedGateways({ onMissed: () => this.#debounce.notify(), clock: this.#clock });
    this.#debounce = new Debounce({ run: () => this.#translate(), clock: this.#clock });
    this.discovery = new DiscoveryServer({
      ...(options.discovery ?? loopback),
      clock: this.#clock,
      logger: this.#logger,
      onAgentChange: () => this.#onAgentChange(),
      ...(options.limits && { limits: options.limits }),
    });
    const view: AdminView = {
      version: packageVersion(),
      discovery: this.discovery,
      metrics: this.metrics,
      problems: () => this.#source.problems(),
      statuses: () => this.#objects,
      isReady: () => this.discovery.snapshot !== null && this.#closed === null && (options.isReady?.() ?? true),
      programmed: () => this.#programmed.gateways,
      cluster: options.cluster ?? null,
    };
    this.#admin = new AdminServer({ ...(options.admin ?? loopback), view, shows: "everything" });
    this.#health = options.health ? new AdminServer({ ...options.health, view, shows: "health" }) : null;
  }

  /** Serves as soon as the source has a state; a source with only problems is waited for, and says so in the log. */
  async start(): Promise<{ readonly discoveryPort: number; readonly adminPort: number }> {
    try {
      const adminPort = await this.#admin.start();
      await this.#health?.start();
      this.#source.onChange((state, origin) => this.#onState(state, origin));
      this.#source.onProblem((problems) => this.#onProblems(problems));
      await this.#source.start();
      const discoveryPort = await this.discovery.start();
      return { discoveryPort, adminPort };
    } catch (error) {
      await this.close();
      throw error;
    }
  }

  /** Translates again: something besides the state changed. */
  refresh(): void {
    if (this.#closed === null) this.#debounce.notify();
  }

  /** The statuses of every object of ours, as they stand. */
  get statuses(): readonly StatusObject[] {
    return this.#objects;
  }

  /** Whether what is served was made of the source's newest state: false while changes are waited for to settle. */
  get isCurrent(): boolean {
    return this.#state !== null && this.#translated === this.#state;
  }

  /** Called with the conditions that changed, at the start with all; the returned function takes the listener away. */
  onStatus(listener: StatusListener): () => void {
    this.#statusListeners.add(listener);
    return () => this.#statusListeners.delete(listener);
  }

  /** Agents are told to reconnect elsewhere; the newest statuses are written. May be called twice. */
  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    this.#debounce.close();
    this.#programmed.close();
    await this.#source.close();
    await this.discovery.close();
    await Promise.all(this.#sinks.map((sink) => sink.close()));
    await this.#admin.close();
    await this.#health?.close();
  }

  #onState(state: ClusterState, origin: StateOrigin): void {
    const previous = this.#state;
    this.#state = state;
    this.#origin ??= origin;
    this.metrics.sourceUpdates += 1;
    // A source lets edits settle before it tells of them; what processes do comes one by one.
    const isSettled = origin.cause === "start" || origin.cause === "edit" || previous === null;
    const isUrgent = isSettled || removesEndpoints(previous, state);
    this.#debounce.notify(isUrgent ? "urgent" : "ordinary");
  }

  #onProblems(problems: readonly Problem[]): void {
    const lines = new Map(problems.map((problem) => [formatProblem(problem), problem]));
    for (const [line, { severity }] of lines)
      if (!this.#knownProblems.has(line)) this.#logger[severity === "error" ? "error" : "warn"]({}, line);
    const hadProblems = this.#knownProblems.size > 0;
    this.#knownProblems = new Set(lines.keys());
    if (hadProblems && problems.length === 0) this.#logger.info({}, "all problems are mended");
  }

  #onAgentChange(): void {
    if (this.#closed === null && this.#programmed.update(this.discovery.connectedAgents())) this.#debounce.notify();
  }

  #translate(): void {
    const state = this.#state;
    if (state === null || this.#closed !== null) return;
    const origin = this.#origin;
    this.#origin = null;
    this.#translated = state;
    const startMs = this.#clock.monotonicMs();
    try {
      this.#onTranslate(state);
      const translation = this.#translator.translate(state, {
        controllerName: this.#controllerName,
        programmedGateways: this.#programmed.gateways.union(this.#programmedElsewhere()),
        addressesOf: this.#addressesOf,
        gatewayParameterErrors: this.#parameterErrors(),
        gatewayObstacles: this.#obstacles(),
        ...(this.#portFault && { portFault: this.#portFault }),
      });
      const result = this.#snapshots.build(translation);
      this.metrics.observeTranslation((this.#clock.monotonicMs() - startMs) / 1000);
      if (!result.ok) {
        this.metrics.inconsistentSnapshots += 1;
        this.#logger.error({ faults: result.faults.slice(0, 20) }, "snapshot contradicts itself; the last one stays");
        return;
      }
      if (result.changed) {
        this.#programmed.published(result.snapshot);
        this.discovery.publish(result.snapshot);
        this.metrics.published(result.snapshot.resources.size, origin, this.#clock.wallMs());
        const { generation, resources } = result.snapshot;
        this.#logger.debug({ generation, resources: resources.size }, "snapshot published");
      }
      this.#publishStatuses(translation.statuses, state);
    } catch (error) {
      // A fault of ours: what is served stays, the next change tries again.
      this.metrics.translationFailures += 1;
      this.#logger.error({ error: error instanceof Error ? error.stack : String(error) }, "translation failed");
    }
  }

  #publishStatuses(statuses: Statuses, state: ClusterState): void {
    const isFirst = this.#statuses === null;
    const changes = changedConditions(this.#statuses, statuses);
    this.#statuses = statuses;
    this.#objects = this.#statusObjects.make(statuses, state);
    for (const sink of this.#sinks) sink.write(this.#objects);
    if (changes.length > 0) for (const listener of this.#statusListeners) listener(changes, isFirst);
  }
}

function packageVersion(): string {
  const text = readFileSync(new URL("../package.json", import.meta.url), "utf8");
  return (JSON.parse(text) as { version: string }).version;
}

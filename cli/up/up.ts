// `heddle up`: the whole mesh of a folder on this machine. The composition root: the control plane in this process with
// the folder as its source, agents and workloads as child processes, and the once-a-second picture of what happens.
// Owns the order of start and stop; every part's rules are the part's.
import { mkdir } from "node:fs/promises";
import { join, resolve } from "node:path";
import { ControlPlane } from "../../control-plane/control-plane.ts";
import type { Logger } from "../../control-plane/discovery/logger.ts";
import type { ClusterState, Gateway } from "../../control-plane/source/cluster-state.ts";
import { FolderSource } from "../../control-plane/source/folder-source.ts";
import { OverlaySource } from "../../control-plane/source/overlay-source.ts";
import { formatProblem } from "../../control-plane/source/source.ts";
import { FileSink } from "../../control-plane/status/file-sink.ts";
import type { StatusChange } from "../../control-plane/status/status-changes.ts";
import { CommandFailure } from "../failure.ts";
import { ourGateways } from "../folder/controller.ts";
import { AgentProcess } from "./agents/agent-process.ts";
import { type AgentEnvironmentOptions, gatewayEnvironment, sidecarEnvironment } from "./agents/agent-environment.ts";
import { GatewayAgents } from "./agents/gateway-agents.ts";
import { Sidecars } from "./agents/sidecars.ts";
import { describeChanges } from "./output/status-lines.ts";
import { LiveRoutes } from "./output/live-routes.ts";
import type { Output, Picture } from "./output/output.ts";
import { programPath } from "./program.ts";
import { type AgentView, StateServer, fetchState, type UpState } from "./state-server.ts";
import { Guardian } from "./workload/guardian.ts";
import { Runner } from "./workload/runner.ts";

export interface UpOptions {
  readonly folder: string;
  /** Of objects that name none. */
  readonly defaultNamespace: string;
  readonly output: Output;
  /** Variables for every agent that win over this process's own. */
  readonly agentEnvironment: Readonly<Record<string, string>>;
}

type WatchedState = Pick<ClusterState, "deployments" | "services" | "namespaces" | "gateways" | "gatewayClasses">;

const pictureIntervalMs = 1000;
const settleDeadlineMs = 1000;
const settlePollMs = 10;
// Together under the two seconds that Ctrl-C may take: an application first, then its sidecar.
const closeGraceMs = 700;

export class Up {
  readonly #options: UpOptions;
  readonly #ownFolder: string;
  readonly #guardian = new Guardian();
  readonly #source: OverlaySource;
  readonly #controlPlane: ControlPlane;
  readonly #runner: Runner;
  readonly #gateways: GatewayAgents;
  readonly #sidecars: Sidecars;
  readonly #stateServer: StateServer;
  readonly #liveRoutes = new LiveRoutes();
  #agentOptions: AgentEnvironmentOptions;
  #adminPort = 0;
  #watched: WatchedState | null = null;
  #timer: NodeJS.Timeout | undefined;
  #hadProblems = false;
  #closed: Promise<void> | null = null;

  constructor(options: UpOptions) {
    const folder = resolve(options.folder);
    const log = options.output;
    this.#options = options;
    this.#ownFolder = join(folder, ".heddle");
    this.#source = new OverlaySource(new FolderSource({ folder, defaultNamespace: options.defaultNamespace }));
    const logger = problemLogger(options.output);
    this.#controlPlane = new ControlPlane({
      source: this.#source,
      logger,
      statusSinks: [new FileSink({ folder: join(this.#ownFolder, "status"), logger })],
    });
    this.#agentOptions = {
      inherited: process.env,
      controlPlane: "",
      stateFolder: join(this.#ownFolder, "agents"),
      overrides: options.agentEnvironment,
    };
    this.#gateways = new GatewayAgents({ log, startAgent: (gateway) => this.#startGateway(gateway) });
    this.#sidecars = new Sidecars({
      startAgent: (pod) => {
        const node = { namespace: pod.namespace, pod: pod.name, labels: pod.labels, serviceName: "" };
        return this.#startAgent(`sidecar ${pod.namespace}/${pod.name}`, (ports) =>
          sidecarEnvironment(this.#agentOptions, node, ports),
        );
      },
    });
    this.#runner = new Runner({
      folder,
      guardian: this.#guardian,
      log,
      startSidecar: (pod) => this.#sidecars.start(pod),
      settle: () => this.#settle(),
      onOverlay: ({ pods, endpointSlices }) => this.#source.setOverlay([...pods, ...endpointSlices]),
    });
    this.#stateServer = new StateServer(this.#ownFolder, () => this.state());
  }

  /** Resolves when everything was started; whether it is ready shows in the picture. Leaves nothing behind on failure. */
  async start(): Promise<void> {
    try {
      if ((await fetchState(this.#ownFolder)) !== null) {
        throw new CommandFailure(`heddle up already runs on ${this.#options.folder}`);
      }
      await mkdir(this.#ownFolder, { recursive: true });
      this.#controlPlane.onStatus((changes) => this.#printStatuses(changes));
      this.#source.onProblem((problems) => {
        if (this.#hadProblems && problems.length === 0) {
          this.#options.output.line("heddle", "the files are good again");
        }
        this.#hadProblems = problems.length > 0;
      });
      const { discoveryPort, adminPort } = await this.#controlPlane.start();
      this.#adminPort = adminPort;
      this.#agentOptions = { ...this.#agentOptions, controlPlane: `127.0.0.1:${discoveryPort}` };
      await this.#stateServer.start();
      this.#source.onChange((state) => this.#reconcile(state));
      const state = this.#source.current();
      if (state !== null) {
        this.#reconcile(state);
      }
      this.#timer = setInterval(() => this.#tick(), pictureIntervalMs);
    } catch (error) {
      await this.close();
      throw error;
    }
  }

  /** What other commands are told. */
  state(): UpState {
    const agents = [...this.#gateways.agents(), ...this.#sidecars.agents()].map((agent): AgentView => {
      const { name, state, restarts, pid, ports } = agent;
      return { name, state, restarts, pid, admin: ports.admin === 0 ? "" : `127.0.0.1:${ports.admin}` };
    });
    return {
      picture: this.picture(),
      isSettled: this.isSettled(),
      generation: this.#controlPlane.discovery.snapshot?.generation ?? "",
      gateways: this.#gateways.addresses(),
      agents,
      pods: this.#runner.replicas(),
      statuses: this.#controlPlane.statuses,
      problems: this.#source.problems().map(formatProblem),
      controlPlaneAdmin: `http://127.0.0.1:${this.#adminPort}`,
    };
  }

  /** Whether every pod is ready, and every agent accepts and holds what is served now. */
  isSettled(): boolean {
    const agents = [...this.#gateways.agents(), ...this.#sidecars.agents()];
    const connected = this.#controlPlane.discovery.connectedAgents();
    const generation = this.#controlPlane.discovery.snapshot?.generation;
    return (
      this.#watched !== null &&
      this.#controlPlane.isCurrent &&
      this.#runner.replicas().every(({ state }) => state === "ready") &&
      agents.every(({ isAccepting }) => isAccepting) &&
      this.#gateways.agents().length === ourGatewaysOf(this.#watched).size &&
      connected.length === agents.length &&
      connected.every((agent) => agent.acknowledgedGeneration === generation && !agent.isInFlight)
    );
  }

  /** Puts a fresh agent in the place of every gateway agent, then drains the old ones. No connection is refused. */
  async replaceGateways(): Promise<void> {
    await Promise.all([...ourGatewaysOf(this.#watched).keys()].map((name) => this.#gateways.replace(name)));
  }

  /** Stops everything within two seconds. May be called twice. */
  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    clearInterval(this.#timer);
    await Promise.all([this.#runner.close(closeGraceMs), this.#gateways.close(closeGraceMs)]);
    await this.#controlPlane.close();
    await this.#stateServer.close();
    await this.#guardian.close();
  }

  #reconcile(state: ClusterState): void {
    const watched = this.#watched;
    const isSame =
      watched !== null &&
      watched.deployments === state.deployments &&
      watched.services === state.services &&
      watched.namespaces === state.namespaces &&
      watched.gateways === state.gateways &&
      watched.gatewayClasses === state.gatewayClasses;
    if (isSame || this.#closed !== null) {
      return;
    }
    const { deployments, services, namespaces, gateways, gatewayClasses } = state;
    this.#watched = { deployments, services, namespaces, gateways, gatewayClasses };
    void this.#gateways.reconcile(ourGateways(state));
    this.#runner.reconcile(state);
  }

  #startGateway({ meta }: Gateway): AgentProcess {
    const gateway = `${meta.namespace}/${meta.name}`;
    const node = {
      namespace: meta.namespace,
      pod: `${meta.name}-local`,
      labels: { "gateway.networking.k8s.io/gateway-name": meta.name },
      serviceName: meta.name,
    };
    return this.#startAgent(`gateway ${gateway}`, () => gatewayEnvironment(this.#agentOptions, node, gateway));
  }

  #startAgent(name: string, environment: ConstructorParameters<typeof AgentProcess>[0]["environment"]): AgentProcess {
    return new AgentProcess({
      name,
      program: programPath("agent/main"),
      environment,
      guardian: this.#guardian,
      log: this.#options.output,
    });
  }

  /** Until every agent acknowledged what is served now, one second at most. */
  async #settle(): Promise<void> {
    const { discovery } = this.#controlPlane;
    const deadlineMs = Date.now() + settleDeadlineMs;
    do {
      await new Promise((wake) => {
        setTimeout(wake, settlePollMs);
      });
      const generation = discovery.snapshot?.generation;
      const agents = discovery.connectedAgents();
      const isKnown = agents.every((agent) => agent.acknowledgedGeneration === generation && !agent.isInFlight);
      if (this.#controlPlane.isCurrent && isKnown) {
        return;
      }
    } while (Date.now() < deadlineMs);
  }

  #tick(): void {
    this.#options.output.show(this.picture());
  }

  /** Counters as agents reported them until now. */
  picture(): Picture {
    const state = this.#source.current();
    const replicas = this.#runner.replicas();
    const agents = [...this.#gateways.agents(), ...this.#sidecars.agents()];
    const httpRoutes: ClusterState["httpRoutes"] = state?.httpRoutes ?? new Map();
    return {
      time: new Date().toISOString(),
      generation: this.#controlPlane.discovery.snapshot?.generation ?? "",
      pods: { ready: replicas.filter((replica) => replica.state === "ready").length, total: replicas.length },
      agents: { ready: agents.filter((agent) => agent.state === "ready").length, total: agents.length },
      routes: this.#liveRoutes.update({ httpRoutes }, this.#controlPlane.discovery.stats(), performance.now()),
    };
  }

  #printStatuses(changes: readonly StatusChange[]): void {
    const { output } = this.#options;
    for (const { text, isBad } of describeChanges(changes)) {
      if (isBad) {
        output.problem("heddle", text);
      } else {
        output.line("heddle", text);
      }
    }
  }
}

function ourGatewaysOf(watched: WatchedState | null): ReadonlyMap<string, Gateway> {
  return watched === null ? new Map() : ourGateways(watched);
}

/** What the control plane has to say that its user should see. */
function problemLogger(output: Output): Logger {
  const problem: Logger["warn"] = (fields, message) => {
    const details = Object.keys(fields).length === 0 ? "" : ` ${JSON.stringify(fields)}`;
    output.problem("control plane", `${message}${details}`);
  };
  return { debug() {}, info() {}, warn: problem, error: problem };
}

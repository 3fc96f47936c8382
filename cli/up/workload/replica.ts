// One replica of a Deployment on this machine: its process, its readiness, its restarts, its sidecar if it has one.
// Says through `onChange` when what the mesh should know of it changed; which replicas exist is the runner's business.
//
//   state     | entered when                              | is an endpoint | leaves to
//   starting  | created, or the backoff is over           | no             | running: the process was spawned
//   running   | spawned; or a readiness probe failed      | no             | ready: probe passed; waiting: exited
//   ready     | probe passed                              | yes            | running: probe failed; waiting: exited
//   waiting   | the process exited by itself              | no             | starting: backoff is over
//   stopping  | stop() was called, in any state           | no             | stopped: process and sidecar are gone
//   stopped   |                                           | no             |
import type { Deployment } from "../../../control-plane/source/cluster-state.ts";
import { Backoff } from "../backoff.ts";
import type { Log } from "../log.ts";
import { workloadEnvironment } from "./environment.ts";
import { freePort } from "./free-port.ts";
import type { Guardian } from "./guardian.ts";
import type { LocalPod } from "./overlay.ts";
import { ProcessGroup } from "./process-group.ts";
import { Readiness } from "./readiness.ts";

export type ReplicaState = "starting" | "running" | "ready" | "waiting" | "stopping" | "stopped";

/** The agent beside a replica. */
export interface Sidecar {
  /** Resolves once its ports are bound; rejects when it is stopped before that. */
  readonly ready: Promise<SidecarPorts>;
  stop(graceMs: number): Promise<void>;
}

export interface SidecarPorts {
  readonly inbound: number;
  readonly outbound: number;
}

export interface ReplicaOptions {
  readonly deployment: Deployment;
  readonly name: string;
  readonly hash: string;
  readonly ordinal: number;
  readonly commandLine: string;
  /** The command's working directory. */
  readonly folder: string;
  readonly guardian: Guardian;
  readonly log: Log;
  /** Null: the pod has no sidecar. */
  readonly startSidecar: ((pod: { namespace: string; name: string }) => Sidecar) | null;
  onChange(): void;
}

export interface StopOptions {
  /** Between leaving the endpoints and SIGTERM, so that agents have heard of it. */
  readonly settle: () => Promise<void>;
  /** Between SIGTERM and SIGKILL. */
  readonly graceMs: number;
}

export class Replica {
  readonly options: ReplicaOptions;
  readonly createdAtMs = Date.now();
  readonly #backoff = new Backoff();
  #state: ReplicaState = "starting";
  #applicationPort = 0;
  #sidecar: Sidecar | null = null;
  #sidecarPorts: SidecarPorts | null = null;
  #process: ProcessGroup | null = null;
  #readiness: Readiness | null = null;
  #timer: NodeJS.Timeout | undefined;
  #restarts = 0;
  #stopped: Promise<void> | null = null;
  #started: Promise<void>;

  constructor(options: ReplicaOptions) {
    this.options = options;
    this.#started = this.#start();
  }

  get state(): ReplicaState {
    return this.#state;
  }

  get restarts(): number {
    return this.#restarts;
  }

  get pid(): number | undefined {
    return this.#process?.pid;
  }

  /** As the mesh is to see it now. */
  localPod(): LocalPod {
    return {
      namespace: this.options.deployment.meta.namespace,
      name: this.options.name,
      deployment: this.options.deployment,
      createdAtMs: this.createdAtMs,
      applicationPort: this.#applicationPort,
      endpointPort: this.#sidecarPorts?.inbound ?? this.#applicationPort,
      ready: this.#state === "ready",
    };
  }

  /** Leaves the endpoints, then ends process and sidecar. Resolves when both are gone; asking twice is harmless. */
  stop(options: StopOptions): Promise<void> {
    this.#stopped ??= this.#stop(options);
    return this.#stopped;
  }

  async #stop({ settle, graceMs }: StopOptions): Promise<void> {
    const wasEndpoint = this.#state === "ready";
    this.#enter("stopping");
    clearTimeout(this.#timer);
    this.#readiness?.close();
    if (this.#sidecarPorts === null) {
      // The start may be waiting for a sidecar that never comes up.
      await this.#sidecar?.stop(graceMs);
    }
    await this.#started;
    if (wasEndpoint) {
      await settle();
    }
    await this.#process?.stop(graceMs);
    await this.#sidecar?.stop(graceMs);
    this.#enter("stopped");
  }

  async #start(): Promise<void> {
    const { deployment, name, log, startSidecar } = this.options;
    try {
      if (startSidecar !== null) {
        this.#sidecar ??= startSidecar({ namespace: deployment.meta.namespace, name });
        this.#sidecarPorts = await this.#sidecar.ready;
      }
      this.#applicationPort = await freePort();
    } catch (error) {
      if (!this.#isStopping()) {
        log.problem(name, `could not be started: ${String(error)}`);
      }
      this.#wait(0);
      return;
    }
    if (this.#isStopping()) {
      return;
    }
    this.#run();
  }

  #run(): void {
    const { deployment, name, log, commandLine, folder, guardian } = this.options;
    const container = deployment.template.containers[0];
    const startedAtMs = Date.now();
    const process_ = new ProcessGroup({
      commandLine,
      folder,
      environment: workloadEnvironment({
        inherited: process.env,
        container,
        namespace: deployment.meta.namespace,
        pod: name,
        port: this.#applicationPort,
        outboundPort: this.#sidecarPorts?.outbound ?? 0,
        nodePath: process.execPath,
      }),
      guardian,
      onLine: (line) => log.output(name, line),
    });
    this.#process = process_;
    this.#enter("running");
    this.#readiness = new Readiness({
      probe: container?.readinessProbe,
      port: this.#applicationPort,
      onChange: (ready) => this.#enter(ready ? "ready" : "running"),
    });
    void process_.exited.then((reason) => {
      this.#readiness?.close();
      this.#process = null;
      if (!this.#isStopping()) {
        log.problem(name, `exited (${reason})`);
        this.#wait(Date.now() - startedAtMs);
      }
    });
  }

  #wait(ranForMs: number): void {
    if (this.#isStopping()) {
      return;
    }
    this.#restarts++;
    this.#enter("waiting");
    this.#timer = setTimeout(() => {
      this.#enter("starting");
      this.#started = this.#start();
    }, this.#backoff.delayAfterRunMs(ranForMs));
  }

  #isStopping(): boolean {
    return this.#state === "stopping" || this.#state === "stopped";
  }

  #enter(state: ReplicaState): void {
    if (this.#state === state || (this.#isStopping() && state !== "stopped")) {
      return;
    }
    this.#state = state;
    this.options.onChange();
  }
}

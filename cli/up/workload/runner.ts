// Keeps on this machine the replicas that the folder's Deployments ask for, and tells the rest of the mesh about them
// as an overlay of Pods and EndpointSlices. Decides nothing by itself: replica-plan.ts says what starts and stops,
// replica.ts is the life of one.
import type { ClusterState, Deployment, Namespace, Service } from "../../../control-plane/source/cluster-state.ts";
import type { Log } from "../log.ts";
import type { Guardian } from "./guardian.ts";
import { isSameOverlay, makeOverlay, type Overlay } from "./overlay.ts";
import { commandAnnotation, podName, templateHash } from "./pod-names.ts";
import { planReplicas } from "./replica-plan.ts";
import { Replica, type Sidecar } from "./replica.ts";

export interface RunnerOptions {
  readonly folder: string;
  readonly guardian: Guardian;
  readonly log: Log;
  /** Starts the agent beside a pod. */
  startSidecar(pod: SidecarPod): Sidecar;
  /** Resolves when every agent has heard of the endpoints that just went, or a bounded time later. */
  settle(): Promise<void>;
  onOverlay(overlay: Overlay): void;
}

export interface SidecarPod {
  readonly namespace: string;
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
}

/** What a table or a test wants to know of a replica. */
export interface ReplicaView {
  readonly namespace: string;
  readonly name: string;
  readonly state: string;
  readonly restarts: number;
  readonly pid: number | undefined;
  readonly port: number;
}

type State = Pick<ClusterState, "deployments" | "services" | "namespaces">;

const terminationGraceMs = 30_000;

export class Runner {
  readonly #options: RunnerOptions;
  /** By "namespace/name" of the pod. Bounded by what the folder asks for, plus those that are stopping. */
  readonly #replicas = new Map<string, Replica>();
  #state: State = { deployments: new Map(), services: new Map(), namespaces: new Map() };
  #overlay: Overlay = { pods: [], endpointSlices: [] };
  #closing = false;

  constructor(options: RunnerOptions) {
    this.#options = options;
  }

  /** Brings the processes in line with `state`. Returns at once; replicas start and stop on their own. */
  reconcile(state: State): void {
    this.#state = state;
    this.#converge();
  }

  replicas(): readonly ReplicaView[] {
    return [...this.#replicas.values()].map((replica) => {
      const { namespace, name, applicationPort } = replica.localPod();
      const { state, restarts, pid } = replica;
      return { namespace, name, state, restarts, pid, port: applicationPort };
    });
  }

  /** Stops everything. Resolves when no process is left. */
  async close(graceMs: number): Promise<void> {
    this.#closing = true;
    const settle = (): Promise<void> => Promise.resolve();
    await Promise.all([...this.#replicas.values()].map((replica) => replica.stop({ settle, graceMs })));
  }

  #converge(): void {
    if (this.#closing) {
      return;
    }
    const wanted = new Map<string, Deployment>();
    for (const [key, deployment] of this.#state.deployments) {
      if (deployment.template.annotations[commandAnnotation] !== undefined) {
        wanted.set(key, deployment);
      }
    }
    const owners = new Set(wanted.keys());
    for (const replica of this.#replicas.values()) {
      owners.add(ownerKey(replica));
    }
    for (const owner of owners) {
      this.#convergeDeployment(owner, wanted.get(owner));
    }
    this.#publish();
  }

  #convergeDeployment(owner: string, deployment: Deployment | undefined): void {
    const running = [...this.#replicas.values()].filter(
      (replica) => ownerKey(replica) === owner && !isLeaving(replica),
    );
    const hash = deployment === undefined ? "" : templateHash(deployment.template, this.#isInjected(deployment));
    const plan = planReplicas(
      { hash, replicas: deployment?.replicas ?? 0 },
      running.map(({ options: { name, hash, ordinal }, state }) => ({ name, hash, ordinal, ready: state === "ready" })),
    );
    const names = new Set(plan.stop);
    for (const replica of running) {
      if (names.has(replica.options.name)) {
        this.#stop(replica);
      }
    }
    if (deployment !== undefined) {
      for (const ordinal of plan.start) {
        this.#start(deployment, hash, ordinal);
      }
    }
  }

  #start(deployment: Deployment, hash: string, ordinal: number): void {
    const { folder, guardian, log } = this.#options;
    const { namespace } = deployment.meta;
    const name = podName(deployment.meta.name, hash, ordinal);
    const key = `${namespace}/${name}`;
    if (this.#replicas.has(key)) {
      // The same replica is still leaving; its end calls converge again.
      return;
    }
    const { labels, annotations } = deployment.template;
    const injected = this.#isInjected(deployment);
    log.line("heddle", `starting pod ${key}${injected ? " with a sidecar" : ""}`);
    const replica = new Replica({
      deployment,
      name,
      hash,
      ordinal,
      commandLine: annotations[commandAnnotation] ?? "",
      folder,
      guardian,
      log,
      startSidecar: injected ? (pod) => this.#options.startSidecar({ ...pod, labels }) : null,
      onChange: () => this.#replicaChanged(),
    });
    this.#replicas.set(key, replica);
  }

  #isInjected({ meta, template }: Deployment): boolean {
    return isInjected(template.labels, this.#state.namespaces.get(meta.namespace));
  }

  #stop(replica: Replica): void {
    const { deployment, name } = replica.options;
    const key = `${deployment.meta.namespace}/${name}`;
    this.#options.log.line("heddle", `stopping pod ${key}`);
    void replica.stop({ settle: () => this.#options.settle(), graceMs: terminationGraceMs }).then(() => {
      this.#replicas.delete(key);
      this.#converge();
    });
  }

  // A replica that became ready may let old ones go, so every change is a reason to look at the whole again. Not from
  // inside the change: the replica may still be under construction.
  #replicaChanged(): void {
    queueMicrotask(() => this.#converge());
  }

  #publish(): void {
    const pods = [...this.#replicas.values()].filter((replica) => replica.state !== "stopped");
    const services: Iterable<Service> = this.#state.services.values();
    const overlay = makeOverlay(
      pods.map((replica) => replica.localPod()),
      services,
      this.#overlay,
    );
    if (!isSameOverlay(overlay, this.#overlay)) {
      this.#overlay = overlay;
      this.#options.onOverlay(overlay);
    }
  }
}

/** Label `heddle.dev/inject` on the pod decides, else label `heddle.dev/injection` on the namespace. */
export function isInjected(podLabels: Readonly<Record<string, string>>, namespace: Namespace | undefined): boolean {
  const own = podLabels["heddle.dev/inject"];
  if (own === "true" || own === "false") {
    return own === "true";
  }
  return namespace?.meta.labels["heddle.dev/injection"] === "enabled";
}

function ownerKey({ options: { deployment } }: Replica): string {
  return `${deployment.meta.namespace}/${deployment.meta.name}`;
}

function isLeaving({ state }: Replica): boolean {
  return state === "stopping" || state === "stopped";
}

// What a test disturbs the control plane under: a Gateway with an injected server behind it, idle injected pods, and
// requests at a steady rate from outside through the gateway and from a pod inside, all of which must succeed.
import type { ExecutionContext, TestFn } from "ava";
import { labels, systemNamespace } from "../../../proto/kubernetes.ts";
import { Gateway, httpGateway, rolledOut } from "./gateway.ts";
import { applyObjects, injectionInForce } from "./injected-namespace.ts";
import { kubectl, kubectlJson } from "./kubectl.ts";
import { LoadPod } from "./load-pod.ts";
import { nodeApp } from "./node-app.ts";
import { programsConfigMap, service } from "./programs.ts";
import { type LoadSummary, OpenLoop } from "./open-loop.ts";
import { readyReplicas, withReplicas } from "./replicas.ts";
import { Scenario } from "./scenario.ts";
import { waitFor } from "./wait-for.ts";

const deployment = "deployment/heddle-control-plane";
/** Requests per second of each client. */
const rate = 40;
// What is tested is the control plane: a busy machine may not take the server out of its Service.
const patientProbe = { httpGet: { path: "/ready", port: 8080 }, periodSeconds: 1, timeoutSeconds: 15 };

interface Pods {
  readonly items: readonly {
    readonly metadata: { readonly name: string; readonly deletionTimestamp?: string };
    readonly status: { readonly phase: string };
  }[];
}

interface Route {
  readonly metadata: { readonly generation: number };
  readonly status: { readonly parents: readonly { readonly conditions: readonly { observedGeneration: number }[] }[] };
}

export class DisturbedMesh {
  readonly namespace: string;
  readonly #idlePods: number;
  #gateway: Gateway | undefined;
  #loadPods = 0;
  #marks = 0;

  private constructor(namespace: string, idlePods: number) {
    this.namespace = namespace;
    this.#idlePods = idlePods;
  }

  /** Makes it before the file's tests, waits before each for two replicas, deletes it after them. */
  static use(test: TestFn, idlePods = 0): DisturbedMesh {
    const scenario = Scenario.use(test, ["mesh"], [`${labels.namespaceInjection}=enabled`], "ha");
    const mesh = new DisturbedMesh(scenario.namespace("mesh"), idlePods);
    test.serial.before("a Gateway, a server behind it, idle pods", () => mesh.#create());
    test.serial.beforeEach("two replicas", () => mesh.#twoReplicas());
    test.after.always("close the way to the Gateway", () => mesh.#gateway?.close());
    return mesh;
  }

  get gateway(): Gateway {
    if (this.#gateway === undefined) throw new Error("the mesh is not there yet");
    return this.#gateway;
  }

  async #create(): Promise<void> {
    const { namespace } = this;
    await injectionInForce(namespace);
    const app = (name: string): object =>
      nodeApp({ name, app: name, version: "v1", program: "hop.ts", container: { readinessProbe: patientProbe } });
    await applyObjects(
      namespace,
      await programsConfigMap(),
      app("server"),
      service("server", { app: "server" }),
      ...(this.#idlePods > 0 ? [app("idle")] : []),
      httpGateway("edge"),
      route(),
    );
    if (this.#idlePods > 0) {
      await kubectl(["-n", namespace, "scale", "deployment/idle", `--replicas=${this.#idlePods}`]);
      await rolledOut(namespace, "idle");
    }
    await rolledOut(namespace, "server");
    this.#gateway = await Gateway.open({ name: "edge", namespace });
    await this.#gateway.settled("server:80");
  }

  async #twoReplicas(): Promise<void> {
    await kubectl(["-n", systemNamespace, "rollout", "status", deployment, "--timeout=90s"], { deadlineMs: 95_000 });
    await waitFor("two replicas", async () => (await readyReplicas()).length === 2);
  }

  /** Pods of the namespace that have an agent. */
  async agentPods(): Promise<readonly string[]> {
    const { items } = await kubectlJson<Pods>("-n", this.namespace, "get", "pods", "-l", `${labels.podInject}!=false`);
    return items
      .filter(({ metadata, status }) => status.phase === "Running" && metadata.deletionTimestamp === undefined)
      .map(({ metadata }) => metadata.name);
  }

  /** Waits until every agent of the namespace is with some replica; resolves with how many each replica has. */
  async allConnected(): Promise<Readonly<Record<string, number>>> {
    const pods = await this.agentPods();
    return withReplicas((replicas) =>
      waitFor(`${pods.length} agents are connected`, async () => {
        const held = await Promise.all(
          replicas.map(async (replica) => [replica.name, await replica.agents(this.namespace)] as const),
        );
        if (!pods.every((pod) => held.some(([, agents]) => agents.has(pod)))) return undefined;
        return Object.fromEntries(held.map(([name, agents]) => [name, pods.filter((pod) => agents.has(pod)).length]));
      }),
    );
  }

  /** Waits until every replica holds agents of the namespace. Each agent chooses by chance: idle pods choose again. */
  async spread(): Promise<Readonly<Record<string, number>>> {
    // One that is starting again holds none, and is not asked.
    await waitFor("both replicas are ready", async () => (await readyReplicas()).length === 2);
    for (let round = 0; ; round++) {
      const counts = await this.allConnected();
      if (Object.values(counts).every((count) => count > 0) || round === 4) return counts;
      await kubectl(["-n", this.namespace, "rollout", "restart", "deployment/idle"]);
      await rolledOut(this.namespace, "idle");
    }
  }

  /** Requests from outside and from inside while `disturb` runs: all of them are answered 200. */
  async underLoad(t: ExecutionContext, disturb: () => Promise<void>): Promise<void> {
    const { namespace, gateway } = this;
    const name = `client-${++this.#loadPods}`;
    const load = { port: 80, path: "/", rate };
    const inside = await LoadPod.start({ ...load, namespace, name, host: `server.${namespace}`, seconds: 180 });
    const { host, port } = gateway.way;
    const outside = new OpenLoop({ ...load, host, port }).start();
    let summaries: readonly LoadSummary[] = [];
    try {
      await disturb();
    } finally {
      summaries = await Promise.all([outside.stop(), inside.stop()]);
      await kubectl(["-n", namespace, "delete", "pod", name, "--wait=false"]);
    }
    for (const { sent, outcomes, p50Ms, p99Ms, slowestMs } of summaries) {
      t.log(`${sent} requests`, outcomes, `p50 ${p50Ms} ms, p99 ${p99Ms} ms, slowest ${slowestMs} ms`);
      t.deepEqual(outcomes, { "200": sent });
    }
  }

  /** Patches the route; resolves with the milliseconds from kubectl's end until the gateway acts on it. */
  async patchActs(): Promise<number> {
    const mark = `/mark/${++this.#marks}`;
    await applyObjects(this.namespace, route(mark));
    const startedMs = performance.now();
    // A rule without backends answers 500.
    await waitFor(`${mark} is in force`, async () => (await this.gateway.send(mark)).status === 500, {
      deadlineMs: 20_000,
      pollMs: 5,
    });
    return performance.now() - startedMs;
  }

  /** Whether the route's status is of its newest generation. */
  async statusIsNew(): Promise<boolean> {
    const { metadata, status } = await kubectlJson<Route>("-n", this.namespace, "get", "httproute", "all");
    const [parent] = status.parents;
    return parent?.conditions.every(({ observedGeneration }) => observedGeneration === metadata.generation) ?? false;
  }
}

/** The server behind the Gateway; with a mark a rule more, whose answer says that this version is in force. */
function route(mark?: string): object {
  const backend = { backendRefs: [{ name: "server", port: 80 }] };
  const rules = mark === undefined ? [backend] : [{ matches: [{ path: { type: "Exact", value: mark } }] }, backend];
  return {
    apiVersion: "gateway.networking.k8s.io/v1",
    kind: "HTTPRoute",
    metadata: { name: "all" },
    spec: { parentRefs: [{ name: "edge" }], rules },
  };
}

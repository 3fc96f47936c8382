// Pods come and go under load: a rollout loses nothing, and a deleted pod is left alone at once. Seen by both kinds of
// client, the gateway and an injected pod.
import { type ChildProcess, spawn } from "node:child_process";
import test from "ava";
import { Gateway, httpGateway, rolledOut } from "./support/gateway.ts";
import { kubectl, kubectlJson } from "./support/kubectl.ts";
import { LoadPod } from "./support/load-pod.ts";
import { type LoadSummary, OpenLoop } from "./support/open-loop.ts";
import { applyObjects } from "./support/injected-namespace.ts";
import { deployment, programsConfigMap, readyByHttp, service } from "./support/programs.ts";
import { Scenario } from "./support/scenario.ts";
import { waitFor } from "./support/wait-for.ts";

const scenario = Scenario.use(test, ["rollouts"], ["heddle.dev/injection=enabled"], "life");
const namespace = scenario.namespace("rollouts");
let gateway: Gateway;

test.serial.before("gateway", async () => {
  await applyObjects(
    namespace,
    await programsConfigMap(),
    httpGateway("entry"),
    {
      apiVersion: "gateway.networking.k8s.io/v1",
      kind: "HTTPRoute",
      metadata: { name: "entry", namespace },
      spec: {
        parentRefs: [{ name: "entry" }],
        rules: ["web", "lingering"].map((name) => ({
          matches: [{ path: { type: "PathPrefix", value: `/${name}` } }],
          backendRefs: [{ name, port: 80 }],
        })),
      },
    },
    service("web", { app: "web" }),
    deployment("web", 3, { program: "server.ts", container: readyByHttp }),
    service("lingering", { app: "lingering" }),
  );
  gateway = await Gateway.open({ name: "entry", namespace });
});
test.after.always(() => gateway?.close());

interface PodList {
  readonly items: readonly { readonly metadata: { readonly name: string; readonly deletionTimestamp?: string } }[];
}

/** Names of the pods, those that terminate last. */
async function podsOf(app: string): Promise<{ readonly all: readonly string[]; readonly staying: readonly string[] }> {
  const { items } = await kubectlJson<PodList>("-n", namespace, "get", "pods", "-l", `app=${app}`);
  const staying = items.filter(({ metadata }) => metadata.deletionTimestamp === undefined);
  return { all: items.map(({ metadata }) => metadata.name), staying: staying.map(({ metadata }) => metadata.name) };
}

const title = "pain 3: 3 replicas, 100 requests a second, 3 rollouts (200 and 20 scaled): no 5xx, no reset";
test.serial(title, async (t) => {
  await rolledOut(namespace, "web");
  await gateway.settled("web:80");
  const inside = await LoadPod.start({
    namespace,
    name: "client",
    host: `web.${namespace}`,
    port: 80,
    path: "/web",
    rate: 50,
    seconds: 300,
  });
  const outside = new OpenLoop({ ...gateway.way, path: "/web", rate: 50 }).start();
  for (const kind of ["classic", "native", "classic"]) {
    const patch = { spec: { template: { metadata: { annotations: { "heddle.dev/sidecar": kind } } } } };
    await kubectl(["-n", namespace, "patch", "deployment", "web", "-p", JSON.stringify(patch)]);
    await rolledOut(namespace, "web");
  }
  await waitFor("the old pods are gone", async () => (await podsOf("web")).all.length === 3);
  for (const [name, summary] of Object.entries({ gateway: await outside.stop(), pod: await inside.stop() })) {
    const { sent, outcomes, texts, p50Ms, p99Ms, slowestMs } = summary;
    t.log(name, { sent, outcomes, pods: Object.keys(texts).length, p50Ms, p99Ms, slowestMs });
    t.deepEqual(Object.keys(outcomes), ["200"], name);
    // All generations were called: 3 pods at first, and 3 of each rollout.
    t.is(Object.keys(texts).length, 12, name);
  }
});

/** `kubectl proxy`: requests to the API server whose sending is not the start of a program. */
class ApiProxy {
  readonly #child: ChildProcess;
  readonly #origin: string;

  private constructor(child: ChildProcess, origin: string) {
    this.#child = child;
    this.#origin = origin;
  }

  static open(): Promise<ApiProxy> {
    const child = spawn("kubectl", ["proxy", "--port=0"], { stdio: ["ignore", "pipe", "inherit"] });
    return new Promise((resolve, reject) => {
      child.once("error", reject);
      child.once("exit", () => reject(new Error("kubectl proxy ended")));
      child.stdout.setEncoding("utf8").once("data", (line: string) => {
        resolve(new ApiProxy(child, `http://${/127\.0\.0\.1:\d+/.exec(line)?.[0] ?? ""}`));
      });
    });
  }

  /** Resolves with when the request was sent, milliseconds since 1970. */
  async deletePod(name: string): Promise<number> {
    const sentMs = Date.now();
    const { status } = await fetch(`${this.#origin}/api/v1/namespaces/${namespace}/pods/${name}`, { method: "DELETE" });
    if (status !== 200) throw new Error(`${status}: delete ${name}`);
    return sentMs;
  }

  close(): void {
    this.#child.removeAllListeners("exit");
    this.#child.kill();
  }
}

const deletions = 20;
test.serial(`pain 11: pod delete to the last answer from it, ${deletions} deletions (200 scaled)`, async (t) => {
  // What is deleted goes on answering, so that every request which still comes to it is seen.
  await applyObjects(
    namespace,
    deployment("lingering", 6, {
      program: "server.ts",
      env: { LINGER_MS: "3000" },
      labels: { "heddle.dev/inject": "false" },
      container: { readinessProbe: { httpGet: { path: "/", port: 8080 }, periodSeconds: 1, timeoutSeconds: 5 } },
    }),
  );
  await rolledOut(namespace, "lingering");
  await gateway.settled("lingering:80");
  const inside = await LoadPod.start({
    namespace,
    name: "deletion-client",
    host: `lingering.${namespace}`,
    port: 80,
    path: "/",
    rate: 100,
    seconds: 300,
  });
  const outside = new OpenLoop({ ...gateway.way, path: "/lingering", rate: 100 }).start();
  const api = await ApiProxy.open();
  const deletedMs = new Map<string, number>();
  while (deletedMs.size < deletions) {
    for (const pod of (await podsOf("lingering")).staying.slice(0, 2)) deletedMs.set(pod, await api.deletePod(pod));
    await rolledOut(namespace, "lingering");
  }
  api.close();
  const summaries: Record<string, LoadSummary> = { gateway: await outside.stop(), pod: await inside.stop() };
  for (const [name, { outcomes, lastMs }] of Object.entries(summaries)) {
    const called = [...deletedMs].filter(([pod]) => lastMs[pod] !== undefined);
    const delaysMs = called.map(([pod, sinceMs]) => (lastMs[pod] ?? 0) - sinceMs).toSorted((one, other) => one - other);
    const medianMs = delaysMs[Math.floor(delaysMs.length / 2)] ?? Infinity;
    const slowestMs = delaysMs.at(-1) ?? Infinity;
    t.log(name, { outcomes, medianMs, slowestMs, delaysMs });
    t.deepEqual(Object.keys(outcomes), ["200"], name);
    // One that was ready for a moment only may not have been called at all.
    t.true(called.length >= deletions * 0.75, `${name} called ${called.length} pods`);
    t.true(medianMs < 300, `${name}: median ${medianMs} ms`);
    t.true(slowestMs < 1000, `${name}: slowest ${slowestMs} ms`);
  }
});

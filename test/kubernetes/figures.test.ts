// What an installation costs and how fast it acts, measured on the cluster and printed; the bounds asserted here are
// those that hold on any machine. docs/benchmarks.md has the figures of one, with the peers' published ones beside.
import { spawn } from "node:child_process";
import { once } from "node:events";
import test from "ava";
import { containerNames } from "../../proto/kubernetes.ts";
import { Gateway, rolledOut } from "./support/gateway.ts";
import { kubectl } from "./support/kubectl.ts";
import { OpenLoop, type Outcome } from "./support/open-loop.ts";
import { Scenario } from "./support/scenario.ts";
import { apiRoute, apiRule, gatewayYaml, taskApi } from "./support/task-api.ts";
import { waitFor } from "./support/wait-for.ts";

const injected = Scenario.use(test, ["task-api"], ["heddle.dev/injection=enabled"]);
const plain = Scenario.use(test, ["plain"]);

const flips = 40;
const requestsPerSecond = 200;
const pods = 5;

test.serial("a patched weight acts within a second, and no request is lost meanwhile", async (t) => {
  const namespace = injected.namespace("task-api");
  await injected.apply(gatewayYaml("task-api"));
  await injected.apply(taskApi({ name: "task-api-stable", label: "version: stable", image: "task-api:v1" }));
  await injected.apply(taskApi({ name: "task-api-canary", label: "version: canary", image: "task-api:v2" }));
  await injected.apply(apiRoute("flip", [apiRule(["task-api-stable 100", "task-api-canary 0"])]));
  await rolledOut(namespace, "task-api-stable", "task-api-canary");
  const gateway = await Gateway.open({ name: "task-api-gateway", namespace });
  t.teardown(() => gateway.close());
  await gateway.settled("task-api-stable:8000", "task-api-canary:8000");
  const api = await proxyApi();
  t.teardown(() => api.end());

  // When each version last began to be the one that answers.
  let version = "v1";
  let awaited: { version: string; afterMs: number; resolve: (atMs: number) => void } | null = null;
  const load = new OpenLoop(
    { host: gateway.way.host, port: gateway.way.port, path: "/api/version", rate: requestsPerSecond },
    ({ text, sentMs }: Outcome) => {
      // What was sent before may be answered late, by the version of before.
      if (awaited === null || sentMs < awaited.afterMs || !text.includes(awaited.version)) return;
      awaited.resolve(sentMs);
      awaited = null;
    },
  ).start();
  const delaysMs: number[] = [];
  const url = `${api.address}/apis/gateway.networking.k8s.io/v1/namespaces/${namespace}/httproutes/flip`;
  for (let flip = 0; flip < flips; flip++) {
    version = version === "v1" ? "v2" : "v1";
    const weights = version === "v1" ? [100, 0] : [0, 100];
    const patch = weights.map((value, index) => ({
      op: "replace",
      path: `/spec/rules/0/backendRefs/${index}/weight`,
      value,
    }));
    const askedMs = performance.now();
    const first = new Promise<number>((resolve) => {
      awaited = { version, afterMs: askedMs, resolve };
    });
    const response = await fetch(url, {
      method: "PATCH",
      headers: { "content-type": "application/json-patch+json" },
      body: JSON.stringify(patch),
    });
    t.is(response.status, 200);
    delaysMs.push((await first) - askedMs);
  }
  const { sent, outcomes, p99Ms } = await load.stop();
  const sorted = delaysMs.toSorted((one, other) => one - other);
  const at = (share: number): number => Math.round(sorted[Math.ceil(sorted.length * share) - 1] ?? 0);
  t.log(
    `from the patch's arrival at the API server to the first request on the new weights, ${flips} patches: ` +
      `p50 ${at(0.5)} ms, p99 ${at(0.99)} ms; requests meanwhile: ${sent}, p99 ${p99Ms} ms, lost 0`,
  );
  t.deepEqual(outcomes, { "200": sent });
  t.true(at(0.99) < 1000, `p99 ${at(0.99)} ms`);
});

test.serial("memory of sidecar, gateway and control plane", async (t) => {
  const namespace = injected.namespace("task-api");
  const sidecars = await podsOf(namespace, "app=task-api");
  const gateways = await podsOf(namespace, "gateway.networking.k8s.io/gateway-name=task-api-gateway");
  const controlPlanes = await podsOf("heddle-system", "app.kubernetes.io/name=heddle-control-plane");
  const read = (space: string, names: readonly string[], container: string): Promise<number[]> =>
    Promise.all(names.map((name) => residentMegabytes(space, name, container)));
  const figures = {
    sidecar: await read(namespace, sidecars, containerNames.proxy),
    gateway: await read(namespace, gateways, containerNames.proxy),
    "control plane": await read("heddle-system", controlPlanes, "control-plane"),
  };
  for (const [what, megabytes] of Object.entries(figures)) {
    t.log(`${what}: ${megabytes.map((value) => `${value} MB`).join(", ")} resident, tracing on`);
    t.true(megabytes.length > 0, what);
    t.true(
      megabytes.every((value) => value < 400),
      what,
    );
  }
});

test.serial("the start of a pod with and without a sidecar", async (t) => {
  const withSidecar = await startTimesMs(injected.namespace("task-api"), "with");
  const without = await startTimesMs(plain.namespace("plain"), "without");
  const median = (times: readonly number[]): number =>
    times.toSorted((one, other) => one - other)[times.length >> 1] ?? 0;
  t.log(
    `from creation to Ready, median of ${pods} pods one after the other: ` +
      `${Math.round(median(withSidecar))} ms with a sidecar, ${Math.round(median(without))} ms without`,
  );
  t.true(median(withSidecar) - median(without) < 10_000);
});

async function podsOf(namespace: string, selector: string): Promise<readonly string[]> {
  const names = await kubectl([
    "-n",
    namespace,
    "get",
    "pods",
    "-l",
    selector,
    "-o",
    "jsonpath={.items[*].metadata.name}",
  ]);
  return names.split(" ").filter((name) => name !== "");
}

async function residentMegabytes(namespace: string, pod: string, container: string): Promise<number> {
  const status = await kubectl(["-n", namespace, "exec", pod, "-c", container, "--", "cat", "/proc/1/status"]);
  return Math.round(Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]) / 1024);
}

async function startTimesMs(namespace: string, name: string): Promise<readonly number[]> {
  const times: number[] = [];
  for (let index = 0; index < pods; index++) {
    const pod = {
      apiVersion: "v1",
      kind: "Pod",
      metadata: { name: `${name}-${index}` },
      spec: {
        terminationGracePeriodSeconds: 1,
        containers: [{ name: "app", image: "task-api:v1", ports: [{ containerPort: 8000 }] }],
      },
    };
    await kubectl(["-n", namespace, "create", "-f", "-"], { stdin: JSON.stringify(pod) });
    const startedMs = performance.now();
    await kubectl(["-n", namespace, "wait", `pod/${name}-${index}`, "--for=condition=Ready", "--timeout=60s"]);
    times.push(performance.now() - startedMs);
    await kubectl(["-n", namespace, "delete", "pod", `${name}-${index}`, "--wait=false"]);
  }
  return times;
}

/** The API server without the start of a kubectl in every measurement. */
async function proxyApi(): Promise<{ readonly address: string; end(): Promise<void> }> {
  const child = spawn("kubectl", ["proxy", "--port=0"], { stdio: ["ignore", "pipe", "inherit"] });
  let output = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => (output += text));
  const port = await waitFor("kubectl proxy", () => /127\.0\.0\.1:(\d+)/.exec(output)?.[1]);
  return {
    address: `http://127.0.0.1:${port}`,
    end: async () => {
      child.kill();
      await once(child, "exit");
    },
  };
}

// What a sidecar holds of a big cluster. 2000 Services with 5000 endpoints are in the cluster, an application calls three
// Services: its sidecar holds those three, hears of no other, and is as large as one that began in the empty cluster. And
// what the first call of a Service costs. The crowd's endpoints are addresses only, and its Services are none of
// kube-proxy's (label service-proxy-name), which would occupy the node with rules that no connection meets.
import { Agent, request, type RequestOptions } from "node:https";
import test from "ava";
import { loadKubeConfig } from "../../control-plane/kubernetes/client.ts";
import { agentPorts, controlPlanePorts, systemNamespace } from "../../proto/kubernetes.ts";
import { type MetricFamily, parsePrometheusText } from "../support/prometheus-text.ts";
import type { Dial } from "./programs/dial.ts";
import { rolledOut } from "./support/gateway.ts";
import { heddle } from "./support/heddle.ts";
import { applyObjects, injectionInForce } from "./support/injected-namespace.ts";
import { kubectl } from "./support/kubectl.ts";
import { nodeApp } from "./support/node-app.ts";
import { programsConfigMap, service } from "./support/programs.ts";
import { Scenario } from "./support/scenario.ts";
import { waitFor } from "./support/wait-for.ts";

const scenario = Scenario.use(test, ["small"], ["heddle.dev/injection=enabled"]);
const namespace = scenario.namespace("small");
const big = Scenario.use(test, ["crowd"]);
const crowd = big.namespace("crowd");

const services = 2000;
const endpoints = 5000;
const maxGrowthBytes = 5 * 1024 * 1024;
const dialled = ["one", "two", "three"];
const early = ["early-1", "early-2", "early-3"];
const late = ["late-1", "late-2", "late-3"];
/** Each is measured by its least of so many scrapes: garbage comes and goes. */
const scrapes = 6;
const creators = 16;

const client = (name: string): object =>
  nodeApp({ name, app: name, version: "v1", program: "hop.ts", container: { readinessProbe: null } });

test.serial.before("one server behind three Services", async () => {
  await injectionInForce(namespace);
  await applyObjects(
    namespace,
    await programsConfigMap(),
    nodeApp({ name: "server", app: "server", version: "v1", program: "hop.ts" }),
    ...dialled.map((name) => service(name, { app: "server" })),
    ...early.map(client),
  );
  await rolledOut(namespace, "server", ...early);
});

async function podOf(app: string): Promise<string> {
  const path = "jsonpath={.items[0].metadata.name}";
  return (await kubectl(["-n", namespace, "get", "pods", "-l", `app=${app}`, "-o", path])).trim();
}

async function scrape(inNamespace: string, pod: string, port: number): Promise<Map<string, MetricFamily>> {
  return parsePrometheusText(
    await kubectl(["get", "--raw", `/api/v1/namespaces/${inNamespace}/pods/${pod}:${port}/proxy/metrics`]),
  );
}

function total(metrics: ReadonlyMap<string, MetricFamily>, name: string): number {
  return (metrics.get(name)?.samples ?? []).reduce((sum, sample) => sum + sample.value, 0);
}

async function value(pod: string, name: string): Promise<number> {
  return total(await scrape(namespace, pod, agentPorts.health), name);
}

async function call(app: string, ...urls: readonly string[]): Promise<readonly Dial[]> {
  const exec = ["-n", namespace, "exec", `deployment/${app}`, "-c", "app", "--", "node", "/programs/dial.ts"];
  const dials = JSON.parse(await kubectl([...exec, ...urls])) as readonly Dial[];
  const failed = dials.filter(({ status }) => status !== 200);
  if (failed.length > 0) throw new Error(JSON.stringify(failed));
  return dials;
}

/** Each client calls each Service 40 times. */
async function work(apps: readonly string[]): Promise<void> {
  for (const app of apps) {
    await call(app, ...Array.from({ length: 40 }, () => dialled.map((name) => `http://${name}/`)).flat());
  }
}

/** The median client's resident memory, in bytes. */
async function memory(apps: readonly string[]): Promise<number> {
  const least: number[] = [];
  for (const app of apps) {
    const pod = await podOf(app);
    const seen: number[] = [];
    for (let index = 0; index < scrapes; index++) seen.push(await value(pod, "process_resident_memory_bytes"));
    least.push(Math.min(...seen));
  }
  return least.toSorted((one, other) => one - other)[Math.floor(least.length / 2)]!;
}

/** Creates objects by POST, over kept connections: kubectl sends 50 a second at most. */
class Creator {
  readonly #agent: Agent;
  readonly #config = loadKubeConfig(process.env);
  readonly #options: RequestOptions = {};

  private constructor() {
    this.#agent = new Agent({ keepAlive: true });
  }

  static async open(): Promise<Creator> {
    const creator = new Creator();
    await creator.#config.applyToHTTPSOptions(creator.#options);
    return creator;
  }

  close(): void {
    this.#agent.destroy();
  }

  create(path: string, object: object): Promise<void> {
    const url = new URL(path, this.#config.getCurrentCluster()?.server);
    const options = { ...this.#options, agent: this.#agent, method: "POST" };
    return new Promise((resolve, reject) => {
      const outgoing = request(url, options, (response) => {
        response.resume();
        response.on("error", reject);
        response.on("end", () => {
          if (response.statusCode === 201) resolve();
          else reject(new Error(`${path}: ${response.statusCode}`));
        });
      });
      outgoing.on("error", reject);
      outgoing.setHeader("content-type", "application/json");
      outgoing.end(JSON.stringify(object));
    });
  }
}

async function createCrowd(creator: Creator): Promise<void> {
  const create = async (index: number): Promise<void> => {
    const name = `crowd-${index}`;
    const labels = { "service.kubernetes.io/service-proxy-name": "nobody" };
    const ports = [{ name: "http", port: 80 }];
    await creator.create(`/api/v1/namespaces/${crowd}/services`, { metadata: { name, labels }, spec: { ports } });
    // Two and three in turn.
    const count = index % 2 === 0 ? 2 : 3;
    await creator.create(`/apis/discovery.k8s.io/v1/namespaces/${crowd}/endpointslices`, {
      metadata: { name, labels: { ...labels, "kubernetes.io/service-name": name } },
      addressType: "IPv4",
      ports: [{ name: "http", port: 80, protocol: "TCP" }],
      endpoints: Array.from({ length: count }, (_, endpoint) => ({
        addresses: [`198.18.${index >> 6}.${(index & 63) * 4 + endpoint}`],
        conditions: { ready: true },
      })),
    });
  };
  const indexes = Array.from({ length: services }, (_, index) => index).values();
  await Promise.all(
    Array.from({ length: creators }, async () => {
      for (const index of indexes) await create(index);
    }),
  );
}

async function controlPlanesKnow(): Promise<void> {
  const list = ["-n", systemNamespace, "get", "pods", "-l", "app.kubernetes.io/name=heddle-control-plane"];
  await waitFor(
    `every replica serves more than ${services} resources`,
    async () => {
      const pods = (await kubectl([...list, "-o", "jsonpath={.items[*].metadata.name}"])).trim().split(/\s+/);
      const counts = await Promise.all(
        pods.map(async (pod) => {
          const metrics = await scrape(systemNamespace, pod, controlPlanePorts.health);
          return total(metrics, "heddle_snapshot_resources");
        }),
      );
      return counts.every((count) => count > services);
    },
    { deadlineMs: 120_000, pollMs: 500 },
  );
}

test.serial("14 a first call waits for one answer of the control plane", async (t) => {
  const [app] = early;
  const pod = await podOf(app!);
  // The program, and its name's resolution, are warm after this one.
  await call(app!, "http://one/");
  const responses = "heddle_discovery_responses_total";
  const before = await value(pod, responses);
  const [, first, second] = await call(app!, "http://one/", "http://two/", "http://two/");
  t.is((await value(pod, responses)) - before, 1);
  t.log(`first call of a Service ${first!.tookMs.toFixed(1)} ms, second ${second!.tookMs.toFixed(1)} ms`);
  // The whole call; a time limit would be a second.
  t.true(first!.tookMs < 500, String(first!.tookMs));
});

test.serial(
  "14 with 2000 Services and 5000 endpoints in the cluster and 3 called, a sidecar grows by less than 5 MB",
  async (t) => {
    await work(early);
    const inEmpty = await memory(early);
    const pods = await Promise.all(early.map(podOf));
    // A stream that was opened again is told once more what it has.
    const heard = (): Promise<number[]> =>
      Promise.all(
        pods.map(async (pod) => {
          const metrics = await scrape(namespace, pod, agentPorts.health);
          return total(metrics, "heddle_discovery_responses_total") - total(metrics, "heddle_discovery_connects_total");
        }),
      );
    const heardBefore = await heard();

    const startedMs = performance.now();
    const creator = await Creator.open();
    t.teardown(() => creator.close());
    await createCrowd(creator);
    t.log(`${services} Services, ${endpoints} endpoints created in ${Math.round(performance.now() - startedMs)} ms`);
    await controlPlanesKnow();
    t.deepEqual(await heard(), heardBefore, "a sidecar hears of no Service that its pod does not call");
    const inCrowd = await memory(early);

    await applyObjects(namespace, ...late.map(client));
    await rolledOut(namespace, ...late);
    await work(late);
    const begunInCrowd = await memory(late);
    const mib = (bytes: number): string => `${(bytes / 1024 / 1024).toFixed(1)} MiB`;
    t.log(
      `sidecar: ${mib(inEmpty)} in an empty cluster, ${mib(inCrowd)} once it was full, ${mib(begunInCrowd)} when begun in it`,
    );
    t.true(inCrowd - inEmpty < maxGrowthBytes);
    t.true(begunInCrowd - inEmpty < maxGrowthBytes);

    const { stdout } = await heddle("config", `${namespace}/${await podOf(late[0]!)}`);
    for (const name of dialled) t.true(stdout.includes(`${namespace}/${name}:80`), stdout);
    t.false(stdout.includes(crowd), stdout);
  },
);

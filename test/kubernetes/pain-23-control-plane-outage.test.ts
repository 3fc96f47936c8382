// The control plane is away while pods roll: agents go on with what they hold, and once it is back they leave the
// addresses behind that have gone. In a file of its own, since everybody on the cluster is without a control plane.
import test from "ava";
import { agentPorts, controlPlanePorts, systemNamespace } from "../../proto/kubernetes.ts";
import { Gateway, httpGateway, rolledOut } from "./support/gateway.ts";
import { scrapeGateway } from "./support/agent-metrics.ts";
import { kubectl, kubectlJson } from "./support/kubectl.ts";
import { LoadPod } from "./support/load-pod.ts";
import { OpenLoop, type Outcome } from "./support/open-loop.ts";
import { applyObjects } from "./support/injected-namespace.ts";
import { deployment, programsConfigMap, readyByHttp, service } from "./support/programs.ts";
import { reachService } from "./support/reach.ts";
import { Scenario } from "./support/scenario.ts";
import { waitFor } from "./support/wait-for.ts";

const scenario = Scenario.use(test, ["outage"], ["heddle.dev/injection=enabled"], "life");
const namespace = scenario.namespace("outage");
const controlPlane = ["-n", systemNamespace, "deployment/heddle-control-plane"];
const waitForPods = ["-n", systemNamespace, "wait", "pod", "-l", "app.kubernetes.io/name=heddle-control-plane"];
const awayMs = 20_000;
/** The agent gives a dial up after 1 s. */
const dialMs = 1500;
let gateway: Gateway;

/** A server that is not injected: without the webhook no pod with a sidecar starts. */
const server = (name: string, replicas: number): object =>
  deployment(name, replicas, {
    program: "server.ts",
    labels: { part: "web", "heddle.dev/inject": "false" },
    container: readyByHttp,
  });

test.serial.before("gateway", async () => {
  await applyObjects(
    namespace,
    await programsConfigMap(),
    httpGateway("entry"),
    {
      apiVersion: "gateway.networking.k8s.io/v1",
      kind: "HTTPRoute",
      metadata: { name: "entry", namespace },
      spec: { parentRefs: [{ name: "entry" }], rules: [{ backendRefs: [{ name: "web", port: 80 }] }] },
    },
    service("web", { part: "web" }),
    server("stays", 1),
    server("rolls", 3),
  );
  await rolledOut(namespace, "stays", "rolls");
  gateway = await Gateway.open({ name: "entry", namespace });
  await gateway.settled("web:80");
});
test.after.always(() => gateway?.close());

const podsOf = async (app: string): Promise<readonly string[]> => {
  const { items } = await kubectlJson<{ items: readonly { metadata: { name: string } }[] }>(
    "-n",
    namespace,
    "get",
    "pods",
    "-l",
    `app=${app}`,
  );
  return items.map(({ metadata }) => metadata.name);
};

async function connectFailures(): Promise<number> {
  const family = (await scrapeGateway(namespace, "entry")).get("heddle_upstream_connect_failures_total");
  return family?.samples.reduce((sum, { value }) => sum + value, 0) ?? NaN;
}

const title =
  "pain 23: pods roll while the control plane is away for 20 s (2 min scaled): no dead address once it is back";
test.serial(title, async (t) => {
  const inside = await LoadPod.start({
    namespace,
    name: "client",
    host: `web.${namespace}`,
    port: 80,
    path: "/",
    rate: 20,
    seconds: 300,
  });
  const outcomes: Outcome[] = [];
  const outside = new OpenLoop({ ...gateway.way, path: "/", rate: 40 }, (outcome) => outcomes.push(outcome)).start();
  // A Service that nobody has asked for yet is passed through while there is nobody to ask: no matter of the mesh.
  const metrics = `/api/v1/namespaces/${namespace}/pods/client:${agentPorts.health}/proxy/metrics`;
  await waitFor("the client calls through the mesh", async () =>
    /^http_requests_total\{[^}]*\} [1-9]/m.test(await kubectl(["get", "--raw", metrics])),
  );
  const before = await podsOf("rolls");
  const replicas = await kubectl(["get", ...controlPlane, "-o", "jsonpath={.spec.replicas}"]);
  const startedMs = performance.now();
  try {
    await kubectl(["scale", ...controlPlane, "--replicas=0"]);
    await kubectl([...waitForPods, "--for=delete", "--timeout=30s"]);
    await kubectl(["-n", namespace, "rollout", "restart", "deployment/rolls"]);
    await rolledOut(namespace, "rolls");
    await waitFor("the old pods are gone", async () => !(await podsOf("rolls")).some((pod) => before.includes(pod)));
    await waitFor("the outage is over", () => performance.now() - startedMs > awayMs);
  } finally {
    await kubectl(["scale", ...controlPlane, `--replicas=${replicas}`]);
    await kubectl(["rollout", "status", ...controlPlane, "--timeout=120s"], { deadlineMs: 130_000 });
  }
  const rolled = await podsOf("rolls");
  // Ready is not yet reachable: every node's rules follow the endpoints.
  await (await reachService(systemNamespace, "heddle-control-plane", controlPlanePorts.discovery)).close();
  const backMs = performance.now();
  const answered = (pod: string): Outcome | undefined => outcomes.find(({ text }) => text === pod);
  await waitFor("the gateway calls the new pods", () => rolled.every((pod) => answered(pod) !== undefined), {
    deadlineMs: 15_000,
  });
  const seenMs = Math.min(...rolled.map((pod) => answered(pod)?.sentMs ?? Infinity)) - backMs;
  t.log(`new pods are called ${Math.round(seenMs)} ms after the control plane can be reached`);
  t.true(seenMs < 1000, `${seenMs} ms`);
  await waitFor("dials of a second ago are over", () => performance.now() - backMs > 1000 + dialMs);
  const failures = await connectFailures();
  const from = outcomes.length;
  await waitFor("200 requests more", () => outcomes.length >= from + 200);
  t.is(await connectFailures(), failures, "calls of dead addresses");
  for (const [name, summary] of Object.entries({ gateway: await outside.stop(), pod: await inside.stop() })) {
    t.log(name, summary.outcomes, summary.texts);
    for (const pod of rolled) t.true(pod in summary.texts, `${name} called ${pod}`);
    // One pod of the backend has stayed: what a dead address does not take goes there, unless the one replay met another
    // address that had died within the same second.
    const failed = summary.sent - (summary.outcomes["200"] ?? 0);
    t.true(failed <= summary.sent / 100, `${name}: ${failed} of ${summary.sent} failed`);
  }
  const since = outcomes.filter(({ sentMs }) => sentMs > backMs + 1000);
  t.true(since.length > 200 && since.every(({ status }) => status === 200), "once it is back none fails");
});

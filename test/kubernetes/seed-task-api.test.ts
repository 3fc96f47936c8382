// The lesson "Traffic Splitting Patterns", its canary: stages, promotion, rollback, clean-up, monitoring. The outputs of
// kubectl are the lesson's.
import test from "ava";
import { sumOfRates } from "../support/prometheus-text.ts";
import { Gateway, rolledOut } from "./support/gateway.ts";
import { scrapeGateway } from "./support/agent-metrics.ts";
import { version } from "./support/http-client.ts";
import { OpenLoop } from "./support/open-loop.ts";
import { Scenario } from "./support/scenario.ts";
import { apiRoute, apiRule, gatewayYaml, taskApi } from "./support/task-api.ts";
import { waitFor } from "./support/wait-for.ts";

const seed = Scenario.use(test, ["task-api"]);
const canary = taskApi({ name: "task-api-canary", label: "version: canary", image: "task-api:v2" });
const created = "httproute.gateway.networking.k8s.io/task-api-canary created\n";
const configured = "httproute.gateway.networking.k8s.io/task-api-canary configured\n";
const both = ["task-api-stable:8000", "task-api-canary:8000"] as const;
let gateway: Gateway;

/** The lesson's task-api-canary-route.yaml with these weights. */
function route(stableWeight: number, canaryWeight: number): string {
  const backends = [`task-api-stable ${stableWeight}`, `task-api-canary ${canaryWeight}`];
  return apiRoute("task-api-canary", [apiRule(backends)]);
}

/** Applies these weights and waits until they are in force. */
async function shift(stableWeight: number, canaryWeight: number): Promise<string> {
  const printed = await seed.apply(route(stableWeight, canaryWeight));
  await gateway.settled();
  return printed;
}

const versions = (count: number): Promise<Record<string, number>> => gateway.count(count, "/api/version", version);

test.serial.before("gateway and stable", async () => {
  await seed.apply(gatewayYaml("task-api"));
  await seed.apply(taskApi({ name: "task-api-stable", label: "version: stable", image: "task-api:v1" }));
  await rolledOut(seed.namespace("task-api"), "task-api-stable");
  gateway = await Gateway.open({ name: "task-api-gateway", namespace: seed.namespace("task-api") });
});
test.after.always(() => gateway?.close());

test.serial(
  "T3 the canary's Deployment and Service are created in this order; its targetPort is its port",
  async (t) => {
    const printed = await seed.shell(`kubectl apply -f - <<EOF${canary}EOF`);
    t.is(printed, "deployment.apps/task-api-canary created\nservice/task-api-canary created\n");
    await rolledOut(seed.namespace("task-api"), "task-api-canary");
    const port = "kubectl get service task-api-canary -n task-api -o jsonpath='{.spec.ports[0].targetPort}'";
    t.is(await seed.shell(port), "8000");
  },
);

test.serial("T4 the route with 5 % canary is created", async (t) => {
  t.is(await seed.apply(route(95, 5)), created);
});

test.serial("T5 of 100 requests 95 are v1 and 5 are v2", async (t) => {
  await gateway.settled(...both);
  t.deepEqual(await versions(100), { v1: 95, v2: 5 });
});

test.serial("T6 /api/ is a prefix by element: /api and /api/x are under it, /apix is not", async (t) => {
  for (const path of ["/api", "/api/", "/api/x"]) t.is((await gateway.send(path)).status, 200, path);
  t.is((await gateway.send("/apix")).status, 404);
});

test.serial("T7 stages 25 % and 50 % are a new apply each, and the split follows", async (t) => {
  t.is(await shift(75, 25), configured);
  t.deepEqual(await versions(100), { v1: 75, v2: 25 });
  t.is(await shift(50, 50), configured);
  t.deepEqual(await versions(100), { v1: 50, v2: 50 });
});

test.serial("T9 a backend without a port is refused and named; nothing changes", async (t) => {
  const { code, stderr } = await seed.tryApply(
    apiRoute("task-api-canary", [
      apiRule(["task-api-stable 1", "task-api-canary 1"]).replaceAll(/\n +port: 8000/g, ""),
    ]),
  );
  t.is(code, 1);
  t.regex(stderr, /spec\.rules\[0\]\.backendRefs\[0\].*Must have port for Service reference/);
  t.deepEqual(await versions(100), { v1: 50, v2: 50 });
});

test.serial("T8, T10 from 100 % canary to promoted: not one request fails", async (t) => {
  const load = new OpenLoop({ ...gateway.way, path: "/api/version", rate: 50 }).start();
  t.is(await seed.apply(apiRoute("task-api-canary", [apiRule(["task-api-canary 100"])])), configured);
  await gateway.settled();
  t.deepEqual(await versions(40), { v2: 40 });

  // Rename canary to stable: stable gets its image, then the traffic; then the old one goes.
  await seed.shell("kubectl set image deployment/task-api-stable task-api=task-api:v2 -n task-api");
  await rolledOut(seed.namespace("task-api"), "task-api-stable");
  await gateway.settled("task-api-stable:8000");
  await seed.apply(apiRoute("task-api-canary", [apiRule(["task-api-stable"])]));
  await gateway.settled();
  await seed.shell("kubectl delete deployment/task-api-canary service/task-api-canary -n task-api");
  t.deepEqual(await versions(40), { v2: 40 });
  const summary = await load.stop();
  t.log(summary);
  t.deepEqual(Object.keys(summary.outcomes), ["200"]);
});

test.serial("T11 the errors of each version are in its pods' logs: 3 and 12", async (t) => {
  await seed.shell("kubectl set image deployment/task-api-stable task-api=task-api:v1 -n task-api");
  await seed.apply(canary);
  await rolledOut(seed.namespace("task-api"), "task-api-stable", "task-api-canary");
  await gateway.settled(...both);
  await shift(100, 0);
  for (let index = 0; index < 3; index++) t.is((await gateway.send("/api/error")).status, 500);
  await shift(0, 100);
  for (let index = 0; index < 12; index++) t.is((await gateway.send("/api/error")).status, 500);
  for (const [name, count] of [
    ["stable", "3\n"],
    ["canary", "12\n"],
  ] as const) {
    const lines = `kubectl logs -l version=${name} -n task-api --tail=100 | grep -c ERROR`;
    await waitFor(`${name} logged ${count.trim()} errors`, async () => (await seed.shell(lines)) === count);
  }
  t.pass();
});

test.serial(
  "T29, T30, T31 error rate, p99 and requests per second by version, from the gateway's metrics",
  async (t) => {
    const scrape = (): ReturnType<typeof scrapeGateway> =>
      scrapeGateway(seed.namespace("task-api"), "task-api-gateway");
    await shift(50, 50);
    const before = await scrape();
    t.deepEqual(await versions(40), { v1: 20, v2: 20 });
    await shift(0, 100);
    for (let index = 0; index < 10; index++) await gateway.send("/api/error");
    const after = await scrape();

    const isRoute = (labels: Readonly<Record<string, string>>): boolean =>
      labels["route"]?.endsWith("/task-api-canary") === true;
    const isError = (labels: Readonly<Record<string, string>>): boolean => /^5..$/.test(labels["status"] ?? "");
    const requests = sumOfRates(before, after, "http_requests_total", ["version"], 1, ({ labels }) => isRoute(labels));
    const errors = sumOfRates(
      before,
      after,
      "http_requests_total",
      ["version"],
      1,
      ({ labels }) => isRoute(labels) && isError(labels),
    );
    t.deepEqual(Object.fromEntries(requests), { stable: 20, canary: 30 });
    t.deepEqual(Object.fromEntries(errors), { stable: 0, canary: 10 });
    const buckets = sumOfRates(
      before,
      after,
      "http_request_duration_seconds_bucket",
      ["version", "le"],
      1,
      ({ labels }) => isRoute(labels),
    );
    t.is(buckets.get("canary,+Inf"), 30);
  },
);

test.serial("T12, T13, T14 the rollback: what is in flight completes, nothing new reaches the canary", async (t) => {
  await shift(0, 100);
  const slow = gateway.send("/api/slow?ms=4000");
  // It is in flight once the canary has it: the next request is answered by the same pod.
  t.deepEqual(await versions(1), { v2: 1 });
  t.is(await shift(100, 0), configured);
  t.deepEqual(await versions(20), { v1: 20 });
  t.deepEqual(await versions(80), { v1: 80 });
  const answer = await slow;
  t.is(version(answer), "v2");
});

test.serial(
  "T15, T16 the deleted canary, still named with weight 0, harms nothing but the route's status",
  async (t) => {
    const deployment = await seed.shell("kubectl delete deployment task-api-canary -n task-api");
    const service = await seed.shell("kubectl delete service task-api-canary -n task-api");
    // Newer kubectl adds "from NAMESPACE namespace".
    t.regex(deployment, /^deployment\.apps "task-api-canary" deleted\b/);
    t.regex(service, /^service "task-api-canary" deleted\b/);
    await gateway.settled();
    t.deepEqual(await versions(100), { v1: 100 });
    const condition = `{.status.parents[0].conditions[?(@.type=="ResolvedRefs")].reason}`;
    const ask = `kubectl get httproute task-api-canary -n task-api -o jsonpath='${condition}'`;
    await waitFor("the status says so", async () => (await seed.shell(ask)) === "BackendNotFound", {
      deadlineMs: 15_000,
    });
    t.deepEqual(await versions(100), { v1: 100 });
  },
);

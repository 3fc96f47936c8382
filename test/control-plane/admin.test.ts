// The admin pages of a control plane with one agent that reported something.
import test from "ava";
import { latencyBucketsSeconds } from "../../proto/latency-buckets.ts";
import { RawAgent } from "../protocol/raw-agent.ts";
import { parsePrometheusText } from "../support/prometheus-text.ts";
import { until } from "../support/until.ts";
import { mesh, startControlPlane } from "./start.ts";

interface SnapshotPage {
  readonly generation: string;
  readonly found?: boolean;
  readonly subscriptions?: Readonly<Record<string, { readonly resources: readonly { readonly type: string }[] }>>;
  readonly resources?: readonly { readonly type: string; readonly name: string; readonly body: object }[];
}

const getJson = async <Value>(response: Promise<Response>): Promise<Value> => (await (await response).json()) as Value;

test("health, readiness and the list of pages", async (t) => {
  const { get } = await startControlPlane(t, mesh);
  t.is(await (await get("/healthz")).text(), "ok\n");
  t.is(await (await get("/readyz")).text(), "ready\n");
  for (const path of ["/", "/debug"]) t.regex(await (await get(path)).text(), /\/debug\/agents/);
});

for (const path of ["/nope", "/debug/", "/healthz/", "/%ff", "/constructor", "/__proto__", "//healthz"])
  test(`no page at ${path}: 404 with the list of those there are`, async (t) => {
    const { get } = await startControlPlane(t, mesh);
    const response = await get(path);
    t.is(response.status, 404);
    t.regex(await response.text(), /\/debug\/snapshot/);
  });

test("only GET and HEAD are answered, also when a body comes with the request", async (t) => {
  const { get } = await startControlPlane(t, mesh);
  for (const method of ["POST", "PUT", "DELETE"]) {
    const response = await get("/healthz", { method, body: "x".repeat(100_000) }).catch(() => null);
    if (response === null) continue;
    t.is(response.status, 405);
    t.is(response.headers.get("allow"), "GET, HEAD");
  }
  const head = await get("/metrics", { method: "HEAD" });
  t.is(head.status, 200);
  t.is(await head.text(), "");
});

test("agents show what was sent and what was acknowledged, apart", async (t) => {
  const { get, discoveryPort, controlPlane } = await startControlPlane(t, mesh);
  const agent = RawAgent.connect(discoveryPort, { subscriptions: ["frontend:stable:80"] });
  t.teardown(() => agent.close());
  const response = await agent.response();
  const { generation } = controlPlane.discovery.snapshot!;
  const page = async (): Promise<object> => (await getJson<{ agents: object[] }>(get("/debug/agents"))).agents[0]!;
  t.like(await page(), { sentGeneration: generation, acknowledgedGeneration: "", isInFlight: true, lastNack: null });
  agent.ack(response);
  await until(() => controlPlane.discovery.connectedAgents()[0]!.acknowledgedGeneration === generation);
  t.like(await page(), { acknowledgedGeneration: generation, subscriptions: ["frontend:stable:80"] });
});

test("snapshots: the whole, one agent's part, and what one name stands for, decoded", async (t) => {
  const { get, discoveryPort } = await startControlPlane(t, mesh);
  const agent = RawAgent.connect(discoveryPort, { subscriptions: ["frontend:stable:80"] });
  t.teardown(() => agent.close());
  await agent.expectAck();
  const whole = await getJson<SnapshotPage>(get("/debug/snapshot"));
  t.like(
    whole.resources!.find(({ type, name }) => type === "ENDPOINTS" && name === "shop/canary:80"),
    { body: { endpoints: [{ address: "10.0.0.2", port: 8080 }] } },
  );
  const part = await getJson<SnapshotPage>(get(`/debug/snapshot?agent=${agent.id}`));
  t.deepEqual(part.subscriptions!["frontend:stable:80"]!.resources.map(({ type }) => type).sort(), [
    "CLUSTER",
    "ENDPOINTS",
    "LISTENER",
  ]);
  const name = await getJson<SnapshotPage>(get("/debug/snapshot?subscription=gateway:shop/gw"));
  t.true(name.resources!.some(({ type }) => type === "ROUTE"));
  t.is((await getJson<SnapshotPage>(get("/debug/snapshot?subscription=frontend:nobody:80"))).found, false);
  t.is((await get("/debug/snapshot?agent=nobody")).status, 404);
});

test("stats are the sums of what agents reported", async (t) => {
  const { get, discoveryPort, controlPlane } = await startControlPlane(t, mesh);
  const agent = RawAgent.connect(discoveryPort, { subscriptions: [] });
  t.teardown(() => agent.close());
  await agent.expectAck();
  const report = {
    route: "shop/split",
    rule: 0,
    backend: "shop/stable:80",
    workloadVersion: "v1",
    statusClasses: [0, 9, 0, 0, 1, 0],
    latencyBuckets: [...latencyBucketsSeconds, 0].map(() => 1),
    latencySumSeconds: 2,
    mirrored: 3,
    mirrorsDropped: 1,
  };
  agent.send({ stats: { rules: [report] } }).send({ stats: { rules: [report] } });
  await until(() => controlPlane.discovery.stats()[0]?.mirrored === 6);
  const page = await getJson<{ series: object[] }>(get("/debug/stats"));
  t.like(page.series[0], { route: "shop/split", workloadVersion: "v1", statusClasses: [0, 18, 0, 0, 2, 0] });
});

test("metrics are strict Prometheus text and tell of agents, pushes, acknowledgements and problems", async (t) => {
  const { get, discoveryPort, write, controlPlane } = await startControlPlane(t, mesh);
  const agent = RawAgent.connect(discoveryPort, { subscriptions: ["frontend:stable:80"] });
  t.teardown(() => agent.close());
  await agent.expectAck();
  write("other.yaml", 'apiVersion: v1\nkind: "Con\\\\fig\\"Map"\nmetadata: {name: a}\n');
  await until(() => controlPlane.discovery.metrics.acknowledged === 1);
  const families = parsePrometheusText(await (await get("/metrics")).text());
  const value = (name: string, labels: Record<string, string> = {}): number | undefined =>
    [...families.values()]
      .flatMap(({ samples }) => samples)
      .find(
        (sample) => sample.name === name && Object.entries(labels).every(([key, text]) => sample.labels[key] === text),
      )?.value;
  t.is(value("heddle_agents_connected", { mode: "sidecar" }), 1);
  t.is(value("heddle_pushes_total"), 1);
  t.is(value("heddle_acks_total"), 1);
  t.is(value("heddle_ack_delay_seconds_count"), 1);
  t.is(value("heddle_ack_delay_seconds_bucket", { le: "+Inf" }), 1);
  t.is(value("heddle_snapshot_generation"), 1);
  t.is(value("heddle_source_problems", { severity: "error" }), 0);
  t.true((value("heddle_translation_duration_seconds_count") ?? 0) >= 1);
});

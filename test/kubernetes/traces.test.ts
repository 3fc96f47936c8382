// One request from outside through the gateway and two injected services is one trace in Jaeger: which spans, under
// which parent, named after which workload, tagged with which version, whatever headers it began with. Found as a user
// finds it, through Jaeger's query API. Needs manifests/traces and the installation's default, every trace recorded.
import { randomBytes } from "node:crypto";
import test from "ava";
import type { HopAnswer } from "./programs/hop.ts";
import { Gateway, httpGateway, rolledOut } from "./support/gateway.ts";
import { applyObjects, injectionInForce } from "./support/injected-namespace.ts";
import { Jaeger, type JaegerSpan } from "./support/jaeger.ts";
import { kubectl } from "./support/kubectl.ts";
import { nodeApp } from "./support/node-app.ts";
import { appPort, programsConfigMap, service } from "./support/programs.ts";
import { Scenario } from "./support/scenario.ts";
import { waitFor } from "./support/wait-for.ts";

const scenario = Scenario.use(test, ["trace"], ["heddle.dev/injection=enabled"]);
const namespace = scenario.namespace("trace");
// Jaeger knows services by name alone: those of other runs must be others.
const suffix = randomBytes(3).toString("hex");
const [edge, front, second] = [`edge-${suffix}`, `front-${suffix}`, `second-${suffix}`];
const [shadow, brief] = [`shadow-${suffix}`, `brief-${suffix}`];
let gateway: Gateway;
let jaeger: Jaeger;

const route = (name: string, parent: object, rule: object): object => ({
  apiVersion: "gateway.networking.k8s.io/v1",
  kind: "HTTPRoute",
  metadata: { name },
  spec: { parentRefs: [parent], rules: [rule] },
});

test.serial.before("gateway, front, second in two versions, and a shadow that is mirrored to", async () => {
  jaeger = await Jaeger.open();
  await injectionInForce(namespace);
  const leaf = (name: string, app: string, version: string): object[] => [
    nodeApp({ name, app, version, program: "hop.ts" }),
    service(name, { app, version }),
  ];
  await applyObjects(
    namespace,
    httpGateway(edge),
    await programsConfigMap(),
    nodeApp({ name: "front", app: front, version: "v1", program: "hop.ts", environment: { NEXT: "http://second/" } }),
    service("front", { app: front }),
    service("second", { app: second }),
    ...leaf("second-stable", second, "stable"),
    ...leaf("second-canary", second, "canary"),
    // Named after its Deployment, for want of a label.
    nodeApp({ name: shadow, version: "dark", program: "hop.ts" }),
    service("shadow", { run: shadow }),
    nodeApp({ name: "brief", app: brief, version: "v1", program: "hop.ts" }),
    route("front", { name: edge }, { backendRefs: [{ name: "front", port: 80 }] }),
    route(
      "second",
      { group: "", kind: "Service", name: "second" },
      {
        filters: [{ type: "RequestMirror", requestMirror: { backendRef: { name: "shadow", port: 80 } } }],
        backendRefs: [
          { name: "second-stable", port: 80, weight: 50 },
          { name: "second-canary", port: 80, weight: 50 },
        ],
      },
    ),
  );
  await rolledOut(namespace, "front", "second-stable", "second-canary", shadow, "brief");
  gateway = await Gateway.open({ name: edge, namespace });
  await gateway.settled("front:80", "second-stable:80", "second-canary:80", "shadow:80");
  await waitFor("the route of second is in force in the sidecar of front", async () => {
    const traceId = traceIdOf(await ask());
    const spans = await waitFor("its trace", async () => {
      const found = await jaeger.trace(traceId);
      return found.length >= 5 && found;
    });
    return spans.some(({ tags }) => tags["heddle.route"] === `${namespace}/second`);
  });
});
test.after.always(async () => {
  await gateway?.close();
  await jaeger?.close();
});

async function ask(headers: Readonly<Record<string, string>> = {}): Promise<HopAnswer> {
  const { status, body } = await gateway.send("/hello?to=all", { headers });
  if (status !== 200) throw new Error(`${status} ${body}`);
  return JSON.parse(body) as HopAnswer;
}

/** Asks until it is this version's turn: every second time, but tests ask at the same time. */
const askFor = (version: string): Promise<HopAnswer> =>
  waitFor(`an answer of ${version}`, async () => {
    const answer = await ask();
    return answer.next?.version === version && answer;
  });

const traceIdOf = ({ headers }: HopAnswer): string => (headers["traceparent"] ?? "").split("-")[1] ?? "";

/** All spans of a request through the whole chain: agents send theirs in batches. */
const wholeTrace = (traceId: string, count = 7): Promise<JaegerSpan[]> =>
  waitFor(`${count} spans of trace ${traceId}`, async () => {
    const spans = await jaeger.trace(traceId);
    return spans.length >= count && spans;
  });

/** One line for each span, below its parent's and indented: service, kind, version; "mirror" for those that say so. */
function tree(spans: readonly JaegerSpan[]): string {
  const below = (parent: JaegerSpan | null, depth: number): string[] =>
    spans
      .filter(({ parentSpanId }) =>
        parent === null ? !spans.some(({ spanId }) => spanId === parentSpanId) : parentSpanId === parent.spanId,
      )
      .toSorted((one, other) => (line(one) < line(other) ? -1 : 1))
      .flatMap((span) => [`${"  ".repeat(depth)}${line(span)}`, ...below(span, depth + 1)]);
  const line = ({ service: name, kind, tags }: JaegerSpan): string =>
    `${name.replace(`-${suffix}`, "")} ${kind} ${String(tags["version"])}${tags["heddle.mirror"] === true ? " mirror" : ""}`;
  return below(null, 0).join("\n");
}

const wholeTree = (version: string): string =>
  `edge server v1
  edge client v1
    front server v1
      front client ${version}
        front client dark mirror
          shadow server dark
        second server ${version}`;

test("gateway and two services are one trace, in order, each with version and the workload's name", async (t) => {
  for (const version of ["canary", "stable"]) {
    const spans = await wholeTrace(traceIdOf(await askFor(version)));
    t.is(tree(spans), wholeTree(version));
    for (const { startedUs, durationUs, parentSpanId, kind } of spans) {
      const parent = spans.find(({ spanId }) => spanId === parentSpanId);
      // The mirror outlives its primary; clocks are one node's.
      if (parent !== undefined && kind === "client") t.true(startedUs >= parent.startedUs - 1000);
      t.true(durationUs >= 0);
    }
    t.like(spans.find(({ kind, service: name }) => kind === "client" && name === front)?.processTags, {
      "service.version": "v1",
      "k8s.namespace.name": namespace,
    });
  }
});

test("the copy is linked to its primary, flagged, and names route and backend", async (t) => {
  const spans = await wholeTrace(traceIdOf(await ask()));
  const mirror = spans.find(({ tags }) => tags["heddle.mirror"] === true);
  const primary = spans.find(({ tags }) => tags["heddle.route"] === `${namespace}/second` && tags !== mirror?.tags);
  t.deepEqual(mirror?.linkedSpanIds, [primary!.spanId]);
  t.is(mirror?.tags["heddle.backend"], `${namespace}/shadow:80`);
  t.is(primary?.tags["heddle.weight"], 50);
  t.is(primary?.tags["http.response.status_code"], 200);
});

test("found through Jaeger's query API by service and tag version=canary; the stable one is not", async (t) => {
  const [canary, stable] = [traceIdOf(await askFor("canary")), traceIdOf(await askFor("stable"))];
  await wholeTrace(canary);
  await wholeTrace(stable);
  for (const name of [front, second]) {
    const traces = await jaeger.traces(name, { version: "canary" }, 100);
    const found = new Set(traces.map(([span]) => span!.traceId));
    t.true(found.has(canary), name);
    t.false(found.has(stable), name);
  }
  const services = await jaeger.services();
  t.deepEqual(
    [edge, front, second, shadow].filter((name) => !services.includes(name)),
    [],
  );
});

const callerTrace = (): string => randomBytes(16).toString("hex");
const callerSpan = "00f067aa0ba902b7";

for (const [title, copied, headersOf] of [
  ["no header", "all", () => ({})],
  ["no header, an application that copies W3C alone", "w3c", () => ({})],
  ["W3C", "all", (traceId) => ({ traceparent: `00-${traceId}-${callerSpan}-01`, tracestate: "vendor=1" })],
  ["B3 in one header", "all", (traceId) => ({ b3: `${traceId}-${callerSpan}-1` })],
  [
    "B3 in one header, an application that copies that alone",
    "b3-single",
    (traceId) => ({ b3: `${traceId}-${callerSpan}-1` }),
  ],
  [
    "B3 in several, an application that copies those alone",
    "b3-multi",
    (traceId) => ({ "X-B3-TraceId": traceId, "X-B3-SpanId": callerSpan, "X-B3-Sampled": "1" }),
  ],
  [
    "both, of one trace",
    "all",
    (traceId) => ({ traceparent: `00-${traceId}-${callerSpan}-01`, b3: `${traceId}-${callerSpan}-1` }),
  ],
  [
    "both, of different traces: W3C is believed",
    "all",
    (traceId) => ({ traceparent: `00-${traceId}-${callerSpan}-01`, b3: `${callerTrace()}-1111111111111111-1` }),
  ],
] satisfies [string, string, (traceId: string) => Record<string, string>][]) {
  test(`22 one trace with the right parents, from ${title}`, async (t) => {
    const traceId = callerTrace();
    const headers = headersOf(traceId);
    const answer = await ask({ ...headers, "x-copy": copied });
    if (Object.keys(headers).length > 0) t.is(traceIdOf(answer), traceId);
    const spans = await wholeTrace(traceIdOf(answer));
    t.is(tree(spans), wholeTree(answer.next?.version ?? ""));
    const root = spans.find(({ service: name, kind }) => name === edge && kind === "server");
    t.is(root?.parentSpanId, Object.keys(headers).length > 0 ? callerSpan : null);
    t.is(answer.next?.headers["tracestate"], headers["tracestate" as keyof typeof headers]);
  });
}

test("22 what an application does not copy is a trace of its own, and nothing else breaks", async (t) => {
  const answer = await ask({ "x-copy": "none" });
  t.is(tree(await wholeTrace(traceIdOf(answer), 3)), wholeTree("").split("\n").slice(0, 3).join("\n"));
  const spans = await wholeTrace(traceIdOf(answer.next!), 4);
  t.is(
    tree(spans),
    `front client ${answer.next!.version}\n  front client dark mirror\n    shadow server dark\n  second server ${answer.next!.version}`,
  );
});

test("the caller's decision against recording holds through the whole chain", async (t) => {
  const traceId = callerTrace();
  const answer = await ask({ traceparent: `00-${traceId}-${callerSpan}-00` });
  t.is(traceIdOf(answer), traceId);
  t.regex(answer.next?.headers["traceparent"] ?? "", new RegExp(`^00-${traceId}-[0-9a-f]{16}-00$`));
  // What was asked after it has arrived.
  await wholeTrace(traceIdOf(await ask()));
  t.deepEqual(await jaeger.trace(traceId), []);
});

test("what a pod served last, right before its end, is in Jaeger", async (t) => {
  const path = "jsonpath={.items[0].metadata.name}";
  const pod = (await kubectl(["-n", namespace, "get", "pods", "-l", `app=${brief}`, "-o", path])).trim();
  const url = `/api/v1/namespaces/${namespace}/pods/${pod}:${appPort}/proxy/last`;
  const deletion = ["-n", namespace, "delete", "deployment", "brief", "--wait=false"];
  await kubectl(["get", "--raw", url]);
  await kubectl(deletion);
  const spans = await jaeger.untilTrace(brief, {}, () => true);
  t.deepEqual(
    spans.map(({ tags, processTags }) => [tags["url.path"], processTags["k8s.pod.name"]]),
    [["/last", pod]],
  );
});

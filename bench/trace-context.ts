// What telemetry costs a request, in nanoseconds: deciding on its trace context, writing the headers, counting it, and
// for a sampled one describing its span. node bench/trace-context.ts [--json]
import { HeadParser } from "../agent/http1/head-parser.ts";
import type { MessageHead } from "../agent/http1/message-head.ts";
import { MetricRegistry } from "../agent/telemetry/metric-registry.ts";
import { RequestMetrics } from "../agent/telemetry/request-metrics.ts";
import type { FinishedRequest } from "../agent/telemetry/spans.ts";
import { spanOf } from "../agent/telemetry/spans.ts";
import { TraceDecider, traceHeaders } from "../agent/telemetry/trace-context.ts";

const rounds = 9;
const runsPerRound = 200_000;
const traceParent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7";

/** The head of a browser's request, as the proxy has it. */
function headWith(...extra: readonly string[]): MessageHead {
  const parser = new HeadParser("request");
  const message = Buffer.from(
    [
      "GET /api/v1/tasks?limit=20&offset=40 HTTP/1.1",
      "Host: task-api.default.svc.cluster.local:8080",
      "User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0",
      "Accept: application/json, text/plain, */*",
      "Accept-Encoding: gzip, deflate, br",
      "Accept-Language: en-US,en;q=0.9",
      "Connection: keep-alive",
      "x-beta-user: true",
      "Cookie: session=8f14e45fceea167a5a36dedd4bea2543",
      ...extra,
      "\r\n",
    ].join("\r\n"),
  );
  if (parser.parse(message, 0, message.length) !== message.length) throw new Error(parser.failure?.reason);
  return parser.head;
}

let kept = 0;

function deciding(ratio: number, ...headers: readonly string[]): () => void {
  const traces = new TraceDecider({ ratio });
  const head = headWith(...headers);
  return () => {
    kept += traceHeaders(traces.decide(head)).length;
  };
}

function counting(): () => void {
  const requests = new RequestMetrics({ registry: new MetricRegistry(), nowMs: Date.now });
  const backends = Array.from({ length: 20 }, (_, index) => ({
    rule: { route: "task-api/task-api-canary", index },
    displayName: `task-api/task-api-${index}:8000`,
  }));
  const statuses = [200, 200, 200, 404, 503];
  let next = 0;
  return () => {
    next++;
    const backend = backends[next % backends.length];
    if (backend === undefined) throw new Error("no backend");
    requests.counter(backend, (next & 1) === 0 ? "stable" : "canary").record(statuses[next % 5] ?? 200, next % 40);
  };
}

function describing(): () => void {
  const trace = new TraceDecider({ ratio: 1 }).decide(headWith());
  const finished: FinishedRequest = {
    kind: "client",
    trace,
    spanId: trace.spanId,
    parentSpanId: "",
    startTimeMs: 1_700_000_000_000.25,
    endTimeMs: 1_700_000_000_003.5,
    method: "GET",
    scheme: "http",
    host: "task-api.task-api",
    port: 8000,
    path: "/api/tasks",
    query: "page=2",
    protocolVersion: "1.1",
    userAgent: "curl/8",
    peerAddress: "10.0.0.7",
    peerPort: 8080,
    statusCode: 200,
    errorType: "",
    requestBytes: 0,
    responseBytes: 130,
    rule: { route: "task-api/task-api-canary", index: 0 },
    backend: "task-api/task-api-stable:8000",
    weight: 95,
    workloadVersion: "stable",
    mirror: false,
    generation: "e.7",
    replays: [],
    links: [],
  };
  return () => {
    kept += spanOf(finished).name.length;
  };
}

function measure(subject: string, run: () => void): { subject: string; unit: string; raw: number[] } {
  const raw: number[] = [];
  for (let round = -1; round < rounds; round++) {
    const startedMs = performance.now();
    for (let count = 0; count < runsPerRound; count++) run();
    // The first round only warms up.
    if (round >= 0) raw.push(((performance.now() - startedMs) * 1e6) / runsPerRound);
  }
  return { subject, unit: "ns", raw };
}

const figures = [
  measure("no context, not sampled: decide, headers", deciding(0)),
  measure("traceparent, not sampled: decide, headers", deciding(0, `traceparent: ${traceParent}-00`)),
  measure("traceparent, sampled: decide, headers", deciding(0, `traceparent: ${traceParent}-01`)),
  measure("traceparent and tracestate, sampled", deciding(0, `traceparent: ${traceParent}-01`, "tracestate: a=1,b=2")),
  measure(
    "traceparent and B3, sampled",
    deciding(0, `traceparent: ${traceParent}-01`, `b3: ${traceParent.slice(3)}-1`),
  ),
  measure("count a request: 20 backends, 2 versions", counting()),
  measure("describe a sampled request's span", describing()),
];
if (kept === 0) throw new Error("nothing ran");
if (process.argv.includes("--json")) {
  console.log(JSON.stringify(figures));
} else {
  for (const { subject, raw } of figures) {
    const sorted = raw.toSorted((left, right) => left - right);
    console.log(`${subject.padEnd(46)} ${(sorted[rounds >> 1] ?? 0).toFixed(0).padStart(5)} ns`);
  }
}

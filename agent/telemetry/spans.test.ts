import test from "ava";
import type { FinishedRequest } from "./spans.ts";
import { spanOf } from "./spans.ts";
import { TraceDecider } from "./trace-context.ts";

const trace = new TraceDecider({ ratio: 1 }).decide({
  header: (name) => (name === "traceparent" ? "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01" : undefined),
});

function finished(changes: Partial<FinishedRequest> = {}): FinishedRequest {
  return {
    kind: "client",
    trace,
    spanId: trace.spanId,
    parentSpanId: trace.parentSpanId,
    startTimeMs: 1000.25,
    endTimeMs: 1012.5,
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
    ...changes,
  };
}

test("a client span has the stable HTTP attributes, the version that served and what the mesh decided", (t) => {
  t.deepEqual(spanOf(finished()), {
    traceId: trace.traceId,
    spanId: trace.spanId,
    parentSpanId: "00f067aa0ba902b7",
    parentIsRemote: true,
    traceState: "",
    kind: "client",
    name: "GET task-api/task-api-canary",
    startTimeMs: 1000.25,
    endTimeMs: 1012.5,
    attributes: {
      "http.request.method": "GET",
      "network.protocol.name": "http",
      "network.protocol.version": "1.1",
      "url.full": "http://task-api.task-api:8000/api/tasks?page=2",
      "url.path": "/api/tasks",
      "url.query": "page=2",
      "server.address": "task-api.task-api",
      "server.port": 8000,
      "user_agent.original": "curl/8",
      "network.peer.address": "10.0.0.7",
      "network.peer.port": 8080,
      "http.response.status_code": 200,
      "http.request.body.size": 0,
      "http.response.body.size": 130,
      version: "stable",
      "heddle.route": "task-api/task-api-canary",
      "heddle.rule": 0,
      "heddle.backend": "task-api/task-api-stable:8000",
      "heddle.weight": 95,
      "heddle.mirror": false,
      "heddle.generation": "e.7",
    },
    events: [],
    links: [],
    error: null,
  });
});

test("a server span names its client and the scheme, and no url.full", (t) => {
  const { attributes } = spanOf(finished({ kind: "server" }));
  t.is(attributes["client.address"], "10.0.0.7");
  t.is(attributes["url.scheme"], "http");
  t.false("url.full" in attributes);
});

test("absent facts are absent attributes", (t) => {
  const { attributes, name } = spanOf(
    finished({
      query: "",
      userAgent: "",
      host: "",
      peerAddress: "",
      rule: null,
      backend: "",
      weight: -1,
      workloadVersion: "",
    }),
  );
  t.is(name, "GET");
  for (const absent of ["url.query", "user_agent.original", "server.address", "server.port", "network.peer.address"]) {
    t.false(absent in attributes, absent);
  }
  for (const absent of ["version", "heddle.route", "heddle.rule", "heddle.backend", "heddle.weight", "error.type"]) {
    t.false(absent in attributes, absent);
  }
});

test("a span name is low in cardinality: no path, no unknown method", (t) => {
  const names = new Set(
    Array.from(
      { length: 100 },
      (_, index) => spanOf(finished({ path: `/api/tasks/${index}`, method: `M${index}` })).name,
    ),
  );
  t.deepEqual([...names], ["HTTP task-api/task-api-canary"]);
  t.like(spanOf(finished({ method: "BREW" })).attributes, {
    "http.request.method": "_OTHER",
    "http.request.method_original": "BREW",
  });
});

test("an error is 400 and above for a client span, 500 and above for a server span", (t) => {
  for (const [kind, statusCode, error] of [
    ["client", 399, false],
    ["client", 404, true],
    ["client", 503, true],
    ["server", 404, false],
    ["server", 499, false],
    ["server", 500, true],
  ] as const) {
    const span = spanOf(finished({ kind, statusCode }));
    t.is(span.error, error ? "" : null, `${kind} ${statusCode}`);
    t.is(span.attributes["error.type"], error ? String(statusCode) : undefined);
  }
});

test("a failure with a name of its own carries it as error.type and description", (t) => {
  const refused = spanOf(finished({ statusCode: 503, errorType: "connect-failure" }));
  t.is(refused.error, "connect-failure");
  t.is(refused.attributes["error.type"], "connect-failure");
  const broken = spanOf(finished({ statusCode: 200, errorType: "reset" }));
  t.is(broken.error, "reset");
  const silent = spanOf(finished({ statusCode: 0 }));
  t.is(silent.attributes["error.type"], "no-response");
  t.false("http.response.status_code" in silent.attributes);
});

test("a replay is an event on the span", (t) => {
  const span = spanOf(finished({ replays: [{ timeMs: 1003, reason: "connect-failure", endpoint: "10.0.0.6:8080" }] }));
  t.deepEqual(span.events, [
    {
      name: "heddle.replay",
      timeMs: 1003,
      attributes: { "heddle.replay.reason": "connect-failure", "heddle.replay.endpoint": "10.0.0.6:8080" },
    },
  ]);
  t.is(span.attributes["http.request.resend_count"], 1);
});

test("a mirror's span is a client span of its own, flagged and linked to the primary's", (t) => {
  const links = [{ traceId: trace.traceId, spanId: trace.spanId }];
  const span = spanOf(
    finished({ mirror: true, spanId: "aaaaaaaaaaaaaaaa", parentSpanId: trace.spanId, links, weight: -1 }),
  );
  t.like(span, {
    kind: "client",
    spanId: "aaaaaaaaaaaaaaaa",
    parentSpanId: trace.spanId,
    parentIsRemote: false,
    links,
  });
  t.is(span.attributes["heddle.mirror"], true);
});

test("credentials in a query are redacted", (t) => {
  const { attributes } = spanOf(finished({ query: "a=1&sig=secret&X-Goog-Signature=s2&design=x" }));
  t.is(attributes["url.query"], "a=1&sig=REDACTED&X-Goog-Signature=REDACTED&design=x");
  t.false(String(attributes["url.full"]).includes("secret"));
});

test("an IPv6 host is bracketed in url.full and bare in server.address", (t) => {
  const { attributes } = spanOf(finished({ host: "fd00::1", port: 80, query: "" }));
  t.is(attributes["url.full"], "http://[fd00::1]/api/tasks");
  t.is(attributes["server.address"], "fd00::1");
});

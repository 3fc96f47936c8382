// The one replay: after a connect failure any method, after the reset of a reused connection idempotent methods whose
// whole body is held (RFC 9112 section 9.3.1). Never a second one, and never outside the drawn backend.
import test from "ava";
import { parseTracingConfig } from "../../agent/telemetry/tracing-config.ts";
import { TraceDecider } from "../../agent/telemetry/trace-context.ts";
import { Tracing } from "../../agent/telemetry/tracing.ts";
import { MetricRegistry } from "../../agent/telemetry/metric-registry.ts";
import { startCollector } from "../support/otlp-collector.ts";
import { proxyFor } from "../support/proxy.ts";
import { RawClient, exchange } from "../support/raw-client.ts";
import { ok, startOrigin, startRawServer } from "../support/raw-server.ts";
import { valuesOf } from "../support/raw-message.ts";
import { backend, rule } from "../support/resources.ts";
import type { Test } from "../support/test-context.ts";
import { until } from "../support/until.ts";

/** The first endpoint is drawn first, as long as it is neither ejected nor busier. */
const firstEndpoint = { random: () => 0 };
const toEndpoints = (...ports: number[]) => ({ rules: [rule([backend("origin")])], clusters: { origin: ports } });
const request = (method: string, body = ""): string =>
  `${method} /item HTTP/1.1\r\nHost: shop.example\r\nX-Kept: 1\r\n` +
  (body === "" ? "\r\n" : `Content-Length: ${body.length}\r\n\r\n${body}`);

/** Nobody listens on the lowest ports of a loopback address, and nobody is given one. */
const refusedPort = 1;
const otherRefusedPort = 2;

for (const method of ["GET", "HEAD", "OPTIONS", "PUT", "DELETE", "POST", "PATCH", "PURGE"]) {
  test(`a ${method} whose connect is refused goes to another endpoint, body and all`, async (t) => {
    const body = ["PUT", "POST", "PATCH"].includes(method) ? "all of it" : "";
    const origin = await startOrigin(t, () => (method === "HEAD" ? ok("") : ok("answer")));
    const proxy = await proxyFor(t, toEndpoints(refusedPort, origin.port), firstEndpoint);
    const response = await exchange(t, proxy.port, request(method, body), method);
    t.is(response.status, 200);
    t.is(origin.requests.length, 1);
    t.like(origin.requests[0], { method, target: "/item", body });
    t.deepEqual(valuesOf(origin.requests[0]!, "x-kept"), ["1"]);
    t.is(proxy.context.metrics.replays.with("connect-failure").value, 1);
    t.is(proxy.context.metrics.replays.with("reset").value, 0);
  });
}

test("a body that has not arrived whole follows the replay to the second endpoint", async (t) => {
  const origin = await startOrigin(t, () => ok("answer"));
  const proxy = await proxyFor(t, toEndpoints(refusedPort, origin.port), firstEndpoint);
  const client = await RawClient.connect(t, proxy.port);
  const body = Array.from({ length: 50_000 }, (_, index) => `${index},`).join("");
  client.write(`POST / HTTP/1.1\r\nHost: a\r\nContent-Length: ${body.length}\r\n\r\n${body.slice(0, 30_000)}`);
  client.write(body.slice(30_000));
  t.is((await client.response()).status, 200);
  t.is(origin.requests[0]!.body, body);
});

test("a chunked body is replayed as it stood, trailers too", async (t) => {
  const origin = await startOrigin(t, () => ok("answer"));
  const proxy = await proxyFor(t, toEndpoints(refusedPort, origin.port), firstEndpoint);
  const body = "4;a=b\r\nabcd\r\n2\r\nef\r\n0\r\nX-Sum: 6\r\n\r\n";
  await exchange(t, proxy.port, `POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n${body}`);
  t.is(origin.requests[0]!.rawBody, body);
});

test("with one endpoint the replay goes to it again, and the second failure is the answer", async (t) => {
  const proxy = await proxyFor(t, toEndpoints(refusedPort));
  const response = await exchange(t, proxy.port, request("GET"));
  t.is(response.status, 503);
  t.deepEqual(valuesOf(response, "heddle-reason"), ["connect_failed"]);
  t.is(proxy.context.metrics.replays.with("connect-failure").value, 1);
});

test("there is no second replay, though a third endpoint would answer", async (t) => {
  const origin = await startOrigin(t, () => ok("answer"));
  // With random() 0 the draw takes the first two: both refuse.
  const proxy = await proxyFor(t, toEndpoints(refusedPort, otherRefusedPort, origin.port), firstEndpoint);
  t.is((await exchange(t, proxy.port, request("GET"))).status, 503);
  t.is(origin.connections(), 0);
  t.is(proxy.context.metrics.replays.with("connect-failure").value, 1);
  t.is((await exchange(t, proxy.port, request("GET"))).status, 200, "the failed ones are ejected now");
});

test("a replay stays inside the backend that was drawn", async (t) => {
  const origin = await startOrigin(t, () => ok("answer"));
  const proxy = await proxyFor(t, {
    rules: [rule([backend("dead", 1), backend("alive", 1)])],
    clusters: { dead: [refusedPort, otherRefusedPort], alive: [origin.port] },
  });
  const client = await RawClient.connect(t, proxy.port);
  const statuses: number[] = [];
  for (let index = 0; index < 10; index++) statuses.push((await client.get()).status);
  t.is(statuses.filter((status) => status === 200).length, 5);
  t.is(statuses.filter((status) => status === 503).length, 5);
  t.is(origin.requests.length, 5);
});

/** Answers the first request of a connection and resets at the second; the next connection answers everything. */
async function resettingOrigin(t: Test): Promise<Awaited<ReturnType<typeof startOrigin>>> {
  const seen = new WeakMap<object, number>();
  const origin = await startOrigin(t, (_request, socket) => {
    const count = (seen.get(socket) ?? 0) + 1;
    seen.set(socket, count);
    if (count < 2 || origin.connections() > 1) return ok(`on ${origin.connections()}`);
    socket.resetAndDestroy();
    return null;
  });
  return origin;
}

for (const [method, body] of [
  ["GET", ""],
  ["HEAD", ""],
  ["OPTIONS", ""],
  ["DELETE", ""],
  ["PUT", "the whole body"],
  ["DELETE", "with a body"],
] as const) {
  test(`a ${method} ${body} is replayed when its reused connection is reset`, async (t) => {
    const origin = await resettingOrigin(t);
    const proxy = await proxyFor(t, toEndpoints(origin.port));
    const client = await RawClient.connect(t, proxy.port);
    await client.get();
    client.write(request(method, body));
    const response = await client.response(method);
    t.is(response.status, 200);
    t.is(origin.requests.length, 3);
    t.is(origin.requests[2]!.body, body);
    t.is(origin.connections(), 2, "on a fresh connection");
    t.is(proxy.context.metrics.replays.with("reset").value, 1);
  });
}

for (const method of ["POST", "PATCH", "PURGE"]) {
  test(`a ${method} is not replayed when its reused connection is reset`, async (t) => {
    const origin = await resettingOrigin(t);
    const proxy = await proxyFor(t, toEndpoints(origin.port));
    const client = await RawClient.connect(t, proxy.port);
    await client.get();
    client.write(request(method, "body"));
    const response = await client.response();
    t.is(response.status, 502);
    t.deepEqual(valuesOf(response, "heddle-reason"), ["upstream_reset"]);
    t.is(origin.requests.length, 2);
    t.is(proxy.context.metrics.replays.with("reset").value, 0);
    t.is((await client.get()).status, 200, "the client's connection goes on");
  });
}

test("a PUT whose body came in several reads is not held, so it is not replayed", async (t) => {
  const answered = new Set<object>();
  let received = "";
  const origin = await startRawServer(t, (socket) => {
    socket.setEncoding("latin1");
    socket.on("data", (text: string) => {
      received += text;
      if (!answered.has(socket)) {
        answered.add(socket);
        received = "";
        socket.write(ok("first"));
      } else if (received.endsWith("end")) {
        socket.resetAndDestroy();
      }
    });
  });
  const proxy = await proxyFor(t, toEndpoints(origin.port));
  const client = await RawClient.connect(t, proxy.port);
  await client.get();
  client.write("PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 8\r\n\r\nstart");
  await until(() => received.endsWith("start"));
  client.write("end");
  t.is((await client.response()).status, 502);
  t.is(origin.connections(), 1);
});

test("a reset after a response byte is not replayed", async (t) => {
  let requests = 0;
  const origin = await startOrigin(t, (_request, socket) => {
    if (++requests === 1) return ok("first");
    socket.write("HTTP/1.1 2", () => socket.resetAndDestroy());
    return null;
  });
  const proxy = await proxyFor(t, toEndpoints(origin.port));
  const client = await RawClient.connect(t, proxy.port);
  await client.get();
  const second = await client.get();
  t.is(second.status, 502);
  t.is(origin.requests.length, 2);
});

test("a reset of a first use is not replayed: the endpoint may have acted", async (t) => {
  const origin = await startOrigin(t, (_request, socket) => {
    socket.resetAndDestroy();
    return null;
  });
  const proxy = await proxyFor(t, toEndpoints(origin.port));
  t.is((await exchange(t, proxy.port, request("GET"))).status, 502);
  t.is(origin.requests.length, 1);
});

test("a replay that is reset too is the end of it", async (t) => {
  let requests = 0;
  const origin = await startOrigin(t, (_request, socket) => {
    if (++requests === 1) return ok("first");
    socket.resetAndDestroy();
    return null;
  });
  const proxy = await proxyFor(t, toEndpoints(origin.port));
  const client = await RawClient.connect(t, proxy.port);
  await client.get();
  t.is((await client.get()).status, 502);
  t.is(origin.requests.length, 3);
  t.is(proxy.context.metrics.replays.with("reset").value, 1);
});

test("a replay is an event of the request's span, and one request in the metrics", async (t) => {
  const collector = await startCollector("http/protobuf");
  const parsed = parseTracingConfig({
    OTEL_EXPORTER_OTLP_ENDPOINT: collector.endpoint,
    OTEL_EXPORTER_OTLP_PROTOCOL: collector.protocol,
  });
  if (parsed.kind !== "on") throw new Error(JSON.stringify(parsed));
  const registry = new MetricRegistry();
  const dropped = registry.counterFamily("dropped_total", "Dropped.", ["reason"]);
  const tracing = new Tracing({
    config: { ...parsed.config, batchDelayMs: 10 },
    agentVersion: "1",
    spans: registry.counter("spans_total", "Spans."),
    dropped: (reason) => dropped.with(reason),
    warn: () => undefined,
    nowMs: () => Date.now(),
  });
  t.teardown(async () => {
    await tracing.shutdown(2000);
    await collector.close();
  });
  await tracing.start({ "service.name": "gateway" });
  const origin = await startOrigin(t, () => ok("answer"));
  const proxy = await proxyFor(t, toEndpoints(refusedPort, origin.port), {
    ...firstEndpoint,
    traces: new TraceDecider({ ratio: 1 }),
    tracing,
  });
  await exchange(t, proxy.port, request("POST", "body"));
  await until(() => collector.spans.length === 2);
  for (const span of collector.spans) {
    t.is(span.events.length, 1);
    t.is(span.events[0]!.name, "heddle.replay");
    const { attributes } = span.events[0]! as unknown as { attributes: Record<string, unknown> };
    t.is(attributes["heddle.replay.reason"], "connect-failure");
    t.true(Object.values(attributes).includes(`127.0.0.1:${refusedPort}`), JSON.stringify(attributes));
  }
  const text = proxy.context.metrics.registry.render();
  const counted = [...text.matchAll(/^http_requests_total\{[^}]*\} (\d+)$/gm)].map(([, value]) => Number(value));
  t.is(
    counted.reduce((sum, value) => sum + value, 0),
    1,
  );
});

// The one replay: after a connect failure any method, after a reset only what is safe to repeat; never twice, and never to
// another backend than the one that was drawn. After an answer: replay-after-answer.test.ts.
import test from "ava";
import { TraceDecider } from "../../agent/telemetry/trace-context.ts";
import { collectedTracing } from "../support/collected-tracing.ts";
import { proxyFor } from "../support/proxy.ts";
import { RawClient, exchange } from "../support/raw-client.ts";
import { ok, startOrigin, startRawServer } from "../support/raw-server.ts";
import { valuesOf } from "../support/raw-message.ts";
import { backend, rule } from "../support/resources.ts";
import type { Test } from "../support/test-context.ts";
import { until } from "../support/until.ts";

const refused = 1;
const request = (method: string, body = ""): string =>
  `${method} / HTTP/1.1\r\nHost: a\r\n${body === "" ? "" : `Content-Length: ${body.length}\r\n`}\r\n${body}`;

for (const [method, body] of [
  ["GET", ""],
  ["POST", "small"],
  ["PATCH", "x".repeat(40_000)],
  ["POST", "x".repeat(1_000_000)],
] as const) {
  test(`connect failure: ${method} with ${body.length} bytes is sent to another endpoint, whole`, async (t) => {
    const origin = await startOrigin(t, (received) => ok(`${received.body.length}`));
    // Drawn first: the first endpoint (0), then its neighbour: equal load, so the first is taken.
    const proxy = await proxyFor(
      t,
      { rules: [rule([backend("b")])], clusters: { b: [refused, origin.port] } },
      { random: () => 0 },
    );
    const response = await exchange(t, proxy.port, request(method, body));
    t.is(response.body, `${body.length}`);
    t.is(origin.requests.length, 1);
    t.true(origin.requests[0]!.body === body);
    t.is(proxy.context.metrics.replays.with("connect-failure").value, 1);
  });
}

test("connect failure: a chunked body that is still coming is sent whole", async (t) => {
  const origin = await startOrigin(t, (received) => ok(received.body));
  const proxy = await proxyFor(
    t,
    { rules: [rule([backend("b")])], clusters: { b: [refused, origin.port] } },
    { random: () => 0 },
  );
  const client = await RawClient.connect(t, proxy.port);
  client.write("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n");
  await new Promise(setImmediate);
  client.write("3\r\ndef\r\n0\r\n\r\n");
  t.is((await client.response()).body, "abcdef");
});

test("two connect failures are the end: never a second replay", async (t) => {
  const origin = await startOrigin(t, () => ok("x"));
  const proxy = await proxyFor(
    t,
    { rules: [rule([backend("b")])], clusters: { b: [refused, 2, origin.port] } },
    { random: () => 0 },
  );
  const response = await exchange(t, proxy.port, request("GET"));
  t.is(response.status, 503);
  t.deepEqual(valuesOf(response, "heddle-reason"), ["connect_failed"]);
  t.notRegex(response.body, /127\.0\.0\.1/, "a gateway's client does not learn of addresses behind it");
  t.is(proxy.context.metrics.replays.with("connect-failure").value, 1);
});

test("a replay stays inside the backend that was drawn", async (t) => {
  const other = await startOrigin(t, () => ok("other"));
  const proxy = await proxyFor(t, {
    rules: [rule([backend("down", 1), backend("up", 1)])],
    clusters: { down: [refused, 2], up: [other.port] },
  });
  const client = await RawClient.connect(t, proxy.port);
  const statuses: number[] = [];
  for (let index = 0; index < 20; index++) statuses.push((await client.get()).status);
  t.is(statuses.filter((status) => status === 200).length, 10);
  t.is(statuses.filter((status) => status === 503).length, 10);
});

/** Serves one request per connection and resets the connection when the second one comes. */
async function resettingOrigin(t: Parameters<typeof startOrigin>[0]) {
  const served = new WeakSet<object>();
  return startOrigin(t, (received, socket) => {
    if (served.has(socket)) {
      socket.resetAndDestroy();
      return null;
    }
    served.add(socket);
    return ok(received.body);
  });
}

for (const method of ["GET", "PUT", "DELETE", "OPTIONS"]) {
  test(`reset of a reused connection: ${method} is sent again on a fresh one`, async (t) => {
    const origin = await resettingOrigin(t);
    const proxy = await proxyFor(t, { rules: [rule([backend("b")])], clusters: { b: [origin.port] } });
    const client = await RawClient.connect(t, proxy.port);
    await client.get();
    client.write(request(method, method === "PUT" ? "held" : ""));
    const response = await client.response();
    t.is(response.status, 200);
    t.is(response.body, method === "PUT" ? "held" : "");
    t.is(origin.requests.length, 3);
    t.is(proxy.context.metrics.replays.with("reset").value, 1);
  });
}

for (const method of ["POST", "PATCH"]) {
  test(`reset of a reused connection: ${method} is not repeated`, async (t) => {
    const origin = await resettingOrigin(t);
    const proxy = await proxyFor(t, { rules: [rule([backend("b")])], clusters: { b: [origin.port] } });
    const client = await RawClient.connect(t, proxy.port);
    await client.get();
    client.write(request(method, "once"));
    const response = await client.response();
    t.is(response.status, 502);
    t.deepEqual(valuesOf(response, "heddle-reason"), ["upstream_reset"]);
    t.is(origin.requests.length, 2);
  });
}

test("reset of a reused connection: a body that is not held whole is not repeated", async (t) => {
  const seen: string[] = [];
  const origin = await startRawServer(t, (socket) => {
    let text = "";
    socket.setEncoding("latin1").on("data", (more: string) => {
      text += more;
      if (text.startsWith("GET")) {
        text = "";
        socket.write(ok("x"));
      } else if (text.length > 100_000) {
        seen.push(text);
        socket.resetAndDestroy();
      }
    });
  });
  const proxy = await proxyFor(t, { rules: [rule([backend("b")])], clusters: { b: [origin.port] } });
  const client = await RawClient.connect(t, proxy.port);
  await client.get();
  client.write(request("PUT", "x".repeat(500_000)));
  t.is((await client.response()).status, 502);
  t.is(seen.length, 1);
});

test("the reset of a fresh connection is not replayed", async (t) => {
  const origin = await startOrigin(t, (_request, socket) => {
    socket.resetAndDestroy();
    return null;
  });
  const proxy = await proxyFor(t, { rules: [rule([backend("b")])], clusters: { b: [origin.port] } });
  t.is((await exchange(t, proxy.port, request("GET"))).status, 502);
  t.is(origin.requests.length, 1);
});

/** Answers what it is asked to; resets a connection at the first request for anything else. */
const resettingAlways = (t: Test) =>
  startOrigin(t, (_request, socket) => {
    socket.resetAndDestroy();
    return null;
  });

test("21 the resets of fresh connections are replayed elsewhere, but load grows by a fifth at most", async (t) => {
  const origins = [await resettingAlways(t), await resettingAlways(t)];
  const proxy = await proxyFor(t, {
    rules: [rule([backend("b")])],
    clusters: { b: origins.map(({ port }) => port) },
  });
  const client = await RawClient.connect(t, proxy.port);
  for (let index = 0; index < 50; index++) t.is((await client.get()).status, 502);
  t.is(
    origins.reduce((sum, { requests }) => sum + requests.length, 0),
    60,
  );
});

test("the reset of a fresh connection: POST is not repeated, whatever the credit", async (t) => {
  const up = await startOrigin(t, () => ok("up"));
  const down = await resettingAlways(t);
  const proxy = await proxyFor(
    t,
    { rules: [rule([backend("b")])], clusters: { b: [up.port, up.port] } },
    { random: () => 0 },
  );
  const client = await RawClient.connect(t, proxy.port);
  for (let index = 0; index < 10; index++) await client.get();
  proxy.configure({ rules: [rule([backend("b")])], clusters: { b: [down.port, up.port] } });
  t.is((await client.get()).body, "up");
  client.write(request("POST", "once"));
  t.is((await client.response()).status, 502);
  t.is(down.requests.length, 2);
});

test("a reused connection that breaks within its answer is not replayed", async (t) => {
  let requests = 0;
  const origin = await startOrigin(t, (_request, socket) => {
    if (++requests === 1) return ok("x");
    socket.write("HTTP/1.1 2");
    setTimeout(() => socket.resetAndDestroy(), 20);
    return null;
  });
  const proxy = await proxyFor(t, { rules: [rule([backend("b")])], clusters: { b: [origin.port] } });
  const client = await RawClient.connect(t, proxy.port);
  await client.get();
  t.is((await client.get()).status, 502);
  t.is(requests, 2);
});

test("a chunked body is replayed as it stood, trailers too", async (t) => {
  const origin = await startOrigin(t, () => ok("answer"));
  const proxy = await proxyFor(
    t,
    { rules: [rule([backend("b")])], clusters: { b: [refused, origin.port] } },
    { random: () => 0 },
  );
  const body = "4;a=b\r\nabcd\r\n2\r\nef\r\n0\r\nX-Sum: 6\r\n\r\n";
  await exchange(t, proxy.port, `POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n${body}`);
  t.is(origin.requests[0]!.rawBody, body);
});

test("with one endpoint the replay goes to it again, and the second failure is the answer", async (t) => {
  const proxy = await proxyFor(t, { rules: [rule([backend("b")])], clusters: { b: [refused] } });
  const response = await exchange(t, proxy.port, request("GET"));
  t.is(response.status, 503);
  t.deepEqual(valuesOf(response, "heddle-reason"), ["connect_failed"]);
  t.is(proxy.context.metrics.replays.with("connect-failure").value, 1);
});

test("a replay that is reset too is the end of it", async (t) => {
  let requests = 0;
  const origin = await startOrigin(t, (_request, socket) => {
    if (++requests === 1) return ok("first");
    socket.resetAndDestroy();
    return null;
  });
  const proxy = await proxyFor(t, { rules: [rule([backend("b")])], clusters: { b: [origin.port] } });
  const client = await RawClient.connect(t, proxy.port);
  await client.get();
  t.is((await client.get()).status, 502);
  t.is(origin.requests.length, 3);
  t.is(proxy.context.metrics.replays.with("reset").value, 1);
});

test("a replay is an event of the request's span, and one request in the metrics", async (t) => {
  const { tracing, spans } = await collectedTracing(t);
  const origin = await startOrigin(t, () => ok("answer"));
  const proxy = await proxyFor(
    t,
    { rules: [rule([backend("b")])], clusters: { b: [refused, origin.port] } },
    {
      random: () => 0,
      traces: new TraceDecider({ ratio: 1 }),
      tracing,
    },
  );
  await exchange(t, proxy.port, request("POST", "body"));
  await until(() => spans.length === 2);
  for (const span of spans) {
    t.is(span.events.length, 1);
    t.is(span.events[0]!.name, "heddle.replay");
    const { attributes } = span.events[0]! as unknown as { attributes: Record<string, unknown> };
    t.is(attributes["heddle.replay.reason"], "connect-failure");
    t.true(Object.values(attributes).includes(`127.0.0.1:${refused}`), JSON.stringify(attributes));
  }
  const text = proxy.context.metrics.registry.render();
  const counted = [...text.matchAll(/^http_requests_total\{[^}]*\} (\d+)$/gm)].map(([, value]) => Number(value));
  t.is(
    counted.reduce((sum, value) => sum + value, 0),
    1,
  );
});

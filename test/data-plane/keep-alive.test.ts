// Connections are used again, on both sides, and given up before the other side gives them up.
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import test from "ava";
import { manualClock } from "../support/manual-clock.ts";
import { proxyFor } from "../support/proxy.ts";
import { RawClient } from "../support/raw-client.ts";
import { ok, startOrigin, startRawServer } from "../support/raw-server.ts";
import { valuesOf } from "../support/raw-message.ts";
import { backend, rule } from "../support/resources.ts";
import { until } from "../support/until.ts";

const toOrigin = (port: number) => ({ rules: [rule([backend("origin")])], clusters: { origin: [port] } });

test("one client connection and one endpoint connection carry request after request", async (t) => {
  const origin = await startOrigin(t, (request) => ok(request.target));
  const proxy = await proxyFor(t, toOrigin(origin.port));
  const client = await RawClient.connect(t, proxy.port);
  for (let index = 0; index < 20; index++) {
    const response = await client.get(`/${index}`);
    t.is(response.body, `/${index}`);
    t.deepEqual(valuesOf(response, "connection"), []);
  }
  t.is(origin.connections(), 1);
});

test("an endpoint connection serves one client after another", async (t) => {
  const origin = await startOrigin(t, () => ok("x"));
  const proxy = await proxyFor(t, toOrigin(origin.port));
  for (let index = 0; index < 3; index++) {
    const client = await RawClient.connect(t, proxy.port);
    await client.get();
    client.end();
    await client.ended();
  }
  t.is(origin.connections(), 1);
});

test("Connection: close of the client closes its connection, not the endpoint's", async (t) => {
  const origin = await startOrigin(t, () => ok("x"));
  const proxy = await proxyFor(t, toOrigin(origin.port));
  for (let index = 0; index < 2; index++) {
    const client = await RawClient.connect(t, proxy.port);
    const response = await client.get("/", "Connection: close\r\n");
    t.deepEqual(valuesOf(response, "connection"), ["close"]);
    await client.ended();
    t.is(client.closing, "end");
  }
  t.is(origin.connections(), 1);
  t.deepEqual(valuesOf(origin.requests[0]!, "connection"), []);
});

test("Connection: close of the endpoint closes its connection, not the client's", async (t) => {
  const origin = await startOrigin(t, (_request, socket) => {
    setImmediate(() => socket.end());
    return ok("x", "Connection: close\r\n");
  });
  const proxy = await proxyFor(t, toOrigin(origin.port));
  const client = await RawClient.connect(t, proxy.port);
  for (let index = 0; index < 3; index++) t.deepEqual(valuesOf(await client.get(), "connection"), []);
  t.is(origin.connections(), 3);
});

test("an endpoint that says nothing of its idle time is left after 4 s, under a Node server's 5 s", async (t) => {
  const clock = manualClock();
  const origin = await startOrigin(t, () => ok("x"));
  const proxy = await proxyFor(t, toOrigin(origin.port), { now: clock.now });
  const client = await RawClient.connect(t, proxy.port);
  await client.get();
  clock.advance(3999);
  await client.get();
  t.is(origin.connections(), 1);
  clock.advance(4000);
  await client.get();
  t.is(origin.connections(), 2);
});

for (const [timeout, keptMs] of [
  [5, 4000],
  [3, 2000],
  [30, 29_000],
  [600, 60_000],
] as const) {
  test(`Keep-Alive: timeout=${timeout} of an endpoint keeps its connection ${keptMs} ms`, async (t) => {
    const clock = manualClock();
    const origin = await startOrigin(t, () => ok("x", `Keep-Alive: timeout=${timeout}\r\n`));
    const proxy = await proxyFor(t, toOrigin(origin.port), { now: clock.now });
    const client = await RawClient.connect(t, proxy.port);
    const response = await client.get();
    t.deepEqual(valuesOf(response, "keep-alive"), [], "hop-by-hop");
    clock.advance(keptMs - 1);
    await client.get();
    t.is(origin.connections(), 1);
    clock.advance(keptMs);
    await client.get();
    t.is(origin.connections(), 2);
  });
}

test("Keep-Alive: timeout=1 leaves no safe time: the connection is not used again", async (t) => {
  const origin = await startOrigin(t, () => ok("x", "Keep-Alive: timeout=1\r\n"));
  const proxy = await proxyFor(t, toOrigin(origin.port));
  const client = await RawClient.connect(t, proxy.port);
  await client.get();
  await client.get();
  t.is(origin.connections(), 2);
});

test("the sweep closes an idle endpoint connection when its time is over", async (t) => {
  const clock = manualClock();
  const origin = await startOrigin(t, () => ok("x"));
  const proxy = await proxyFor(t, toOrigin(origin.port), { now: clock.now });
  const client = await RawClient.connect(t, proxy.port);
  await client.get();
  t.is(origin.sockets.size, 1);
  clock.advance(4000);
  proxy.context.deadlines.sweep();
  await until(() => origin.sockets.size === 0);
  t.is((await client.get()).status, 200);
});

test("an endpoint connection that is closed, or speaks, while idle is not used", async (t) => {
  const origin = await startOrigin(t, (_request, socket) => {
    if (origin.requests.length === 1) setImmediate(() => socket.end());
    if (origin.requests.length === 2) setImmediate(() => socket.write("HTTP/1.1 408 Request Timeout\r\n\r\n"));
    return ok("x");
  });
  const proxy = await proxyFor(t, toOrigin(origin.port));
  const client = await RawClient.connect(t, proxy.port);
  for (let index = 0; index < 3; index++) {
    t.is((await client.get()).status, 200);
    if (index < 2) await until(() => origin.sockets.size === 0);
  }
  t.is(origin.connections(), 3);
});

test("bytes after a response take its connection out of use", async (t) => {
  const origin = await startOrigin(t, () => `${ok("x")}HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison`);
  const proxy = await proxyFor(t, toOrigin(origin.port));
  const client = await RawClient.connect(t, proxy.port);
  t.is((await client.get()).body, "x");
  t.is((await client.get()).body, "x");
  t.is(origin.connections(), 2);
});

test("no request is lost to a Node server that closes idle connections after 300 ms", async (t) => {
  const server = createServer((request, response) => {
    request.resume().on("end", () => response.end("node"));
  });
  server.keepAliveTimeout = 300;
  await new Promise<void>((resolve) => {
    server.listen(0, "127.0.0.1", resolve);
  });
  t.teardown(() => {
    server.close();
    server.closeAllConnections();
  });
  const proxy = await proxyFor(t, toOrigin((server.address() as AddressInfo).port));
  const client = await RawClient.connect(t, proxy.port);
  // Pauses around the server's limit, so that some requests meet the closing connection. POST: nothing is replayed.
  for (let index = 0; index < 12; index++) {
    client.write("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi");
    t.is((await client.response()).status, 200);
    const pausedUntil = performance.now() + 285 + index * 3;
    if (index % 3 === 2) await until(() => performance.now() >= pausedUntil);
  }
});

test("a client connection that carries nothing is closed after 75 s, without a word", async (t) => {
  const clock = manualClock();
  const origin = await startOrigin(t, () => ok("x"));
  const proxy = await proxyFor(t, toOrigin(origin.port), { now: clock.now });
  const client = await RawClient.connect(t, proxy.port);
  await client.get();
  clock.advance(74_999);
  proxy.context.deadlines.sweep();
  await client.get();
  clock.advance(75_000);
  proxy.context.deadlines.sweep();
  await client.ended();
  t.is(client.closing, "end");
  t.is(client.unread, "");
});

test("an endpoint's connections are bounded; what finds none free is answered 503 upstream_overflow", async (t) => {
  const silent = await startRawServer(t, () => undefined);
  const proxy = await proxyFor(t, toOrigin(silent.port), { pool: { maxConnections: 2 } });
  const waiting = [await RawClient.connect(t, proxy.port), await RawClient.connect(t, proxy.port)];
  for (const client of waiting) client.write("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  await until(() => silent.connections() === 2);
  const third = await RawClient.connect(t, proxy.port);
  const response = await third.get();
  t.is(response.status, 503);
  t.deepEqual(valuesOf(response, "heddle-reason"), ["upstream_overflow"]);
});

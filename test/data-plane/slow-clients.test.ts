// Clients that take their time on purpose: every wait has an end, by one clock.
import test from "ava";
import { manualClock } from "../support/manual-clock.ts";
import type { TestProxy } from "../support/proxy.ts";
import { proxyFor } from "../support/proxy.ts";
import { RawClient } from "../support/raw-client.ts";
import { ok, startOrigin, startRawServer } from "../support/raw-server.ts";
import { valuesOf } from "../support/raw-message.ts";
import { backend, rule } from "../support/resources.ts";
import { until } from "../support/until.ts";

const toOrigin = (port: number) => ({ rules: [rule([backend("origin")])], clusters: { origin: [port] } });

function sweeper(proxy: TestProxy, clock: { advance(byMs: number): void }): (byMs: number) => void {
  return (byMs) => {
    clock.advance(byMs);
    proxy.context.deadlines.sweep();
  };
}

test("a client that connects and says nothing is let go after 10 s", async (t) => {
  const clock = manualClock();
  const proxy = await proxyFor(t, toOrigin(1), { now: clock.now });
  const pass = sweeper(proxy, clock);
  const client = await RawClient.connect(t, proxy.port);
  await until(() => proxy.listener.openConnections === 1);
  pass(9999);
  t.is(proxy.listener.openConnections, 1);
  pass(1);
  await client.until(() => client.closed || client.closing !== "");
  await until(() => proxy.listener.openConnections === 0);
  t.is(client.received, "");
});

test("a head that does not end is answered 408 ten seconds after its first byte, however it drips", async (t) => {
  const clock = manualClock();
  const origin = await startOrigin(t, () => ok("x"));
  const proxy = await proxyFor(t, toOrigin(origin.port), { now: clock.now });
  const pass = sweeper(proxy, clock);
  const client = await RawClient.connect(t, proxy.port);
  await client.get();
  client.write("GET / HTTP/1.1\r\n");
  let passedMs = 0;
  for (let index = 0; client.unread === "" && passedMs < 60_000; index++) {
    client.write(`X-${index}: slow\r\n`);
    await new Promise((resolve) => setTimeout(resolve, 5));
    pass(1000);
    passedMs += 1000;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  t.true(passedMs >= 10_000 && passedMs <= 13_000, `after ${passedMs} ms`);
  const response = await client.response();
  t.is(response.status, 408);
  t.deepEqual(valuesOf(response, "heddle-reason"), ["request_timeout"]);
  t.deepEqual(valuesOf(response, "connection"), ["close"]);
  await client.ended();
});

test("half a method is a head that does not end", async (t) => {
  const clock = manualClock();
  const proxy = await proxyFor(t, toOrigin(1), { now: clock.now });
  const client = await RawClient.connect(t, proxy.port);
  client.write("GE");
  await until(() => proxy.listener.openConnections === 1);
  clock.advance(10_000);
  proxy.context.deadlines.sweep();
  await client.ended();
  await until(() => proxy.listener.openConnections === 0);
  t.pass();
});

test("a body that stands still for 60 s is cut; one that moves is not", async (t) => {
  const clock = manualClock();
  const origin = await startRawServer(t, (socket) => socket.resume());
  const proxy = await proxyFor(t, toOrigin(origin.port), { now: clock.now });
  const pass = sweeper(proxy, clock);
  const client = await RawClient.connect(t, proxy.port);
  client.write("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n");
  await until(() => origin.connections() === 1);
  for (let index = 0; index < 4; index++) {
    pass(59_000);
    client.write("x");
    await until(() => [...origin.sockets].some((socket) => socket.bytesRead > 0 && drained(client)));
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  t.is(client.closing, "");
  pass(60_001);
  await client.until(() => client.closed);
  t.is(client.closing, "reset");
  await until(() => origin.sockets.size === 0);
});

test("a client that never closes after its last response is cut 2 s later", async (t) => {
  const clock = manualClock();
  const origin = await startOrigin(t, () => ok("x"));
  const proxy = await proxyFor(t, toOrigin(origin.port), { now: clock.now });
  const client = await RawClient.connect(t, proxy.port);
  await client.get("/", "Connection: close\r\n");
  await client.ended();
  t.is(proxy.listener.openConnections, 1);
  clock.advance(2000);
  proxy.context.deadlines.sweep();
  await until(() => proxy.listener.openConnections === 0);
  t.pass();
});

test("an endpoint may take its time: a waiting client is not timed out", async (t) => {
  const clock = manualClock();
  const origin = await startOrigin(t, (_request, socket) => {
    setTimeout(() => socket.write(ok("late")), 100);
    return null;
  });
  const proxy = await proxyFor(t, toOrigin(origin.port), { now: clock.now });
  const client = await RawClient.connect(t, proxy.port);
  client.write("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  await until(() => origin.requests.length === 1);
  clock.advance(600_000);
  proxy.context.deadlines.sweep();
  t.is((await client.response()).body, "late");
});

test("connections past the listener's bound are refused; the others are served", async (t) => {
  const origin = await startOrigin(t, () => ok("x"));
  const proxy = await proxyFor(t, toOrigin(origin.port), { maxConnections: 2 });
  const first = await RawClient.connect(t, proxy.port);
  const second = await RawClient.connect(t, proxy.port);
  await first.get();
  await second.get();
  const third = await RawClient.connect(t, proxy.port).catch(() => null);
  await third?.until(() => third.closed);
  t.is(proxy.listener.openConnections, 2);
  t.is((await first.get()).status, 200);
});

function drained(client: RawClient): boolean {
  return client.socket.writableLength === 0;
}

for (const [name, headers] of [
  ["that asks to close", "Connection: close\r\n"],
  ["that half-closes", ""],
] as const) {
  test(`a client ${name} and reads late gets all of its last response`, async (t) => {
    const clock = manualClock();
    const body = "x".repeat(2 * 1024 * 1024);
    const origin = await startOrigin(t, () => ok(body));
    const proxy = await proxyFor(t, toOrigin(origin.port), { now: clock.now });
    const pass = sweeper(proxy, clock);
    const client = await RawClient.connect(t, proxy.port);
    client.socket.pause();
    client.write(`GET / HTTP/1.1\r\nHost: a\r\n${headers}\r\n`);
    if (headers === "") client.end();
    const endpoint = [...proxy.context.clusters.all()][0]!.endpoints[0]!;
    await until(() => origin.requests.length === 1 && endpoint.activeRequests === 0);
    for (let index = 0; index < 5; index++) {
      pass(2000);
      await new Promise(setImmediate);
    }
    client.socket.resume();
    t.true((await client.response()).body === body);
    await client.ended();
    t.is(client.closing, "end");
  });
}

test("a client that leaves off its body after an early response is let go in order", async (t) => {
  const clock = manualClock();
  const origin = await startRawServer(t, (socket) => {
    socket.once("data", () => socket.write(ok("early")));
  });
  const proxy = await proxyFor(t, toOrigin(origin.port), { now: clock.now });
  const pass = sweeper(proxy, clock);
  const client = await RawClient.connect(t, proxy.port);
  client.socket.pause();
  client.write("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\npart");
  const endpoint = [...proxy.context.clusters.all()][0]!.endpoints[0]!;
  await until(() => origin.connections() === 1 && endpoint.activeRequests === 0);
  pass(2000);
  await new Promise(setImmediate);
  client.socket.resume();
  t.is((await client.response()).body, "early");
  await client.ended();
  t.is(client.closing, "end");
});

// Clients that take their time on purpose: every wait has an end, by one clock.
import type net from "node:net";
import test from "ava";
import { manualClock } from "../support/manual-clock.ts";
import type { TestProxy } from "../support/proxy.ts";
import { proxyFor } from "../support/proxy.ts";
import { RawClient } from "../support/raw-client.ts";
import { ok, startOrigin, startRawServer } from "../support/raw-server.ts";
import { valuesOf } from "../support/raw-message.ts";
import { backend, rule } from "../support/resources.ts";
import type { Test } from "../support/test-context.ts";
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

test("a body that stands still for 60 s is answered 408; one that moves is not", async (t) => {
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
  const response = await client.response();
  t.is(response.status, 408);
  t.deepEqual(valuesOf(response, "heddle-reason"), ["request_timeout"]);
  t.is(response.body, "heddle: the request did not arrive in time\n");
  await client.ended();
  t.is(client.closing, "end");
  await until(() => origin.sockets.size === 0);
});

/** Sends a part of its body to an origin that answers with a head at once and then says what the test writes. */
async function halfSent(t: Test): Promise<{
  readonly client: RawClient;
  readonly pass: (byMs: number) => void;
  readonly say: (text: string) => Promise<void>;
}> {
  const clock = manualClock();
  let answering: net.Socket | null = null;
  const origin = await startRawServer(t, (socket) => {
    answering = socket;
    socket.once("data", () => socket.write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"));
  });
  const proxy = await proxyFor(t, toOrigin(origin.port), { now: clock.now });
  const client = await RawClient.connect(t, proxy.port);
  client.write("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\npart");
  await client.until(() => client.received.endsWith("\r\n\r\n"));
  const say = async (text: string): Promise<void> => {
    answering!.write(text);
    await client.until(() => client.received.endsWith(text));
  };
  return { client, pass: sweeper(proxy, clock), say };
}

test("a body that stands still once a response has begun is cut: nothing can be answered any more", async (t) => {
  const { client, pass } = await halfSent(t);
  pass(60_000);
  await client.until(() => client.closed);
  t.is(client.closing, "reset");
  t.regex(client.received, /^HTTP\/1\.1 200 /);
});

test("a body may stand still while its response streams", async (t) => {
  const { client, pass, say } = await halfSent(t);
  for (let index = 0; index < 4; index++) {
    pass(59_000);
    await say(`1\r\n${index}\r\n`);
  }
  client.write("x".repeat(96));
  await say("0\r\n\r\n");
  t.is((await client.response()).body, "0123");
});

test("a client whose body the endpoint does not take is not the one that waits", async (t) => {
  const clock = manualClock();
  let accepted: net.Socket | null = null;
  const origin = await startRawServer(t, (socket) => (accepted = socket.pause()));
  const proxy = await proxyFor(t, toOrigin(origin.port), { now: clock.now });
  const pass = sweeper(proxy, clock);
  const client = await RawClient.connect(t, proxy.port);
  const size = 64 * 1024 * 1024;
  client.write(`POST / HTTP/1.1\r\nHost: a\r\nContent-Length: ${size + 1}\r\n\r\n`);
  client.socket.write(Buffer.alloc(size, "x"));
  await standstill(() => client.socket.bytesWritten - client.socket.writableLength);
  for (let minute = 0; minute < 10; minute++) pass(60_000);
  await new Promise(setImmediate);
  t.is(client.closing, "");
  // From here on it is the client who waits.
  accepted!.resume();
  await until(() => accepted!.bytesRead > size);
  t.is(client.closing, "");
  pass(60_000);
  t.is((await client.response()).status, 408);
});

test("a client that waits to be told to go on may wait; once told it has 60 s", async (t) => {
  const clock = manualClock();
  let accepted: net.Socket | null = null;
  const origin = await startRawServer(t, (socket) => (accepted = socket.resume()));
  const proxy = await proxyFor(t, toOrigin(origin.port), { now: clock.now });
  const pass = sweeper(proxy, clock);
  const ask = async (): Promise<RawClient> => {
    const client = await RawClient.connect(t, proxy.port);
    const readBefore = accepted?.bytesRead ?? 0;
    client.write("POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n");
    await until(() => (accepted?.bytesRead ?? 0) > readBefore);
    pass(600_000);
    await new Promise(setImmediate);
    t.is(client.closing, "");
    accepted!.write("HTTP/1.1 100 Continue\r\n\r\n");
    t.is((await client.response()).status, 100);
    pass(59_000);
    return client;
  };
  const good = await ask();
  const headBytes = accepted!.bytesRead;
  good.write("body");
  await until(() => accepted!.bytesRead > headBytes);
  accepted!.write(ok("thanks"));
  t.is((await good.response()).body, "thanks");
  good.socket.destroy();
  const silent = await ask();
  pass(1000);
  t.is((await silent.response()).status, 408);
});

test("a body that is held back although nothing was said is a body that may come", async (t) => {
  const clock = manualClock();
  const origin = await startRawServer(t, (socket) => socket.resume());
  const proxy = await proxyFor(t, toOrigin(origin.port), { now: clock.now });
  const client = await RawClient.connect(t, proxy.port);
  client.write("POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n");
  await until(() => origin.connections() === 1);
  // It did not wait, as RFC 9110 section 10.1.1 allows: from its first byte on, it is its turn.
  client.write("bo");
  const received = (): number => [...origin.sockets][0]?.bytesRead ?? 0;
  await standstill(received);
  clock.advance(60_000);
  proxy.context.deadlines.sweep();
  t.is((await client.response()).status, 408);
});

/** Resolves once the number has been the same for a while. */
async function standstill(count: () => number): Promise<void> {
  let last = -1;
  for (let still = 0; still < 10; still = count() === last ? still + 1 : 0) {
    last = count();
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

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

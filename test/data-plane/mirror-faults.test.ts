// Mirrors that misbehave change nothing for the client, whatever they do, and every request is counted as a copy or as
// a drop. The clocks stand: whoever waited for a mirror would wait for ever.
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import test from "ava";
import type { ExecutionContext } from "ava";
import type { ManualClock } from "../support/manual-clock.ts";
import { manualClock } from "../support/manual-clock.ts";
import type { RecordingTarget } from "../support/mirror-target.ts";
import { mirrorAccount, startRecordingTarget, startStuckTarget } from "../support/mirror-target.ts";
import type { TestProxy, TestProxyOptions } from "../support/proxy.ts";
import { proxyFor } from "../support/proxy.ts";
import { RawClient } from "../support/raw-client.ts";
import type { Origin } from "../support/raw-server.ts";
import { ok, startOrigin, startRawServer } from "../support/raw-server.ts";
import { mirror } from "../support/resource-set.ts";
import type { Rule } from "../../agent/snapshot/resources.ts";
import { backend, rule } from "../support/resources.ts";
import { until } from "../support/until.ts";

const mebibyte = 1024 * 1024;
const limits = { maxActive: 64, maxQueuedBytes: mebibyte, maxDiscardedBytes: mebibyte, timeoutMs: 15_000 };
const post = "POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello";

interface Mirrored {
  readonly proxy: TestProxy;
  readonly primary: Origin;
  readonly clock: ManualClock;
  /** Moves the clock and lets what is due end. */
  readonly pass: (byMs: number) => void;
}

async function mirroredTo(t: ExecutionContext, port: number, options: TestProxyOptions = {}): Promise<Mirrored> {
  const clock = manualClock();
  const primary = await startOrigin(t, (request) => ok(`primary ${request.body.length}`));
  const rules: Rule[] = [rule([backend("primary")], { mirrors: [mirror("shadow")] })];
  const proxy = await proxyFor(
    t,
    { rules, clusters: { primary: [primary.port], shadow: [port] } },
    { now: clock.now, mirrorLimits: limits, ...options },
  );
  const pass = (byMs: number): void => {
    clock.advance(byMs);
    proxy.context.deadlines.sweep();
  };
  return { proxy, primary, clock, pass };
}

/** Requests with small bodies, one after another; every answer must be the backend's. */
async function sendAll(t: ExecutionContext, port: number, count: number): Promise<void> {
  const client = await RawClient.connect(t, port);
  const startedMs = performance.now();
  for (let index = 0; index < count; index++) {
    client.write(post);
    const response = await client.response();
    t.is(response.head, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n");
    t.is(response.body, "primary 5");
  }
  const tookMs = performance.now() - startedMs;
  t.true(tookMs < count * 100, `${tookMs} ms for ${count} requests`);
}

const count = 40;

test("R14 a mirror that is down: every request is a connect-failure drop", async (t) => {
  // Not a port that was free a moment ago: another test may have it by now.
  const { proxy } = await mirroredTo(t, 1);
  await sendAll(t, proxy.port, count);
  await until(() => mirrorAccount(proxy).total === count);
  t.deepEqual(mirrorAccount(proxy), { copies: 0, drops: { "connect-failure": count }, total: count });
});

test("R14 a mirror without endpoints: every request is a no-endpoint drop", async (t) => {
  const { proxy, primary } = await mirroredTo(t, 1);
  proxy.configure({
    rules: [rule([backend("primary")], { mirrors: [mirror("shadow")] })],
    clusters: { primary: [primary.port], shadow: [] },
  });
  await sendAll(t, proxy.port, count);
  t.deepEqual(mirrorAccount(proxy), { copies: 0, drops: { "no-endpoint": count }, total: count });
});

test("R14 a mirror that does not accept: copies end with the connect timeout, or with their own", async (t) => {
  const { proxy, pass } = await mirroredTo(t, await startStuckTarget(t));
  await sendAll(t, proxy.port, count);
  t.is(mirrorAccount(proxy).total, 0);
  t.is(proxy.context.metrics.mirrorsActive.value, count);
  pass(1000);
  const early = mirrorAccount(proxy);
  t.true((early.drops["connect-failure"] ?? 0) >= count - 5, JSON.stringify(early));
  pass(14_000);
  const { drops, total } = mirrorAccount(proxy);
  t.is(total, count);
  t.is((drops["connect-failure"] ?? 0) + (drops["timeout"] ?? 0), count);
  t.is(proxy.context.metrics.mirrorsActive.value, 0);
});

type Manner = (target: RecordingTarget["sockets"] extends ReadonlySet<infer Socket> ? Socket : never) => void;

const rude: readonly (readonly [what: string, manner: Manner, outcome: "copies" | "reset"])[] = [
  ["resets what it accepts", (socket) => void socket.resetAndDestroy(), "reset"],
  ["closes without an answer", (socket) => void socket.end(), "reset"],
  ["answers garbage", (socket) => void socket.write("\x00\x01garbage\r\n\r\n".repeat(100)), "reset"],
  [
    "answers two lengths",
    (socket) => void socket.write("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n"),
    "reset",
  ],
  ["answers half a head", (socket) => void socket.end("HTTP/1.1 200 OK\r\nX-Hal"), "reset"],
  ["switches protocols", (socket) => void socket.write("HTTP/1.1 101 Switching\r\nUpgrade: x\r\n\r\n"), "reset"],
  ["fails", (socket) => void socket.write("HTTP/1.1 500 Broken\r\nContent-Length: 1\r\n\r\nx"), "copies"],
  ["closes in the middle of its answer", (socket) => void socket.end(ok("x".repeat(9)).slice(0, -4)), "copies"],
  [
    "answers bad chunks",
    (socket) => void socket.write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"),
    "reset",
  ],
  ["answers more than it said", (socket) => void socket.write(`${ok("x")}HTTP/1.1 200 OK\r\n`), "copies"],
];

for (const [what, manner, outcome] of rude) {
  test(`R14 a mirror that ${what}`, async (t) => {
    const shadow = await startRecordingTarget(t, (socket, received) => {
      if (received.endsWith("hello")) manner(socket);
    });
    const { proxy } = await mirroredTo(t, shadow.port);
    await sendAll(t, proxy.port, count);
    await until(() => mirrorAccount(proxy).total === count);
    const { copies, drops } = mirrorAccount(proxy);
    if (outcome === "copies") t.deepEqual({ copies, drops }, { copies: count, drops: {} });
    else t.deepEqual({ copies, drops }, { copies: 0, drops: { reset: count } });
    await until(() => proxy.context.metrics.mirrorsActive.value === 0);
  });
}

test("R14 a mirror that resets connections before it reads", async (t) => {
  const shadow = await startRawServer(t, (socket) => void socket.resetAndDestroy());
  const { proxy } = await mirroredTo(t, shadow.port);
  await sendAll(t, proxy.port, count);
  await until(() => mirrorAccount(proxy).total === count);
  t.is(mirrorAccount(proxy).copies, 0);
});

test("R14 a mirror that answers without end: 1 MiB of it is thrown away, then its connection is cut", async (t) => {
  let sent = 0;
  const part = `10000\r\n${"x".repeat(0x10000)}\r\n`;
  const shadow = await startRecordingTarget(t, (socket) => {
    socket.write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
    const more = (): void => {
      if (socket.destroyed) return;
      sent += part.length;
      if (socket.write(part)) setImmediate(more);
      else socket.once("drain", more);
    };
    more();
  });
  const { proxy } = await mirroredTo(t, shadow.port);
  const requests = 5;
  await sendAll(t, proxy.port, requests);
  await until(() => shadow.sockets.size === 0);
  t.like(mirrorAccount(proxy), { copies: requests, total: requests });
  // What the kernel held on the way was thrown away unread.
  t.true(sent < requests * 16 * mebibyte, `${sent / mebibyte} MiB were sent`);
  t.is(proxy.context.metrics.mirrorsActive.value, 0);
});

test("a copy may take as long as its request does: its 15 s begin with the last byte", async (t) => {
  const shadow = await startOrigin(t, () => ok("x"));
  const { proxy, pass } = await mirroredTo(t, shadow.port);
  const client = await RawClient.connect(t, proxy.port);
  client.write("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n");
  await until(() => shadow.connections() === 1);
  for (const octet of "abcde") {
    pass(10_000);
    const [socket] = shadow.sockets;
    const before = socket?.bytesRead ?? 0;
    client.write(octet);
    await until(() => (socket?.bytesRead ?? 0) > before);
  }
  t.is((await client.response()).body, "primary 5");
  await until(() => mirrorAccount(proxy).total === 1);
  t.is(mirrorAccount(proxy).copies, 1);
  t.is(shadow.requests[0]?.body, "abcde");
});

test("R14 copies past the bound of those under way are limit drops; silent ones end with a timeout", async (t) => {
  const shadow = await startRecordingTarget(t);
  const { proxy, pass } = await mirroredTo(t, shadow.port);
  await sendAll(t, proxy.port, 100);
  t.deepEqual(mirrorAccount(proxy), { copies: 0, drops: { limit: 36 }, total: 36 });
  await until(() => shadow.received.filter((text) => text.endsWith("hello")).length === 64);
  pass(14_999);
  t.is(mirrorAccount(proxy).total, 36);
  pass(1);
  t.deepEqual(mirrorAccount(proxy), { copies: 0, drops: { limit: 36, timeout: 64 }, total: 100 });
  await until(() => shadow.sockets.size === 0 || shadow.endings.every((ending) => ending !== ""));
  t.deepEqual(new Set(shadow.endings), new Set(["ECONNRESET"]));
  await sendAll(t, proxy.port, 1);
  t.is(proxy.context.metrics.mirrorsActive.value, 1, "there is room again");
});

/** A body in pieces, each once the last one is gone. */
async function upload(client: RawClient, bytes: number): Promise<void> {
  const block = Buffer.alloc(64 * 1024, "x");
  client.write(`POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: ${bytes}\r\n\r\n`);
  for (let sent = 0; sent < bytes; sent += block.length) {
    if (!client.socket.write(block.subarray(0, Math.min(block.length, bytes - sent)))) {
      await new Promise((resolve) => client.socket.once("drain", resolve));
    }
  }
}

/** A backend that counts a body and answers its length, without keeping it. */
async function countingOrigin(t: ExecutionContext): Promise<number> {
  const server = await startRawServer(t, (socket) => {
    let left = -1;
    let length = 0;
    let head = "";
    socket.on("data", (bytes: Buffer) => {
      let { length: more } = bytes;
      if (left < 0) {
        head += bytes.toString("latin1");
        const end = head.indexOf("\r\n\r\n");
        if (end < 0) return;
        left = length = Number(/content-length: (\d+)/i.exec(head)?.[1]);
        more = head.length - end - 4;
      }
      left -= more;
      if (left === 0) socket.write(ok(`primary ${length}`));
    });
  });
  return server.port;
}

setFlagsFromString("--expose-gc");
const collectGarbage = runInNewContext("gc") as () => void;

/** Memory of this thread that bytes on their way would be in, without what nobody holds any more. */
function heldBytes(): number {
  collectGarbage();
  const { arrayBuffers, heapUsed } = process.memoryUsage();
  return arrayBuffers + heapUsed;
}

test.serial("R14 a 32 MiB upload with a mirror that never reads: an overflow drop, in bounded memory", async (t) => {
  const bytes = 32 * mebibyte;
  const shadow = await startRecordingTarget(t, (socket) => void socket.pause());
  const { proxy } = await mirroredTo(t, shadow.port);
  proxy.configure({
    rules: [rule([backend("primary")], { mirrors: [mirror("shadow")] })],
    clusters: { primary: [await countingOrigin(t)], shadow: [shadow.port] },
  });
  const before = heldBytes();
  let most = 0;
  const watching = setInterval(() => (most = Math.max(most, heldBytes())), 20);
  const client = await RawClient.connect(t, proxy.port);
  await upload(client, bytes);
  t.is((await client.response()).body, `primary ${bytes}`);
  clearInterval(watching);
  t.deepEqual(mirrorAccount(proxy), { copies: 0, drops: { overflow: 1 }, total: 1 });
  t.true(most - before < 16 * mebibyte, `${(most - before) / mebibyte} MiB more were held`);
  // The target cannot take what it got for the whole: when it reads at last, it finds a reset.
  const [socket] = shadow.sockets;
  socket?.removeAllListeners("data").resume();
  await until(() => shadow.endings[0] !== "");
  t.deepEqual(shadow.endings, ["ECONNRESET"]);
});

test.serial("R14 mirrors that read get the same 32 MiB whole while another overflows", async (t) => {
  const bytes = 32 * mebibyte;
  const never = await startRawServer(t, (socket) => void socket.pause());
  const { proxy } = await mirroredTo(t, never.port);
  const counting = await countingOrigin(t);
  proxy.configure({
    rules: [rule([backend("primary")], { mirrors: [mirror("shadow"), mirror("reading")] })],
    clusters: { primary: [await countingOrigin(t)], shadow: [never.port], reading: [counting] },
  });
  const client = await RawClient.connect(t, proxy.port);
  await upload(client, bytes);
  t.is((await client.response()).body, `primary ${bytes}`);
  await until(() => mirrorAccount(proxy).total === 2);
  t.deepEqual(mirrorAccount(proxy, "shadow").drops, { overflow: 1 });
  // The reading one is dropped too if this machine gives it no time; it is never half counted.
  t.is(mirrorAccount(proxy, "reading").total, 1);
});

for (const [name, start, rest] of [
  ["Content-Length", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n12345", "67890"],
  ["chunks", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n12345\r\n", "0\r\n\r\n"],
] as const) {
  for (const [how, leave] of [
    ["resets", (client: RawClient) => client.reset()],
    ["half-closes", (client: RawClient) => client.end()],
    ["sends garbage", (client: RawClient) => client.write("zz\r\n")],
  ] as const) {
    if (name === "Content-Length" && how === "sends garbage") continue;
    test(`a client that ${how} in a body of ${name} cuts its copies: none looks complete`, async (t) => {
      const shadow = await startRecordingTarget(t);
      const { proxy } = await mirroredTo(t, shadow.port);
      const client = await RawClient.connect(t, proxy.port);
      client.write(start);
      await until(() => shadow.received[0]?.includes("12345") === true);
      leave(client);
      await until(() => shadow.endings[0] !== "");
      t.deepEqual(shadow.endings, ["ECONNRESET"]);
      t.false(shadow.received[0]!.endsWith(rest));
      t.deepEqual(mirrorAccount(proxy), { copies: 0, drops: { "client-abort": 1 }, total: 1 });
    });
  }
}

test("a client that goes while the copy is being dialled: nothing of it is ever sent", async (t) => {
  const { proxy } = await mirroredTo(t, await startStuckTarget(t));
  await sendAll(t, proxy.port, 8);
  const client = await RawClient.connect(t, proxy.port);
  client.write("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n12345");
  await until(() => proxy.context.metrics.mirrorsActive.value === 9);
  client.reset();
  await until(() => mirrorAccount(proxy).total === 1);
  t.deepEqual(mirrorAccount(proxy).drops, { "client-abort": 1 });
});

test("a client that goes when its request is complete leaves a whole copy", async (t) => {
  const shadow = await startRecordingTarget(t, (socket, received) => {
    if (received.endsWith("hello")) setTimeout(() => socket.write(ok("late")), 50);
  });
  const silent = await startRawServer(t, (socket) => void socket.resume());
  const { proxy } = await mirroredTo(t, shadow.port);
  proxy.configure({
    rules: [rule([backend("primary")], { mirrors: [mirror("shadow")] })],
    clusters: { primary: [silent.port], shadow: [shadow.port] },
  });
  const client = await RawClient.connect(t, proxy.port);
  client.write(post);
  await until(() => shadow.received[0]?.endsWith("hello") === true);
  client.reset();
  await until(() => mirrorAccount(proxy).total === 1);
  t.deepEqual(mirrorAccount(proxy), { copies: 1, drops: {}, total: 1 });
});

test("a mirror that answers before the request is whole has no copy: it is a drop, and its connection is cut", async (t) => {
  const shadow = await startRecordingTarget(t, (socket, received) => {
    if (received.endsWith("12345")) socket.write("HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n");
  });
  const { proxy } = await mirroredTo(t, shadow.port);
  const client = await RawClient.connect(t, proxy.port);
  client.write("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n12345");
  await until(() => mirrorAccount(proxy).total === 1);
  client.write("67890");
  t.is((await client.response()).body, "primary 10");
  t.deepEqual(mirrorAccount(proxy), { copies: 0, drops: { reset: 1 }, total: 1 });
  await until(() => shadow.endings[0] !== "");
  t.is(shadow.connections(), 1);
  t.false(shadow.received[0]!.includes("67890"));
});

test("a copy cut after its answer began is a drop as well: it was not sent whole", async (t) => {
  const shadow = await startRecordingTarget(t, (socket, received) => {
    if (received.endsWith("12345")) socket.write("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab");
  });
  const { proxy } = await mirroredTo(t, shadow.port);
  const client = await RawClient.connect(t, proxy.port);
  client.write("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n12345");
  await until(() => shadow.received[0]?.endsWith("12345") === true);
  await new Promise((resolve) => setTimeout(resolve, 30));
  client.reset();
  await until(() => mirrorAccount(proxy).total === 1);
  t.deepEqual(mirrorAccount(proxy), { copies: 0, drops: { "client-abort": 1 }, total: 1 });
});

test("an early answer of the backend cuts the copy of a body that nobody will read", async (t) => {
  const shadow = await startRecordingTarget(t);
  const early = await startRawServer(t, (socket) => {
    socket.once("data", () => socket.write("HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n"));
  });
  const { proxy } = await mirroredTo(t, shadow.port);
  proxy.configure({
    rules: [rule([backend("primary")], { mirrors: [mirror("shadow")] })],
    clusters: { primary: [early.port], shadow: [shadow.port] },
  });
  const client = await RawClient.connect(t, proxy.port);
  client.write("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n12345");
  t.is((await client.response()).status, 413);
  await until(() => mirrorAccount(proxy).total === 1);
  t.deepEqual(mirrorAccount(proxy).drops, { reset: 1 });
});

test("a bound under one read drops the copy at once, sends nothing of it and counts it once", async (t) => {
  const shadow = await startRecordingTarget(t);
  const { proxy } = await mirroredTo(t, shadow.port, { mirrorLimits: { ...limits, maxQueuedBytes: 4 } });
  await sendAll(t, proxy.port, 3);
  t.deepEqual(mirrorAccount(proxy), { copies: 0, drops: { overflow: 3 }, total: 3 });
  t.is(proxy.context.metrics.mirrorsActive.value, 0);
  await until(() => shadow.sockets.size === 0);
  t.true(shadow.received.every((text) => text === ""));
});

// Whoever does not read stops the other side; nothing is collected but what is on its way.
import test from "ava";
import { manualClock } from "../support/manual-clock.ts";
import { proxyFor } from "../support/proxy.ts";
import { RawClient } from "../support/raw-client.ts";
import { startOrigin, startRawServer } from "../support/raw-server.ts";
import { backend, rule } from "../support/resources.ts";
import { until } from "../support/until.ts";

const toOrigin = (port: number) => ({ rules: [rule([backend("origin")])], clusters: { origin: [port] } });
const block = Buffer.alloc(256 * 1024, "x");
const mebibyte = 1024 * 1024;

/** What the kernel takes on loopback, both sockets of both connections: measured, generous. */
const kernelBytes = 24 * mebibyte;

test.serial("a client that never reads stops its endpoint; what the agent holds is bounded", async (t) => {
  let sent = 0;
  const total = 200 * mebibyte;
  const origin = await startOrigin(t, (_request, socket) => {
    socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${total}\r\n\r\n`);
    const more = (): void => {
      while (sent < total) {
        sent += block.length;
        if (!socket.write(block)) return;
      }
    };
    socket.on("drain", more);
    more();
    return null;
  });
  const proxy = await proxyFor(t, toOrigin(origin.port));
  const client = await RawClient.connect(t, proxy.port);
  client.socket.pause();
  const before = heldBytes();
  client.write("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  await still(() => sent);
  t.true(sent < kernelBytes, `${sent} bytes were taken for a client that reads nothing`);
  const waiting = heldBytes();
  t.true(waiting < before + 2 * mebibyte, `${waiting - before} bytes more are held`);
  let received = 0;
  client.socket
    .setEncoding()
    .removeAllListeners("data")
    .on("data", (text: string) => (received += text.length));
  client.socket.resume();
  await until(() => received >= total);
  t.is(sent, total);
});

test.serial("an endpoint that never reads stops its client; what the agent holds is bounded", async (t) => {
  const origin = await startRawServer(t, (socket) => socket.pause());
  const proxy = await proxyFor(t, toOrigin(origin.port));
  const client = await RawClient.connect(t, proxy.port);
  client.write(`POST / HTTP/1.1\r\nHost: a\r\nContent-Length: ${200 * mebibyte}\r\n\r\n`);
  let sent = 0;
  const more = (): void => {
    while (sent < 200 * mebibyte) {
      sent += block.length;
      if (!client.socket.write(block)) return;
    }
  };
  client.socket.on("drain", more);
  more();
  await still(() => sent - client.socket.writableLength);
  t.true(sent < kernelBytes, `${sent} bytes were taken for an endpoint that reads nothing`);
});

test.serial(
  "a client that takes nothing of its response for 60 s is cut, and its endpoint's connection with it",
  async (t) => {
    const clock = manualClock();
    const origin = await startOrigin(t, (_request, socket) => {
      socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${100 * mebibyte}\r\n\r\n`);
      for (let index = 0; index < 100; index++) socket.write(Buffer.alloc(mebibyte));
      return null;
    });
    const proxy = await proxyFor(t, toOrigin(origin.port), { now: clock.now });
    const client = await RawClient.connect(t, proxy.port);
    client.socket.pause();
    client.write("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    await until(() => origin.requests.length === 1);
    await still(() => [...origin.sockets].reduce((sum, socket) => sum + socket.writableLength, 1));
    clock.advance(59_000);
    proxy.context.deadlines.sweep();
    t.is(proxy.listener.openConnections, 1);
    clock.advance(1001);
    proxy.context.deadlines.sweep();
    await until(() => proxy.listener.openConnections === 0);
    await until(() => origin.sockets.size === 0);
    t.pass();
  },
);

test.serial("interim responses without end wait for the client, too", async (t) => {
  let sent = 0;
  const hint = `HTTP/1.1 103 Early Hints\r\nLink: </${"x".repeat(1000)}>\r\n\r\n`.repeat(64);
  const origin = await startOrigin(t, (_request, socket) => {
    const more = (): void => {
      while (sent < 100 * mebibyte) {
        sent += hint.length;
        if (!socket.write(hint)) return;
      }
    };
    socket.on("drain", more);
    more();
    return null;
  });
  const proxy = await proxyFor(t, toOrigin(origin.port));
  const client = await RawClient.connect(t, proxy.port);
  client.socket.pause();
  client.write("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  await still(() => sent);
  t.true(sent < kernelBytes, `${sent} bytes were taken for a client that reads nothing`);
  client.socket.resume();
  await client.until(() => client.received.length >= sent - hint.length && sent >= 100 * mebibyte);
});

/** Memory of this process that buffers and strings of data would be in, the test's own sockets included. */
function heldBytes(): number {
  const { arrayBuffers, heapUsed } = process.memoryUsage();
  return arrayBuffers + heapUsed;
}

/** Resolves once a count has stood still for 250 ms. */
async function still(count: () => number): Promise<void> {
  let last = -1;
  let sinceMs = performance.now();
  await until(() => {
    if (count() !== last) {
      last = count();
      sinceMs = performance.now();
    }
    return last > 0 && performance.now() - sinceMs > 250;
  });
}

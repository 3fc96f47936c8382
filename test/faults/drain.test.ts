// How a listener drains: it accepts on for a while, keeps idle connections a little longer, and leaves when the last one
// is gone. See the state table of agent/listener/listener.ts.
import net from "node:net";
import test from "ava";
import { proxyFor } from "../support/proxy.ts";
import { RawClient } from "../support/raw-client.ts";
import { valuesOf } from "../support/raw-message.ts";
import { ok, startOrigin, startRawServer } from "../support/raw-server.ts";
import { backend, rule } from "../support/resources.ts";
import type { Test } from "../support/test-context.ts";
import { until } from "../support/until.ts";

const toOrigin = (port: number) => ({ rules: [rule([backend("origin")])], clusters: { origin: [port] } });
const request = "GET / HTTP/1.1\r\nHost: example.com\r\n\r\n";

test("a drain accepts for its time, though nobody is connected", async (t) => {
  const origin = await startOrigin(t, () => ok("x"));
  const proxy = await proxyFor(t, toOrigin(origin.port));
  const beganMs = performance.now();
  const drained = proxy.listener.drain(400, 10_000);
  const served: number[] = [];
  for (let client = 0; client < 3; client++) {
    const connection = await RawClient.connect(t, proxy.port);
    connection.write(request);
    const response = await connection.response();
    served.push(response.status);
    t.deepEqual(valuesOf(response, "connection"), ["close"]);
    await until(() => connection.closing === "end");
    connection.end();
    await until(() => proxy.listener.openConnections === 0);
  }
  t.deepEqual(served, [200, 200, 200]);
  t.is(await drained, 0);
  t.true(performance.now() - beganMs >= 395);
  await t.throwsAsync(RawClient.connect(t, proxy.port), { code: "ECONNREFUSED" });
});

test("a drain that accepts no more still answers on idle connections, and tells them to close", async (t) => {
  const origin = await startOrigin(t, () => ok("x"));
  const proxy = await proxyFor(t, toOrigin(origin.port));
  const client = await RawClient.connect(t, proxy.port);
  client.write(request);
  t.deepEqual(valuesOf(await client.response(), "connection"), []);
  const drained = proxy.listener.drain(0, 10_000, 5000);
  await until(() => proxy.listener.port === 0);
  client.write(request);
  const last = await client.response();
  t.is(last.status, 200);
  t.deepEqual(valuesOf(last, "connection"), ["close"]);
  client.end();
  t.is(await drained, 0);
});

test("idle connections are ended when their time is over, and a request in flight is waited for", async (t) => {
  let answer: (() => void) | null = null;
  const origin = net.createServer((socket) => {
    socket.on("error", () => undefined);
    socket.on("data", () => (answer = () => socket.write("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")));
  });
  await new Promise<void>((resolve) => {
    origin.listen(0, "127.0.0.1", resolve);
  });
  t.teardown(() => origin.close());
  const proxy = await proxyFor(t, toOrigin((origin.address() as net.AddressInfo).port));
  const idle = await RawClient.connect(t, proxy.port);
  idle.write(request);
  await until(() => answer !== null);
  answer!();
  await idle.response();
  answer = null;
  const busy = await RawClient.connect(t, proxy.port);
  busy.write(request);
  await until(() => answer !== null);
  const drained = proxy.listener.drain(0, 10_000, 100);
  await until(() => idle.closing === "end");
  t.is(busy.closing, "");
  answer!();
  t.is((await busy.response()).status, 200);
  idle.end();
  busy.end();
  t.is(await drained, 0);
});

/** Answers a head with a head and a part of the body, and the rest when the test says so. */
async function answeringInTwo(t: Test): Promise<{ readonly port: number; readonly finish: () => void }> {
  let finish = (): void => undefined;
  const origin = await startRawServer(t, (socket) => {
    finish = () => socket.write("cd");
    socket.on("data", (bytes: Buffer) => {
      if (bytes.includes("\r\n\r\n")) socket.write("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nab");
    });
  });
  return { port: origin.port, finish: () => finish() };
}

for (const [when, requestBody] of [
  ["a response that began before the drain", ""],
  ["the request of a response that ended before it", "Content-Length: 10\r\n"],
] as const) {
  test(`${when} ends its connection when it is over`, async (t) => {
    const origin = await answeringInTwo(t);
    const proxy = await proxyFor(t, toOrigin(origin.port));
    const client = await RawClient.connect(t, proxy.port);
    client.write(`POST / HTTP/1.1\r\nHost: a\r\n${requestBody}\r\n`);
    if (requestBody !== "") client.write("01234");
    await client.until(() => client.received.endsWith("ab"));
    const beganMs = performance.now();
    const drained = proxy.listener.drain(0, 8000, 0);
    await until(() => proxy.listener.port === 0);
    await new Promise(setImmediate);
    t.is(client.closing, "");
    origin.finish();
    const response = await client.response();
    t.is(response.body, "abcd");
    t.deepEqual(valuesOf(response, "connection"), [], "it was not known yet");
    if (requestBody !== "") client.write("56789");
    await client.ended();
    t.is(client.closing, "end");
    client.end();
    t.is(await drained, 0);
    t.true(performance.now() - beganMs < 4000);
  });
}

test("requests that came behind a response that began before the drain are answered, the last with close", async (t) => {
  const origin = await answeringInTwo(t);
  const proxy = await proxyFor(t, toOrigin(origin.port));
  const client = await RawClient.connect(t, proxy.port);
  client.write(request);
  await client.until(() => client.received.endsWith("ab"));
  client.write(request);
  const drained = proxy.listener.drain(0, 8000, 0);
  await until(() => proxy.listener.port === 0);
  await new Promise(setImmediate);
  origin.finish();
  t.is((await client.response()).body, "abcd");
  await client.until(() => client.received.endsWith("ab"));
  origin.finish();
  t.deepEqual(valuesOf(await client.response(), "connection"), ["close"]);
  client.end();
  t.is(await drained, 0);
});

test("what is left at the deadline is cut and counted", async (t) => {
  const silent = net.createServer((socket) => socket.on("error", () => undefined).resume());
  await new Promise<void>((resolve) => {
    silent.listen(0, "127.0.0.1", resolve);
  });
  t.teardown(() => silent.close());
  const proxy = await proxyFor(t, toOrigin((silent.address() as net.AddressInfo).port));
  const client = await RawClient.connect(t, proxy.port);
  client.write(request);
  await until(() => proxy.listener.openConnections === 1);
  t.is(await proxy.listener.drain(0, 200, 0), 1);
  await until(() => client.closed);
});

// Responses that come before the request is complete, clients that close one direction, and clients that go away.
import test from "ava";
import { proxyFor } from "../support/proxy.ts";
import { RawClient } from "../support/raw-client.ts";
import { ok, startOrigin, startRawServer } from "../support/raw-server.ts";
import { valuesOf } from "../support/raw-message.ts";
import { backend, match, rule } from "../support/resources.ts";
import { until } from "../support/until.ts";

const toOrigin = (port: number) => ({ rules: [rule([backend("origin")])], clusters: { origin: [port] } });
const post = (length: number): string => `POST /up HTTP/1.1\r\nHost: a\r\nContent-Length: ${length}\r\n\r\n`;

test("a response before the body is sent reaches the client; what follows of the body is read and dropped", async (t) => {
  const origin = await startRawServer(t, (socket) => {
    socket.on("data", (bytes: Buffer) => {
      if (bytes.includes("\r\n\r\n")) socket.write(ok("early"));
    });
  });
  const proxy = await proxyFor(t, toOrigin(origin.port));
  const client = await RawClient.connect(t, proxy.port);
  client.write(post(1000) + "some");
  const response = await client.response();
  t.is(response.body, "early");
  t.deepEqual(valuesOf(response, "connection"), []);
  client.write("x".repeat(996) + post(2) + "hi");
  t.is((await client.response()).body, "early");
  t.is(origin.connections(), 2, "a connection with half a request on it is not used again");
});

test("a body that goes on too long after its response ends the connection, after the response", async (t) => {
  const origin = await startRawServer(t, (socket) => {
    socket.once("data", () => socket.write(ok("early")));
  });
  const proxy = await proxyFor(t, toOrigin(origin.port));
  const client = await RawClient.connect(t, proxy.port);
  client.write(post(100_000_000) + "some");
  t.is((await client.response()).body, "early");
  client.write("x".repeat(600_000));
  await client.ended();
  t.is(client.closing, "end");
});

test("an answer by the proxy before the body is sent closes the connection in order", async (t) => {
  const proxy = await proxyFor(t, { rules: [rule([], { matches: [match({ method: "GET" })] })], clusters: {} });
  const client = await RawClient.connect(t, proxy.port);
  client.write(post(1_000_000) + "x".repeat(100_000));
  const response = await client.response();
  t.is(response.status, 404);
  t.deepEqual(valuesOf(response, "connection"), ["close"]);
  await client.ended();
  t.is(client.closing, "end", "not a reset that could take the answer away");
});

test("both directions stream at the same time", async (t) => {
  const origin = await startRawServer(t, (socket) => {
    socket.once("data", () => {
      socket.write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
      socket.on("data", (bytes: Buffer) => {
        socket.write(bytes);
      });
    });
  });
  const proxy = await proxyFor(t, toOrigin(origin.port));
  const client = await RawClient.connect(t, proxy.port);
  client.write("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
  await client.until(() => client.received.endsWith("\r\n\r\n"));
  for (const word of ["one", "two", "six"]) {
    client.write(`3\r\n${word}\r\n`);
    await client.until(() => client.received.endsWith(`3\r\n${word}\r\n`));
  }
  client.write("0\r\n\r\n");
  t.is((await client.response()).body, "onetwosix");
});

test("a client that half-closes after its request gets the whole response", async (t) => {
  const large = "x".repeat(3_000_000);
  const origin = await startOrigin(t, (_request, socket) => {
    setTimeout(() => socket.write(ok(large)), 30);
    return null;
  });
  const proxy = await proxyFor(t, toOrigin(origin.port));
  const client = await RawClient.connect(t, proxy.port);
  client.socket.end("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  const response = await client.response();
  t.true(response.body === large);
  t.deepEqual(valuesOf(response, "connection"), ["close"]);
  await client.until(() => client.closed);
});

test("a client that half-closes within its body is cut, and so is its request", async (t) => {
  let outcome = "";
  const origin = await startRawServer(t, (socket) => {
    socket
      .on("error", (error: NodeJS.ErrnoException) => (outcome = error.code ?? ""))
      .on("end", () => (outcome = "end"));
    socket.resume();
  });
  const proxy = await proxyFor(t, toOrigin(origin.port));
  const client = await RawClient.connect(t, proxy.port);
  client.write(post(100) + "some");
  await until(() => origin.connections() === 1);
  client.end();
  await client.until(() => client.closed);
  await until(() => outcome !== "");
  t.is(outcome, "ECONNRESET");
});

test("a client that goes away while it waits takes its request with it", async (t) => {
  let outcome = "";
  const origin = await startRawServer(t, (socket) => {
    socket
      .on("error", (error: NodeJS.ErrnoException) => (outcome = error.code ?? ""))
      .on("end", () => (outcome = "end"));
    socket.resume();
  });
  const proxy = await proxyFor(t, toOrigin(origin.port));
  const client = await RawClient.connect(t, proxy.port);
  client.write("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  await until(() => origin.connections() === 1);
  client.reset();
  await until(() => outcome !== "");
  t.is(outcome, "ECONNRESET");
  t.is([...proxy.context.clusters.all()][0]!.endpoints[0]!.activeRequests, 0);
});

test("a client that goes away while its endpoint is dialled leaves nothing behind", async (t) => {
  const origin = await startOrigin(t, () => ok("x"));
  const proxy = await proxyFor(t, toOrigin(origin.port));
  const client = await RawClient.connect(t, proxy.port);
  client.socket.write(post(5) + "12");
  client.socket.resetAndDestroy();
  const endpoint = [...proxy.context.clusters.all()][0]!.endpoints[0]!;
  await until(() => proxy.listener.openConnections === 0);
  await until(() => endpoint.pool.size === endpoint.pool.idleSize);
  t.is(endpoint.activeRequests, 0);
  t.is(endpoint.ejections, 0);
});

// HTTP/1.0 clients and endpoints: what 1.0 cannot read is never sent to it, and keep-alive is asked for.
import test from "ava";
import { proxyFor } from "../support/proxy.ts";
import { RawClient } from "../support/raw-client.ts";
import { ok, startOrigin } from "../support/raw-server.ts";
import { valuesOf } from "../support/raw-message.ts";
import { backend, rule } from "../support/resources.ts";

const toOrigin = (port: number) => ({ rules: [rule([backend("origin")])], clusters: { origin: [port] } });

test("without keep-alive the connection is closed after the response", async (t) => {
  const origin = await startOrigin(t, () => ok("x"));
  const proxy = await proxyFor(t, toOrigin(origin.port));
  const client = await RawClient.connect(t, proxy.port);
  client.write("GET / HTTP/1.0\r\nHost: a\r\n\r\n");
  const response = await client.response();
  t.is(response.body, "x");
  t.deepEqual(valuesOf(response, "connection"), ["close"]);
  await client.ended();
  t.is(origin.requests[0]!.startLine, "GET / HTTP/1.1");
});

test("with keep-alive the connection carries the next request", async (t) => {
  const origin = await startOrigin(t, (request) => ok(request.target));
  const proxy = await proxyFor(t, toOrigin(origin.port));
  const client = await RawClient.connect(t, proxy.port);
  for (const target of ["/1", "/2"]) {
    client.write(`GET ${target} HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n\r\n`);
    const response = await client.response();
    t.is(response.body, target);
    t.deepEqual(valuesOf(response, "connection"), ["keep-alive"]);
  }
  t.deepEqual(valuesOf(origin.requests[0]!, "connection"), []);
});

for (const connection of ["", "Connection: keep-alive\r\n"]) {
  test(`a chunked answer loses its chunks and trailers, and ends with the connection: "${connection.trim()}"`, async (t) => {
    const origin = await startOrigin(
      t,
      () =>
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\nX-Kept: 1\r\n\r\n" +
        "3\r\nabc\r\n5;x=y\r\ndefgh\r\n0\r\nX-Sum: 1\r\n\r\n",
    );
    const proxy = await proxyFor(t, toOrigin(origin.port));
    const client = await RawClient.connect(t, proxy.port);
    client.write(`GET / HTTP/1.0\r\nHost: a\r\n${connection}\r\n`);
    await client.ended();
    t.is(client.received, "HTTP/1.1 200 OK\r\nX-Kept: 1\r\nConnection: close\r\n\r\nabcdefgh");
  });
}

test("a large chunked answer is dechunked whole", async (t) => {
  const chunk = "x".repeat(0x3000);
  const origin = await startOrigin(
    t,
    () => `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n${`3000\r\n${chunk}\r\n`.repeat(100)}0\r\n\r\n`,
  );
  const proxy = await proxyFor(t, toOrigin(origin.port));
  const client = await RawClient.connect(t, proxy.port);
  client.write("GET / HTTP/1.0\r\nHost: a\r\n\r\n");
  await client.ended();
  t.true(client.received.endsWith(`\r\n\r\n${chunk.repeat(100)}`));
});

test("HEAD keeps the head of a chunked answer, and its keep-alive", async (t) => {
  const origin = await startOrigin(t, () => "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
  const proxy = await proxyFor(t, toOrigin(origin.port));
  const client = await RawClient.connect(t, proxy.port);
  client.write("HEAD / HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n\r\n");
  const response = await client.response("HEAD");
  t.deepEqual(valuesOf(response, "connection"), ["keep-alive"]);
});

test("a request without Host goes on with exactly one, empty", async (t) => {
  const origin = await startOrigin(t, () => ok("x"));
  const proxy = await proxyFor(t, toOrigin(origin.port));
  const client = await RawClient.connect(t, proxy.port);
  client.write("GET / HTTP/1.0\r\nX: 1\r\n\r\n");
  t.is((await client.response()).status, 200);
  t.deepEqual(valuesOf(origin.requests[0]!, "host"), [""]);
});

test("an HTTP/1.0 endpoint: its close-delimited answer, its Content-Length, its keep-alive", async (t) => {
  const origin = await startOrigin(t, (request, socket) => {
    if (request.target === "/close") {
      setImmediate(() => socket.end());
      return "HTTP/1.0 200 OK\r\n\r\nrest";
    }
    if (request.target === "/length") return "HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\nx";
    return "HTTP/1.0 200 OK\r\nContent-Length: 1\r\nConnection: keep-alive\r\n\r\ny";
  });
  const proxy = await proxyFor(t, toOrigin(origin.port));
  const client = await RawClient.connect(t, proxy.port);
  t.is((await client.get("/kept")).body, "y");
  t.is((await client.get("/kept")).body, "y");
  t.is(origin.connections(), 1);
  t.is((await client.get("/length")).body, "x");
  t.is((await client.get("/kept")).startLine, "HTTP/1.1 200 OK");
  t.is(origin.connections(), 2);
  t.is((await client.get("/close")).body, "rest");
});

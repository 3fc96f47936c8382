// Bodies pass unchanged, both ways, however they are delimited and however they are cut.
import test from "ava";
import { proxyFor } from "../support/proxy.ts";
import { RawClient } from "../support/raw-client.ts";
import { ok, startOrigin, startRawServer } from "../support/raw-server.ts";
import { valuesOf } from "../support/raw-message.ts";
import { backend, rule } from "../support/resources.ts";
import { until } from "../support/until.ts";

const toOrigin = (port: number) => ({ rules: [rule([backend("origin")])], clusters: { origin: [port] } });
const everyOctet = Array.from({ length: 256 }, (_, octet) => String.fromCharCode(octet)).join("");

for (const size of [0, 1, 100, 16 * 1024, 16 * 1024 + 1, 64 * 1024, 300_000]) {
  test(`${size} bytes with Content-Length pass in both directions`, async (t) => {
    const body = everyOctet.repeat(Math.ceil(size / 256)).slice(0, size);
    const origin = await startOrigin(t, (request) => ok(request.body));
    const proxy = await proxyFor(t, toOrigin(origin.port));
    const client = await RawClient.connect(t, proxy.port);
    for (let round = 0; round < 2; round++) {
      client.write(`POST / HTTP/1.1\r\nHost: a\r\nContent-Length: ${size}\r\n\r\n${body}`);
      const response = await client.response();
      t.true(response.body === body);
    }
    t.true(origin.requests.every((request) => request.body === body));
    t.is(origin.connections(), 1);
  });
}

const chunks =
  "3\r\nabc\r\n" +
  "A;name=value;flag\r\n0123456789\r\n" +
  `100\r\n${everyOctet}\r\n` +
  "00\r\nX-Sum: 1\r\nx-sum: 2\r\n\r\n";

test("chunked bodies keep their chunks, extensions and trailers, in both directions", async (t) => {
  const head = "Transfer-Encoding: chunked\r\nTrailer: X-Sum\r\n";
  const origin = await startOrigin(t, () => `HTTP/1.1 200 OK\r\n${head}\r\n${chunks}`);
  const proxy = await proxyFor(t, toOrigin(origin.port));
  const client = await RawClient.connect(t, proxy.port);
  client.write(`POST / HTTP/1.1\r\nHost: a\r\n${head}\r\n${chunks}`);
  const response = await client.response();
  t.is(response.rawBody, chunks);
  t.is(response.trailers, "X-Sum: 1\r\nx-sum: 2\r\n");
  t.deepEqual(valuesOf(response, "trailer"), ["X-Sum"]);
  t.is(origin.requests[0]!.rawBody, chunks);
  t.deepEqual(valuesOf(origin.requests[0]!, "trailer"), ["X-Sum"]);
});

test("chunked bodies pass byte by byte", async (t) => {
  const origin = await startRawServer(t, (socket) => {
    let received = "";
    socket.setEncoding("latin1").on("data", (text: string) => {
      received += text;
      if (!received.endsWith(chunks)) return;
      void (async () => {
        for (const character of `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n${chunks}`) {
          socket.write(character, "latin1");
          await new Promise(setImmediate);
        }
      })();
    });
  });
  const proxy = await proxyFor(t, toOrigin(origin.port));
  const client = await RawClient.connect(t, proxy.port);
  for (const character of `POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n${chunks}`) {
    client.write(character);
    await new Promise(setImmediate);
  }
  t.is((await client.response()).rawBody, chunks);
});

test("a response that ends with its connection ends the client's", async (t) => {
  const origin = await startOrigin(t, (_request, socket) => {
    setImmediate(() => socket.end("more"));
    return "HTTP/1.1 200 OK\r\n\r\nuntil the end, ";
  });
  const proxy = await proxyFor(t, toOrigin(origin.port));
  const client = await RawClient.connect(t, proxy.port);
  const response = await client.get();
  t.is(response.body, "until the end, more");
  t.deepEqual(valuesOf(response, "connection"), ["close"]);
  t.is(client.closing, "end");
});

for (const [name, head, part] of [
  ["a Content-Length", "Content-Length: 10\r\n", "12345"],
  ["chunks", "Transfer-Encoding: chunked\r\n", "5\r\n12345\r\n"],
] as const) {
  test(`a response cut short of ${name} resets the client: never a complete-looking answer`, async (t) => {
    const origin = await startOrigin(t, (_request, socket) => {
      socket.write(`HTTP/1.1 200 OK\r\n${head}\r\n${part}`);
      setTimeout(() => socket.end(), 20);
      return null;
    });
    const proxy = await proxyFor(t, toOrigin(origin.port));
    const client = await RawClient.connect(t, proxy.port);
    client.write("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    await client.until(() => client.closed);
    t.is(client.closing, "reset");
    t.true(client.received.startsWith("HTTP/1.1 200 OK"));
  });
}

test("a close-delimited response that is reset resets the client", async (t) => {
  const origin = await startOrigin(t, (_request, socket) => {
    socket.write("HTTP/1.1 200 OK\r\n\r\npart");
    setTimeout(() => socket.resetAndDestroy(), 20);
    return null;
  });
  const proxy = await proxyFor(t, toOrigin(origin.port));
  const client = await RawClient.connect(t, proxy.port);
  client.write("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  await client.until(() => client.closed);
  t.is(client.closing, "reset");
});

for (const [name, answer] of [
  ["200 with Content-Length", "HTTP/1.1 200 OK\r\nContent-Length: 1234\r\n\r\n"],
  ["200 chunked", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"],
  ["200 without a length", "HTTP/1.1 200 OK\r\n\r\n"],
] as const) {
  test(`HEAD: ${name} has no body and keeps its head and its connections`, async (t) => {
    const origin = await startOrigin(t, (request) => (request.method === "HEAD" ? answer : ok("next")));
    const proxy = await proxyFor(t, toOrigin(origin.port));
    const client = await RawClient.connect(t, proxy.port);
    client.write("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n");
    t.is((await client.response("HEAD")).head, answer);
    t.is((await client.get()).body, "next");
    t.is(origin.connections(), 1);
  });
}

for (const answer of [
  "HTTP/1.1 204 No Content\r\nX: 1\r\n\r\n",
  'HTTP/1.1 304 Not Modified\r\nContent-Length: 99\r\nETag: "1"\r\n\r\n',
  "HTTP/1.1 304 Not Modified\r\n\r\n",
  "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
]) {
  test(`no body follows ${JSON.stringify(answer)}`, async (t) => {
    const origin = await startOrigin(t, (request) => (request.target === "/empty" ? answer : ok("next")));
    const proxy = await proxyFor(t, toOrigin(origin.port));
    const client = await RawClient.connect(t, proxy.port);
    t.is((await client.get("/empty")).head, answer);
    t.is((await client.get("/next")).body, "next");
    t.is(origin.connections(), 1);
  });
}

test("a chunked body that turns bad is answered 400, and the endpoint sees a reset, not an end", async (t) => {
  let outcome = "";
  const origin = await startRawServer(t, (socket) => {
    socket
      .on("error", (error: NodeJS.ErrnoException) => (outcome = error.code ?? ""))
      .on("end", () => (outcome = "end"));
    socket.resume();
  });
  const proxy = await proxyFor(t, toOrigin(origin.port));
  const client = await RawClient.connect(t, proxy.port);
  client.write("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n");
  await until(() => origin.connections() === 1);
  client.write("zz\r\n");
  const response = await client.response();
  t.is(response.status, 400);
  t.deepEqual(valuesOf(response, "heddle-reason"), ["bad_request"]);
  t.regex(response.body, /bad_chunk_size/);
  await client.ended();
  await until(() => outcome !== "");
  t.is(outcome, "ECONNRESET");
});

for (const [name, answer] of [
  ["garbage", "\x00\x01garbage\r\n\r\n"],
  ["both lengths", "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n"],
  ["HTTP/2", "\x00\x00\x00\x04\x00\x00\x00\x00\x00"],
  ["101 that nobody asked for", "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n"],
] as const) {
  test(`an answer that cannot be read is a 502 bad_response: ${name}`, async (t) => {
    const origin = await startOrigin(t, () => answer);
    const proxy = await proxyFor(t, toOrigin(origin.port));
    const client = await RawClient.connect(t, proxy.port);
    const response = await client.get();
    t.is(response.status, 502);
    t.deepEqual(valuesOf(response, "heddle-reason"), ["bad_response"]);
    await until(() => origin.sockets.size === 0);
  });
}

// What a captured client speaks, told by its first bytes: method -> HTTP/1.1, preface -> HTTP/2, anything else opaque. Who
// says nothing gets the destination dialled, and whoever speaks first decides. None of the bytes may be lost.
import test from "ava";
import { detectProtocol } from "../../agent/listener/protocol-detection.ts";
import { RawClient } from "../support/raw-client.ts";
import { ok, startOrigin, startRawServer } from "../support/raw-server.ts";
import { backend, rule } from "../support/resources.ts";
import { sidecarFor } from "../support/sidecar.ts";
import type { TestSidecar } from "../support/sidecar.ts";
import type { Test } from "../support/test-context.ts";
import { until } from "../support/until.ts";

const detect = (text: string): ReturnType<typeof detectProtocol> => {
  const bytes = Buffer.from(text, "latin1");
  return detectProtocol(bytes, 0, bytes.length);
};

test("a method is HTTP/1.1, the preface HTTP/2, and all else opaque", (t) => {
  for (const text of ["GET /", "M-SEARCH * HTTP/1.1", "A ", "PRI /", "PRI * HTTP/1.1"])
    t.is(detect(text), "http1", text);
  t.is(detect("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), "http2");
  t.is(detect("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04"), "http2");
  for (const text of ["\x16\x03\x01", "get /", " GET /", "*1\r\n", "QUIT\r\n", "\0", "A".repeat(25)]) {
    t.is(detect(text), "opaque", text);
  }
});

test("every beginning of a method or of the preface leaves it open", (t) => {
  for (const whole of ["OPTIONS ", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"]) {
    for (let length = 0; length < whole.length; length++)
      t.is(detect(whole.slice(0, length)), null, whole.slice(0, length));
  }
});

/** A sidecar with a captured connection's port, whose destination is a frontend or, when asked, an unknown one. */
async function capturing(
  t: Test,
  destinationPort: number,
  known: boolean,
): Promise<{ readonly sidecar: TestSidecar; readonly port: number }> {
  const destination = { address: "127.0.0.1", port: destinationPort };
  const sidecar = await sidecarFor(t, {
    frontend: known ? `127.0.0.1:${destinationPort}` : "other:80",
    rules: [rule([backend("origin")])],
    clusters: { origin: [destinationPort] },
  });
  return { sidecar, port: await sidecar.captured(destination) };
}

/** Greets every connection if told to, and sends back what comes. */
async function startEcho(
  t: Test,
  greeting = "",
): Promise<{ readonly port: number; readonly connections: () => number }> {
  return startRawServer(t, (socket) => {
    if (greeting !== "") socket.write(greeting);
    socket.on("data", (bytes: Buffer) => socket.write(bytes));
    socket.on("end", () => socket.end());
  });
}

test("a method that arrives octet by octet is served as HTTP", async (t) => {
  const origin = await startOrigin(t, () => ok("routed"));
  const { port, sidecar } = await capturing(t, origin.port, true);
  const client = await RawClient.connect(t, port);
  for (const octet of "GET / HTTP/1.1\r\nHost: a\r\n\r\n") {
    client.write(octet);
    await new Promise(setImmediate);
  }
  t.is((await client.response()).body, "routed");
  t.is(sidecar.context.metrics.passthroughConnections.value, 0);
});

test("a client that is silent gets the server's first word, and is relayed from then on", async (t) => {
  const echo = await startEcho(t, "220 ready\r\n");
  const { port } = await capturing(t, echo.port, true);
  const client = await RawClient.connect(t, port);
  await client.until(() => client.received === "220 ready\r\n");
  client.write("GET / is no HTTP here");
  await client.until(() => client.received.endsWith("GET / is no HTTP here"));
  t.pass();
});

test("a client that connects early and asks late is routed, on that connection and the next request too", async (t) => {
  const origin = await startOrigin(t, () => ok("routed"));
  const bypass = await startEcho(t);
  const { port, sidecar } = await capturing(t, bypass.port, true);
  sidecar.configure({
    frontend: `127.0.0.1:${bypass.port}`,
    rules: [rule([backend("origin")])],
    clusters: { origin: [origin.port] },
  });
  const client = await RawClient.connect(t, port);
  await until(() => bypass.connections() === 1);
  for (let request = 0; request < 2; request++) {
    client.write("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    t.is((await client.response()).body, "routed");
  }
  t.is(sidecar.context.metrics.passthroughConnections.value, 0);
});

test("a slow client is routed where its destination itself refuses connections", async (t) => {
  const origin = await startOrigin(t, () => ok("routed"));
  const { port, sidecar } = await capturing(t, 1, true);
  sidecar.configure({
    frontend: "127.0.0.1:1",
    rules: [rule([backend("origin")])],
    clusters: { origin: [origin.port] },
  });
  const client = await RawClient.connect(t, port);
  await new Promise((resolve) => {
    setTimeout(resolve, 150);
  });
  client.write("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  t.is((await client.response()).body, "routed");
});

test("a silent client of a destination that refuses connections is reset", async (t) => {
  const { port } = await capturing(t, 1, true);
  const client = await RawClient.connect(t, port);
  await client.until(() => client.closed, 5000);
  t.is(client.received, "");
});

test("a client that connects early speaks its own protocol late: on the connection that was dialled, nothing lost", async (t) => {
  const echo = await startEcho(t);
  const { port } = await capturing(t, echo.port, true);
  const client = await RawClient.connect(t, port);
  await until(() => echo.connections() === 1);
  client.write("*1 PING");
  await client.until(() => client.received === "*1 PING");
  t.is(echo.connections(), 1);
});

test("a few letters after the silence, and silence again: they reach the server", async (t) => {
  const echo = await startEcho(t);
  const { port } = await capturing(t, echo.port, true);
  const client = await RawClient.connect(t, port);
  await until(() => echo.connections() === 1);
  client.write("HELO");
  await client.until(() => client.received === "HELO", 3000);
  t.is(echo.connections(), 1);
});

test("what a client said before it fell silent is not lost", async (t) => {
  const echo = await startEcho(t);
  const { port } = await capturing(t, echo.port, true);
  const client = await RawClient.connect(t, port);
  client.write("HELO");
  await client.until(() => client.received === "HELO", 3000);
  t.pass();
});

test("a few letters before the destination is known, then silence: they reach the server", async (t) => {
  const echo = await startEcho(t);
  const { port, sidecar } = await capturing(t, echo.port, false);
  const client = await RawClient.connect(t, port);
  client.write("HELO");
  await until(() => sidecar.resolver.asked.length === 1);
  sidecar.configure({
    frontend: `127.0.0.1:${echo.port}`,
    rules: [rule([backend("origin")])],
    clusters: { origin: [echo.port] },
  });
  await new Promise((resolve) => {
    setTimeout(resolve, 20);
  });
  sidecar.resolver.answer();
  await client.until(() => client.received === "HELO", 3000);
  t.pass();
});

for (const end of ["its words", "nothing"]) {
  test(`a client that says ${end} and ends while its destination is looked up still reaches it`, async (t) => {
    const echo = await startEcho(t, "greeting ");
    const { port, sidecar } = await capturing(t, echo.port, false);
    const client = await RawClient.connect(t, port);
    const words = end === "nothing" ? "" : "*1 ping";
    client.write(words);
    client.end();
    await until(() => sidecar.resolver.asked.length === 1);
    await new Promise((resolve) => {
      setTimeout(resolve, 20);
    });
    sidecar.resolver.answer();
    await client.ended();
    t.is(client.received, `greeting ${words}`);
  });
}

test("a few letters and an end are relayed, letters first", async (t) => {
  const echo = await startEcho(t);
  const { port } = await capturing(t, echo.port, true);
  const client = await RawClient.connect(t, port);
  client.socket.end("QUIT");
  await client.ended();
  t.is(client.received, "QUIT");
});

test("a request that ends while its destination is looked up is answered", async (t) => {
  const origin = await startOrigin(t, () => ok("routed"));
  const { port, sidecar } = await capturing(t, origin.port, false);
  const client = await RawClient.connect(t, port);
  client.socket.end("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  await until(() => sidecar.resolver.asked.length === 1);
  sidecar.configure({
    frontend: `127.0.0.1:${origin.port}`,
    rules: [rule([backend("origin")])],
    clusters: { origin: [origin.port] },
  });
  await new Promise((resolve) => {
    setTimeout(resolve, 20);
  });
  sidecar.resolver.answer();
  t.is((await client.response()).body, "routed");
});

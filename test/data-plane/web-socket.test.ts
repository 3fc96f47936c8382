// WebSocket upgrades: routed, filtered and counted like any request, then bytes both ways until either side ends.
import test from "ava";
import { proxyFor } from "../support/proxy.ts";
import { RawClient } from "../support/raw-client.ts";
import { ok, startOrigin, startRawServer } from "../support/raw-server.ts";
import { valuesOf } from "../support/raw-message.ts";
import { backend, match, rule } from "../support/resources.ts";
import { until } from "../support/until.ts";
import { frame, maskedFrame, startWebSocketServer } from "../support/web-socket-server.ts";

const toOrigin = (port: number) => ({ rules: [rule([backend("origin")])], clusters: { origin: [port] } });
const handshake = (target = "/chat", headers = ""): string =>
  `GET ${target} HTTP/1.1\r\nHost: Shop.Example:8080\r\nUpgrade: websocket\r\nConnection: keep-alive, Upgrade\r\n` +
  `Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n${headers}\r\n`;
const modifier = (fields: object) => ({ set: [], add: [], remove: [], ...fields });

test("Node's own WebSocket client talks through the proxy", async (t) => {
  const origin = await startWebSocketServer(t);
  const proxy = await proxyFor(t, toOrigin(origin.port));
  const socket = new WebSocket(`ws://127.0.0.1:${proxy.port}/chat?x=1`);
  const received: unknown[] = [];
  let closed = false;
  socket.onmessage = (event) => received.push(event.data);
  socket.onclose = () => (closed = true);
  socket.onopen = () => {
    socket.send("hello");
    socket.send("x".repeat(200_000));
  };
  await until(() => received.length === 2 || closed);
  t.is(received[0], "hello");
  t.is((received[1] as string).length, 200_000);
  t.is(proxy.context.metrics.tunnels.value, 1);
  socket.close();
  await until(() => closed);
  await until(() => proxy.listener.openConnections === 0);
  t.is(proxy.context.metrics.tunnels.value, 0);
  t.is([...proxy.context.clusters.all()][0]!.endpoints[0]!.activeRequests, 0);
});

test("the upgrade request keeps Host, case, order and duplicates; no `forwarded` is added; filters apply", async (t) => {
  const origin = await startWebSocketServer(t, {
    headers: "Set-Cookie: a=1\r\nSET-COOKIE: b=2\r\nX-Gone: 1\r\nX-Latin: \xe9\r\n",
  });
  const proxy = await proxyFor(t, {
    rules: [
      rule([backend("origin")], {
        requestHeaders: modifier({ set: [{ name: "X-Set", value: "route" }] }),
        responseHeaders: modifier({ add: [{ name: "X-Added", value: "route" }], remove: ["x-gone"] }),
      }),
    ],
    clusters: { origin: [origin.port] },
  });
  const client = await RawClient.connect(t, proxy.port);
  client.write(handshake("/chat?a=%20b", "x-Odd: 1\r\nX-oDD:  2\r\nX-Latin: \xe9\r\nCookie: a=b\r\n"));
  const answer = await client.response();
  t.is(answer.startLine, "HTTP/1.1 101 Switching Protocols");
  t.deepEqual(answer.headers, [
    ["Upgrade", "websocket"],
    ["Sec-WebSocket-Accept", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="],
    ["Set-Cookie", "a=1"],
    ["SET-COOKIE", "b=2"],
    ["X-Latin", "\xe9"],
    ["X-Added", "route"],
    ["Connection", "Upgrade"],
  ]);
  const request = origin.handshakes[0]!;
  t.is(request.startLine, "GET /chat?a=%20b HTTP/1.1");
  t.deepEqual(request.headers, [
    ["Host", "Shop.Example:8080"],
    ["Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="],
    ["Sec-WebSocket-Version", "13"],
    ["x-Odd", "1"],
    ["X-oDD", "2"],
    ["X-Latin", "\xe9"],
    ["Cookie", "a=b"],
    ["X-Set", "route"],
    ["X-Forwarded-For", "127.0.0.1"],
    ["X-Forwarded-Proto", "http"],
    ["X-Forwarded-Host", "Shop.Example:8080"],
    ["Connection", "Upgrade"],
    ["Upgrade", "websocket"],
  ]);
});

test("frames in the packet of the handshake, and a greeting in the packet of the 101, arrive", async (t) => {
  const origin = await startWebSocketServer(t, { greeting: "welcome" });
  const proxy = await proxyFor(t, toOrigin(origin.port));
  const client = await RawClient.connect(t, proxy.port);
  client.write(handshake() + maskedFrame("early"));
  t.is((await client.response()).status, 101);
  await client.until(() => client.unread === frame("welcome") + frame("early"));
  client.write(maskedFrame("late"));
  await client.until(() => client.unread.endsWith(frame("late")));
  t.pass();
});

test("a route that moves leaves open WebSockets where they are", async (t) => {
  const old = await startWebSocketServer(t);
  const fresh = await startWebSocketServer(t);
  const proxy = await proxyFor(t, toOrigin(old.port));
  const client = await RawClient.connect(t, proxy.port);
  client.write(handshake());
  await client.response();
  proxy.configure(toOrigin(fresh.port));
  client.write(maskedFrame("still here"));
  await client.until(() => client.unread === frame("still here"));
  const next = await RawClient.connect(t, proxy.port);
  next.write(handshake());
  await next.response();
  t.deepEqual([old.handshakes.length, fresh.handshakes.length], [1, 1]);
});

test("header rules and weights choose the backend of an upgrade", async (t) => {
  const beta = await startWebSocketServer(t);
  const stable = await startWebSocketServer(t);
  const proxy = await proxyFor(t, {
    rules: [
      rule([backend("beta")], {
        matches: [match({ headers: [{ name: "x-beta", value: "1", regularExpression: false }] })],
      }),
      rule([backend("stable", 1), backend("beta", 0)]),
    ],
    clusters: { beta: [beta.port], stable: [stable.port] },
  });
  for (const headers of ["", "x-beta: 1\r\n"]) {
    const client = await RawClient.connect(t, proxy.port);
    client.write(handshake("/", headers));
    t.is((await client.response()).status, 101);
  }
  t.deepEqual([beta.handshakes.length, stable.handshakes.length], [1, 1]);
});

for (const [name, framing] of [
  ["Content-Length", (body: string) => `Content-Length: ${body.length}\r\n\r\n${body}`],
  ["chunks", (body: string) => `Transfer-Encoding: chunked\r\n\r\n${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`],
] as const) {
  test(`a refusal by the endpoint reaches the client, body and all: ${name}`, async (t) => {
    const body = "no entry ".repeat(5000);
    const origin = await startOrigin(
      t,
      () => `HTTP/1.1 403 Forbidden\r\nX-Why: because\r\nx-why: again\r\n${framing(body)}`,
    );
    const proxy = await proxyFor(t, toOrigin(origin.port));
    const client = await RawClient.connect(t, proxy.port);
    client.write(handshake());
    const response = await client.response();
    t.is(response.status, 403);
    t.is(response.startLine, "HTTP/1.1 403 Forbidden");
    t.deepEqual(valuesOf(response, "x-why"), ["because", "again"]);
    t.true(response.body === body);
    await client.ended();
    t.is(client.closing, "end");
    await until(() => proxy.listener.openConnections === 0);
    t.is(proxy.context.metrics.tunnels.value, 0);
  });
}

test("a refused connect is replayed once, then answered 503", async (t) => {
  const origin = await startWebSocketServer(t);
  const proxy = await proxyFor(
    t,
    { rules: [rule([backend("origin")])], clusters: { origin: [1, origin.port] } },
    { random: () => 0 },
  );
  const client = await RawClient.connect(t, proxy.port);
  client.write(handshake() + maskedFrame("kept"));
  t.is((await client.response()).status, 101);
  await client.until(() => client.unread === frame("kept"));
  proxy.configure({ rules: [rule([backend("origin")])], clusters: { origin: [1] } });
  const refused = await RawClient.connect(t, proxy.port);
  refused.write(handshake() + maskedFrame("lost"));
  const response = await refused.response();
  t.is(response.status, 503);
  t.deepEqual(valuesOf(response, "heddle-reason"), ["connect_failed"]);
  await refused.ended();
  t.is(refused.unread, "", "what followed the request is not taken for another one");
});

test("an endpoint that closes without an answer gives a 502", async (t) => {
  const origin = await startRawServer(t, (socket) => {
    socket.once("data", () => socket.end());
  });
  const proxy = await proxyFor(t, toOrigin(origin.port));
  const client = await RawClient.connect(t, proxy.port);
  client.write(handshake());
  const response = await client.response();
  t.is(response.status, 502);
  t.deepEqual(valuesOf(response, "heddle-reason"), ["upstream_reset"]);
});

test("either side's end is the other's", async (t) => {
  const origin = await startWebSocketServer(t);
  const proxy = await proxyFor(t, toOrigin(origin.port));
  const first = await RawClient.connect(t, proxy.port);
  first.write(handshake());
  await first.response();
  for (const socket of origin.sockets) socket.end();
  await first.ended();
  const second = await RawClient.connect(t, proxy.port);
  second.write(handshake());
  await second.response();
  second.reset();
  await until(() => origin.sockets.size === 0);
  await until(() => proxy.listener.openConnections === 0);
  t.is(proxy.context.metrics.tunnels.value, 0);
});

test("a client that goes away before the answer leaves nothing behind", async (t) => {
  const origin = await startRawServer(t, (socket) => {
    socket.on("end", () => socket.end()).resume();
  });
  const proxy = await proxyFor(t, toOrigin(origin.port));
  const client = await RawClient.connect(t, proxy.port);
  client.write(handshake());
  await until(() => origin.connections() === 1);
  client.reset();
  await until(() => origin.sockets.size === 0);
  t.is([...proxy.context.clusters.all()][0]!.endpoints[0]!.activeRequests, 0);
});

test("a client that never reads stops the endpoint", async (t) => {
  let sent = 0;
  const origin = await startRawServer(t, (socket) => {
    socket.once("data", () => {
      socket.write("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n");
      const block = Buffer.alloc(256 * 1024);
      const more = (): void => {
        while (sent < 200_000_000) {
          sent += block.length;
          if (!socket.write(block)) return;
        }
      };
      socket.on("drain", more);
      more();
    });
  });
  const proxy = await proxyFor(t, toOrigin(origin.port));
  const client = await RawClient.connect(t, proxy.port);
  client.socket.pause();
  client.write(handshake());
  let last = -1;
  let sinceMs = performance.now();
  await until(() => {
    if (sent !== last) [last, sinceMs] = [sent, performance.now()];
    return sent > 0 && performance.now() - sinceMs > 250;
  });
  t.true(sent < 24 * 1024 * 1024, `${sent} bytes`);
});

test("an upgrade is not mirrored", async (t) => {
  const origin = await startWebSocketServer(t);
  const mirror = await startOrigin(t, () => ok("x"));
  const proxy = await proxyFor(t, {
    rules: [
      rule([backend("origin")], {
        mirrors: [{ displayName: "mirror", cluster: "mirror", numerator: 1, denominator: 1 }],
      }),
    ],
    clusters: { origin: [origin.port], mirror: [mirror.port] },
  });
  const client = await RawClient.connect(t, proxy.port);
  client.write(handshake());
  t.is((await client.response()).status, 101);
  client.write(maskedFrame("x"));
  await client.until(() => client.unread === frame("x"));
  t.is(mirror.connections(), 0);
});

test("what is no WebSocket handshake is an ordinary request without its Upgrade", async (t) => {
  const origin = await startOrigin(t, (request) => ok(`${request.method} ${request.body}`));
  const proxy = await proxyFor(t, toOrigin(origin.port));
  const client = await RawClient.connect(t, proxy.port);
  const upgrade = "Host: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n";
  client.write(`POST / HTTP/1.1\r\n${upgrade}Content-Length: 4\r\n\r\nbody`);
  t.is((await client.response()).body, "POST body");
  client.write(`GET / HTTP/1.1\r\n${upgrade}Content-Length: 4\r\n\r\nbody`);
  t.is((await client.response()).body, "GET body");
  client.write(`GET / HTTP/1.0\r\n${upgrade}\r\n`);
  t.is((await client.response()).body, "GET ");
  for (const request of origin.requests) t.deepEqual(valuesOf(request, "upgrade"), []);
});

test("an HTTP/2 preface is answered with GOAWAY HTTP_1_1_REQUIRED, and the connection ends in order", async (t) => {
  const proxy = await proxyFor(t, toOrigin(1));
  for (const pieces of [["PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"], ["PRI * HT", "TP/2.0\r\n\r\nSM\r\n\r\n"]]) {
    const client = await RawClient.connect(t, proxy.port);
    for (const piece of pieces) {
      client.write(piece);
      await new Promise(setImmediate);
    }
    // The client's own SETTINGS and a large HEADERS frame, unread by the proxy, must not cost it the answer.
    client.write(`\0\0\0\x04\0\0\0\0\0${"\0".repeat(100_000)}`);
    await client.ended();
    t.is(client.closing, "end");
    t.is(client.received, "\0\0\0\x04\0\0\0\0\0" + "\0\0\x08\x07\0\0\0\0\0" + "\0\0\0\0" + "\0\0\0\x0d");
  }
});

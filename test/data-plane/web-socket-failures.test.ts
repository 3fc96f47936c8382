// WebSocket upgrades whose endpoint cannot be dialled, or whose endpoint's own agent could not reach it: what is replayed,
// what the client is told, and what the endpoint's state becomes. What the handshake becomes is web-socket.test.ts's.
import test from "ava";
import { startStuckTarget } from "../support/mirror-target.ts";
import { proxyFor } from "../support/proxy.ts";
import { RawClient } from "../support/raw-client.ts";
import { valuesOf } from "../support/raw-message.ts";
import { startOrigin, startRawServer } from "../support/raw-server.ts";
import { backend, rule } from "../support/resources.ts";
import { sidecarFor } from "../support/sidecar.ts";
import { until } from "../support/until.ts";
import { frame, maskedFrame, startWebSocketServer } from "../support/web-socket-server.ts";

const toOrigin = (port: number) => ({ rules: [rule([backend("origin")])], clusters: { origin: [port] } });
const handshake = (): string =>
  "GET /chat HTTP/1.1\r\nHost: shop.example\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
  "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";

// To the kernel's own refusal of a broadcast address, the dial fails before it has begun.
const noRoute = { address: "255.255.255.255", port: 9, workloadVersion: "", pod: "" };

test("an endpoint without a route: the handshake goes to another endpoint, and the first one is ejected", async (t) => {
  const origin = await startWebSocketServer(t);
  const proxy = await proxyFor(
    t,
    { rules: [rule([backend("origin")])], clusters: { origin: [noRoute, origin.port] } },
    { random: () => 0 },
  );
  const client = await RawClient.connect(t, proxy.port);
  client.write(handshake() + maskedFrame("kept"));
  t.is((await client.response()).status, 101);
  await client.until(() => client.unread === frame("kept"));
  const { endpoints } = [...proxy.context.clusters.all()][0]!;
  t.deepEqual(
    endpoints.map(({ ejections, activeRequests }) => [ejections, activeRequests]),
    [
      [1, 0],
      [0, 1],
    ],
  );
});

test("an upgrade's connection that stands ends the ejection of its endpoint", async (t) => {
  const origin = await startWebSocketServer(t);
  await origin.stop();
  const proxy = await proxyFor(t, toOrigin(origin.port));
  const [endpoint] = [...proxy.context.clusters.all()][0]!.endpoints;
  const refused = await RawClient.connect(t, proxy.port);
  refused.write(handshake());
  t.is((await refused.response()).status, 503);
  t.is(endpoint!.ejections, 1);
  await startRawServer(
    t,
    (socket) => {
      socket.once("data", () => socket.write("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n"));
    },
    origin.port,
  );
  const client = await RawClient.connect(t, proxy.port);
  client.write(handshake());
  t.is((await client.response()).status, 101);
  t.deepEqual([endpoint!.ejections, endpoint!.ejectedUntilMs], [0, 0]);
});

test("endpoints without a route: 503, and the agent goes on", async (t) => {
  const proxy = await proxyFor(t, { rules: [rule([backend("origin")])], clusters: { origin: [noRoute] } });
  for (let round = 0; round < 2; round++) {
    const client = await RawClient.connect(t, proxy.port);
    client.write(handshake());
    const response = await client.response();
    t.is(response.status, 503);
    t.deepEqual(valuesOf(response, "heddle-reason"), ["connect_failed"]);
    await client.ended();
  }
  t.is(proxy.context.metrics.upstreamConnectFailures.value, 4);
});

test("a client that goes away while its endpoint is dialled is no failure of the endpoint", async (t) => {
  // A port that answers no dial any more: the kernel has finished as many as it does.
  const port = await startStuckTarget(t);
  for (let queued = 0; queued < 2; queued++) await RawClient.connect(t, port);
  const proxy = await proxyFor(t, toOrigin(port), { pool: { connectTimeoutMs: 60_000 } });
  const [endpoint] = [...proxy.context.clusters.all()][0]!.endpoints;
  const client = await RawClient.connect(t, proxy.port);
  client.write(handshake());
  await until(() => endpoint!.activeRequests === 1);
  client.reset();
  await until(() => endpoint!.activeRequests === 0 && proxy.listener.openConnections === 0);
  await new Promise(setImmediate);
  t.is(endpoint!.ejections, 0);
  t.is(proxy.context.metrics.replays.with("connect-failure").value, 0);
});

const refusal = (hint: string, status: string, reason: string): string =>
  `HTTP/1.1 ${status}\r\nheddle-reason: ${reason}\r\nheddle-replay: ${hint}\r\nContent-Length: 4\r\n\r\naway`;
const away = refusal("any", "503 Service Unavailable", "connect_failed");

test("a handshake that the agent beside an ended application refuses goes to another endpoint", async (t) => {
  const origin = await startWebSocketServer(t);
  const ended = await startOrigin(t, () => away);
  const proxy = await proxyFor(
    t,
    { rules: [rule([backend("origin")])], clusters: { origin: [ended.port, origin.port] } },
    { random: () => 0 },
  );
  const client = await RawClient.connect(t, proxy.port);
  client.write(handshake() + maskedFrame("kept"));
  t.is((await client.response()).status, 101);
  await client.until(() => client.unread === frame("kept"));
  t.is(ended.requests.length, 1);
  t.is(proxy.context.metrics.replays.with("connect-failure").value, 1);
  await until(() => ended.sockets.size === 0);
  t.deepEqual(
    [...proxy.context.clusters.all()][0]!.endpoints.map((endpoint) => [endpoint.ejections, endpoint.activeRequests]),
    [
      [0, 0],
      [0, 1],
    ],
    "the endpoint's agent took the connection",
  );
});

test("a handshake that a sidecar's application cannot take goes to another one, from agent to agent", async (t) => {
  const origin = await startWebSocketServer(t);
  const ended = await startWebSocketServer(t);
  const frontend = { rules: [], clusters: {}, frontend: "other:80" };
  const sidecar = await sidecarFor(t, (port) => ({
    ...frontend,
    workload: {
      serviceName: "shop",
      workloadVersion: "v1",
      inboundPorts: [{ port, applicationAddress: "127.0.0.1", applicationPort: ended.port, protocol: "detect" }],
    },
  }));
  await ended.stop();
  const proxy = await proxyFor(
    t,
    { rules: [rule([backend("origin")])], clusters: { origin: [sidecar.inbound, origin.port] } },
    { random: () => 0 },
  );
  const client = await RawClient.connect(t, proxy.port);
  client.write(handshake());
  t.is((await client.response()).status, 101);
  t.is(origin.handshakes.length, 1);
});

for (const [name, answer, replayed] of [
  ["by an agent, each time", away, true],
  [
    "when the connection was reset and no credit is left",
    refusal("idempotent", "502 Bad Gateway", "upstream_reset"),
    false,
  ],
  ["by an application that makes it up", refusal("any", "503 Busy", "none"), false],
] as const) {
  test(`heddle-replay in the answer to a handshake, ${name}: once at most, and not for the client`, async (t) => {
    const ended = [await startOrigin(t, () => answer), await startOrigin(t, () => answer)];
    const ports = ended.map(({ port }) => port);
    const proxy = await proxyFor(t, { rules: [rule([backend("origin")])], clusters: { origin: ports } });
    const client = await RawClient.connect(t, proxy.port);
    client.write(handshake());
    const response = await client.response();
    t.is(response.body, "away");
    t.deepEqual(valuesOf(response, "heddle-replay"), []);
    t.is(ended.flatMap(({ requests }) => requests).length, replayed ? 2 : 1);
  });
}

test("heddle-replay in a 101 goes no further", async (t) => {
  const origin = await startWebSocketServer(t, { headers: "Heddle-Replay: any\r\n" });
  const proxy = await proxyFor(t, toOrigin(origin.port));
  const client = await RawClient.connect(t, proxy.port);
  client.write(handshake());
  const answer = await client.response();
  t.is(answer.status, 101);
  t.deepEqual(valuesOf(answer, "heddle-replay"), []);
});

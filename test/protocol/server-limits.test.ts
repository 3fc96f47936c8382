// The server's state table (proto/README.md), rows about agents that are slow, dead, flooding or gone, and statistics.
import test from "ava";
import { status } from "@grpc/grpc-js";
import type { RuleStats } from "../../proto/messages.ts";
import { BlackHole } from "./black-hole.ts";
import { startFixture, until } from "./fixture.ts";
import { endpointsOf, Mesh, routeOf } from "./mesh.ts";
import { describe, RawAgent } from "./raw-agent.ts";
import { RawByteStream } from "./raw-byte-stream.ts";

test("S27 an agent that does not answer for 15 s is dropped, the others notice nothing", async (t) => {
  const { connect, clock, mesh, publish, server } = await startFixture(t, new Mesh().service("cart"));
  const [slow, other] = [connect({ subscriptions: ["frontend:cart:80"] }), connect()];
  const unanswered = await slow.response();
  await other.expectAck();
  await until(() => server.metrics.acknowledged === 1, "the other's ack");
  clock.advance(14_999);
  mesh.endpoints.set("shop/cart:80", endpointsOf("10.0.0.2"));
  publish();
  t.is((await other.requestAck("frontend:cart:80")).resources.length, 3);
  await until(() => server.metrics.acknowledged === 2, "the other's ack");
  clock.advance(1);
  t.like(await slow.end(), {
    code: status.DEADLINE_EXCEEDED,
    details: `response ${unanswered.nonce} was not answered for 15000 ms`,
  });
  t.deepEqual(
    server.connectedAgents().map((agent) => agent.node.id),
    [other.id],
  );
});

test("S28 an agent that does not read holds one response, then its transport is reset", async (t) => {
  const mesh = new Mesh().service("cart");
  const long = "x".repeat(1000);
  const rules = Array.from({ length: 2000 }, () => ({ paths: [`/${long}`], backends: { "shop/cart:80": 1 } }));
  mesh.gateway("edge", { http: { "shop/large": routeOf(...rules) } });
  const { connect, clock, publish, server } = await startFixture(t, mesh);
  const stuck = connect({ mode: "GATEWAY" });
  await stuck.expectAck();
  stuck.subscribe("gateway:shop/edge").stopReading();
  await until(() => server.metrics.responsesSent === 2, "the large response");
  const other = connect({ subscriptions: ["frontend:cart:80"] });
  await other.expectAck();
  for (let change = 0; change < 5; change++) {
    mesh.endpoints.set("shop/cart:80", endpointsOf(`10.0.1.${change}`));
    publish();
    t.deepEqual(describe(await other.expectAck()), ["+ENDPOINTS/shop/cart:80"]);
  }
  t.is(server.metrics.responsesSent, 8, "2 to the one that is stuck, 6 to the other");
  await until(() => server.metrics.acknowledged === 7, "the acks");
  clock.advance(15_000);
  t.is(server.metrics.streamsEnded.get("DEADLINE_EXCEEDED"), 1);
  t.is(server.connectedAgents().length, 1);
  // The response is still stuck behind the agent's window: the end comes by a reset, not by a status behind it.
  stuck.resumeReading();
  t.is((await stuck.end()).code, status.CANCELLED);
});

test("S29 too many subscriptions, too long names, too many messages and too many streams are RESOURCE_EXHAUSTED", async (t) => {
  const { connect, server } = await startFixture(t, new Mesh(), {
    limits: { maxSubscriptionsPerStream: 100, maxMessagesPerSecond: 50, maxStreams: 3 },
  });
  const bystander = connect();
  await bystander.expectAck();

  const names = Array.from({ length: 101 }, (_, index) => `frontend:host-${index}:80`);
  const tooMany = { code: status.RESOURCE_EXHAUSTED, details: "more than 100 subscriptions on one stream" };
  t.like(await connect({ subscriptions: names }).end(), tooMany);
  const growing = connect({ subscriptions: names.slice(0, 100) });
  await growing.expectAck();
  t.like(await growing.subscribe(names[0]!, names[100]!).end(), tooMany);

  t.like(await connect({ subscriptions: [`frontend:${"h".repeat(600)}:80`] }).end(), {
    code: status.RESOURCE_EXHAUSTED,
    details: "a subscription name of 612 characters: at most 512 are accepted",
  });

  const flooding = connect();
  for (let count = 0; count < 200; count++) flooding.send({ stats: { rules: [] } });
  t.like(await flooding.end(), { code: status.RESOURCE_EXHAUSTED, details: "more than 50 messages a second" });

  await until(() => server.connectedAgents().length === 1, "the end of the others");
  await connect().expectAck();
  await connect().expectAck();
  t.like(await connect().end(), { code: status.RESOURCE_EXHAUSTED, details: "3 agents are connected, no more fit" });

  t.deepEqual(describe(await bystander.requestAck("frontend:none:80")), ["frontend:none:80 NOT_FOUND"]);
  t.is(server.metrics.streamsEnded.get("RESOURCE_EXHAUSTED"), 5);
});

test("S29 a message above the size limit is RESOURCE_EXHAUSTED", async (t) => {
  const { connect } = await startFixture(t, new Mesh(), { limits: { maxMessageBytes: 1000 } });
  const agent = connect();
  await agent.expectAck();
  t.is((await agent.subscribe(`frontend:${"h".repeat(2000)}:80`).end()).code, status.RESOURCE_EXHAUSTED);
});

test("S30 bytes that are no message end their stream only", async (t) => {
  const { connect, port } = await startFixture(t, new Mesh().service("cart"));
  const bystander = connect();
  await bystander.expectAck();
  const stream = new RawByteStream(port);
  t.teardown(() => stream.close());
  t.is((await stream.send(Buffer.from([0x0a, 0xff, 0xff, 0xff])).end()).code, status.INTERNAL);
  t.is((await bystander.requestAck("frontend:cart:80")).resources.length, 3);
});

test("S31 an agent that closes its side is answered OK and forgotten", async (t) => {
  const { connect, server } = await startFixture(t, new Mesh());
  const agent = connect();
  await agent.expectAck();
  agent.halfClose();
  t.is((await agent.end()).code, status.OK);
  t.deepEqual(server.connectedAgents(), []);
});

test("S32 a server that closes says UNAVAILABLE to every agent", async (t) => {
  const { connect, server, clock } = await startFixture(t, new Mesh());
  const agents = [connect(), connect()];
  for (const agent of agents) await agent.expectAck();
  const closed = server.close();
  for (const agent of agents) {
    t.like(await agent.end(), { code: status.UNAVAILABLE, details: "the control plane is shutting down" });
    agent.close();
  }
  await closed;
  t.is(clock.pendingCount, 0);
});

function report(change: Partial<RuleStats> = {}): RuleStats {
  return {
    route: "shop/cart",
    rule: 0,
    backend: "shop/cart:80",
    workloadVersion: "v1",
    statusClasses: [0, 5, 0, 1, 0, 0],
    latencyBuckets: [6, ...Array.from({ length: 14 }, () => 0)],
    latencySumSeconds: 0.5,
    mirrored: 2,
    mirrorsDropped: 1,
    ...change,
  };
}

test("S33 statistics are summed over agents, and what cannot be true is left out", async (t) => {
  const { connect, server } = await startFixture(t, new Mesh());
  const agents = [connect(), connect()];
  for (const agent of agents) {
    await agent.expectAck();
    agent.send({ stats: { rules: [report(), report({ workloadVersion: "v2", mirrored: 0 })] } });
  }
  agents[0]!.send({
    stats: {
      rules: [
        report({ statusClasses: [1] }),
        report({ latencyBuckets: [] }),
        report({ latencySumSeconds: Number.NaN }),
        report({ latencySumSeconds: -1 }),
        report({ mirrored: 2 ** 60 }),
        report({ route: "r".repeat(5000) }),
      ],
    },
  });
  await until(() => server.statsLosses.refused === 6, "the false report");
  await until(() => server.stats()[0]?.mirrored === 4, "both reports");
  const v1 = server.stats().find((sum) => sum.workloadVersion === "v1")!;
  t.is(server.stats().length, 2);
  t.deepEqual(v1.statusClasses, [0, 10, 0, 2, 0, 0]);
  t.like(v1, { latencySumSeconds: 1, mirrored: 4, mirrorsDropped: 2 });
  t.is(v1.latencyBuckets[0], 12);
});

test("S33 the sums are bounded: the series reported longest ago goes", async (t) => {
  const { connect, server } = await startFixture(t, new Mesh(), { limits: { maxStatsSeries: 2 } });
  const agent = connect();
  await agent.expectAck();
  for (const route of ["a", "b", "a", "c"]) agent.send({ stats: { rules: [report({ route })] } });
  await until(() => server.statsLosses.evicted === 1, "the eviction");
  t.deepEqual(
    server.stats().map((sum) => [sum.route, sum.mirrored]),
    [
      ["a", 4],
      ["c", 2],
    ],
  );
});

test("S37 a connection that dies without a word is ended by keepalive", async (t) => {
  const { port, server } = await startFixture(t, new Mesh(), { keepalive: { timeMs: 150, timeoutMs: 300 } });
  const hole = await BlackHole.start(port);
  t.teardown(() => hole.close());
  const agent = RawAgent.connect(hole.port);
  t.teardown(() => agent.close());
  await agent.expectAck();
  t.is(server.connectedAgents().length, 1);
  hole.swallow();
  await until(() => server.connectedAgents().length === 0, "the agent to be forgotten");
  t.pass();
});

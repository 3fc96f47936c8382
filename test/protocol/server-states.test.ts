// The server's state table (proto/README.md), rows about Hello, subscriptions and pushes.
import test from "ava";
import { status } from "@grpc/grpc-js";
import { startFixture, until } from "./fixture.ts";
import { endpointsOf, Mesh, routeOf } from "./mesh.ts";
import { describe, knownAfter, type RawAgent } from "./raw-agent.ts";

const cartClosure = [
  "+CLUSTER/shop/cart:80",
  "+ENDPOINTS/shop/cart:80",
  "+LISTENER/shop/cart:80",
  "frontend:cart:80 FOUND",
];

test("S1 a stream before the first snapshot is answered UNAVAILABLE", async (t) => {
  const { connect, publish } = await startFixture(t, null);
  t.like(await connect().end(), { code: status.UNAVAILABLE, details: "not ready: no snapshot yet" });
  publish();
  t.deepEqual(describe(await connect().expectAck()), []);
});

test("S2 Hello is answered with every answer and closure, and also when there is nothing to say", async (t) => {
  const { connect, server } = await startFixture(t, new Mesh().service("cart").workload("shop/client"));
  const agent = connect({ subscriptions: ["frontend:cart:80", "frontend:nothing:80", "workload:shop/client"] });
  const response = await agent.response();
  t.deepEqual(describe(response), [
    ...cartClosure.slice(0, 3),
    "+WORKLOAD/shop/client",
    "frontend:cart:80 FOUND",
    "frontend:nothing:80 NOT_FOUND",
    "workload:shop/client FOUND",
  ]);
  t.is(response.generation, "test.1");
  t.like(
    server.connectedAgents().find((candidate) => candidate.node.id === agent.id),
    { sentGeneration: "test.1", acknowledgedGeneration: "", isInFlight: true },
  );
  t.deepEqual(describe(await connect().response()), []);
});

test("S3 any message before Hello ends the stream with INVALID_ARGUMENT", async (t) => {
  const { open } = await startFixture(t, new Mesh());
  for (const message of [
    { subscribe: { add: ["frontend:cart:80"], remove: [] } },
    { acknowledge: { nonce: "1", errors: [] } },
    { stats: { rules: [] } },
  ]) {
    t.like(await open().send(message).end(), {
      code: status.INVALID_ARGUMENT,
      details: "the first message must be Hello",
    });
  }
});

test("S4 a second Hello ends the stream with INVALID_ARGUMENT", async (t) => {
  const { connect } = await startFixture(t, new Mesh());
  const agent = connect();
  await agent.expectAck();
  t.like(await agent.hello().end(), { code: status.INVALID_ARGUMENT, details: "Hello came twice" });
});

test("S5 one protocol minor behind or ahead is accepted, any other version is FAILED_PRECONDITION", async (t) => {
  const { connect } = await startFixture(t, new Mesh());
  await connect({ protocolVersion: "1.1" }).expectAck();
  for (const version of ["1.2", "2.0", "0.9", "", "1", "one.two", "1.0.0"]) {
    const end = await connect({ protocolVersion: version }).end();
    t.is(end.code, status.FAILED_PRECONDITION, version);
    t.regex(end.details, /speaks protocol 1\.0 and accepts one minor behind or ahead; the agent speaks "/);
  }
});

test("S6 a Hello without a usable node is INVALID_ARGUMENT and names the field", async (t) => {
  const { connect, open } = await startFixture(t, new Mesh());
  t.like(
    await open()
      .send({ hello: { protocolVersion: "1.0" } })
      .end(),
    {
      code: status.INVALID_ARGUMENT,
      details: "Hello has no node",
    },
  );
  t.like(await connect({ namespace: "" }).end(), { details: "the node has no namespace" });
  t.regex((await connect({ pod: "p".repeat(600) }).end()).details, /longer than 512/);
  const labels = Object.fromEntries(Array.from({ length: 300 }, (_, index) => [`label-${index}`, "x"]));
  t.regex((await connect({ labels }).end()).details, /300 labels: at most 256/);
  t.regex((await connect({ mode: 7 as never }).end()).details, /mode "7" is unknown/);
});

test("S7 a stream without Hello for 10 s ends with DEADLINE_EXCEEDED", async (t) => {
  const { open, clock } = await startFixture(t, new Mesh());
  const agent = open();
  await until(() => clock.pendingCount === 1, "the stream");
  clock.advance(9999);
  t.false(agent.hasEnded);
  clock.advance(1);
  t.like(await agent.end(), { code: status.DEADLINE_EXCEEDED, details: "no Hello for 10000 ms" });
});

test("S8 what a returning agent knows is not sent again, and what is gone is removed by its own map", async (t) => {
  const mesh = new Mesh().service("cart").service("gone").service("stock");
  const { connect, publish } = await startFixture(t, mesh);
  const subscriptions = ["frontend:cart:80", "frontend:gone:80"];
  const known = knownAfter(await connect({ subscriptions }).expectAck());

  t.deepEqual(describe(await connect({ subscriptions, known }).expectAck()), [
    "frontend:cart:80 FOUND",
    "frontend:gone:80 FOUND",
  ]);

  mesh.frontends.delete("gone.shop:80");
  mesh.endpoints.set("shop/cart:80", endpointsOf("10.0.0.7"));
  publish();
  t.deepEqual(describe(await connect({ subscriptions, known }).expectAck()), [
    "+ENDPOINTS/shop/cart:80",
    "-CLUSTER/shop/gone:80",
    "-ENDPOINTS/shop/gone:80",
    "-LISTENER/shop/gone:80",
    "frontend:cart:80 FOUND",
    "frontend:gone:80 NOT_FOUND",
  ]);
});

test("S9 a subscription is answered with what the agent lacks of its closure", async (t) => {
  const mesh = new Mesh().service("cart").service("cart-v2");
  mesh.claim("cart", { "shop/cart": routeOf({ backends: { "shop/cart:80": 95, "shop/cart-v2:80": 5 } }) });
  const { connect } = await startFixture(t, mesh);
  const agent = connect();
  await agent.expectAck();
  t.deepEqual(describe(await agent.requestAck("frontend:cart-v2:80")), [
    "+CLUSTER/shop/cart-v2:80",
    "+ENDPOINTS/shop/cart-v2:80",
    "+LISTENER/shop/cart-v2:80",
    "frontend:cart-v2:80 FOUND",
  ]);
  t.deepEqual(describe(await agent.requestAck("frontend:cart:80")), [
    "+CLUSTER/shop/cart:80",
    "+ENDPOINTS/shop/cart:80",
    "+LISTENER/shop/cart:80",
    "+ROUTE/shop/cart",
    "+ROUTE_CONFIGURATION/shop/cart:80",
    "frontend:cart:80 FOUND",
  ]);
});

test("S10 a name that does not exist is NOT_FOUND and arrives by itself when it does", async (t) => {
  const { connect, mesh, publish } = await startFixture(t, new Mesh());
  const agent = connect();
  await agent.expectAck();
  t.deepEqual(describe(await agent.requestAck("frontend:cart:80")), ["frontend:cart:80 NOT_FOUND"]);
  mesh.service("cart");
  publish();
  t.deepEqual(describe(await agent.expectAck()), cartClosure);
});

test("S11 what disappears is NOT_FOUND, and what nothing else needs is removed", async (t) => {
  const mesh = new Mesh().service("cart").service("stock");
  mesh.claim("stock", { "shop/stock": routeOf({ backends: { "shop/cart:80": 1, "shop/stock:80": 1 } }) });
  const { connect, publish } = await startFixture(t, mesh);
  const agent = connect({ subscriptions: ["frontend:cart:80", "frontend:stock:80"] });
  await agent.expectAck();
  mesh.frontends.delete("stock.shop:80");
  publish();
  t.deepEqual(describe(await agent.expectAck()), [
    "-CLUSTER/shop/stock:80",
    "-ENDPOINTS/shop/stock:80",
    "-LISTENER/shop/stock:80",
    "-ROUTE/shop/stock",
    "-ROUTE_CONFIGURATION/shop/stock:80",
    "frontend:stock:80 NOT_FOUND",
  ]);
});

test("S12 unsubscribing removes what nothing else needs, and subscribing again is answered again", async (t) => {
  const { connect } = await startFixture(t, new Mesh().service("cart"));
  const agent = connect({ subscriptions: ["frontend:cart:80", "frontend:cart.shop:80", "frontend:no:1"] });
  await agent.expectAck();
  await agent.unsubscribe("frontend:cart:80").expectSilence();
  t.deepEqual(describe(await agent.unsubscribe("frontend:cart.shop:80").expectAck()), [
    "-CLUSTER/shop/cart:80",
    "-ENDPOINTS/shop/cart:80",
    "-LISTENER/shop/cart:80",
  ]);
  t.deepEqual(describe(await agent.requestAck("frontend:cart:80")), cartClosure);
  await agent.unsubscribe("frontend:no:1").expectSilence();
  t.deepEqual(describe(await agent.requestAck("frontend:no:1")), ["frontend:no:1 NOT_FOUND"]);
});

test("S12 a name given up and taken again while a response is in flight is answered again", async (t) => {
  const { connect } = await startFixture(t, new Mesh().service("cart"));
  const agent = connect({ subscriptions: ["frontend:cart:80"] });
  const first = await agent.response();
  agent.send({ subscribe: { remove: ["frontend:cart:80"], add: ["frontend:cart:80"] } }).ack(first);
  t.deepEqual(describe(await agent.expectAck()), ["frontend:cart:80 FOUND"]);
});

test("S13 subscribing to a subscribed name changes nothing", async (t) => {
  const { connect } = await startFixture(t, new Mesh().service("cart"));
  const agent = connect({ subscriptions: ["frontend:cart:80"] });
  await agent.expectAck();
  await t.notThrowsAsync(agent.subscribe("frontend:cart:80").expectSilence());
});

test("S14 every name of a frontend leads to it, and a consumer's namespace to a listener of its own", async (t) => {
  const mesh = new Mesh().service("cart", { address: "10.96.0.7" }).service("cart-of-billing");
  mesh.frontends.set("[fd00::7]:80", { listener: "shop/cart:80", consumerListeners: new Map() });
  mesh.frontends.set("cart.shop:80", {
    listener: "shop/cart:80",
    consumerListeners: new Map([["billing", "shop/cart-of-billing:80"]]),
  });
  const { connect } = await startFixture(t, mesh);
  const listenersOf = async (agent: RawAgent, name: string) => (await agent.requestAck(name)).answers[0]?.listeners;
  const own = connect({ namespace: "shop" });
  await own.expectAck();
  for (const host of [
    "cart",
    "CART",
    "cart.shop",
    "cart.shop.",
    "cart.shop.svc",
    "cart.shop.svc.cluster.local",
    "10.96.0.7",
    "fd00::7",
    "[fd00::7]",
    "fd00:0:0::7",
  ]) {
    t.deepEqual(await listenersOf(own, `frontend:${host}:80`), ["shop/cart:80"], host);
  }
  for (const host of ["cart.other", "cart.shop.pod", "cart.shop.svc.example.com", "example.com", "", "."]) {
    t.deepEqual(await listenersOf(own, `frontend:${host}:80`), [], host);
  }
  t.deepEqual(await listenersOf(own, "frontend:cart:81"), []);
  t.deepEqual(await listenersOf(own, "frontend:cart"), []);

  const other = connect({ namespace: "billing" });
  await other.expectAck();
  t.deepEqual(await listenersOf(other, "frontend:cart:80"), []);
  t.deepEqual(await listenersOf(other, "frontend:cart.shop:80"), ["shop/cart-of-billing:80"]);
});

test("S15 a node may subscribe only to what is its own", async (t) => {
  const mesh = new Mesh().service("cart").gateway("edge", {}).gateway("other", {});
  const { connect } = await startFixture(t, mesh);
  const labels = { "gateway.networking.k8s.io/gateway-name": "edge" };
  for (const refused of [
    { mode: "GATEWAY", labels, subscriptions: ["gateway:shop/other"] },
    { mode: "GATEWAY", subscriptions: ["gateway:bank/edge"] },
    { mode: "GATEWAY", subscriptions: ["frontend:cart:80"] },
    { subscriptions: ["gateway:shop/edge"] },
    { subscriptions: ["workload:shop/somebody-else"] },
    { subscriptions: ["cart"] },
  ] as const) {
    t.is((await connect(refused).end()).code, status.PERMISSION_DENIED, JSON.stringify(refused));
  }
  const gateway = connect({ mode: "GATEWAY", labels, subscriptions: ["gateway:shop/edge"] });
  t.deepEqual(describe(await gateway.expectAck()), ["gateway:shop/edge FOUND"]);
  const end = await gateway.subscribe("gateway:shop/other").end();
  t.regex(end.details, /"gateway:shop\/other" is not the Gateway of this node \("gateway:shop\/edge"\)/);
});

test("S16 a publish sends exactly what changed, in one response", async (t) => {
  const mesh = new Mesh().service("cart").service("cart-v2");
  mesh.claim("cart", { "shop/cart": routeOf({ backends: { "shop/cart:80": 95, "shop/cart-v2:80": 5 } }) });
  const { connect, publish } = await startFixture(t, mesh);
  const agent = connect({ subscriptions: ["frontend:cart:80"] });
  await agent.expectAck();
  mesh.routes.set("shop/cart", routeOf({ backends: { "shop/cart:80": 50, "shop/cart-v2:80": 50 } }));
  mesh.endpoints.set("shop/cart-v2:80", endpointsOf("10.0.0.2", "10.0.0.3"));
  publish();
  const response = await agent.expectAck();
  t.deepEqual(describe(response), ["+ENDPOINTS/shop/cart-v2:80", "+ROUTE/shop/cart"]);
  t.is(response.generation, "test.2");
});

test("S17 a publish that does not concern the agent is silent, and its generations move", async (t) => {
  const { connect, mesh, publish, server } = await startFixture(t, new Mesh().service("cart"));
  const agent = connect({ subscriptions: ["frontend:cart:80"] });
  await agent.expectAck();
  mesh.service("stock");
  publish();
  await agent.expectSilence();
  t.like(server.connectedAgents()[0], { sentGeneration: "test.2", acknowledgedGeneration: "test.2" });
});

test("S18 publishes during a response in flight merge into one", async (t) => {
  const { connect, mesh, publish } = await startFixture(t, new Mesh().service("cart").service("stock"));
  const agent = connect({ subscriptions: ["frontend:cart:80", "frontend:stock:80"] });
  const first = await agent.response();
  for (const address of ["10.0.0.2", "10.0.0.3", "10.0.0.4"]) {
    mesh.endpoints.set("shop/cart:80", endpointsOf(address));
    publish();
  }
  mesh.endpoints.set("shop/stock:80", endpointsOf("10.0.0.9"));
  publish();
  await agent.expectSilence();
  agent.ack(first);
  const merged = await agent.expectAck();
  t.deepEqual(describe(merged), ["+ENDPOINTS/shop/cart:80", "+ENDPOINTS/shop/stock:80"]);
  t.is(merged.generation, "test.5");
  await agent.expectSilence();
});

test("S19 a subscription during a response in flight is answered after it", async (t) => {
  const { connect } = await startFixture(t, new Mesh().service("cart"));
  const agent = connect();
  const first = await agent.response();
  await agent.subscribe("frontend:cart:80").expectSilence();
  agent.ack(first);
  t.deepEqual(describe(await agent.expectAck()), cartClosure);
});

test("S20 an ack turns sent into acknowledged", async (t) => {
  const { connect, server } = await startFixture(t, new Mesh().service("cart"));
  const agent = connect({ subscriptions: ["frontend:cart:80"] });
  const response = await agent.response();
  t.like(server.connectedAgents()[0], { sentGeneration: "test.1", acknowledgedGeneration: "", isInFlight: true });
  agent.ack(response);
  await until(() => server.connectedAgents()[0]?.acknowledgedGeneration === "test.1", "the ack");
  t.false(server.connectedAgents()[0]?.isInFlight);
  t.is(server.metrics.acknowledged, 1);
});

test("S21 an answer with another nonce is counted and changes nothing", async (t) => {
  const { connect, server } = await startFixture(t, new Mesh().service("cart"));
  const agent = connect({ subscriptions: ["frontend:cart:80"] });
  const response = await agent.response();
  agent.nack({ ...response, nonce: "another" }, "LISTENER/shop/cart:80").ack({ ...response, nonce: "" });
  await until(() => server.metrics.staleNonces === 2, "the stale answers");
  t.like(server.connectedAgents()[0], { isInFlight: true, acknowledgedGeneration: "", lastNack: null, staleNonces: 2 });
  await agent.ack(response).ack(response).expectSilence();
  t.like(server.connectedAgents()[0], { isInFlight: false, acknowledgedGeneration: "test.1", staleNonces: 3 });
});

test("S35 publishing the same content makes no generation and sends nothing", async (t) => {
  const { connect, mesh, publish, server } = await startFixture(t, new Mesh().service("cart"));
  const agent = connect({ subscriptions: ["frontend:cart:80"] });
  await agent.expectAck();
  const before = server.snapshot;
  mesh.endpoints.set("shop/cart:80", endpointsOf("10.0.0.1"));
  publish();
  t.is(server.snapshot, before);
  await agent.expectSilence();
});

test("S36 a message kind of a later minor version changes nothing", async (t) => {
  const { connect } = await startFixture(t, new Mesh().service("cart"));
  const agent = connect();
  await agent.expectAck();
  await agent.send({}).expectSilence();
  t.deepEqual(describe(await agent.requestAck("frontend:cart:80")), cartClosure);
});

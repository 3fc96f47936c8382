// The agent's state table (proto/README.md), rows about responses and connections: the real client, against a scripted
// or the real control plane.
import { type AddressInfo, createServer, type Socket } from "node:net";
import test from "ava";
import { status } from "@grpc/grpc-js";
import { BlackHole } from "./black-hole.ts";
import { cartEndpoints, startAgent, startControlPlane, untilWaiting, wire } from "./client-fixture.ts";
import { ScriptedControlPlane } from "./control-plane-double.ts";
import { startFixture, until } from "./fixture.ts";
import { endpointsOf, Mesh, routeOf } from "./mesh.ts";

test("C1 the agent says Hello first: its node, every name, the versions it holds", async (t) => {
  const controlPlane = await startControlPlane(t);
  const { client } = startAgent(t, [controlPlane.port]);
  client.subscribe("workload:shop/client");
  client.start();
  const hello = await (await controlPlane.stream()).hello();
  t.deepEqual(hello, {
    node: { id: "agent", namespace: "shop", pod: "client", labels: { app: "x" }, mode: "SIDECAR", agentVersion: "1" },
    subscriptions: ["workload:shop/client"],
    knownResources: [],
    protocolVersion: "1.0",
  });
});

test("C2 a response is applied whole, then acknowledged; the first makes the agent ready", async (t) => {
  const controlPlane = await startControlPlane(t);
  const { client, offered } = startAgent(t, [controlPlane.port]);
  client.subscribe("workload:shop/client");
  client.start();
  const stream = await controlPlane.stream();
  await stream.hello();
  let isReady = false;
  void client.ready.then(() => (isReady = true));
  t.false(isReady);
  stream.respond({
    nonce: "first",
    resources: [
      cartEndpoints,
      wire("WORKLOAD", "shop/client", { serviceName: "c", workloadVersion: "", inboundPorts: [] }),
    ],
    answers: [{ subscription: "workload:shop/client", state: "FOUND", listeners: [], workload: "shop/client" }],
  });
  t.deepEqual((await stream.message()).acknowledge, { nonce: "first", errors: [] });
  await client.ready;
  t.true(isReady);
  t.is(offered.length, 1);
  t.is(client.resources, offered[0]!);
  t.is(client.resources.generation, "other.1");
  t.like(client.resources.endpoints.get("shop/cart:80")!.endpoints[0], { address: "10.0.0.1", port: 8080 });
  t.like(client.resources.answers.get("workload:shop/client"), { state: "found", workload: "shop/client" });

  stream.respond({
    generation: "other.2",
    nonce: "second",
    removedResources: [
      { type: "ENDPOINTS", name: "shop/cart:80" },
      { type: "ROUTE", name: "never/held" },
    ],
  });
  t.deepEqual((await stream.message()).acknowledge, { nonce: "second", errors: [] });
  t.is(client.resources.endpoints.size, 0);
  t.is(offered[0]!.endpoints.size, 1, "the earlier set is not touched");
  t.is(client.resources.workloads, offered[0]!.workloads, "what did not change is shared");
});

test("C3 bodies that cannot be decoded are refused, each with its field, and what is held stays", async (t) => {
  const controlPlane = await startControlPlane(t);
  const { client, offered } = startAgent(t, [controlPlane.port]);
  client.start();
  const stream = await controlPlane.stream();
  await stream.hello();
  stream.respond({ resources: [cartEndpoints] });
  await stream.message();

  const before = client.resources;
  const mirrored = routeOf({ backends: { "shop/cart:80": 1 } });
  mirrored.rules[0]!.mirrors.push({ displayName: "m", cluster: "c", numerator: 1, denominator: 0 });
  const unknownEnum = { ...wire("CLUSTER", "shop/c:1", { protocol: "H2C", defaultWorkloadVersion: "" }) };
  unknownEnum.body = Buffer.from([0x08, 0x63]);
  stream.respond({
    nonce: "bad",
    resources: [
      wire("ENDPOINTS", "shop/cart:80", endpointsOf("10.0.0.2")),
      { type: "ROUTE", name: "shop/torn", version: "t", body: Buffer.from([0x0a, 0xff]) },
      wire("ROUTE", "shop/mirrored", mirrored),
      wire("ROUTE", "shop/heavy", routeOf({ backends: { "shop/cart:80": 1_000_001 } })),
      wire("ENDPOINTS", "shop/portless", { endpoints: [{ address: "a", port: 0, workloadVersion: "", pod: "" }] }),
      unknownEnum,
      { type: "ROUTE", name: "", version: "x", body: Buffer.alloc(0) },
    ],
  });
  const { nonce, errors } = (await stream.message()).acknowledge!;
  t.is(nonce, "bad");
  t.deepEqual(
    errors.map((error) => `${error.type}/${error.name}`),
    [
      "ROUTE/shop/torn",
      "ROUTE/shop/mirrored",
      "ROUTE/shop/heavy",
      "ENDPOINTS/shop/portless",
      "CLUSTER/shop/c:1",
      "ROUTE/",
    ],
  );
  t.is(errors[1]!.reason, "rules[0].mirrors[0] copies 1/0, which is no share");
  t.is(errors[2]!.reason, "rules[0].backends[0].weight is 1000001, above 1000000");
  t.is(errors[3]!.reason, "endpoints[0].port is 0, not a port");
  t.is(errors[4]!.reason, "protocol has the value 99, which is unknown");
  t.is(errors[4]!.version, unknownEnum.version);
  t.is(client.resources, before);
  t.is(offered.length, 1, "nothing was offered to the data path");
});

test("C4 a set that does not compile is refused with its faults, and what is held stays", async (t) => {
  const controlPlane = await startControlPlane(t);
  const agent = startAgent(t, [controlPlane.port]);
  const { client } = agent;
  client.start();
  const stream = await controlPlane.stream();
  await stream.hello();
  stream.respond({ resources: [cartEndpoints] });
  await stream.message();
  const before = client.resources;

  agent.verdict = { ok: false, errors: [{ type: "endpoints", name: "shop/cart:80", reason: "not today" }] };
  const changed = wire("ENDPOINTS", "shop/cart:80", endpointsOf("10.0.0.2"));
  stream.respond({ nonce: "2", resources: [changed] });
  t.deepEqual((await stream.message()).acknowledge, {
    nonce: "2",
    errors: [{ type: "ENDPOINTS", name: "shop/cart:80", version: changed.version, reason: "not today" }],
  });
  t.is(client.resources, before);
  t.like(client.status(), { state: "streaming", applied: 1, refused: 1 });
});

test("C4 an apply that throws is a refusal of the whole response", async (t) => {
  const controlPlane = await startControlPlane(t);
  const { client } = startAgent(t, [controlPlane.port], {
    apply: () => {
      throw new Error("out of order");
    },
  });
  client.start();
  const stream = await controlPlane.stream();
  await stream.hello();
  stream.respond({ resources: [cartEndpoints] });
  const { errors } = (await stream.message()).acknowledge!;
  t.like(errors, [{ name: "", reason: "out of order" }]);
});

test("C5 C6 a broken stream changes nothing; the agent comes back with what it holds and backs off with jitter", async (t) => {
  const controlPlane = await startControlPlane(t);
  const agent = startAgent(t, [controlPlane.port]);
  const { client, clock, offered } = agent;
  client.start();
  const first = await controlPlane.stream();
  await first.hello();
  first.respond({ resources: [cartEndpoints] });
  await first.message();
  const held = client.resources;
  first.end(status.UNAVAILABLE);
  // random() is 0.5: half of 100 three times, of 200, 400, and 800 from then on.
  for (const delayMs of [50, 50, 50, 100, 200, 400, 400, 400]) {
    await untilWaiting(agent);
    t.is(client.resources, held);
    clock.advance(delayMs - 1);
    t.is(client.status().state, "waiting", `before ${delayMs} ms`);
    clock.advance(1);
    t.is(client.status().state, "connecting", `after ${delayMs} ms`);
    const next = await controlPlane.stream();
    t.deepEqual((await next.hello()).knownResources, [
      { type: "ENDPOINTS", name: "shop/cart:80", version: cartEndpoints.version },
    ]);
    next.end(status.UNAVAILABLE);
  }
  t.is(offered.length, 1, "nothing was applied meanwhile");
});

test("C6 nothing unchanged is received again after a reconnect", async (t) => {
  const { port, server } = await startFixture(t, new Mesh().service("cart"));
  const agent = startAgent(t, [port]);
  const { client, clock } = agent;
  client.start();
  t.like(await client.waitForAnswer("frontend:cart:80"), { state: "found", listeners: ["shop/cart:80"] });
  const held = client.resources;
  const before = server.metrics.responsesSent;
  await until(() => server.metrics.acknowledged === before, "the acks");
  // The connection is cut by the server's side of it.
  client.stop();
  const again = startAgent(t, [port], { initial: held });
  again.client.start();
  await again.client.ready;
  t.is(again.offered[0]!.clusters, held.clusters, "the very same collection: nothing of it came");
  t.is(again.offered[0]!.endpoints, held.endpoints);
  t.like(again.client.resources.answers.get("frontend:cart:80"), { state: "found" });
  t.is(clock.pendingCount, 0);
});

test("C7 a final status is asked again only after 30 to 60 s", async (t) => {
  const controlPlane = await startControlPlane(t);
  const errors: string[] = [];
  const logger = {
    debug() {},
    info() {},
    warn() {},
    error: (_fields: unknown, message: string) => errors.push(message),
  };
  const agent = startAgent(t, [controlPlane.port], { logger });
  agent.client.start();
  for (const code of [
    status.INVALID_ARGUMENT,
    status.FAILED_PRECONDITION,
    status.PERMISSION_DENIED,
    status.UNIMPLEMENTED,
    status.OUT_OF_RANGE,
  ]) {
    const stream = await controlPlane.stream();
    await stream.hello();
    stream.end(code, "no");
    await untilWaiting(agent);
    t.like(agent.client.status().lastEnd, { code, details: "no" });
    agent.clock.advance(44_999);
    t.is(agent.client.status().state, "waiting");
    agent.clock.advance(1);
    t.is(agent.client.status().state, "connecting");
  }
  t.is(errors.length, 5);
  t.is(errors[0], "the control plane refuses this agent");
  const stream = await controlPlane.stream();
  stream.end(status.UNAUTHENTICATED);
  await untilWaiting(agent);
  agent.clock.advance(100);
  t.is(agent.client.status().state, "connecting", "tokens are renewed: that is worth trying soon");
});

test("C8 an attempt without a response for 10 s is given up", async (t) => {
  const controlPlane = await startControlPlane(t);
  const agent = startAgent(t, [controlPlane.port]);
  agent.client.start();
  const silent = await controlPlane.stream();
  await silent.hello();
  agent.clock.advance(9_999);
  t.is(agent.client.status().state, "connecting");
  agent.clock.advance(1);
  t.like(agent.client.status(), { state: "waiting", lastEnd: { code: status.DEADLINE_EXCEEDED } });
  await until(() => silent.isCancelled, "the end of the silent stream");
});

test("an outage is a warning once a minute, not for each attempt; after a connection it is news again", async (t) => {
  const controlPlane = await startControlPlane(t);
  const warnings: string[] = [];
  const logger = { debug() {}, info() {}, error() {}, warn: (_: unknown, message: string) => warnings.push(message) };
  const agent = startAgent(t, [controlPlane.port], { logger });
  agent.client.start();
  const fail = async (respond: boolean): Promise<void> => {
    const stream = await controlPlane.stream();
    await stream.hello();
    if (respond) {
      stream.respond({});
      await until(() => agent.client.status().state === "streaming", "the response");
    }
    stream.end(status.UNAVAILABLE, "away");
    await untilWaiting(agent);
    agent.clock.advance(7000);
  };
  for (let attempt = 0; attempt < 8; attempt++) await fail(false);
  t.deepEqual(warnings, ["disconnected from the control plane"]);
  await fail(false);
  await fail(false);
  t.is(warnings.length, 2, "a minute has passed");
  await fail(true);
  t.is(warnings.length, 3, "it had been connected");
});

test("C24 an attempt without a connection is given up: after 500 ms, after twice as long next time", async (t) => {
  const held = new Set<Socket>();
  // Takes connections and says nothing, as an address does behind which nobody lives any more.
  const grave = createServer((socket) => void held.add(socket.on("error", () => {})));
  await new Promise<void>((resolve) => grave.listen(0, "127.0.0.1", resolve));
  t.teardown(() => {
    for (const socket of held) socket.destroy();
    grave.close();
  });
  const controlPlane = await startControlPlane(t);
  const dead = (grave.address() as AddressInfo).port;
  const agent = startAgent(t, [dead, dead, controlPlane.port]);
  agent.client.start();
  for (const connectTimeoutMs of [500, 1000]) {
    agent.clock.advance(connectTimeoutMs - 1);
    t.is(agent.client.status().state, "connecting");
    agent.clock.advance(1);
    const lastEnd = { code: status.UNAVAILABLE, details: `no connection for ${connectTimeoutMs} ms` };
    t.like(agent.client.status(), { state: "waiting", lastEnd });
    agent.clock.advance(50);
  }
  const stream = await controlPlane.stream();
  // It is connected: what it waits for now is the response, which has more time.
  agent.clock.advance(9_999);
  t.is(agent.client.status().state, "connecting");
  stream.respond({});
  await agent.client.ready;
});

test("C12 an attempt that fails moves on to the next address", async (t) => {
  const gone = await ScriptedControlPlane.start();
  gone.close();
  const { port } = await startFixture(t, new Mesh().service("cart"));
  const agent = startAgent(t, [gone.port, port]);
  agent.client.start();
  await untilWaiting(agent);
  t.is(agent.client.status().lastEnd!.code, status.UNAVAILABLE);
  agent.clock.advance(50);
  await agent.client.ready;
  t.is(agent.client.status().address, `127.0.0.1:${port}`);
});

test("C16 stop ends the stream and every wait and leaves no timer", async (t) => {
  const controlPlane = await startControlPlane(t);
  const { client, clock } = startAgent(t, [controlPlane.port]);
  client.start();
  const stream = await controlPlane.stream();
  await stream.hello();
  stream.respond({});
  await stream.message();
  const dial = client.waitForAnswer("frontend:cart:80");
  client.stop();
  t.is(await dial, null);
  t.is(clock.pendingCount, 0);
  t.is(await client.waitForAnswer("frontend:other:80"), null);
  await until(() => stream.isCancelled, "the end of the stream");
  clock.advance(100_000);
  t.is(controlPlane.streamCount, 1);
});

test("C17 an applied response starts the delays over", async (t) => {
  const controlPlane = await startControlPlane(t);
  const agent = startAgent(t, [controlPlane.port]);
  agent.client.start();
  for (const delayMs of [50, 50, 50, 100, 200]) {
    (await controlPlane.stream()).end(status.UNAVAILABLE);
    await untilWaiting(agent);
    agent.clock.advance(delayMs);
  }
  const stream = await controlPlane.stream();
  stream.respond({});
  await agent.client.ready;
  stream.end(status.UNAVAILABLE);
  await untilWaiting(agent);
  agent.clock.advance(50);
  t.is(agent.client.status().state, "connecting");
});

test("C19 an agent that starts from the last good set subscribes to its frontends and says what it holds", async (t) => {
  const { port, mesh, publish } = await startFixture(t, new Mesh().service("cart"));
  const first = startAgent(t, [port]);
  first.client.start();
  await first.client.waitForAnswer("frontend:cart:80");
  first.client.stop();
  mesh.endpoints.set("shop/cart:80", endpointsOf("10.0.0.9"));
  publish();
  const second = startAgent(t, [port], { initial: first.client.resources });
  second.client.start();
  await second.client.ready;
  t.is(second.client.resources.endpoints.get("shop/cart:80")!.endpoints[0]!.address, "10.0.0.9");
  t.is(second.client.resources.listeners, first.client.resources.listeners);
});

test("C18 a control plane that dies without a word is left after keepalive, and what is held stays", async (t) => {
  const { port } = await startFixture(t, new Mesh().service("cart"));
  const hole = await BlackHole.start(port);
  t.teardown(() => hole.close());
  const agent = startAgent(t, [hole.port], { keepalive: { timeMs: 150, timeoutMs: 300 } });
  agent.client.start();
  await agent.client.waitForAnswer("frontend:cart:80");
  const held = agent.client.resources;
  hole.swallow();
  await untilWaiting(agent);
  t.is(agent.client.status().lastEnd!.code, status.UNAVAILABLE);
  t.is(agent.client.resources, held);
});

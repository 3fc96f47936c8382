// The agent's state table (proto/README.md), rows about names, first dials and statistics.
import test from "ava";
import type { RuleStats } from "../../agent/telemetry/rule-stats.ts";
import { startAgent, startControlPlane } from "./client-fixture.ts";
import { startFixture, until } from "./fixture.ts";
import { Mesh } from "./mesh.ts";

test("C9 a first dial waits for its answer 1 s at most, and a late answer is applied all the same", async (t) => {
  const controlPlane = await startControlPlane(t);
  const { client, clock } = startAgent(t, [controlPlane.port]);
  client.start();
  const stream = await controlPlane.stream();
  await stream.hello();
  stream.respond({});
  await stream.message();

  const dial = client.waitForAnswer("frontend:cart:80");
  t.deepEqual((await stream.message()).subscribe, { add: ["frontend:cart:80"], remove: [] });
  clock.advance(999);
  stream.respond({ answers: [{ subscription: "frontend:cart:80", state: "NOT_FOUND", listeners: [], workload: "" }] });
  t.deepEqual(await dial, { state: "not-found", listeners: [], workload: "" });
  t.is((await client.waitForAnswer("frontend:cart:80"))?.state, "not-found", "known at once");

  const late = client.waitForAnswer("frontend:late:80");
  clock.advance(1000);
  t.is(await late, null);
  stream.respond({ answers: [{ subscription: "frontend:late:80", state: "WITHHELD", listeners: [], workload: "" }] });
  await until(() => client.resources.answers.get("frontend:late:80")?.state === "withheld", "the late answer");
});

test("C10 a dialled name that is idle for 10 minutes is forgotten on both sides, a pinned one never", async (t) => {
  const { port, server } = await startFixture(t, new Mesh().service("cart").service("stock").workload("shop/client"));
  const { client, clock } = startAgent(t, [port]);
  client.subscribe("workload:shop/client");
  client.start();
  await Promise.all([client.waitForAnswer("frontend:cart:80"), client.waitForAnswer("frontend:stock:80")]);
  clock.advance(590_000);
  client.touch("stock:80");
  clock.advance(40_000);
  t.deepEqual([...client.resources.answers.keys()].sort(), ["frontend:stock:80", "workload:shop/client"]);
  await until(() => !client.resources.clusters.has("shop/cart:80"), "the removal");
  t.true(client.resources.clusters.has("shop/stock:80"));
  t.deepEqual(server.connectedAgents()[0]!.subscriptions, ["workload:shop/client", "frontend:stock:80"]);
  const again = client.waitForAnswer("frontend:cart:80");
  clock.advance(5);
  t.is((await again)?.state, "found");
});

test("C11 many dials at once are one Subscribe, and the next burst follows within 5 ms", async (t) => {
  const controlPlane = await startControlPlane(t);
  const { client, clock } = startAgent(t, [controlPlane.port]);
  client.start();
  const stream = await controlPlane.stream();
  await stream.hello();
  stream.respond({});
  await stream.message();
  const dials = Array.from({ length: 50 }, (_, index) => client.waitForAnswer(`frontend:host-${index}:80`));
  t.is((await stream.message()).subscribe!.add.length, 50);
  dials.push(client.waitForAnswer("frontend:one-more:80"), client.waitForAnswer("frontend:and-another:80"));
  t.is(stream.unread, 0);
  clock.advance(5);
  t.is((await stream.message()).subscribe!.add.length, 2);
  client.stop();
  t.true((await Promise.all(dials)).every((answer) => answer === null));
});

const rule = {
  route: "shop/cart",
  backend: "shop/cart:80",
  workloadVersion: "v1",
  statusClasses: [0, 1, 0, 0, 0, 0],
  latencyBuckets: Array.from({ length: 15 }, () => 0),
  latencySumSeconds: 0,
  mirrored: 0,
  mirrorsDropped: 0,
};

test("C13 statistics are sent while streaming, otherwise the caller keeps them", async (t) => {
  const { port, server } = await startFixture(t, new Mesh());
  const { client } = startAgent(t, [port]);
  const takeNothing = (): never => t.fail("nothing can be sent, and nothing may be taken");
  t.false(client.sendStats(takeNothing));
  client.start();
  t.false(client.sendStats(takeNothing));
  await client.ready;
  t.true(client.sendStats(() => Array.from({ length: 2500 }, (_, index) => ({ ...rule, rule: index }))));
  await until(() => server.stats().length === 2500, "the report");
  client.stop();
  t.false(client.sendStats(takeNothing));
});

test("C13 statistics that a slow control plane does not take are taken with the next report, none is lost", async (t) => {
  const controlPlane = await startControlPlane(t);
  const { client } = startAgent(t, [controlPlane.port]);
  client.start();
  const stream = await controlPlane.stream();
  await stream.hello();
  stream.respond({});
  await stream.message();
  stream.stopReading();
  let counted = 0;
  let reported = 0;
  let refused = 0;
  const take = (): RuleStats[] => {
    const news = counted - reported;
    reported = counted;
    // Wide, so that the stream's window is full soon.
    return Array.from({ length: 500 }, (_, index) => ({ ...rule, rule: index, mirrored: index === 0 ? news : 0 }));
  };
  await until(() => {
    counted++;
    const before = reported;
    if (client.sendStats(take)) return false;
    t.is(reported, before);
    return ++refused > 3;
  }, "a full stream");
  stream.readOn();
  await until(() => client.sendStats(take), "room");
  let received = 0;
  while (received < counted) received += (await stream.message()).stats!.rules[0]!.mirrored;
  t.is(received, counted);
});

test("C14 names beyond the limit are not subscribed and answered null at once", async (t) => {
  const { port, server } = await startFixture(t, new Mesh().service("cart"));
  const { client } = startAgent(t, [port], { limits: { maxNames: 1 } });
  client.start();
  t.is((await client.waitForAnswer("frontend:cart:80"))?.state, "found");
  t.is(await client.waitForAnswer("frontend:other:80"), null);
  t.is(await client.waitForAnswer(`frontend:${"h".repeat(600)}:80`), null);
  t.deepEqual(server.connectedAgents()[0]!.subscriptions, ["frontend:cart:80"]);
});

test("C15 an answer to a name given up meanwhile is not kept", async (t) => {
  const controlPlane = await startControlPlane(t);
  const { client } = startAgent(t, [controlPlane.port]);
  client.subscribe("frontend:cart:80");
  client.start();
  const stream = await controlPlane.stream();
  await stream.hello();
  client.unsubscribe("frontend:cart:80");
  stream.respond({ answers: [{ subscription: "frontend:cart:80", state: "NOT_FOUND", listeners: [], workload: "" }] });
  await client.ready;
  t.is(client.resources.answers.size, 0);
  t.deepEqual((await stream.message()).subscribe, { add: [], remove: ["frontend:cart:80"] });
});

// Inside a backend: the less loaded endpoint, not one that refuses connections, and none that has gone.
import test from "ava";
import { manualClock } from "../support/manual-clock.ts";
import type { TestProxy } from "../support/proxy.ts";
import { proxyFor } from "../support/proxy.ts";
import { RawClient, exchange } from "../support/raw-client.ts";
import { ok, startOrigin, startRawServer } from "../support/raw-server.ts";
import { backend, rule } from "../support/resources.ts";
import { seededRandom } from "../support/seeded-random.ts";
import { until } from "../support/until.ts";

const get = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
const rules = [rule([backend("b")])];

function endpointsOf(proxy: TestProxy) {
  return [...proxy.context.clusters.all()].find((cluster) => cluster.name === "b")!.endpoints;
}

test("of two endpoints the one with fewer requests in flight is taken", async (t) => {
  const slow = await startRawServer(t, () => undefined);
  const fast = await startOrigin(t, () => ok("fast"));
  const proxy = await proxyFor(t, { rules, clusters: { b: [slow.port, fast.port] } }, { random: seededRandom(1) });
  const stuck: RawClient[] = [];
  while (slow.connections() === 0) {
    const client = await RawClient.connect(t, proxy.port);
    client.write(get);
    await until(() => client.received !== "" || slow.connections() === 1);
    stuck.push(client);
  }
  const client = await RawClient.connect(t, proxy.port);
  for (let index = 0; index < 100; index++) t.is((await client.get()).body, "fast");
  t.is(slow.connections(), 1);
  t.deepEqual(
    endpointsOf(proxy).map((endpoint) => endpoint.activeRequests),
    [1, 0],
  );
});

test("equal endpoints get about equal shares", async (t) => {
  const origins = await Promise.all([1, 2, 3].map(() => startOrigin(t, () => ok("x"))));
  const proxy = await proxyFor(
    t,
    { rules, clusters: { b: origins.map((origin) => origin.port) } },
    { random: seededRandom(2) },
  );
  const client = await RawClient.connect(t, proxy.port);
  for (let index = 0; index < 300; index++) await client.get();
  for (const origin of origins) t.true(origin.requests.length > 60, `${origin.requests.length} of 300`);
});

test("an endpoint that refuses connections is left out for 1 s, then 2 s, and comes back once it accepts", async (t) => {
  const clock = manualClock();
  const up = await startOrigin(t, () => ok("up"));
  const down = await startRawServer(t, () => undefined);
  await down.stop();
  const random = seededRandom(3);
  const proxy = await proxyFor(t, { rules, clusters: { b: [down.port, up.port] } }, { now: clock.now, random });
  const client = await RawClient.connect(t, proxy.port);
  const failures = (): number => proxy.context.metrics.replays.with("connect-failure").value;
  const askUntilReplay = async (): Promise<void> => {
    const before = failures();
    for (let index = 0; failures() === before && index < 100; index++) t.is((await client.get()).status, 200);
    t.is(failures(), before + 1);
  };
  for (const ejectionMs of [1000, 2000, 4000]) {
    await askUntilReplay();
    const before = failures();
    clock.advance(ejectionMs - 1);
    for (let index = 0; index < 30; index++) t.is((await client.get()).status, 200);
    t.is(failures(), before, "nothing tries it while it is ejected");
    clock.advance(1);
  }
  const back = await startOrigin(t, () => ok("back"), down.port);
  for (let index = 0; index < 50 && back.requests.length === 0; index++) await client.get();
  t.true(back.requests.length > 0);
  t.is(endpointsOf(proxy)[0]!.ejections, 0);
});

test("the last endpoint is never left out, nor are all of several", async (t) => {
  const clock = manualClock();
  const first = await startRawServer(t, () => undefined);
  await first.stop();
  const proxy = await proxyFor(t, { rules, clusters: { b: [first.port, 1] } }, { now: clock.now });
  for (let index = 0; index < 4; index++) t.is((await exchange(t, proxy.port, get)).status, 503);
  t.true(endpointsOf(proxy).every((endpoint) => endpoint.ejectedUntilMs > clock.now()));
  const back = await startOrigin(t, () => ok("back"), first.port);
  t.is((await exchange(t, proxy.port, get)).status, 200);
  t.is(back.requests.length, 1);
});

test("an endpoint that is removed finishes what it has and gets nothing more", async (t) => {
  const stays = await startOrigin(t, () => ok("stays"));
  let finish = (): void => undefined;
  const goes = await startOrigin(t, (_request, socket) => {
    finish = () => void socket.write(ok("goes"));
    return null;
  });
  const proxy = await proxyFor(t, { rules, clusters: { b: [goes.port] } });
  const waiting = await RawClient.connect(t, proxy.port);
  waiting.write(get);
  await until(() => goes.requests.length === 1);
  proxy.configure({ rules, clusters: { b: [stays.port] }, generation: "test.2" });
  t.is((await exchange(t, proxy.port, get)).body, "stays");
  finish();
  t.is((await waiting.response()).body, "goes");
  t.is((await waiting.get()).body, "stays");
  await until(() => goes.sockets.size === 0);
  t.is(goes.requests.length, 1);
});

test("idle connections to a removed endpoint are closed; those to the others are kept", async (t) => {
  const origins = await Promise.all([1, 2].map(() => startOrigin(t, () => ok("x"))));
  const [kept, removed] = origins;
  const ports = origins.map((origin) => origin.port);
  const proxy = await proxyFor(t, { rules, clusters: { b: ports } }, { random: seededRandom(4) });
  const client = await RawClient.connect(t, proxy.port);
  while (origins.some((origin) => origin.requests.length === 0)) await client.get();
  proxy.configure({ rules, clusters: { b: [kept!.port] } });
  await until(() => removed!.sockets.size === 0);
  await client.get();
  t.is(kept!.connections(), 1);
});

test("endpoints come and go under load and no request is lost", async (t) => {
  const origins = await Promise.all([1, 2, 3, 4].map(() => startOrigin(t, () => ok("x"))));
  const ports = origins.map((origin) => origin.port);
  const proxy = await proxyFor(t, { rules, clusters: { b: ports } });
  let stop = false;
  const failures: number[] = [];
  const load = async (): Promise<number> => {
    const client = await RawClient.connect(t, proxy.port);
    let count = 0;
    for (; !stop; count++) {
      client.write("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi");
      const { status } = await client.response();
      if (status !== 200) failures.push(status);
    }
    return count;
  };
  const clients = [load(), load(), load(), load()];
  for (let round = 0; round < 60; round++) {
    await new Promise((resolve) => setTimeout(resolve, 5));
    const left = ports.filter((_, index) => round % 4 !== index && (round + 1) % 4 !== index);
    proxy.configure({ rules, clusters: { b: left } });
  }
  stop = true;
  const counts = await Promise.all(clients);
  t.deepEqual(failures, []);
  t.true(
    counts.every((count) => count > 20),
    `${counts.join()} requests`,
  );
});

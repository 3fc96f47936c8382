// Which endpoint of a cluster gets a request: the less loaded of two drawn at random. Endpoints come and go with
// configuration, and what is known of those that stay is kept.
import test from "ava";
import { proxyFor } from "../support/proxy.ts";
import { RawClient } from "../support/raw-client.ts";
import { ok, startOrigin, startRawServer } from "../support/raw-server.ts";
import { backend, rule } from "../support/resources.ts";
import { seededRandom } from "../support/seeded-random.ts";
import { until } from "../support/until.ts";

const toEndpoints = (...ports: number[]) => ({ rules: [rule([backend("origin")])], clusters: { origin: ports } });
const get = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";

test("of two endpoints, the one with fewer requests in flight is preferred, every time", async (t) => {
  const slow = await startRawServer(t, () => undefined);
  const fast = await startOrigin(t, () => ok("fast"));
  // random() 0 draws the first endpoint first, so that only its load speaks against it.
  const proxy = await proxyFor(t, toEndpoints(slow.port, fast.port), { random: () => 0 });
  const stuck = await RawClient.connect(t, proxy.port);
  stuck.write(get);
  await until(() => slow.connections() === 1);
  const client = await RawClient.connect(t, proxy.port);
  for (let index = 0; index < 50; index++) t.is((await client.get()).body, "fast");
  t.is(slow.connections(), 1);
  stuck.reset();
  const endpoints = [...proxy.context.clusters.all()][0]!.endpoints;
  await until(() => endpoints.every((endpoint) => endpoint.activeRequests === 0));
  client.write(get);
  await until(() => slow.sockets.size > 0, 2000);
  t.is(fast.requests.length, 50, "an aborted request weighs no more");
});

test("a slow endpoint among five gets what it can serve, and the others the rest", async (t) => {
  const slow = await startRawServer(t, () => undefined);
  const others = await Promise.all(Array.from({ length: 4 }, () => startOrigin(t, () => ok("x"))));
  const proxy = await proxyFor(t, toEndpoints(slow.port, ...others.map(({ port }) => port)), {
    random: seededRandom(7),
  });
  const served = (): number => others.reduce((sum, { requests }) => sum + requests.length, 0);
  // Whoever draws the slow endpoint while it is empty hangs there; after that, no draw of two chooses it.
  let hanging = 0;
  for (let index = 0; index < 200; index++) {
    const client = await RawClient.connect(t, proxy.port);
    client.write(get);
    const before = served();
    await until(() => served() > before || slow.connections() > hanging);
    hanging = slow.connections();
    if (client.received !== "") client.end();
  }
  t.is(hanging, 1);
  t.is(served(), 199);
});

test("idle endpoints share requests evenly", async (t) => {
  const origins = await Promise.all(Array.from({ length: 4 }, () => startOrigin(t, () => ok("x"))));
  const proxy = await proxyFor(t, toEndpoints(...origins.map(({ port }) => port)), { random: seededRandom(3) });
  const client = await RawClient.connect(t, proxy.port);
  for (let index = 0; index < 1000; index++) await client.get();
  for (const { requests } of origins) t.true(requests.length > 200 && requests.length < 300, `${requests.length}`);
});

test("every finished request gives its place back, however it finished", async (t) => {
  let answer = "";
  const origin = await startOrigin(t, (_request, socket) => {
    if (answer === "reset") {
      socket.resetAndDestroy();
      return null;
    }
    return answer === "" ? null : answer;
  });
  const proxy = await proxyFor(t, toEndpoints(origin.port));
  const [cluster] = [...proxy.context.clusters.all()];
  const endpoint = cluster!.endpoints[0]!;
  for (const each of [ok("x"), "reset", "rubbish\r\n\r\n", "HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n"]) {
    answer = each;
    const client = await RawClient.connect(t, proxy.port);
    await client.get();
    t.is(endpoint.activeRequests, 0, each);
  }
  answer = "";
  const client = await RawClient.connect(t, proxy.port);
  client.write(get);
  await until(() => endpoint.activeRequests === 1);
  client.reset();
  await until(() => endpoint.activeRequests === 0);
  t.pass();
});

test("endpoints removed in order lose nothing: what is in flight is answered, what follows goes elsewhere", async (t) => {
  const waiting: (() => void)[] = [];
  const leaving = await startOrigin(t, (_request, socket) => {
    waiting.push(() => socket.write(ok("leaving")));
    return null;
  });
  const staying = await startOrigin(t, () => ok("staying"));
  const proxy = await proxyFor(t, toEndpoints(leaving.port));
  const early = await RawClient.connect(t, proxy.port);
  early.write(get);
  await until(() => waiting.length === 1);
  proxy.configure(toEndpoints(leaving.port, staying.port));
  proxy.configure(toEndpoints(staying.port));
  const late = await RawClient.connect(t, proxy.port);
  for (let index = 0; index < 20; index++) t.is((await late.get()).body, "staying");
  waiting[0]!();
  t.is((await early.response()).body, "leaving");
  t.is((await early.get()).body, "staying");
  await until(() => leaving.sockets.size === 0);
  t.is(leaving.requests.length, 1, "and its connection is not kept");
});

test("idle connections to a removed endpoint are closed at once", async (t) => {
  const leaving = await startOrigin(t, () => ok("leaving"));
  const staying = await startOrigin(t, () => ok("staying"));
  const proxy = await proxyFor(t, toEndpoints(leaving.port));
  const client = await RawClient.connect(t, proxy.port);
  await client.get();
  t.is(leaving.sockets.size, 1);
  proxy.configure(toEndpoints(staying.port));
  await until(() => leaving.sockets.size === 0);
  t.is((await client.get()).body, "staying");
});

test("connections and requests in flight of an endpoint that stays outlive any number of swaps", async (t) => {
  let release: (() => void) | null = null;
  const first = await startOrigin(t, (request, socket) => {
    if (request.target !== "/slow") return ok("first");
    release = () => socket.write(ok("slow"));
    return null;
  });
  const second = await startOrigin(t, () => ok("second"));
  const proxy = await proxyFor(t, toEndpoints(first.port), { random: () => 0 });
  const slow = await RawClient.connect(t, proxy.port);
  slow.write("GET /slow HTTP/1.1\r\nHost: a\r\n\r\n");
  await until(() => release !== null);
  for (let swap = 0; swap < 50; swap++) proxy.configure(toEndpoints(first.port, second.port));
  const client = await RawClient.connect(t, proxy.port);
  for (let index = 0; index < 10; index++) t.is((await client.get()).body, "second", "the first still has a request");
  release!();
  t.is((await slow.response()).body, "slow");
  t.is((await client.get()).body, "first", "on the connection that it has");
  t.is(first.connections(), 1);
});

test("an ejection survives swaps", async (t) => {
  const gone = await startRawServer(t, () => undefined);
  await gone.stop();
  const origin = await startOrigin(t, () => ok("x"));
  const proxy = await proxyFor(t, toEndpoints(gone.port, origin.port), { random: () => 0, now: () => 1000 });
  const client = await RawClient.connect(t, proxy.port);
  await client.get();
  proxy.configure(toEndpoints(gone.port, origin.port));
  await client.get();
  t.is(proxy.context.metrics.replays.with("connect-failure").value, 1);
});

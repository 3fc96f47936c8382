// Endpoints that cannot be connected to are left out for a while: 1 s, doubling to 60 s, and never the last one. The
// clock stands until the test moves it; see the state table of agent/upstream/cluster-manager.ts.
import test from "ava";
import type { TestProxy } from "../support/proxy.ts";
import { proxyFor } from "../support/proxy.ts";
import { manualClock } from "../support/manual-clock.ts";
import { RawClient, exchange } from "../support/raw-client.ts";
import { ok, startOrigin, startRawServer } from "../support/raw-server.ts";
import { backend, rule } from "../support/resources.ts";
import type { Test } from "../support/test-context.ts";

const toEndpoints = (...ports: number[]) => ({ rules: [rule([backend("origin")])], clusters: { origin: ports } });
const get = "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";

/** A port that refuses now, outside the range that is given to who asks for any: a test may listen on it later. */
async function refusedPort(t: Test): Promise<number> {
  for (;;) {
    try {
      const server = await startRawServer(t, () => undefined, 20_000 + Math.floor(Math.random() * 10_000));
      await server.stop();
      return server.port;
    } catch {
      // Taken: another one.
    }
  }
}

/** Attempts at the refusing endpoint are replays: each is one. */
const failedDials = (proxy: TestProxy): number => proxy.context.metrics.replays.with("connect-failure").value;

test("an endpoint that refuses is left out 1 s, then 2, 4, 8, 16, 32 and 60 s, and no longer", async (t) => {
  const clock = manualClock();
  const origin = await startOrigin(t, () => ok("x"));
  const proxy = await proxyFor(t, toEndpoints(await refusedPort(t), origin.port), { now: clock.now, random: () => 0 });
  let dials = 0;
  const ask = async (): Promise<number> => {
    t.is((await exchange(t, proxy.port, get)).status, 200);
    const before = dials;
    dials = failedDials(proxy);
    return dials - before;
  };
  t.is(await ask(), 1, "it is healthy until it fails");
  for (const ejectedMs of [1000, 2000, 4000, 8000, 16_000, 32_000, 60_000, 60_000]) {
    t.is(await ask(), 0);
    clock.advance(ejectedMs - 1);
    t.is(await ask(), 0, `still left out after ${ejectedMs - 1} ms`);
    clock.advance(1);
    t.is(await ask(), 1, `tried again after ${ejectedMs} ms`);
  }
});

test("dials that were under way together and fail together are one ejection, of 1 s", async (t) => {
  const clock = manualClock();
  const origin = await startOrigin(t, () => ok("x"));
  const proxy = await proxyFor(t, toEndpoints(await refusedPort(t), origin.port), { now: clock.now, random: () => 0 });
  t.is((await exchange(t, proxy.port, get)).status, 200);
  const [refusing] = [...proxy.context.clusters.all()][0]!.endpoints;
  for (let dial = 0; dial < 15; dial++) refusing!.pool.onConnectFailed();
  clock.advance(1000);
  t.is((await exchange(t, proxy.port, get)).status, 200);
  t.is(failedDials(proxy), 2, "tried again after 1 s");
});

test("a connection that stands ends the ejection, and the next failure starts at 1 s again", async (t) => {
  const clock = manualClock();
  const port = await refusedPort(t);
  const origin = await startOrigin(t, () => ok("steady"));
  const proxy = await proxyFor(t, toEndpoints(port, origin.port), { now: clock.now, random: () => 0 });
  const ask = async (): Promise<string> => (await exchange(t, proxy.port, get)).body;
  await ask();
  clock.advance(1000);
  await ask();
  t.is(failedDials(proxy), 2);
  const back = await startOrigin(t, () => ok("back"), port);
  t.is(await ask(), "steady", "it is left out for 2 s now");
  clock.advance(2000);
  t.is(await ask(), "back");
  t.is(await ask(), "back");
  await back.stop();
  t.is(await ask(), "steady");
  clock.advance(999);
  t.is(await ask(), "steady");
  t.is(failedDials(proxy), 3);
  clock.advance(1);
  await ask();
  t.is(failedDials(proxy), 4, "tried again after 1 s");
});

test("the last endpoint is never left out", async (t) => {
  const clock = manualClock();
  const port = await refusedPort(t);
  const proxy = await proxyFor(t, toEndpoints(port), { now: clock.now });
  t.is((await exchange(t, proxy.port, get)).status, 503);
  await startOrigin(t, () => ok("back"), port);
  t.is((await exchange(t, proxy.port, get)).body, "back", "without waiting");
});

test("when all endpoints are left out, all are tried", async (t) => {
  const clock = manualClock();
  const [first, second] = [await refusedPort(t), await refusedPort(t)];
  const proxy = await proxyFor(t, toEndpoints(first, second), { now: clock.now });
  t.is((await exchange(t, proxy.port, get)).status, 503);
  await startOrigin(t, () => ok("back"), second);
  // Either is tried first; the replay goes to the other.
  for (let index = 0; index < 5; index++) t.is((await exchange(t, proxy.port, get)).body, "back");
});

test("a replay goes to an endpoint that stands, not to one that is tried again itself", async (t) => {
  const clock = manualClock();
  const origin = await startOrigin(t, () => ok("steady"));
  const refused = [await refusedPort(t), await refusedPort(t)];
  const proxy = await proxyFor(t, toEndpoints(...refused, origin.port), { now: clock.now, random: () => 0 });
  t.is((await exchange(t, proxy.port, get)).status, 503, "nothing is known of the two yet");
  t.is((await exchange(t, proxy.port, get)).body, "steady", "both are left out");
  for (const ejectedMs of [1000, 2000, 4000]) {
    clock.advance(ejectedMs);
    const before = failedDials(proxy);
    t.is((await exchange(t, proxy.port, get)).body, "steady");
    t.is(failedDials(proxy), before + 1, "one of them was tried");
  }
});

test("a connect that times out ejects too", async (t) => {
  const clock = manualClock();
  const origin = await startOrigin(t, () => ok("x"));
  // TEST-NET-1 (RFC 5737) answers nobody; where there is no route to it, that is a connect failure at once.
  const silent = { address: "192.0.2.1", port: 80, workloadVersion: "", pod: "" };
  const proxy = await proxyFor(
    t,
    { rules: [rule([backend("origin")])], clusters: { origin: [silent, origin.port] } },
    { now: clock.now, random: () => 0 },
  );
  const client = await RawClient.connect(t, proxy.port);
  const answered = client.get();
  for (let round = 0; round < 400 && client.received === ""; round++) {
    clock.advance(100);
    proxy.context.deadlines.sweep();
    await new Promise((resolve) => {
      setTimeout(resolve, 5);
    });
  }
  t.is((await answered).status, 200);
  t.is(failedDials(proxy), 1);
  t.is((await client.get()).status, 200);
  t.is(failedDials(proxy), 1, "left out");
});

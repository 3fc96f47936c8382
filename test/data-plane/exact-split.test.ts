// The split over real connections: exact for every hundred requests of a rule, whoever sends them and over how many
// connections, while the configuration is swapped and while endpoints fail.
import test from "ava";
import type { ExecutionContext } from "ava";
import type { Backend } from "../../agent/snapshot/resources.ts";
import { manualClock } from "../support/manual-clock.ts";
import type { TestProxy } from "../support/proxy.ts";
import { proxyFor } from "../support/proxy.ts";
import { RawClient } from "../support/raw-client.ts";
import { ok, startOrigin, startRawServer } from "../support/raw-server.ts";
import { valuesOf } from "../support/raw-message.ts";
import type { SetDescription } from "../support/resources.ts";
import { backend, match, rule } from "../support/resources.ts";

type Clusters = Record<string, readonly number[]>;

/** An origin per name that answers its name. */
async function originsNamed(t: ExecutionContext, ...names: readonly string[]): Promise<Clusters> {
  const clusters: Record<string, readonly number[]> = {};
  for (const name of names) clusters[name] = [(await startOrigin(t, () => ok(name))).port];
  return clusters;
}

const split = (clusters: Clusters, backends: readonly Backend[]): SetDescription => ({
  rules: [rule(backends)],
  clusters,
});

/** Who answered: the origin's name, or the status and the reason. */
async function served(client: RawClient): Promise<string> {
  const response = await client.get();
  return response.status === 200 ? response.body : `${response.status} ${valuesOf(response, "heddle-reason").join()}`;
}

async function servedInTurn(client: RawClient, count: number): Promise<string[]> {
  const names: string[] = [];
  while (names.length < count) names.push(await served(client));
  return names;
}

/** `count` requests from all clients at once: each sends its next one when it has been answered. */
async function servedTogether(clients: readonly RawClient[], count: number): Promise<string[]> {
  const names: string[] = [];
  let left = count;
  const work = async (client: RawClient): Promise<void> => {
    while (left > 0) {
      left--;
      names.push(await served(client));
    }
  };
  await Promise.all(clients.map(work));
  return names;
}

function countsOf(names: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const name of names) counts[name] = (counts[name] ?? 0) + 1;
  return counts;
}

const connect = (t: ExecutionContext, proxy: TestProxy, count: number): Promise<RawClient[]> =>
  Promise.all(Array.from({ length: count }, () => RawClient.connect(t, proxy.port)));

const canary = [backend("stable", 95), backend("canary", 5)];

test("R18 on one connection, requests 1-100, 101-200, ... hold 95 and 5", async (t) => {
  const proxy = await proxyFor(t, split(await originsNamed(t, "stable", "canary"), canary));
  const client = await RawClient.connect(t, proxy.port);
  for (let hundred = 0; hundred < 5; hundred++) {
    t.deepEqual(countsOf(await servedInTurn(client, 100)), { stable: 95, canary: 5 });
  }
});

test("pipelined requests hold the shares too: each draws for itself", async (t) => {
  const proxy = await proxyFor(t, split(await originsNamed(t, "stable", "canary"), canary));
  const client = await RawClient.connect(t, proxy.port);
  client.write("GET / HTTP/1.1\r\nHost: a\r\n\r\n".repeat(300));
  const names = (await client.responses(300)).map(({ body }) => body);
  for (let start = 0; start < 300; start += 100) {
    t.deepEqual(countsOf(names.slice(start, start + 100)), { stable: 95, canary: 5 });
  }
});

test("a connection per request, 100 of them: 95 and 5", async (t) => {
  const proxy = await proxyFor(t, split(await originsNamed(t, "stable", "canary"), canary));
  const names: string[] = [];
  for (let index = 0; index < 100; index++) {
    const client = await RawClient.connect(t, proxy.port);
    names.push(await served(client));
    client.socket.destroy();
  }
  t.deepEqual(countsOf(names), { stable: 95, canary: 5 });
});

test("8 clients at once: every hundred requests hold 95 and 5", async (t) => {
  const proxy = await proxyFor(t, split(await originsNamed(t, "stable", "canary"), canary));
  const clients = await connect(t, proxy, 8);
  for (let hundred = 0; hundred < 5; hundred++) {
    t.deepEqual(countsOf(await servedTogether(clients, 100)), { stable: 95, canary: 5 });
  }
});

test("the order differs from agent to agent: it is shuffled, not a pattern", async (t) => {
  const clusters = await originsNamed(t, "stable", "canary");
  const orders = new Set<string>();
  for (let agent = 0; agent < 5; agent++) {
    const proxy = await proxyFor(t, split(clusters, [backend("stable", 9), backend("canary", 11)]));
    orders.add((await servedInTurn(await RawClient.connect(t, proxy.port), 40)).join());
  }
  t.true(orders.size > 1);
});

const shares: readonly (readonly [title: string, weights: Readonly<Record<string, number>>, period: number])[] = [
  ["T1 90/10", { stable: 90, canary: 10 }, 10],
  ["T2 9/1", { stable: 9, canary: 1 }, 10],
  ["K6 weights are relative: 900/100", { stable: 900, canary: 100 }, 10],
  ["10/10/80", { v1: 10, v2: 10, v3: 80 }, 10],
  ["25/75", { stable: 25, canary: 75 }, 4],
  ["three sevenths", { stable: 3, canary: 4 }, 7],
];

for (const [title, weights, period] of shares) {
  test(`${title}: exact in every ${period} requests`, async (t) => {
    const names = Object.keys(weights);
    const backends = names.map((name) => backend(name, weights[name] ?? 0));
    const proxy = await proxyFor(t, split(await originsNamed(t, ...names), backends));
    const client = await RawClient.connect(t, proxy.port);
    const sum = Object.values(weights).reduce((total, weight) => total + weight, 0);
    const expected = Object.fromEntries(names.map((name) => [name, ((weights[name] ?? 0) * period) / sum]));
    for (let round = 0; round < 3; round++) t.deepEqual(countsOf(await servedInTurn(client, period)), expected);
  });
}

test("a period past 1000 slots holds the exact shares as well: 997/4 of 1001", async (t) => {
  const clusters = await originsNamed(t, "stable", "canary");
  const proxy = await proxyFor(t, split(clusters, [backend("stable", 997), backend("canary", 4)]));
  const clients = await connect(t, proxy, 4);
  for (let round = 0; round < 2; round++) {
    t.deepEqual(countsOf(await servedTogether(clients, 1001)), { stable: 997, canary: 4 });
  }
});

test("A8 backends without a weight share alike, two by two", async (t) => {
  const clusters = await originsNamed(t, "one", "other");
  const proxy = await proxyFor(t, split(clusters, [backend("one"), backend("other")]));
  const client = await RawClient.connect(t, proxy.port);
  for (let pair = 0; pair < 10; pair++) t.deepEqual(countsOf(await servedInTurn(client, 2)), { one: 1, other: 1 });
});

test("weight 0 gets nothing, even when it alone could answer; all 0 is a 500", async (t) => {
  const clusters = { ...(await originsNamed(t, "canary")), stable: [] };
  const proxy = await proxyFor(t, split(clusters, [backend("stable", 100), backend("canary", 0)]));
  const client = await RawClient.connect(t, proxy.port);
  t.deepEqual(countsOf(await servedInTurn(client, 50)), { "503 no_endpoint": 50 });
  proxy.configure(split(clusters, [backend("stable", 0), backend("canary", 0)]));
  t.deepEqual(countsOf(await servedInTurn(client, 10)), { "500 no_backend": 10 });
});

test("the share of an invalid backend answers 500, exactly; that of one without endpoints 503", async (t) => {
  const clusters = { ...(await originsNamed(t, "stable")), empty: [] };
  const broken = backend("gone", 20, { cluster: "", invalidReason: "BackendNotFound" });
  const proxy = await proxyFor(t, split(clusters, [backend("stable", 70), broken, backend("empty", 10)]));
  const clients = await connect(t, proxy, 8);
  for (let hundred = 0; hundred < 2; hundred++) {
    const counts = countsOf(await servedTogether(clients, 100));
    t.deepEqual(counts, { stable: 70, "500 invalid_backend": 20, "503 no_endpoint": 10 });
  }
});

test("swaps that leave the rule alone, one every few requests, leave the shares exact", async (t) => {
  const clusters = await originsNamed(t, "stable", "canary");
  const proxy = await proxyFor(t, split(clusters, canary));
  const client = await RawClient.connect(t, proxy.port);
  const other = await originsNamed(t, "other");
  for (let hundred = 0; hundred < 3; hundred++) {
    const names: string[] = [];
    for (let index = 0; names.length < 100; index++) {
      names.push(...(await servedInTurn(client, Math.min(1 + (index % 7), 100 - names.length))));
      // Another rule comes and goes, a match of this one changes, endpoints are new objects each time.
      const added = rule([backend("other")], { matches: [match({ path: { kind: "exact", value: `/${index}` } })] });
      const alike = rule(canary, index % 2 === 0 ? {} : { matches: [match(), match({ method: "GET" })] });
      proxy.configure({
        rules: index % 3 === 0 ? [alike, added] : [alike],
        clusters: { ...clusters, ...other },
        generation: `test.${hundred}.${index}`,
      });
    }
    t.deepEqual(countsOf(names), { stable: 95, canary: 5 });
  }
});

test("swaps under 8 clients leave the shares exact", async (t) => {
  const clusters = await originsNamed(t, "stable", "canary");
  const proxy = await proxyFor(t, split(clusters, canary));
  const clients = await connect(t, proxy, 8);
  let swaps = 0;
  const swapping = setInterval(() => {
    proxy.configure({ ...split(clusters, canary), generation: `test.${++swaps}` });
  }, 1);
  for (let hundred = 0; hundred < 8; hundred++) {
    t.deepEqual(countsOf(await servedTogether(clients, 100)), { stable: 95, canary: 5 });
  }
  clearInterval(swapping);
  t.true(swaps > 10, `${swaps} swaps`);
});

test("a refused set changes nothing: the bag goes on where it was", async (t) => {
  const clusters = await originsNamed(t, "stable", "canary");
  const proxy = await proxyFor(t, split(clusters, canary));
  const client = await RawClient.connect(t, proxy.port);
  const names = await servedInTurn(client, 37);
  t.throws(() => proxy.configure({ rules: [rule([backend("stable", 1), backend("missing", 1)])], clusters }));
  t.deepEqual(countsOf([...names, ...(await servedInTurn(client, 63))]), { stable: 95, canary: 5 });
});

test("a change of weights holds from the next request on, its first hundred included", async (t) => {
  const clusters = await originsNamed(t, "stable", "canary");
  const proxy = await proxyFor(t, split(clusters, canary));
  const client = await RawClient.connect(t, proxy.port);
  await servedInTurn(client, 7);
  proxy.configure(split(clusters, [backend("stable", 50), backend("canary", 50)]));
  t.deepEqual(countsOf(await servedInTurn(client, 100)), { stable: 50, canary: 50 });
  proxy.configure(split(clusters, [backend("stable", 0), backend("canary", 100)]));
  t.deepEqual(countsOf(await servedInTurn(client, 100)), { canary: 100 });
  proxy.configure(split(clusters, canary));
  t.deepEqual(countsOf(await servedInTurn(client, 100)), { stable: 95, canary: 5 });
});

test("a replay stays inside the backend that was drawn: refused connections leave the shares exact", async (t) => {
  const clusters = await originsNamed(t, "stable", "canary");
  const refusing = await startRawServer(t, () => undefined);
  await refusing.stop();
  const halfRefusing = {
    stable: [...clusters["stable"]!, refusing.port],
    canary: [...clusters["canary"]!, refusing.port],
  };
  const clock = manualClock();
  const proxy = await proxyFor(t, split(halfRefusing, canary), { now: clock.now });
  const clients = await connect(t, proxy, 8);
  for (let hundred = 0; hundred < 3; hundred++) {
    const names: string[] = [];
    while (names.length < 100) {
      names.push(...(await servedTogether(clients, 10)));
      // The longest ejection is over, and the refusing endpoint is tried again.
      clock.advance(60_000);
    }
    t.deepEqual(countsOf(names), { stable: 95, canary: 5 });
  }
  t.true(proxy.context.metrics.replays.with("connect-failure").value > 10);
});

test("a replay after a reset draws no second time", async (t) => {
  let requests = 0;
  const flaky = await startRawServer(t, (socket) => {
    // Answers once on a connection and resets it at the second request, as a server that has just closed it does.
    let answered = false;
    socket.on("data", () => {
      if (answered) {
        socket.resetAndDestroy();
        return;
      }
      answered = true;
      requests++;
      socket.write(ok("stable"));
    });
  });
  const clusters = { ...(await originsNamed(t, "canary")), stable: [flaky.port] };
  const proxy = await proxyFor(t, split(clusters, canary));
  const client = await RawClient.connect(t, proxy.port);
  t.deepEqual(countsOf(await servedInTurn(client, 200)), { stable: 190, canary: 10 });
  t.is(requests, 190);
  t.true(proxy.context.metrics.replays.with("reset").value >= 90);
});

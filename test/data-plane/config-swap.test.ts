// A request keeps the snapshot that it began with; the next one sees the new.
import test from "ava";
import { proxyFor } from "../support/proxy.ts";
import { RawClient } from "../support/raw-client.ts";
import { ok, startOrigin } from "../support/raw-server.ts";
import { valuesOf } from "../support/raw-message.ts";
import { backend, rule } from "../support/resources.ts";
import { until } from "../support/until.ts";

const set = (name: string, value: string) => ({ set: [{ name, value }], add: [], remove: [] });

test("T14 a slow canary request completes while the rollback is applied, and no new one reaches the canary", async (t) => {
  const stable = await startOrigin(t, () => ok("stable"));
  let finish = (): void => undefined;
  const canary = await startOrigin(t, (_request, socket) => {
    finish = () => void socket.write(ok("canary"));
    return null;
  });
  const clusters = { stable: [stable.port], canary: [canary.port] };
  const weights = (stableWeight: number, canaryWeight: number) => ({
    rules: [rule([backend("stable", stableWeight), backend("canary", canaryWeight)])],
    clusters,
  });
  const proxy = await proxyFor(t, weights(0, 100));
  const slow = await RawClient.connect(t, proxy.port);
  slow.write("GET /slow HTTP/1.1\r\nHost: a\r\n\r\n");
  await until(() => canary.requests.length === 1);
  proxy.configure(weights(100, 0));
  const other = await RawClient.connect(t, proxy.port);
  for (let index = 0; index < 20; index++) t.is((await other.get()).body, "stable");
  finish();
  const response = await slow.response();
  t.is(response.status, 200);
  t.is(response.body, "canary");
  t.is((await slow.get()).body, "stable");
  t.is(canary.requests.length, 1);
});

test("response filters are those of the snapshot that the request began with", async (t) => {
  let finish = (): void => undefined;
  const origin = await startOrigin(t, (request, socket) => {
    if (request.target !== "/slow") return ok("");
    finish = () => void socket.write(ok("", "X-Version: none\r\n"));
    return null;
  });
  const generation = (value: string) => ({
    rules: [rule([backend("origin")], { responseHeaders: set("X-Version", value) })],
    clusters: { origin: [origin.port] },
    generation: value,
  });
  const proxy = await proxyFor(t, generation("old"));
  const client = await RawClient.connect(t, proxy.port);
  client.write("GET /slow HTTP/1.1\r\nHost: a\r\n\r\n");
  await until(() => origin.requests.length === 1);
  proxy.configure(generation("new"));
  finish();
  t.deepEqual(valuesOf(await client.response(), "x-version"), ["old"]);
  t.deepEqual(valuesOf(await client.get(), "x-version"), ["new"]);
});

test("T19 blue to green under load: one moment, no mixed tail, no error", async (t) => {
  const blue = await startOrigin(t, () => ok("blue"));
  const green = await startOrigin(t, () => ok("green"));
  const clusters = { blue: [blue.port], green: [green.port] };
  const proxy = await proxyFor(t, { rules: [rule([backend("blue", 100), backend("green", 0)])], clusters });
  let swapped = false;
  let stop = false;
  const load = async (): Promise<{ before: string[]; after: string[] }> => {
    const client = await RawClient.connect(t, proxy.port);
    const seen = { before: [] as string[], after: [] as string[] };
    while (!stop) {
      const bodies = swapped ? seen.after : seen.before;
      bodies.push((await client.get()).body);
    }
    return seen;
  };
  const clients = Array.from({ length: 8 }, load);
  await until(() => blue.requests.length > 200);
  proxy.configure({ rules: [rule([backend("blue", 0), backend("green", 100)])], clusters });
  swapped = true;
  await until(() => green.requests.length > 200);
  stop = true;
  for (const { before, after } of await Promise.all(clients)) {
    // What was under way at the swap may be answered by either; what began after it only by green.
    t.true(before.slice(0, -1).every((body) => body === "blue"));
    t.true(after.every((body) => body === "green"));
  }
});

test("a cluster that is removed while its request is under way answers it", async (t) => {
  let finish = (): void => undefined;
  const old = await startOrigin(t, (_request, socket) => {
    finish = () => void socket.write(ok("old"));
    return null;
  });
  const fresh = await startOrigin(t, () => ok("fresh"));
  const proxy = await proxyFor(t, { rules: [rule([backend("old")])], clusters: { old: [old.port] } });
  const client = await RawClient.connect(t, proxy.port);
  client.write("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  await until(() => old.requests.length === 1);
  proxy.configure({ rules: [rule([backend("fresh")])], clusters: { fresh: [fresh.port] } });
  finish();
  t.is((await client.response()).body, "old");
  t.is((await client.get()).body, "fresh");
  await until(() => old.sockets.size === 0);
});

// ListWatch against a small API server over real HTTP: what is kept is what the server has, whatever happens between.
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test, { type ExecutionContext } from "ava";
import { ListWatch, type ListWatchOptions } from "../../control-plane/kubernetes/list-watch.ts";
import type { ApiObject } from "../../control-plane/kubernetes/object-store.ts";
import { seededRandom } from "../support/seeded-random.ts";
import { until } from "../support/until.ts";
import { ApiServer } from "./kubernetes-api-server.ts";

const path = "/api/v1/pods";

interface Kept {
  readonly color: string;
}

const limits = {
  pageObjects: 2,
  responseTimeoutMs: 2000,
  firstBackoffMs: 5,
  maxBackoffMs: 20,
  steadyMs: 0,
  missingRetryMs: 20,
  confirmDelayMs: 5,
};

function pod(name: string, color: string, noise = ""): ApiObject {
  return { metadata: { namespace: "shop", name, annotations: { noise } }, spec: { color } };
}

function keep(object: ApiObject): Kept {
  return { color: (object["spec"] as Kept).color };
}

async function startServer(t: ExecutionContext, paths: readonly string[] = [path]): Promise<ApiServer> {
  const server = new ApiServer(paths);
  await server.start();
  t.teardown(() => server.stop());
  return server;
}

function follow(
  t: ExecutionContext,
  server: ApiServer,
  options: Partial<ListWatchOptions<Kept>> = {},
): {
  readonly watch: ListWatch<Kept>;
  readonly changes: (readonly string[])[];
} {
  const changes: (readonly string[])[] = [];
  const watch = new ListWatch<Kept>({
    kubeConfig: server.kubeConfig,
    path,
    keep,
    random: seededRandom(1),
    onChange: (keys) => changes.push(keys),
    ...options,
    limits: { ...limits, ...options.limits },
  });
  t.teardown(() => watch.close());
  watch.start();
  return { watch, changes };
}

function colors(watch: ListWatch<Kept>): Record<string, string> {
  return Object.fromEntries([...watch.objects].map(([key, { color }]) => [key, color]));
}

const isWatching = (watch: ListWatch<Kept>) => () => watch.health.state === "current";
const watchRequests = (server: ApiServer) => server.requests.filter(({ searchParams }) => searchParams.has("watch"));
const listRequests = (server: ApiServer) =>
  server.requests.filter(({ searchParams }) => !searchParams.has("watch") && !searchParams.has("continue"));

test("lists in pages, then watches from the list's version", async (t) => {
  const server = await startServer(t);
  server.put(path, ...["a", "b", "c", "d", "e"].map((name) => pod(name, "red")));
  const { watch, changes } = follow(t, server);
  await until(isWatching(watch));
  t.is(watch.objects.size, 5);
  t.deepEqual(
    changes.map((keys) => keys.length),
    [5],
  );
  t.deepEqual(
    server.requests.map(({ searchParams }) => searchParams.get("limit")),
    ["2", "2", "2", null],
  );
  t.is(watchRequests(server)[0]!.searchParams.get("allowWatchBookmarks"), "true");
  server.put(path, pod("b", "blue"));
  server.remove(path, pod("c", ""));
  server.put(path, pod("f", "green"));
  await until(() => watch.objects.has("shop/f"));
  t.deepEqual(colors(watch), {
    "shop/a": "red",
    "shop/b": "blue",
    "shop/d": "red",
    "shop/e": "red",
    "shop/f": "green",
  });
});

test("changes of what is not kept are no changes", async (t) => {
  const server = await startServer(t);
  server.put(path, pod("a", "red"));
  const { watch, changes } = follow(t, server);
  await until(isWatching(watch));
  const kept = watch.objects.get("shop/a");
  server.put(path, pod("a", "red", "heartbeat"));
  server.put(path, pod("b", "red"));
  await until(() => watch.objects.has("shop/b"));
  t.is(watch.objects.get("shop/a"), kept);
  t.deepEqual(changes.slice(1), [["shop/b"]]);
});

for (const how of ["cut", "end"] as const)
  test(`a watch that is ${how === "cut" ? "cut" : "ended in order"} is resumed from the last version, bookmarks' included`, async (t) => {
    const server = await startServer(t);
    const { watch } = follow(t, server);
    await until(isWatching(watch));
    server.put(path, pod("a", "red"));
    server.bookmark(path);
    await until(() => watch.objects.size === 1);
    // Each write arrives before the end only when it was read: one more is waited for.
    server.put(path, pod("b", "red"));
    await until(() => watch.objects.size === 2);
    server.cut(path, how);
    server.put(path, pod("c", "red"));
    server.remove(path, pod("a", ""));
    await until(() => watch.objects.has("shop/c") && !watch.objects.has("shop/a"));
    t.is(listRequests(server).length, 1);
  });

test("after 410 all is listed anew and replaced at once; what vanished meanwhile is found", async (t) => {
  const server = await startServer(t);
  server.put(path, pod("a", "red"), pod("b", "red"), pod("c", "red"));
  const { watch, changes } = follow(t, server);
  await until(isWatching(watch));
  const kept = watch.objects.get("shop/a");
  server.refuse = ({ searchParams }) =>
    searchParams.has("watch") ? { status: 503, reason: "ServiceUnavailable" } : null;
  server.cut(path);
  server.remove(path, pod("b", ""));
  server.put(path, pod("c", "blue"), pod("d", "red"));
  server.compact(path);
  server.refuse = () => null;
  await until(() => changes.length === 2);
  t.deepEqual([...changes[1]!].sort(), ["shop/b", "shop/c", "shop/d"]);
  t.is(watch.objects.get("shop/a"), kept);
  t.deepEqual(colors(watch), { "shop/a": "red", "shop/c": "blue", "shop/d": "red" });
});

test("an ERROR event, a line that is no JSON and a line without end are answered by a new list", async (t) => {
  const server = await startServer(t);
  const { watch } = follow(t, server, { limits: { maxLineBytes: 1000 } });
  const lines = [
    JSON.stringify({ type: "ERROR", object: { code: 410, reason: "Expired", message: "too old resource version" } }),
    JSON.stringify({ type: "ERROR", object: { code: 500, reason: "InternalError" } }),
    "{",
    "x".repeat(2000),
  ];
  for (const [index, line] of lines.entries()) {
    await until(() => watch.health.state === "current" && server.watchCount(path) === 1);
    server.write(path, line);
    await until(() => listRequests(server).length === index + 2);
    server.put(path, pod(`p${index}`, "red"));
    await until(() => watch.objects.size === index + 1);
  }
  t.is(watch.objects.size, lines.length);
});

test("a continuation that expires while listing begins the list again", async (t) => {
  const server = await startServer(t);
  server.put(path, ...["a", "b", "c"].map((name) => pod(name, "red")));
  let isFirst = true;
  server.refuse = ({ searchParams }) => {
    if (searchParams.has("continue") && isFirst) server.expireContinuations();
    if (searchParams.has("continue")) isFirst = false;
    return null;
  };
  const { watch } = follow(t, server);
  await until(() => watch.isSynced);
  t.is(watch.objects.size, 3);
  t.is(listRequests(server).length, 2);
});

test("pages too long to hold are asked for in smaller ones", async (t) => {
  const server = await startServer(t);
  server.put(path, ...["a", "b", "c", "d"].map((name) => pod(name, "red", "n".repeat(600))));
  const { watch } = follow(t, server, { limits: { pageObjects: 500, maxPageBytes: 1500 } });
  await until(() => watch.isSynced);
  t.is(watch.objects.size, 4);
});

test("silence is noticed: a server that stops answering, in a list and in a watch", async (t) => {
  const server = await startServer(t);
  server.put(path, pod("a", "red"));
  server.ignore = () => true;
  const { watch } = follow(t, server, { limits: { responseTimeoutMs: 50, silenceMs: 50 } });
  await until(() => watch.health.state === "broken");
  t.regex(watch.health.state === "broken" ? watch.health.message : "", /nothing heard for 50 ms/);
  server.ignore = () => false;
  await until(() => watch.isSynced);
  // Watches that say nothing are opened again, from where they were.
  await until(() => watchRequests(server).length >= 3);
  t.is(watch.objects.size, 1);
  t.is(new Set(watchRequests(server).map(({ searchParams }) => searchParams.get("resourceVersion"))).size, 1);
});

test("the API server restarts: what is known stays, what changed arrives", async (t) => {
  const server = await startServer(t);
  server.put(path, pod("a", "red"), pod("b", "red"));
  const { watch } = follow(t, server);
  await until(isWatching(watch));
  await server.stop();
  await until(() => watch.health.state === "broken" && watch.health.failures >= 3);
  t.is(watch.objects.size, 2);
  t.true(watch.isSynced);
  server.remove(path, pod("a", ""));
  server.compact(path);
  await server.start();
  await until(() => watch.health.state === "current" && watch.objects.size === 1);
  t.deepEqual(colors(watch), { "shop/b": "red" });
});

test("waits grow, and every one is shorter than the longest", async (t) => {
  const server = await startServer(t);
  server.refuse = () => ({ status: 500, reason: "InternalError" });
  const delays: number[] = [];
  const clock = {
    monotonicMs: () => performance.now(),
    wallMs: () => Date.now(),
    schedule: (delayMs: number, run: () => void) => {
      // The request's own limit is far longer than any wait.
      if (delayMs < 20_000) delays.push(delayMs);
      const timer = setTimeout(run, delayMs < 20_000 ? 0 : delayMs);
      return () => clearTimeout(timer);
    },
  };
  const { watch } = follow(t, server, {
    clock,
    limits: { firstBackoffMs: 100, maxBackoffMs: 10_000, responseTimeoutMs: 30_000 },
  });
  await until(() => delays.length >= 10);
  await watch.close();
  t.true(delays[0]! >= 50 && delays[0]! <= 100);
  t.true(delays[3]! >= 400 && delays[3]! <= 800);
  for (const delay of delays) t.true(delay <= 10_000);
  t.true(delays[9]! >= 5000);
});

test("a list far shorter than before is believed only the second time", async (t) => {
  const server = await startServer(t);
  const all = Array.from({ length: 20 }, (_, index) => pod(`p${index}`, "red"));
  server.put(path, ...all);
  const { watch, changes } = follow(t, server);
  await until(isWatching(watch));
  let isFirst = true;
  server.distort = (_, items) => {
    const shown = isFirst ? items.slice(0, 3) : items;
    isFirst = false;
    return shown;
  };
  const relist = async (lists: number): Promise<void> => {
    server.compact(path);
    server.cut(path);
    await until(() => listRequests(server).length === lists && watch.health.state === "current");
  };
  await relist(3);
  t.is(watch.objects.size, 20);
  t.is(changes.length, 1);
  // What really went away is gone.
  server.refuse = ({ searchParams }) => (searchParams.has("watch") ? { status: 410, reason: "Expired" } : null);
  server.cut(path);
  for (const one of all.slice(0, 18)) server.remove(path, one);
  server.refuse = () => null;
  await until(() => watch.objects.size === 2);
});

test("a kind that the server does not have is empty, and found when it comes; the first served version is taken", async (t) => {
  const old = "/apis/x/v1beta1/things";
  const server = await startServer(t, []);
  const { watch } = follow(t, server, { path: ["/apis/x/v1/things", old], isAbsent: () => true });
  await until(() => watch.health.state === "missing");
  t.true(watch.isSynced);
  server.install(old);
  server.put(old, pod("a", "red"));
  watch.retryNow();
  await until(isWatching(watch));
  t.deepEqual(colors(watch), { "shop/a": "red" });
  server.uninstall(old);
  await until(() => watch.health.state === "missing");
  t.is(watch.objects.size, 0);
});

test("one 404 of a kind that was there takes nothing away", async (t) => {
  const server = await startServer(t);
  server.put(path, pod("a", "red"));
  const { watch, changes } = follow(t, server, { isAbsent: () => true });
  await until(isWatching(watch));
  let refusals = 0;
  server.refuse = () => (refusals++ === 0 ? { status: 404, reason: "NotFound" } : null);
  server.cut(path);
  await until(() => listRequests(server).length === 2 && watch.health.state === "current");
  t.is(changes.length, 1);
});

test("no number of 404 takes a kind away that every API server has", async (t) => {
  const server = await startServer(t);
  server.put(path, pod("a", "red"));
  const { watch } = follow(t, server);
  await until(isWatching(watch));
  server.refuse = () => ({ status: 404, reason: "NotFound" });
  server.cut(path);
  await until(() => watch.health.state === "broken" && watch.health.failures === 5);
  t.is(watch.objects.size, 1);
});

test("the token file is read for every request", async (t) => {
  const folder = await mkdtemp(join(tmpdir(), "heddle-token-"));
  t.teardown(() => rm(folder, { recursive: true }));
  const tokenFile = join(folder, "token");
  await writeFile(tokenFile, "first\n");
  const server = await startServer(t);
  const { kubeConfig } = server;
  const user = { name: "test", authProvider: { name: "tokenFile", config: { tokenFile } } };
  kubeConfig.loadFromClusterAndUser(kubeConfig.clusters[0]!, user);
  const { watch } = follow(t, server, { kubeConfig });
  await until(isWatching(watch));
  await writeFile(tokenFile, "second\n");
  server.cut(path);
  await until(() => watchRequests(server).length === 2);
  t.deepEqual([server.tokens[0], server.tokens.at(-1)], ["Bearer first", "Bearer second"]);
});

test("nothing is called after close, and nothing stays open", async (t) => {
  const server = await startServer(t);
  const { watch, changes } = follow(t, server);
  await until(isWatching(watch));
  await watch.close();
  server.put(path, pod("a", "red"));
  await until(() => server.watchCount(path) === 0);
  t.deepEqual(changes, []);
});

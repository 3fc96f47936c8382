import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import test from "ava";
import { RunningSample, heddle, until, version } from "./running-sample.ts";

test.serial(
  "T4, T5, T7, T8, T12, T13, T14 the canary lesson: 95/5, 75/25, 50/50, 100 %, and the rollback",
  async (t) => {
    const sample = await RunningSample.start(t, "task-api/canary");
    const route = "task-api-canary-route.yaml";
    const shown = await heddle("get", "routes", "-f", sample.folder, "-o", "json");
    t.like(JSON.parse(shown.stdout), [
      { route: "task-api/task-api-canary", conditions: "Accepted, ResolvedRefs", matches: "/api/", weight: 95 },
      { backend: "task-api/task-api-canary:8000", weight: 5 },
    ]);
    t.deepEqual(await sample.count(100, "/api/version", version), { v1: 95, v2: 5 });
    await sample.edit(route, [
      ["weight: 95", "weight: 75"],
      ["weight: 5\n", "weight: 25\n"],
    ]);
    t.deepEqual(await sample.count(100, "/api/version", version), { v1: 75, v2: 25 });
    await sample.edit(route, [
      ["weight: 75", "weight: 50"],
      ["weight: 25", "weight: 50"],
    ]);
    t.deepEqual(await sample.count(100, "/api/version", version), { v1: 50, v2: 50 });
    await sample.edit(route, [["    - name: task-api-stable\n      port: 8000\n      weight: 50\n", ""]]);
    t.deepEqual(await sample.count(20, "/api/version", version), { v2: 20 });

    // Slow requests, all on the canary, are in flight while the rollback is applied.
    const inFlight = Promise.all(Array.from({ length: 5 }, () => sample.send("/api/slow?ms=1500")));
    await until(async () => (await sample.logs("task-api-canary")).length >= 20, "the canary is in use");
    const rollback = await readFile(
      new URL(`../../manifests/samples/task-api/rollback/${route}`, import.meta.url),
      "utf8",
    );
    await sample.write(route, rollback);
    t.deepEqual(await sample.count(20, "/api/version", version), { v1: 20 });
    t.deepEqual((await inFlight).map(version), ["v2", "v2", "v2", "v2", "v2"], "what was in flight completes");
  },
);

test.serial("T17, T18, T19, T20 blue-green: the switch and the way back lose no request", async (t) => {
  const sample = await RunningSample.start(t, "task-api/blue-green");
  const pods = (await sample.settled()).pods.map(({ name }) => name.replace(/-[0-9a-f]{4}-/, "-"));
  t.deepEqual(
    pods.toSorted(),
    ["blue", "green"].flatMap((color) => [1, 2, 3].map((ordinal) => `task-api-${color}-${ordinal}`)),
  );
  t.deepEqual(await sample.count(30, "/api/version", version), { v1: 30 });
  t.deepEqual(await sample.logs("task-api-green").catch(() => []), [], "green is idle");

  const load = sample.startLoad("/api/version");
  const file = "task-api-bluegreen-route.yaml";
  await sample.edit(file, [
    ["weight: 100", "weight: x"],
    ["weight: 0", "weight: 100"],
    ["weight: x", "weight: 0"],
  ]);
  t.deepEqual(await sample.count(30, "/api/version", version), { v2: 30 });
  await sample.edit(file, [
    ["weight: 0", "weight: x"],
    ["weight: 100", "weight: 0"],
    ["weight: x", "weight: 100"],
  ]);
  t.deepEqual(await sample.count(30, "/api/version", version), { v1: 30 });
  t.deepEqual(Object.keys(await load.stop()), ["200"]);
});

test.serial("T21, T22, T23, T24, T35 A/B: the header decides, its name in any case, its value exactly", async (t) => {
  const sample = await RunningSample.start(t, "task-api/ab");
  t.is((await sample.send("/api/version")).body, '{"version": "stable", "features": ["core"]}\n');
  t.is(
    (await sample.send("/api/version", { headers: { "x-beta-user": "true" } })).body,
    '{"version": "experimental", "features": ["core", "ai-suggestions", "smart-tags"]}\n',
  );
  const beta = (headers: Record<string, string>) => sample.count(100, "/api/version", version, { headers });
  t.deepEqual(await beta({ "X-Beta-User": "true" }), { experimental: 100 });
  t.deepEqual(await beta({ "x-beta-user": "True" }), { stable: 100 });
  t.is((await sample.send("/apix")).status, 404);
});

test.serial("T25 premium users reach their own pods", async (t) => {
  const sample = await RunningSample.start(t, "task-api/premium");
  const headers = { "x-api-tier": "premium" };
  t.deepEqual(await sample.count(50, "/api/version", version, { headers }), { premium: 50 });
  t.deepEqual(await sample.count(50, "/api/version", version), { standard: 50 });
});

test.serial("T27, T28 premium never sees the canary, whatever the order of the rules", async (t) => {
  const sample = await RunningSample.start(t, "task-api/combined");
  const check = async (): Promise<void> => {
    const headers = { "x-api-tier": "premium" };
    t.deepEqual(await sample.count(300, "/api/version", version, { headers }), { v1: 300 });
    t.deepEqual(await sample.count(300, "/api/version", version), { v1: 270, v2: 30 });
  };
  await check();
  const file = join(sample.folder, "task-api-combined-route.yaml");
  const [head = "", premium = "", standard = ""] = (await readFile(file, "utf8")).split(/(?= {2}# )/);
  await sample.write("task-api-combined-route.yaml", head + standard + premium);
  await check();
});

test.serial("T34 a route in the wrong namespace is not accepted, and lint says where its Gateway is", async (t) => {
  const exercise = `apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata:
  name: exercise-canary
  namespace: default
spec:
  parentRefs:
  - name: task-api-gateway
  rules:
  - backendRefs:
    - name: task-api-stable
      port: 8000
`;
  const sample = await RunningSample.start(t, "task-api/rollback");
  await writeFile(join(sample.folder, "exercise.yaml"), exercise);
  await until(() => sample.stderr.includes("exercise-canary"), "the status is printed");
  t.regex(sample.stderr, /HTTPRoute default\/exercise-canary .*Accepted=False \(NoMatchingParent\).*task-api/);
  const lint = await heddle("lint", "-f", sample.folder);
  t.is(lint.code, 1);
  t.regex(
    lint.stdout,
    /error: HTTPRoute default\/exercise-canary: .*\n {2}-> namespace task-api has a Gateway of that name/,
  );
});

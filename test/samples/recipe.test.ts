import { readFile } from "node:fs/promises";
import { join } from "node:path";
import test from "ava";
import { copySample, replaceIn, RunningSample, sendTo, until } from "./running-sample.ts";

const host = { headers: { host: "app.example.com" } };
const developer = { headers: { host: "app.example.com", "x-canary": "true" } };
const text = ({ status, body }: { status: number; body: string }): string =>
  status === 200 ? body.trim() : `status ${status}`;

/** The same probes without the five seconds of patience. */
async function hurry(folder: string): Promise<void> {
  for (const file of ["stable.yaml", "canary.yaml"]) {
    await replaceIn(
      join(folder, file),
      "initialDelaySeconds: 5",
      "initialDelaySeconds: 0",
      "periodSeconds: 5",
      "periodSeconds: 1",
    );
  }
}

/** The route with these weights in its second rule. */
async function withWeights({ folder }: RunningSample, stable: number, canary: number): Promise<string> {
  const route = await readFile(join(folder, "my-app-canary-route.yaml"), "utf8");
  const start = route.indexOf("- backendRefs:");
  const weights = [stable, canary];
  return route.slice(0, start) + route.slice(start).replaceAll(/weight: \d+/g, () => `weight: ${weights.shift()}`);
}

test.serial("R1 pods get traffic only once their readiness probe passes", async (t) => {
  const { folder, port } = await copySample(t, "recipe/canary");
  const sample = new RunningSample(folder, port);
  t.teardown(() => sample.stop());
  await until(async () => {
    const state = await sample.state();
    return state?.pods.length === 4 && state.pods.every((pod) => pod.state === "running");
  }, "the processes run");
  await until(
    () =>
      sendTo(port, "/version", host).then(
        ({ status }) => status === 503,
        () => false,
      ),
    "503 meanwhile",
  );
  await sample.settled();
  const answers = await sample.count(20, "/version", text, host);
  t.deepEqual(Object.keys(answers).toSorted(), ["v1.0.0", "v1.1.0"], "nothing but 200 from then on");
});

test.serial(
  "R2, R3, R4, R15, R16 the recipe: header first, 90/10 for the rest, other hosts 404, HTTPS refused alone",
  async (t) => {
    const sample = await RunningSample.start(t, "recipe/canary", hurry);
    t.deepEqual(await sample.count(100, "/version", text, host), { "v1.0.0": 90, "v1.1.0": 10 });
    t.deepEqual(await sample.count(100, "/version", text, developer), { "v1.1.0": 100 });
    t.is((await sample.send("/", { headers: { host: "other.host" } })).status, 404);
    t.regex(sample.stderr, /Gateway production\/production-gw listener https: Accepted=False \(UnsupportedProtocol\)/);
  },
);

test.serial("R6, R7, R9, R10 phases, promotion and the emergency manifest lose no request", async (t) => {
  const sample = await RunningSample.start(t, "recipe/canary", hurry);
  const file = "my-app-canary-route.yaml";
  const load = sample.startLoad("/version", host);
  // The load draws from the same bag, so exact counts are only to be had at 0 and 100.
  await sample.write(file, await withWeights(sample, 100, 0));
  t.deepEqual(await sample.count(50, "/version", text, host), { "v1.0.0": 50 });
  t.deepEqual(await sample.count(50, "/version", text, developer), { "v1.1.0": 50 });
  for (const [stable, canary] of [
    [95, 5],
    [75, 25],
    [50, 50],
  ] as const) {
    await sample.write(file, await withWeights(sample, stable, canary));
  }
  await sample.write(file, await withWeights(sample, 0, 100));
  t.deepEqual(await sample.count(50, "/version", text, host), { "v1.1.0": 50 });

  // Promotion: stable becomes v1.1.0, traffic goes back to it, the canary goes.
  await sample.edit("stable.yaml", [
    ["server.mjs v1.0.0", "server.mjs v1.1.0"],
    ["my-app:v1.0.0", "my-app:v1.1.0"],
  ]);
  const emergency = await readFile(new URL(`../../manifests/samples/recipe/rollback/${file}`, import.meta.url), "utf8");
  await sample.write(file, emergency);
  await sample.edit("canary.yaml", [["replicas: 1", "replicas: 0"]]);
  await until(async () => (await sample.state())?.pods.length === 3, "the canary is gone");
  t.deepEqual(await sample.count(50, "/version", text, host), { "v1.1.0": 50 });
  t.deepEqual(Object.keys(await load.stop()), ["200"]);
  t.deepEqual(await sample.count(20, "/version", text, developer), { "v1.1.0": 20 }, "the header rule is gone");
});

test.serial("R13 every request is copied to the canary, and its answers are thrown away", async (t) => {
  const sample = await RunningSample.start(t, "recipe/mirror", hurry);
  const post = { ...host, method: "POST", body: "x".repeat(1000) };
  t.deepEqual(await sample.count(60, "/version?a=1", text, post), { "v1.0.0": 60 });
  const copies = async (): Promise<readonly string[]> => sample.logs("my-app-canary");
  await until(async () => (await copies()).length >= 60, "all copies have arrived");
  t.deepEqual(new Set(await copies()), new Set(["INFO v1.1.0 POST /version?a=1 1000 bytes (mirrored)"]));
  t.is((await copies()).length, 60);
});

import { readdirSync, readFileSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { Agent } from "node:http";
import { join } from "node:path";
import test, { type ExecutionContext } from "ava";
import { RunningSample, until, version } from "../samples/running-sample.ts";

/** Every process whose command line or working directory is in the sample's folder. */
function processesOf(folder: string): readonly number[] {
  return readdirSync("/proc")
    .map(Number)
    .filter((pid) => pid > 0 && pid !== process.pid && belongsTo(pid, folder));
}

function belongsTo(pid: number, folder: string): boolean {
  try {
    return (
      readFileSync(`/proc/${pid}/environ`, "utf8").includes(folder) ||
      readFileSync(`/proc/${pid}/cmdline`, "utf8").includes(folder)
    );
  } catch {
    return false;
  }
}

function pidOf(t: ExecutionContext, pid: number | undefined): number {
  t.is(typeof pid, "number");
  return pid ?? 0;
}

// Who belongs to a folder is read from /proc.
const onLinux = process.platform === "linux" ? test.serial : test.skip;
if (onLinux === test.skip) console.log("skipped: tests of what is left behind need /proc");

onLinux("Ctrl-C stops everything in two seconds and leaves no process", async (t) => {
  const sample = await RunningSample.start(t, "task-api/canary");
  const { pods, agents } = await sample.settled();
  t.is(processesOf(sample.folder).length >= pods.length + agents.length, true);
  const startedMs = performance.now();
  t.is(await sample.stop(), 0);
  t.true(performance.now() - startedMs < 2000);
  t.deepEqual(processesOf(sample.folder), []);
});

onLinux("killed with SIGKILL, heddle up leaves no process behind", async (t) => {
  const sample = await RunningSample.start(t, "task-api/canary");
  sample.process.kill("SIGKILL");
  await sample.exited;
  await until(() => processesOf(sample.folder).length === 0, "all processes are gone", 5000);
  t.pass();
});

test.serial("a gateway agent that is killed costs no refused connection: clients wait for the next one", async (t) => {
  const sample = await RunningSample.start(t, "task-api/canary");
  const { agents } = await sample.settled();
  process.kill(pidOf(t, agents[0]?.pid), "SIGKILL");
  t.is((await sample.send("/api/version")).status, 200);
  t.is((await sample.settled()).agents[0]?.restarts, 1);
});

test.serial("SIGUSR2 replaces the gateway agents under load without a failed request", async (t) => {
  const sample = await RunningSample.start(t, "task-api/canary");
  const before = (await sample.settled()).agents[0]?.pid;
  const traffic = sample.startLoad("/api/version");
  sample.process.kill("SIGUSR2");
  await until(async () => {
    const state = await sample.state();
    return state?.isSettled === true && state.agents[0]?.pid !== before;
  }, "there is a new agent");
  await until(() => !isAlive(before ?? 0), "the old agent is gone");
  t.deepEqual(Object.keys(await traffic.stop()), ["200"]);
});

test.serial("scaling and replacing a Deployment under load loses no request", async (t) => {
  const sample = await RunningSample.start(t, "task-api/canary");
  const keepAlive = new Agent({ keepAlive: true });
  t.teardown(() => keepAlive.destroy());
  const traffic = sample.startLoad("/api/version");
  await sample.edit("stable.yaml", [["replicas: 1", "replicas: 3"]]);
  t.is((await sample.settled()).pods.length, 4);
  await sample.edit("stable.yaml", [["replicas: 3", "replicas: 1"]]);
  await until(async () => (await sample.state())?.pods.length === 2, "two are gone");
  const old = (await sample.settled()).pods.find(({ name }) => name.startsWith("task-api-stable"))?.name;
  await sample.edit("stable.yaml", [["server.mjs v1", "server.mjs v3"]]);
  const isReplaced = async (): Promise<boolean> => {
    const pods = (await sample.state())?.pods ?? [];
    return pods.length === 2 && pods.every(({ name, state }) => name !== old && state === "ready");
  };
  await until(isReplaced, "the old one is gone");
  t.deepEqual(Object.keys(await traffic.stop()), ["200"]);
  t.deepEqual(
    await sample.count(20, "/api/version", (answer) => (version(answer) === "v1" ? "v1" : "new"), { agent: keepAlive }),
    { new: 20 },
  );
});

test.serial("a workload that is killed is started again, and is no endpoint meanwhile", async (t) => {
  const sample = await RunningSample.start(t, "task-api/rollback");
  const { pods } = await sample.settled();
  const stable = pods.find(({ name }) => name.startsWith("task-api-stable"));
  process.kill(-pidOf(t, stable?.pid), "SIGKILL");
  await until(async () => (await sample.state())?.pods.some(({ restarts }) => restarts === 1) === true, "it restarts");
  await sample.settled();
  t.deepEqual(await sample.count(10, "/api/version", version), { v1: 10 });
});

test.serial(
  "a broken file is reported with file, line and field, and changes nothing until it is mended",
  async (t) => {
    const sample = await RunningSample.start(t, "task-api/canary");
    const file = join(sample.folder, "task-api-canary-route.yaml");
    const good = await readFile(file, "utf8");
    await writeFile(file, good.replace("weight: 95", "weight: lots"));
    await until(() => sample.stderr.includes("weight"), "the mistake is reported");
    t.regex(
      sample.stderr,
      /task-api-canary-route\.yaml:\d+:\d+: HTTPRoute task-api\/task-api-canary: spec\.rules\[0\]\.backendRefs\[0\]\.weight: /,
    );
    t.deepEqual(await sample.count(20, "/api/version", (answer) => String(answer.status)), { 200: 20 });
    await writeFile(file, good.replace("weight: 95", "weight: 0"));
    await until(() => sample.stderr.includes("the files are good again"), "it is mended");
    // One v2 may be the old weights' canary; twenty in a row are not.
    await until(async () => (await sample.count(20, "/api/version", version))["v2"] === 20, "the edit applies");
    t.deepEqual(await sample.count(100, "/api/version", version), { v2: 100 });
  },
);

test.serial("without a terminal there is one JSON line a second, with shares, rates and errors", async (t) => {
  const sample = await RunningSample.start(t, "task-api/canary");
  await sample.count(100, "/api/version", version);
  await sample.send("/api/error");
  const last = (): { routes: { rules: { backends: Record<string, unknown>[] }[] }[] } =>
    JSON.parse(sample.stdout.trim().split("\n").at(-1) ?? "{}") as never;
  const total = (): number =>
    last().routes[0]?.rules[0]?.backends.reduce((sum, { requests }) => sum + Number(requests), 0) ?? 0;
  await until(() => sample.stdout.includes("\n") && total() === 101, "the reports have arrived");
  const backends = last().routes[0]?.rules[0]?.backends ?? [];
  t.is(
    backends.reduce((sum, { errors }) => sum + Number(errors), 0),
    1,
  );
  t.like(backends[0], { backend: "task-api/task-api-stable:8000", weight: 95, target: 0.95 });
  t.true(Math.abs(Number(backends[0]?.["share"]) - 0.95) < 0.01);
  t.true(Number(backends[0]?.["requestsPerSecond"]) > 0 && Number(backends[0]?.["p99Ms"]) > 0);
});

test.serial("an injected pod calls Services through its sidecar, and is called through it", async (t) => {
  const sample = await RunningSample.start(t, "task-api/canary", async (folder) => {
    await writeFile(join(folder, "web.yaml"), await readFile(new URL("fixtures/web.yaml", import.meta.url), "utf8"));
    await writeFile(
      join(folder, "web.mjs"),
      await readFile(new URL("../../cli/demo/scenario/web.mjs", import.meta.url)),
    );
  });
  t.deepEqual(
    (await sample.settled()).agents.map(({ name }) => name.split(" ")[0]),
    ["gateway", "sidecar"],
  );
  t.deepEqual(await sample.count(40, "/web", version), { v1: 30, v2: 10 });
  const { agents } = await sample.settled();
  const sidecar = agents.find(({ name }) => name.startsWith("sidecar"));
  const metrics = await (await fetch(`http://${sidecar?.admin}/metrics`)).text();
  t.regex(metrics, /^http_inbound_requests_total\{.*\} 40$/m);
  process.kill(pidOf(t, sidecar?.pid), "SIGKILL");
  await until(
    async () => (await sample.state())?.agents.some(({ restarts }) => restarts === 1) === true,
    "it restarts",
  );
  await sample.settled();
  t.is((await sample.send("/web")).status, 200, "the ports are the same as before");
});

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

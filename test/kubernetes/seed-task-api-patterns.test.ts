// The lesson "Traffic Splitting Patterns", its other patterns: blue-green, A/B by header, premium, and a canary that
// premium users never see.
import { Agent } from "node:http";
import test from "ava";
import { Gateway, rolledOut } from "./support/gateway.ts";
import { heddle } from "./support/heddle.ts";
import { type Answer, version } from "./support/http-client.ts";
import { OpenLoop, type Outcome } from "./support/open-loop.ts";
import { Scenario } from "./support/scenario.ts";
import { apiRoute, apiRule, gatewayYaml, taskApi } from "./support/task-api.ts";
import { waitFor } from "./support/wait-for.ts";

const seed = Scenario.use(test, ["task-api"]);
const namespace = seed.namespace("task-api");
const routes = "httproute.gateway.networking.k8s.io";
const body = (answer: Answer): string => (answer.status === 200 ? answer.body.trim() : `status ${answer.status}`);
const premium = { headers: { "x-api-tier": "premium" } };
let gateway: Gateway;

test.serial.before("gateway and stable", async () => {
  await seed.apply(gatewayYaml("task-api"));
  gateway = await Gateway.open({ name: "task-api-gateway", namespace });
});
test.after.always(() => gateway?.close());

const colour = (name: string, image: string): string =>
  taskApi({ name: `task-api-${name}`, label: `environment: ${name}`, image, replicas: 3 });

const blueGreen = (blue: number, green: number): string =>
  apiRoute("task-api-bluegreen", [apiRule([`task-api-blue ${blue}`, `task-api-green ${green}`])]);

/** What the three pods of a colour logged of the API. */
async function served(name: string): Promise<number> {
  const logs = await seed.shell(`kubectl logs -l environment=${name} -n task-api --tail=-1`);
  return logs.split("\n").filter((line) => line.includes(" /api/")).length;
}

test.serial("T17 blue and green are created, three replicas each", async (t) => {
  const printed = [
    await seed.shell(`kubectl apply -f - <<EOF${colour("blue", "task-api:v1")}EOF`),
    await seed.shell(`kubectl apply -f - <<EOF${colour("green", "task-api:v2")}EOF`),
  ];
  t.is(
    printed.join(""),
    `deployment.apps/task-api-blue created
service/task-api-blue created
deployment.apps/task-api-green created
service/task-api-green created
`,
  );
  await rolledOut(namespace, "task-api-blue", "task-api-green");
});

test.serial("T18 everything goes to blue, green is idle", async (t) => {
  t.is(await seed.apply(blueGreen(100, 0)), `${routes}/task-api-bluegreen created\n`);
  await gateway.settled("task-api-blue:8000", "task-api-green:8000");
  t.deepEqual(await gateway.count(60, "/api/version", version), { v1: 60 });
  t.is(await served("green"), 0);
});

test.serial("T19, T20 the switch to green and back: no errors, no mixed tail, green still runs", async (t) => {
  const outcomes: Outcome[] = [];
  const load = new OpenLoop({ ...gateway.way, path: "/api/version", rate: 100 }, (outcome) => {
    outcomes.push(outcome);
  }).start();
  for (const [blue, green, expected] of [
    [0, 100, "v2"],
    [100, 0, "v1"],
  ] as const) {
    const started = outcomes.length;
    t.is(await seed.apply(blueGreen(blue, green)), `${routes}/task-api-bluegreen configured\n`);
    await gateway.settled();
    t.deepEqual(await gateway.count(30, "/api/version", version), { [expected]: 30 });
    const since = outcomes.slice(started);
    const isNew = ({ text }: Outcome): boolean => text.includes(`"${expected}"`);
    const firstNew = since.find(isNew);
    t.truthy(firstNew, "the load saw the switch");
    // What was sent after the first answer of the new colour is of that colour too.
    const firstAnsweredMs = firstNew!.sentMs + firstNew!.tookMs;
    t.deepEqual(
      since.filter((outcome) => outcome.sentMs > firstAnsweredMs && !isNew(outcome)),
      [],
    );
  }
  const summary = await load.stop();
  t.log(summary);
  t.deepEqual(Object.keys(summary.outcomes), ["200"]);
  const ready = "kubectl get deployment task-api-green -n task-api -o jsonpath='{.status.readyReplicas}'";
  t.is(await seed.shell(ready), "3");
  await seed.shell("kubectl delete httproute task-api-bluegreen -n task-api");
  await seed.shell("kubectl delete deployment,service -n task-api task-api-blue task-api-green --wait=false");
});

test.serial("T21 the A/B route is created", async (t) => {
  await seed.apply(
    taskApi({ name: "task-api-stable", label: "version: stable", image: "task-api:v1", args: ["stable", "core"] }),
  );
  await seed.apply(
    taskApi({
      name: "task-api-experimental",
      label: "version: experimental",
      image: "task-api:v2",
      args: ["experimental", "core", "ai-suggestions", "smart-tags"],
    }),
  );
  await rolledOut(namespace, "task-api-stable", "task-api-experimental");
  const rules = [apiRule(["task-api-experimental"], "x-beta-user: true"), apiRule(["task-api-stable"])];
  t.is(await seed.apply(apiRoute("task-api-ab", rules)), `${routes}/task-api-ab created\n`);
  await gateway.settled("task-api-stable:8000", "task-api-experimental:8000");
});

test.serial("T22, T23, T24 the header decides: its name in any case, its value exactly, 100 of 100", async (t) => {
  const stable = '{"version": "stable", "features": ["core"]}';
  const experimental = '{"version": "experimental", "features": ["core", "ai-suggestions", "smart-tags"]}';
  const ask = (headers: Record<string, string>): Promise<Record<string, number>> =>
    gateway.count(100, "/api/version", body, { headers });
  t.deepEqual(await ask({}), { [stable]: 100 });
  t.deepEqual(await ask({ "x-beta-user": "true" }), { [experimental]: 100 });
  t.deepEqual(await ask({ "X-Beta-User": "true" }), { [experimental]: 100 });
  t.deepEqual(await ask({ "X-Beta-User": "True" }), { [stable]: 100 });
  await seed.shell("kubectl delete httproute task-api-ab -n task-api");
  await seed.shell("kubectl delete deployment,service -n task-api task-api-experimental --wait=false");
});

test.serial("T25 premium users have pods of their own", async (t) => {
  for (const tier of ["premium", "standard"]) {
    await seed.apply(
      taskApi({ name: `task-api-${tier}`, label: `version: ${tier}`, image: "task-api:v1", args: [tier, "core"] }),
    );
  }
  await rolledOut(namespace, "task-api-premium", "task-api-standard");
  const rules = [apiRule(["task-api-premium"], "x-api-tier: premium"), apiRule(["task-api-standard"])];
  t.is(await seed.apply(apiRoute("task-api-premium", rules)), `${routes}/task-api-premium created\n`);
  await gateway.settled("task-api-premium:8000", "task-api-standard:8000");
  t.deepEqual(await gateway.count(50, "/api/version", version, premium), { premium: 50 });
  t.deepEqual(await gateway.count(50, "/api/version", version), { standard: 50 });
  t.deepEqual(await gateway.count(20, "/api/version", version, { headers: { "x-api-tier": "gold" } }), {
    standard: 20,
  });
  await seed.shell("kubectl delete httproute task-api-premium -n task-api");
  await seed.shell("kubectl delete deployment,service -n task-api task-api-premium task-api-standard --wait=false");
});

test.serial("T27, T28 premium users never see the canary, in whatever order the rules stand", async (t) => {
  await seed.apply(taskApi({ name: "task-api-canary", label: "version: canary", image: "task-api:v2" }));
  await rolledOut(namespace, "task-api-canary");
  const rules = [
    apiRule(["task-api-stable 100"], "x-api-tier: premium"),
    apiRule(["task-api-stable 90", "task-api-canary 10"]),
  ];
  const agent = new Agent({ keepAlive: true });
  t.teardown(() => agent.destroy());
  t.is(await seed.apply(apiRoute("task-api-combined", rules)), `${routes}/task-api-combined created\n`);
  await gateway.settled("task-api-stable:8000", "task-api-canary:8000");
  t.deepEqual(await gateway.count(1000, "/api/version", version, { ...premium, agent }), { stable: 1000 });
  t.deepEqual(await gateway.count(1000, "/api/version", version, { agent }), { stable: 900, v2: 100 });

  const reversed = apiRoute("task-api-combined", rules.toReversed());
  t.is(await seed.apply(reversed), `${routes}/task-api-combined configured\n`);
  await gateway.settled();
  t.deepEqual(await gateway.count(1000, "/api/version", version, { ...premium, agent }), { stable: 1000 });
  t.deepEqual(await gateway.count(1000, "/api/version", version, { agent }), { stable: 900, v2: 100 });
});

test.serial(
  "T32 heddle compare gives the lesson's verdict: 3 and 2 errors are healthy, 3 and 12 are not",
  async (t) => {
    await seed.shell("kubectl delete httproute task-api-combined -n task-api");
    const shift = async (stable: number, canary: number): Promise<void> => {
      const rule = apiRule([`task-api-stable ${stable}`, `task-api-canary ${canary}`]);
      await seed.apply(apiRoute("task-api-canary", [rule]));
      await gateway.settled();
    };
    const ask = (count: number, path: string): Promise<Record<string, number>> =>
      gateway.count(count, path, ({ status }) => String(status));
    await shift(100, 0);
    await ask(97, "/api/version");
    t.deepEqual(await ask(3, "/api/error"), { 500: 3 });
    await shift(0, 100);
    await ask(98, "/api/version");
    t.deepEqual(await ask(2, "/api/error"), { 500: 2 });
    /** What compare prints once it counts so many errors of the canary: agents report every few seconds. */
    const compared = (errors: number): ReturnType<typeof heddle> =>
      waitFor("the counts are reported", async () => {
        const result = await heddle("compare", "task-api-canary", "-n", namespace, "--versions", "stable,canary");
        if (!result.stdout.includes(`Canary errors: ${errors}\n`)) throw new Error(result.stderr + result.stdout);
        return result;
      });
    const healthy = await compared(2);
    t.is(healthy.code, 0, healthy.stderr);
    const lines = "Comparing stable vs canary...\nStable errors: 3\nCanary errors:";
    t.true(healthy.stdout.includes(`${lines} 2\nCanary looks healthy—proceed with rollout.\n`), healthy.stdout);

    t.deepEqual(await ask(10, "/api/error"), { 500: 10 });
    const worse = await compared(12);
    t.is(worse.code, 3, worse.stderr);
    const warning = "WARNING: Canary error rate is more than 2x stable!\nConsider rollback.\n";
    t.true(worse.stdout.includes(`${lines} 12\n${warning}`), worse.stdout);
  },
);

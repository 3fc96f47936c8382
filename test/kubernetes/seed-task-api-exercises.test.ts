// The lesson's exercises, in namespace `default` as it has them. The API server fills in defaults, so what
// `grep -A6 backendRefs` shows is compared by content.
import test from "ava";
import { Gateway, rolledOut } from "./support/gateway.ts";
import { version } from "./support/http-client.ts";
import { Scenario } from "./support/scenario.ts";
import { apiRoute, apiRule, gatewayYaml, taskApi } from "./support/task-api.ts";
import { waitFor } from "./support/wait-for.ts";

const seed = Scenario.use(test, ["default", "task-api"]);
const namespace = seed.namespace("default");
const routes = "httproute.gateway.networking.k8s.io";
const beta = { headers: { "x-beta-user": "true" } };
let gateway: Gateway | undefined;
test.after.always(() => gateway?.close());

function ready(): Gateway {
  if (gateway === undefined) throw new Error("an earlier test did not open the gateway");
  return gateway;
}

/** Backends with their weights, as `kubectl get httproute NAME -o yaml | grep -A6 backendRefs` shows them. */
async function shown(name: string): Promise<string[]> {
  const lines = await seed.shell(`kubectl get httproute ${name} -n default -o yaml | grep -A10 ' backendRefs'`);
  const names = [...lines.matchAll(/^ +(?:- )?name: (task-api-\S+)$/gm)].map(([, backend]) => backend);
  const weights = [...lines.matchAll(/^ +(?:- )?weight: (\d+)$/gm)].map(([, weight]) => weight);
  const ports = [...lines.matchAll(/^ +(?:- )?port: (\d+)$/gm)].map(([, port]) => port);
  return names.map((backend, index) => `${backend}:${ports[index]} ${weights[index]}`);
}

test.serial("T34 a route whose Gateway is in another namespace says so, and says where one is", async (t) => {
  await seed.apply(gatewayYaml("task-api"));
  const rule = apiRule(["task-api-stable 90", "task-api-canary 10"]);
  t.is(
    await seed.shell(`kubectl apply -f - <<EOF${apiRoute("exercise-canary", [rule], "default")}EOF`),
    `${routes}/exercise-canary created\n`,
  );
  const condition = `{.status.parents[0].conditions[?(@.type=="Accepted")]}`;
  const ask = `kubectl get httproute exercise-canary -n default -o jsonpath='${condition}'`;
  const accepted = await waitFor("the status says why", async () => {
    const text = await seed.shell(ask);
    return text === "" ? undefined : (JSON.parse(text) as { status: string; reason: string; message: string });
  });
  t.is(accepted.status, "False");
  t.is(accepted.reason, "NoMatchingParent");
  t.true(accepted.message.includes(seed.namespace("task-api")), accepted.message);
});

test.serial("T33 exercise 1: 10 % canary, and kubectl shows the weights", async (t) => {
  await seed.apply(gatewayYaml("default"));
  for (const [name, image] of [
    ["stable", "task-api:v1"],
    ["canary", "task-api:v2"],
  ] as const) {
    await seed.apply(
      taskApi({ name: `task-api-${name}`, namespace: "default", label: `version: ${name}`, image, args: [name] }),
    );
  }
  await rolledOut(namespace, "task-api-stable", "task-api-canary");
  gateway = await Gateway.open({ name: "task-api-gateway", namespace });
  await gateway.settled("task-api-stable:8000", "task-api-canary:8000");
  t.deepEqual(await shown("exercise-canary"), ["task-api-stable:8000 90", "task-api-canary:8000 10"]);
  t.deepEqual(await gateway.count(100, "/api/version", version), { stable: 90, canary: 10 });
});

test.serial("T37 exercise 4: the canary is rolled back by a merge patch; weight 0 is shown", async (t) => {
  const printed = await seed.shell(`kubectl patch httproute exercise-canary -n default --type=merge -p '
{
  "spec": {
    "rules": [{
      "matches": [{"path": {"type": "PathPrefix", "value": "/api/"}}],
      "backendRefs": [
        {"name": "task-api-stable", "port": 8000, "weight": 100},
        {"name": "task-api-canary", "port": 8000, "weight": 0}
      ]
    }]
  }
}'`);
  t.is(printed, `${routes}/exercise-canary patched\n`);
  t.deepEqual(await shown("exercise-canary"), ["task-api-stable:8000 100", "task-api-canary:8000 0"]);
  await ready().settled();
  t.deepEqual(await ready().count(100, "/api/version", version), { stable: 100 });
  await seed.shell("kubectl delete httproute exercise-canary -n default");
});

test.serial("T35 exercise 2: beta users reach the test version", async (t) => {
  await seed.apply(
    taskApi({
      name: "task-api-beta",
      namespace: "default",
      label: "version: beta",
      image: "task-api:v2",
      args: ["beta"],
    }),
  );
  await rolledOut(namespace, "task-api-beta");
  const rules = [apiRule(["task-api-beta"], "x-beta-user: true"), apiRule(["task-api-stable"])];
  const printed = await seed.shell(`kubectl apply -f - <<EOF${apiRoute("exercise-ab", rules, "default")}EOF`);
  t.is(printed, `${routes}/exercise-ab created\n`);
  await ready().settled("task-api-beta:8000");
  t.is(version(await ready().send("/api/version", beta)), "beta");
  t.is(version(await ready().send("/api/version")), "stable");
  await seed.shell("kubectl delete httproute exercise-ab -n default");
});

test.serial("T36 exercise 3: blue to green by a merge patch, which replaces the whole list of rules", async (t) => {
  for (const [name, image] of [
    ["blue", "task-api:v1"],
    ["green", "task-api:v2"],
  ] as const) {
    await seed.apply(taskApi({ name: `task-api-${name}`, namespace: "default", label: `environment: ${name}`, image }));
  }
  await rolledOut(namespace, "task-api-blue", "task-api-green");
  // One rule more than the patch has: it must be gone after it.
  const rules = [apiRule(["task-api-blue 100", "task-api-green 0"]), apiRule(["task-api-beta"], "x-beta-user: true")];
  const printed = await seed.shell(`kubectl apply -f - <<EOF${apiRoute("exercise-bluegreen", rules, "default")}EOF`);
  t.is(printed, `${routes}/exercise-bluegreen created\n`);
  await ready().settled("task-api-blue:8000", "task-api-green:8000");
  t.deepEqual(await ready().count(20, "/api/version", version), { v1: 20 });
  t.deepEqual(await ready().count(20, "/api/version", version, beta), { beta: 20 });
  const patched = await seed.shell(`kubectl patch httproute exercise-bluegreen -n default --type=merge -p '
{
  "spec": {
    "rules": [{
      "matches": [{"path": {"type": "PathPrefix", "value": "/api/"}}],
      "backendRefs": [
        {"name": "task-api-blue", "port": 8000, "weight": 0},
        {"name": "task-api-green", "port": 8000, "weight": 100}
      ]
    }]
  }
}'`);
  t.is(patched, `${routes}/exercise-bluegreen patched\n`);
  await ready().settled();
  t.deepEqual(await ready().count(20, "/api/version", version), { v2: 20 });
  t.deepEqual(await ready().count(20, "/api/version", version, beta), { v2: 20 });
});

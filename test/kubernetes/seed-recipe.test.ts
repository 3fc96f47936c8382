// The recipe "Canary Deployment with Gateway API Traffic Splitting": header first, weights in phases by patches in YAML
// and JSON, rollback, promotion. Its mirror is in seed-recipe-mirror.test.ts.
import { Agent } from "node:http";
import test from "ava";
import { Gateway, rolledOut } from "./support/gateway.ts";
import { heddle } from "./support/heddle.ts";
import { text } from "./support/http-client.ts";
import { OpenLoop } from "./support/open-loop.ts";
import { canaryRoute, gatewayYaml, myApp, phasePatch } from "./support/recipe.ts";
import { Scenario } from "./support/scenario.ts";
import { waitFor } from "./support/wait-for.ts";

const seed = Scenario.use(test, ["production", "default"]);
const namespace = seed.namespace("production");
const route = "httproute.gateway.networking.k8s.io/my-app-canary-route";
const everyone = { headers: { host: "app.example.com" } };
const developer = { headers: { host: "app.example.com", "x-canary": "true" } };
let gateway: Gateway;

test.serial.before("gateway", async () => {
  await seed.apply(gatewayYaml);
  gateway = await Gateway.open({ name: "production-gw", namespace });
});
test.after.always(() => gateway?.close());

const versions = (count: number, options = everyone): Promise<Record<string, number>> =>
  gateway.count(count, "/version", text, options);

async function phase(stable: number, canary: number): Promise<string> {
  const lines = `kubectl patch httproute my-app-canary-route -n production --type=merge -p '${phasePatch(stable, canary)}'`;
  const printed = await seed.shell(lines);
  await gateway.settled();
  return printed;
}

test.serial("R3 the route with the header rule and the split is created and accepted", async (t) => {
  t.is(await seed.apply(canaryRoute), `${route} created\n`);
  const defaulted = "kubectl get httproute my-app-canary-route -n production -o jsonpath='{.spec.rules[1].matches}'";
  t.is(await seed.shell(defaulted), '[{"path":{"type":"PathPrefix","value":"/"}}]');
});

test.serial("R1 pods get traffic only once their readiness probe passes", async (t) => {
  const yaml = `${myApp("stable", "v1.0.0", 3)}---${myApp("canary", "v1.1.0", 1)}`;
  t.is(
    await seed.apply(yaml),
    `deployment.apps/my-app-stable created
service/my-app-stable created
deployment.apps/my-app-canary created
service/my-app-canary created
`,
  );
  const pods = `kubectl get pods -n production -l app=my-app -o jsonpath='{range .items[*]}{.status.phase}/{.status.containerStatuses[0].ready} {end}'`;
  let refused = 0;
  await waitFor("a pod is ready", async () => {
    const before = await seed.shell(pods);
    const { status } = await gateway.send("/version", everyone);
    const after = await seed.shell(pods);
    const isReady = (states: string): boolean => states.includes("/true");
    if (status === 503 && before.includes("Running/false") && !isReady(before)) refused++;
    // An answer of the application before any of its pods is ready would be the fault.
    if (status === 200 && !isReady(after)) throw new Error(`answered by a pod that is not ready: ${after}`);
    return isReady(after);
  });
  t.true(refused > 0, "503 while the pods ran and were not ready");
  await rolledOut(namespace, "my-app-stable", "my-app-canary");
  await gateway.settled("my-app-stable:80", "my-app-canary:80");
  t.deepEqual(Object.keys(await versions(40)).toSorted(), ["v1.0.0", "v1.1.0"], "nothing but 200 from then on");
});

test.serial("R4 another host is not found", async (t) => {
  t.is((await gateway.send("/", { headers: { host: "other.host" } })).status, 404);
});

test.serial("R15, R16 of 100 requests 90 are v1.0.0; with the header all are v1.1.0", async (t) => {
  // A changed split starts from its beginning.
  await phase(95, 5);
  await phase(90, 10);
  t.deepEqual(await versions(100), { "v1.0.0": 90, "v1.1.0": 10 });
  t.deepEqual(await versions(100, developer), { "v1.1.0": 100 });
});

test.serial("R18 the split is by request, not by connection", async (t) => {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  t.teardown(() => agent.destroy());
  t.deepEqual(await versions(200, { ...everyone, agent } as typeof everyone), { "v1.0.0": 180, "v1.1.0": 20 });
});

test.serial("R9 header only: nobody else reaches the canary at 100/0", async (t) => {
  t.is(await phase(100, 0), `${route} patched\n`);
  t.deepEqual(await versions(100), { "v1.0.0": 100 });
  t.deepEqual(await versions(50, developer), { "v1.1.0": 50 });
});

test.serial("R5, R6 every phase is a merge patch in YAML; the header rule stays", async (t) => {
  for (const [stable, canary] of [
    [95, 5],
    [75, 25],
    [50, 50],
  ] as const) {
    t.is(await phase(stable, canary), `${route} patched\n`);
    t.deepEqual(await versions(100), { "v1.0.0": stable, "v1.1.0": canary });
    t.deepEqual(await versions(20, developer), { "v1.1.0": 20 });
  }
  t.is(await phase(0, 100), `${route} patched\n`);
  t.deepEqual(await versions(100), { "v1.1.0": 100 });
});

test.serial("R11 the one-liner in JSON sets the weights of rule 1 and leaves the header rule", async (t) => {
  const printed = await seed.shell(`kubectl patch httproute my-app-canary-route -n production --type=json \\
  -p '[{"op":"replace","path":"/spec/rules/1/backendRefs/0/weight","value":100},
       {"op":"replace","path":"/spec/rules/1/backendRefs/1/weight","value":0}]'`);
  t.is(printed, `${route} patched\n`);
  await gateway.settled();
  t.deepEqual(await versions(100), { "v1.0.0": 100 });
  t.deepEqual(await versions(50, developer), { "v1.1.0": 50 });
});

test.serial("R20 a canary pod that is not ready gets no traffic", async (t) => {
  await phase(50, 50);
  // The new pod runs and says 500 to everything, its probe included: the rollout stops there, the old pod serves on.
  const program = `require("http").createServer((q, s) => { s.writeHead(500); s.end() }).listen(8080)`;
  const change = [{ op: "add", path: "/spec/template/spec/containers/0/command", value: ["node", "-e", program] }];
  await seed.shell(`kubectl patch deployment my-app-canary -n production --type=json -p '${JSON.stringify(change)}'`);
  const pods = `kubectl get pods -n production -l version=canary -o jsonpath='{range .items[*]}{.status.phase}/{.status.containerStatuses[0].ready} {end}'`;
  await waitFor("the broken pod runs", async () => (await seed.shell(pods)).includes("Running/false"));
  const counts = await versions(100);
  t.is((counts["v1.0.0"] ?? 0) + (counts["v1.1.0"] ?? 0), 100, JSON.stringify(counts));
  await seed.shell("kubectl rollout undo deployment my-app-canary -n production");
  await rolledOut(namespace, "my-app-canary");
});

test.serial(
  "R7, R10, R12 promotion and the emergency manifest lose no request; a patch of what is gone is refused",
  async (t) => {
    const load = new OpenLoop({ ...gateway.way, path: "/version", headers: everyone.headers, rate: 50 }).start();
    await phase(0, 100);
    await seed.shell("kubectl set image deployment/my-app-stable -n production app=registry.example.com/my-app:v1.1.0");
    await rolledOut(namespace, "my-app-stable");
    await gateway.settled("my-app-stable:80");
    const split = canaryRoute.indexOf("    - matches:");
    const emergency = `${canaryRoute.slice(0, split)}    - backendRefs:
        - name: my-app-stable
          port: 80
          weight: 100
        - name: my-app-canary
          port: 80
          weight: 0
`;
    t.is(await seed.apply(emergency), `${route} configured\n`);
    await gateway.settled();
    const before = await seed.shell("kubectl logs deployment/my-app-canary -n production --tail=-1 | grep -c /version");
    t.deepEqual(await versions(50, developer), { "v1.1.0": 50 });
    const afterwards = await seed.shell(
      "kubectl logs deployment/my-app-canary -n production --tail=-1 | grep -c /version",
    );
    t.is(afterwards, before, "stable serves them: the header rule is gone");

    const { code, stderr } =
      await seed.tryShell(`kubectl patch httproute my-app-canary-route -n production --type=json \\
  -p '[{"op":"replace","path":"/spec/rules/0/backendRefs/0/weight","value":1},
       {"op":"replace","path":"/spec/rules/1/backendRefs/0/weight","value":100}]'`);
    t.is(code, 1);
    t.regex(stderr, /The request is invalid/);
    const weights = "kubectl get httproute my-app-canary-route -n production -o jsonpath='{..weight}'";
    t.is(await seed.shell(weights), "100 0", "nothing of the refused patch is applied");

    await seed.shell("kubectl delete deployment my-app-canary -n production");
    await gateway.settled();
    t.deepEqual(await versions(50), { "v1.1.0": 50 });
    const summary = await load.stop();
    t.log(summary);
    t.deepEqual(Object.keys(summary.outcomes), ["200"]);
  },
);

test.serial("R19 a route that is not accepted says why, and the others go on", async (t) => {
  const bad = (name: string, where: string, parent: string, host: string): string => `
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata:
  name: ${name}
  namespace: ${where}
spec:
  parentRefs:
    - ${parent}
  hostnames: ["${host}"]
  rules:
    - backendRefs:
        - name: my-app-stable
          port: 80
`;
  // One more listener, for one host only.
  await seed.apply(`${gatewayYaml.trimEnd()}
    - name: hosted
      protocol: HTTP
      port: 80
      hostname: hosted.example.com
`);
  await seed.apply(bad("no-parent", "production", "name: production-gateway", "app.example.com"));
  await seed.apply(bad("not-allowed", "default", `{name: production-gw, namespace: ${namespace}}`, "app.example.com"));
  await seed.apply(bad("no-host", "production", "{name: production-gw, sectionName: hosted}", "app.example.com"));
  for (const [name, where, reason] of [
    ["no-parent", "production", "NoMatchingParent"],
    ["not-allowed", "default", "NotAllowedByListeners"],
    ["no-host", "production", "NoMatchingListenerHostname"],
  ] as const) {
    const accepted = `{.status.parents[0].conditions[?(@.type=="Accepted")]}`;
    const ask = `kubectl get httproute ${name} -n ${where} -o jsonpath='${accepted}'`;
    const found = await waitFor(`${name} has a status`, async () => {
      const json = await seed.shell(ask);
      return json === "" ? undefined : (JSON.parse(json) as { status: string; reason: string });
    });
    t.deepEqual([found.status, found.reason], ["False", reason], name);
  }
  t.deepEqual(await versions(20), { "v1.1.0": 20 });
});

test.serial("R17 lint has nothing against the weights, and names the routes that are not attached", async (t) => {
  const { code, stdout } = await heddle("lint", "-n", namespace);
  t.is(code, 1);
  t.true(stdout.includes("no-parent"), stdout);
  t.false(/my-app-canary-route.*not supported/.test(stdout), stdout);
});

import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "ava";
import { code, read, tableUnder } from "../docs/pages.ts";
import { copySample, heddle } from "../samples/running-sample.ts";

const samples = "manifests/samples";
const route = (name: string, weight: number): string => `apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata:
  name: ${name}
  namespace: task-api
  creationTimestamp: "2026-01-0${weight}T00:00:00Z"
spec:
  parentRefs:
  - name: task-api-gateway
  rules:
  - matches:
    - path:
        type: PathPrefix
        value: /api
    backendRefs:
    - name: task-api-stable
      port: 8000
      weight: ${weight}
    - name: nowhere
      port: 8000
`;

test.serial("--version and --help are good, with an example in every help", async (t) => {
  t.regex((await heddle("--version")).stdout, /^\d+\.\d+\.\d+\n$/);
  for (const command of [
    "up",
    "demo",
    "get",
    "explain",
    "lint",
    "check",
    "compare",
    "config",
    "agent",
    "control-plane",
  ]) {
    const { code, stdout } = await heddle(command, "--help");
    t.is(code, 0, command);
    t.regex(stdout, /Example:\n {2}\$ .*heddle|heddle agent/, command);
  }
});

for (const { title, words, expected } of [
  { title: "no such command", words: ["weave"], expected: /unknown command 'weave'[^]*Usage: heddle / },
  { title: "no folder", words: ["up"], expected: /missing required argument 'folder'[^]*Usage: heddle up / },
  {
    title: "a folder that is none",
    words: ["up", "package.json"],
    expected: /package\.json is not a folder[^]*Usage: heddle up /,
  },
  { title: "no URL", words: ["explain", "-f", samples], expected: /--url[^]*Usage: heddle explain / },
  {
    title: "a relative URL",
    words: ["explain", "-f", `${samples}/echo`, "--url", "/echo"],
    expected: /not an absolute URL[^]*Usage: heddle explain /,
  },
  {
    title: "a header without a colon",
    words: ["explain", "-f", `${samples}/echo`, "--url", "http://a/", "-H", "x"],
    expected: /-H must be "name: value"[^]*Usage/,
  },
  {
    title: "an unknown format",
    words: ["lint", "-f", samples, "-o", "yaml"],
    expected: /-o must be text or json[^]*Usage: heddle lint /,
  },
  {
    title: "an unknown thing to get",
    words: ["get", "pods"],
    expected: /routes, gateways, agents[^]*Usage: heddle get /,
  },
]) {
  test.serial(`wrong usage, ${title}: exit code 2 and the right usage`, async (t) => {
    const { code, stderr } = await heddle(...words);
    t.is(code, 2);
    t.regex(stderr, expected);
  });
}

test.serial("docs/commands.md lists every command", async (t) => {
  const { stdout } = await heddle("--help");
  const [, list = ""] = stdout.split("Commands:\n");
  const names = [...list.matchAll(/^ {2}([a-z][a-z-]*) /gm)].map(([, name]) => name).filter((name) => name !== "help");
  const rows = tableUnder(read("docs/commands.md"), "Commands").map(([name]) => code(name));
  t.deepEqual(rows, names);
});

test.serial("get without a running heddle up fails and says what to do", async (t) => {
  const { folder } = await copySample(t, "echo");
  const { code, stderr } = await heddle("get", "-f", folder);
  t.is(code, 1);
  t.regex(stderr, /no heddle up runs on .*; start it with: heddle up/);
});

test.serial("explain says which rule wins, why the others lost, the split and the mirrors", async (t) => {
  const explain = (...words: readonly string[]) => heddle("explain", "-f", ...words);
  const url = "http://localhost:8080/api/version";
  t.is(
    (await explain(`${samples}/task-api/ab`, "--url", url)).stdout,
    `GET ${url}
Gateway task-api/task-api-gateway port 80, listener task-api/task-api-gateway/http
  wins  task-api/task-api-ab rule 1 match 0  path under "/api"
    to  task-api/task-api-stable:8000  weight 1 (100%)  version stable
  lost  task-api/task-api-ab rule 0 match 0  header "x-beta-user" is absent, not "true"
`,
  );
  t.regex(
    (await explain(`${samples}/recipe/mirror`, "--url", "http://app.example.com/version")).stdout,
    /mirror {2}every request copied to production\/my-app-canary:80/,
  );
  t.regex((await explain(`${samples}/recipe/mirror`, "--url", "http://other.host/")).stdout, /404: no rule matches/);
  t.regex(
    (await explain(`${samples}/task-api/canary`, "--url", "http://task-api-stable:8000/", "--from", "task-api")).stdout,
    /no route claims this Service/,
  );
  const nowhere = await explain(`${samples}/echo`, "--url", "http://localhost:9999/");
  t.is(nowhere.code, 1);
  t.regex(nowhere.stderr, /nothing listens at localhost:9999: .*Gateways: kong\/kong on 80 \(here 8080\)/);
});

test.serial(
  "X3, T16, T44 lint finds shadowed rules and missing Services, and calls odd sums information",
  async (t) => {
    const { folder } = await copySample(t, "task-api/canary");
    await rm(join(folder, "task-api-canary-route.yaml"));
    await writeFile(join(folder, "older.yaml"), route("older", 1));
    await writeFile(join(folder, "younger.yaml"), route("younger", 2));
    const { code, stdout } = await heddle("lint", "-f", folder);
    t.is(code, 1);
    t.regex(
      stdout,
      /warning: HTTPRoute task-api\/younger rule 0: gets no request on .*: shadowed by older task-api\/older rule 0/,
    );
    t.regex(stdout, /error: HTTPRoute task-api\/older: ResolvedRefs=False .*BackendNotFound: .*nowhere/);
    t.regex(
      stdout,
      /info: HTTPRoute task-api\/younger rule 0: weights sum to 3, they are relative: .* 66\.67%, .* 33\.33%/,
    );
  },
);

test.serial("R17 lint names the controller of a Gateway that is not ours", async (t) => {
  const { folder } = await copySample(t, "task-api/canary");
  await writeFile(
    join(folder, "istio.yaml"),
    "apiVersion: gateway.networking.k8s.io/v1\nkind: GatewayClass\nmetadata:\n  name: istio\nspec:\n  controllerName: istio.io/gateway-controller\n",
  );
  await writeFile(
    join(folder, "gateway.yaml"),
    "apiVersion: gateway.networking.k8s.io/v1\nkind: Gateway\nmetadata:\n  name: task-api-gateway\n  namespace: task-api\nspec:\n  gatewayClassName: istio\n  listeners:\n  - name: http\n    protocol: HTTP\n    port: 80\n",
  );
  const { code, stdout } = await heddle("lint", "-f", folder);
  t.is(code, 1);
  t.regex(stdout, /has GatewayClass "istio" of controller istio\.io\/gateway-controller: .*weighted backendRefs/);
});

test.serial("lint: a class, a Gateway or a Service that does not exist, with those that do", async (t) => {
  const folder = await mkdtemp(join(tmpdir(), "heddle-lint-"));
  t.teardown(() => rm(folder, { recursive: true }));
  const head = (kind: string, name: string) =>
    `---\napiVersion: gateway.networking.k8s.io/v1\nkind: ${kind}\nmetadata: {name: ${name}, namespace: shop}\nspec: `;
  await writeFile(
    join(folder, "shop.yaml"),
    `${head("GatewayClass", "heddle")}{controllerName: heddle.dev/gateway-controller}\n` +
      `${head("Gateway", "edge")}{gatewayClassName: hedle, listeners: [{name: http, port: 80, protocol: HTTP}]}\n` +
      `${head("HTTPRoute", "mesh")}{parentRefs: [{group: "", kind: Service, name: nowhere}], rules: [{}]}\n` +
      `---\napiVersion: v1\nkind: Service\nmetadata: {name: web, namespace: shop}\nspec: {ports: [{port: 80}]}\n`,
  );
  const { code, stdout } = await heddle("lint", "-f", folder);
  t.is(code, 1);
  t.regex(stdout, /warning: Gateway shop\/edge: GatewayClass "hedle" does not exist.*\n.*one that exists: heddle\n/);
  t.regex(stdout, /HTTPRoute shop\/mesh: .*Service nowhere does not exist.*\n.*name one that exists: shop\/web\n/);
});

test.serial("T9 lint names file, line and field of a mistake", async (t) => {
  const folder = await mkdtemp(join(tmpdir(), "heddle-lint-"));
  t.teardown(() => rm(folder, { recursive: true }));
  await writeFile(join(folder, "route.yaml"), route("canary", 1).replace("      port: 8000\n", ""));
  const { code, stdout } = await heddle("lint", "-f", folder);
  t.is(code, 1);
  t.regex(stdout, /error: route\.yaml:\d+:\d+: HTTPRoute task-api\/canary: spec\.rules\[0\]\.backendRefs\[0\].*port/);
});

for (const sample of [
  "echo",
  "helloworld",
  "task-api/canary",
  "task-api/rollback",
  "task-api/blue-green",
  "task-api/ab",
  "task-api/premium",
  "task-api/combined",
]) {
  test.serial(`the sample ${sample} has nothing to complain about`, async (t) => {
    const { code, stdout } = await heddle("lint", "-f", join(samples, sample));
    t.is(code, 0, stdout);
  });
}

test.serial("the demo holds everything it promises", async (t) => {
  const { code, stdout } = await heddle("demo");
  t.is(code, 0, stdout);
  t.regex(stdout, /ok {5}answers: v1 95, v2 5\n[^]*All as expected\.\n$/);
});

test.serial("agent and control-plane run those programs: wrong settings are theirs to refuse", async (t) => {
  const agent = await heddle("agent");
  t.is(agent.code, 2);
  t.regex(agent.stderr, /HEDDLE_MODE/);
  const controlPlane = await heddle("control-plane");
  t.is(controlPlane.code, 2);
  t.regex(controlPlane.stderr, /HEDDLE_SOURCE/);
});

// The commands on a cluster that has Heddle: what they print of a canary that runs, as an administrator and as somebody
// with the rights of docs/commands.md.
import { readFile, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "ava";
import { heddle } from "../samples/running-sample.ts";
import { Gateway, rolledOut } from "./support/gateway.ts";
import { version } from "./support/http-client.ts";
import { kubectl, kubectlJson } from "./support/kubectl.ts";
import { Scenario } from "./support/scenario.ts";
import { apiRoute, apiRule, gatewayYaml, taskApi } from "./support/task-api.ts";
import { waitFor } from "./support/wait-for.ts";

const seed = Scenario.use(test, ["task-api"]);
const namespace = seed.namespace("task-api");
let gateway: Gateway;
test.after.always(() => gateway?.close());

const route = (stableWeight: number, canaryWeight: number): string =>
  apiRoute("task-api-canary", [apiRule([`task-api-stable ${stableWeight}`, `task-api-canary ${canaryWeight}`])]);

interface Row {
  readonly [column: string]: string | number;
}

async function rows(...words: readonly string[]): Promise<readonly Row[]> {
  const { code, stdout, stderr } = await heddle(...words, "-o", "json");
  if (code !== 0) throw new Error(stderr);
  return JSON.parse(stdout) as readonly Row[];
}

async function podOf(selector: string): Promise<string> {
  const name = await kubectl([
    "-n",
    namespace,
    "get",
    "pods",
    "-l",
    selector,
    "-o",
    "jsonpath={.items[0].metadata.name}",
  ]);
  return name.trim();
}

test.before("gateway, stable, canary, 100 requests", async () => {
  await seed.apply(gatewayYaml("task-api"));
  for (const [name, image] of [
    ["stable", "task-api:v1"],
    ["canary", "task-api:v2"],
  ] as const) {
    await seed.apply(taskApi({ name: `task-api-${name}`, label: `version: ${name}`, image }));
  }
  await rolledOut(namespace, "task-api-stable", "task-api-canary");
  gateway = await Gateway.open({ name: "task-api-gateway", namespace });
  await seed.apply(route(50, 50));
  await gateway.settled("task-api-stable:8000", "task-api-canary:8000");
  await gateway.count(100, "/api/version", version);
});

test.serial("get routes: parents, conditions, weights and the shares of every replica's agents", async (t) => {
  await waitFor("the agent has reported", async () => {
    const found = await rows("get", "routes", "-n", namespace);
    return found
      .filter(({ route: name }) => name === `${namespace}/task-api-canary`)
      .every((row) => row["requests"] === 50);
  });
  const found = await rows("get", "routes", "-n", namespace);
  const backend = (name: string): Row => ({
    route: `${namespace}/task-api-canary`,
    parent: `Gateway ${namespace}/task-api-gateway`,
    conditions: "Accepted, ResolvedRefs",
    rule: 0,
    matches: "/api/",
    backend: `${namespace}/${name}:8000`,
    weight: 50,
    share: "50%",
    requests: 50,
    errors: 0,
    mirrors: "",
  });
  t.deepEqual(
    found.filter(({ route: name }) => name === `${namespace}/task-api-canary`),
    [backend("task-api-stable"), backend("task-api-canary")],
  );
});

test.serial("get gateways and agents: programmed, and in step with the replica that serves it", async (t) => {
  const [listener] = await rows("get", "gateways", "-n", namespace);
  t.like(listener, { gateway: `${namespace}/task-api-gateway`, listener: "http", routes: 2 });
  t.regex(String(listener!["conditions"]), /^Accepted, Programmed/);
  const agents = await rows("get", "agents", "-n", namespace);
  const pod = await podOf("gateway.networking.k8s.io/gateway-name=task-api-gateway");
  t.deepEqual(
    agents.map(({ agent, mode, state }) => ({ agent, mode, state })),
    [{ agent: `${namespace}/${pod}`, mode: "gateway", state: "in step" }],
  );
  t.is(agents[0]!["sent"], agents[0]!["acknowledged"]!);
  const replicas = (await kubectl(["-n", "heddle-system", "get", "pods", "-o", "name"])).split("\n");
  t.true(replicas.includes(`pod/${agents[0]!["replica"]}`));
});

test.serial("config shows the routes and the pods that the gateway's agent holds", async (t) => {
  const pod = await podOf("gateway.networking.k8s.io/gateway-name=task-api-gateway");
  const { stdout } = await heddle("config", pod, "-n", namespace);
  t.regex(stdout, new RegExp(`^pod ${namespace}/${pod}: gateway, version \\S+, generation \\S+, discovery streaming`));
  t.regex(stdout, new RegExp(`\\n${namespace}/task-api-canary +0 +/api/? +${namespace}/task-api-stable:8000 +50\\n`));
  const { items } = await kubectlJson<{ items: { metadata: { name: string }; status: { podIP: string } }[] }>(
    "-n",
    namespace,
    "get",
    "pods",
    "-l",
    "version=canary",
  );
  const [canary] = items;
  t.regex(stdout, new RegExp(`${canary!.status.podIP}:8000 +canary +${namespace}/${canary!.metadata.name}\\n`));
  t.regex((await heddle("config", canary!.metadata.name, "-n", namespace)).stderr, /has no agent that runs/);
});

test.serial("explain answers from the cluster, and knows that the agents hold it", async (t) => {
  const { stdout } = await heddle(
    "explain",
    "--url",
    "http://any/api/version",
    "--gateway",
    `${namespace}/task-api-gateway`,
  );
  t.regex(stdout, new RegExp(`wins {2}${namespace}/task-api-canary rule 0`));
  t.regex(stdout, /task-api-canary:8000 +weight 50 \(50%\) {2}version canary\n/);
  t.regex(stdout, /1 of 1 agents of the gateway acknowledged what is served/);
  const pod = await podOf("version=canary");
  const url = `http://task-api-stable.${namespace}:8000/`;
  const inside = (await heddle("explain", "--url", url, "--from", `${namespace}/${pod}`)).stdout;
  t.regex(inside, /no route claims this Service: straight to \S+ \(1 endpoints\)/);
  t.regex(inside, /has no sidecar: its calls go past all of this/);
});

test.serial("lint finds what is wrong on the cluster", async (t) => {
  const { stdout } = await heddle("lint", "-n", namespace);
  t.regex(stdout, /0 errors, 0 warnings, \d+ notes/);
});

test.serial("T11, T32 compare: healthy, then worse with exit code 3, from the agents' own reports", async (t) => {
  const compare = () => heddle("compare", "task-api-canary", "-n", namespace);
  const healthy = await compare();
  t.is(healthy.code, 0);
  t.regex(
    healthy.stdout,
    /stable +50 +0 +0% [^]*\n\nComparing stable vs canary\.\.\.\nStable errors: 0\nCanary errors: 0\nCanary looks healthy—proceed with rollout\.\n$/,
  );
  await seed.apply(route(0, 100));
  await gateway.settled();
  await gateway.count(12, "/api/error", ({ status }) => String(status));
  await waitFor("the errors are reported", async () => (await compare()).stdout.includes("Canary errors: 12"));
  const worse = await compare();
  t.is(worse.code, 3);
  t.true(
    worse.stdout.endsWith(
      "Stable errors: 0\nCanary errors: 12\nWARNING: Canary error rate is more than 2x stable!\nConsider rollback.\n",
    ),
    worse.stdout,
  );
});

test.serial("check: the cluster is ready, and this namespace's part of the installation fails nothing", async (t) => {
  const before = await heddle("check", "--before");
  t.is(before.code, 0, before.stdout);
  t.regex(before.stdout, /√ you may create what manifests\/install holds/);
  const { code, stdout } = await heddle("check", "-n", namespace);
  t.is(code, 0, stdout);
  for (const expected of [
    /√ 2 of 2 replicas answer/,
    /√ \S+ leads/,
    /√ the API server reaches it, and a pod is injected \(tried without creating one\)/,
    /√ the certificate of \S+'s webhook is verified by the CA bundle/,
    /√ the certificate that \S+ shows agents is verified by the CA bundle/,
    /√ 1 of 1 Gateways are programmed/,
  ]) {
    t.regex(stdout, expected);
  }
});

test.serial("check finds labelled pods without sidecar, and none once they were restarted", async (t) => {
  await kubectl(["label", "namespace", namespace, "heddle.dev/injection=enabled"]);
  const bare = /‼ 2 pods without sidecar though labelled: \S+task-api-canary-\S+, \S+task-api-stable-\S+/;
  t.regex((await heddle("check", "-n", namespace)).stdout, bare);
  await kubectl(["-n", namespace, "rollout", "restart", "deployment", "task-api-stable", "task-api-canary"]);
  await rolledOut(namespace, "task-api-stable", "task-api-canary");
  await waitFor("every pod is in step", async () => {
    const { stdout } = await heddle("check", "-n", namespace);
    return /√ every labelled pod has its sidecar \(2\)/.test(stdout) && /√ \d+ agents connected/.test(stdout);
  });
  // What a new pod would get now is what these have.
  t.notRegex((await heddle("check", "-n", namespace)).stdout, /another sidecar than would be injected/);
  const pod = await podOf("version=stable");
  t.regex((await heddle("config", pod, "-n", namespace)).stdout, /: sidecar, [^]*\ninbound\n/);
  await kubectl(["-n", namespace, "annotate", "pod", pod, "heddle.dev/injected=of-old", "--overwrite"]);
  t.regex(
    (await heddle("check", "-n", namespace)).stdout,
    new RegExp(`‼ 1 pod with another sidecar than would be injected now: ${namespace}/${pod}`),
  );
});

test.serial("with the rights of docs/commands.md and no others, everything but check works", async (t) => {
  const page = await readFile(join(import.meta.dirname, "../../docs/commands.md"), "utf8");
  const [, yaml = ""] = /```yaml\n([^]*?)```/.exec(page) ?? [];
  const suffix = namespace.split("-").at(-1)!;
  const roles = yaml.replaceAll(/name: (heddle-viewer|heddle-port-forward)/g, `name: $1-${suffix}`);
  const [viewer, forward] = [`heddle-viewer-${suffix}`, `heddle-port-forward-${suffix}`];
  const account = `--serviceaccount=${namespace}:jane`;
  t.teardown(async () => {
    await kubectl(["delete", "clusterrole,clusterrolebinding", viewer, forward, "--ignore-not-found"]);
    await kubectl(["-n", "heddle-system", "delete", "rolebinding", forward, "--ignore-not-found"]);
  });
  await kubectl(["apply", "-f", "-"], { stdin: roles });
  await kubectl(["-n", namespace, "create", "serviceaccount", "jane"]);
  await kubectl(["create", "clusterrolebinding", viewer, `--clusterrole=${viewer}`, account]);
  const kubeconfig = await kubeconfigFor(t, "jane");
  const jane = (...words: readonly string[]) => heddle(...words, "--kubeconfig", kubeconfig);

  const blind = await jane("get", "routes", "-n", namespace);
  t.is(blind.code, 0, blind.stderr);
  t.regex(blind.stderr, /you need the right to get and create pods\/portforward in namespace heddle-system/);
  await kubectl(["-n", "heddle-system", "create", "rolebinding", forward, `--clusterrole=${forward}`, account]);
  await kubectl(["-n", namespace, "create", "rolebinding", forward, `--clusterrole=${forward}`, account]);
  t.regex((await jane("get", "agents", "-n", namespace)).stdout, /in step/);
  t.regex((await jane("compare", "task-api-canary", "-n", namespace)).stdout, /Canary errors: 12/);
  t.regex((await jane("lint", "-n", namespace)).stdout, /0 errors/);
  t.regex((await jane("config", await podOf("version=stable"), "-n", namespace)).stdout, /: sidecar, /);
  const explained = await jane("explain", "--url", "http://any/api/", "--gateway", `${namespace}/task-api-gateway`);
  t.regex(explained.stdout, /1 of 1 agents of the gateway acknowledged/);
  t.regex(
    (await jane("check")).stdout,
    /‼ the Gateway API's definitions: not known\n {4}forbidden: you need the right to list customresourcedefinitions/,
  );
});

/** The cluster of the tests, as a service account of the namespace. */
async function kubeconfigFor(t: { teardown(end: () => Promise<void>): void }, account: string): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "heddle-cli-"));
  t.teardown(() => rm(folder, { recursive: true }));
  const token = (await kubectl(["-n", namespace, "create", "token", account])).trim();
  interface Config {
    readonly "current-context": string;
    readonly contexts: readonly { readonly name: string; readonly context: { readonly cluster: string } }[];
  }
  const config = await kubectlJson<Config>("config", "view", "--raw", "--minify");
  const [context] = config.contexts;
  const file = join(folder, "config");
  await writeFile(
    file,
    JSON.stringify({
      ...config,
      users: [{ name: account, user: { token } }],
      contexts: [{ name: context!.name, context: { ...context!.context, user: account } }],
    }),
  );
  return file;
}

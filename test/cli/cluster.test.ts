// Commands on a cluster, against an API server over real HTTP and port-forwards over real WebSockets, into the control
// plane and the agents of a sample that runs here.
import { readFile, readdir } from "node:fs/promises";
import { join } from "node:path";
import test, { type ExecutionContext } from "ava";
import { parseAllDocuments } from "yaml";
import { heddle, RunningSample, until, type CommandResult } from "../samples/running-sample.ts";
import { type KubernetesApi, type KubernetesApiOptions, startKubernetesApi } from "../support/kubernetes-api.ts";

interface Manifest {
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string };
}

const gateway = "/apis/gateway.networking.k8s.io/v1";
const replicas = "/api/v1/namespaces/heddle-system/pods";
const empty = {
  [`${gateway}/gatewayclasses`]: [],
  [`${gateway}/gateways`]: [],
  [`${gateway}/httproutes`]: [],
  [`${gateway}/referencegrants`]: [],
  "/api/v1/namespaces": [],
  "/api/v1/services": [],
  "/apis/discovery.k8s.io/v1/endpointslices": [],
  "/apis/apps/v1/deployments": [],
  "/api/v1/pods": [],
};

const replica = (name: string) => ({
  metadata: { name, namespace: "heddle-system", labels: { "app.kubernetes.io/name": "heddle-control-plane" } },
  status: { phase: "Running" },
});

function run(api: KubernetesApi, ...words: readonly string[]): Promise<CommandResult> {
  return heddle(...words, "--kubeconfig", api.kubeconfig);
}

/** The sample's own manifests as the API server would list them, each in its namespace and in all. */
async function objectsIn(folder: string): Promise<Record<string, unknown>> {
  const files = (await readdir(folder)).filter((file) => file.endsWith(".yaml"));
  const texts = await Promise.all(files.map((file) => readFile(join(folder, file), "utf8")));
  const manifests = texts.flatMap((text) => parseAllDocuments(text).map((document) => document.toJS() as Manifest));
  const lists: Record<string, Manifest[]> = structuredClone(empty);
  for (const manifest of manifests) {
    const plural = manifest.kind === "GatewayClass" ? "gatewayclasses" : `${manifest.kind.toLowerCase()}s`;
    const all = Object.keys(empty).find((path) => path.endsWith(`/${plural}`));
    if (all === undefined) continue;
    lists[all]?.push(manifest);
    const one = all.replace(plural, `namespaces/${manifest.metadata.namespace}/${plural}`);
    lists[one] = [...(lists[one] ?? []), manifest];
  }
  return lists;
}

async function apiFor(
  t: ExecutionContext,
  sample: RunningSample,
  options: Partial<KubernetesApiOptions> = {},
): Promise<KubernetesApi> {
  const { controlPlaneAdmin, agents } = await sample.settled();
  const portOf = (address: string): number => Number(address.split(":").at(-1));
  return startKubernetesApi(t, {
    namespace: "task-api",
    objects: { ...(await objectsIn(sample.folder)), [replicas]: [replica("cp-1"), replica("cp-2"), replica("cp-3")] },
    // The third replica is one that nothing listens on.
    forwards: {
      "heddle-system/cp-1:15014": portOf(controlPlaneAdmin),
      "heddle-system/cp-2:15014": portOf(controlPlaneAdmin),
      "heddle-system/cp-3:15014": 1,
      "task-api/gateway-1:15020": portOf(agents[0]?.admin ?? ""),
      "task-api/bare:15020": 1,
    },
    ...options,
  });
}

test.serial("get, config, explain and compare ask the API server, every replica and the agents", async (t) => {
  const sample = await RunningSample.start(t, "task-api/canary");
  const api = await apiFor(t, sample);
  await sample.count(100, "/api/version", ({ status }) => String(status));
  const routes = (): Promise<CommandResult> => run(api, "get", "routes");
  await until(async () => / 190 +0\n/.test((await routes()).stdout), "the counts of both replicas, added up");
  const found = await routes();
  t.regex(found.stdout, /task-api\/task-api-canary +none of ours .* task-api\/task-api-canary:8000 +5 +5% +10 +0\n/);
  t.is(
    found.stderr,
    "replica cp-3 does not answer, its counts are missing: pod heddle-system/cp-3 port 15014: nothing listens there\n",
  );

  const agents = (await run(api, "get", "agents")).stdout.split("\n");
  t.regex(agents[0]!, /^AGENT +MODE +VERSION +REPLICA +SERVED +SENT +ACKNOWLEDGED +STATE$/);
  t.regex(agents[1]!, /^task-api\/task-api-gateway-local +gateway +\d+\.\d+\.\d+ +cp-1 +(\S+) +\1 +\1 +in step$/);
  t.regex(agents.at(-2)!, /^- .* cp-3 .* the replica does not answer: .*nothing listens there$/);

  const config = (await run(api, "config", "gateway-1")).stdout;
  t.regex(
    config,
    /^pod task-api\/gateway-1: gateway, version \S+, generation \S+, discovery streaming at 127\.0\.0\.1:\d+\n/,
  );
  t.regex(config, /\ntask-api\/task-api-canary +0 +\/api\/? +task-api\/task-api-canary:8000 +5\n/);
  t.regex(config, /\nsubscriptions\n.*\ngateway:task-api\/task-api-gateway +found /);
  const page = JSON.parse((await run(api, "config", "task-api/gateway-1", "-o", "json")).stdout) as { mode: string };
  t.is(page.mode, "gateway");
  t.regex((await run(api, "config", "bare")).stderr, /pod task-api\/bare has no agent that runs/);
  t.regex((await run(api, "config", "gone")).stderr, /there is no running pod task-api\/gone/);

  const url = `http://localhost:${sample.port}/api/version`;
  const explained = (await run(api, "explain", "--url", url)).stdout;
  t.regex(explained, /to {2}task-api\/task-api-stable:8000 +weight 95 \(95%\)/);
  t.regex(explained, /\n {2}2 of 2 agents of the gateway acknowledged what is served; not asked: cp-3\n$/);
  t.like(JSON.parse((await run(api, "explain", "--url", url, "-o", "json")).stdout), {
    places: [{ place: `Gateway task-api/task-api-gateway port ${sample.port}`, gateway: "task-api/task-api-gateway" }],
    notes: ["2 of 2 agents of the gateway acknowledged what is served; not asked: cp-3"],
  });

  const compared = await run(api, "compare", "task-api-canary", "--min-requests", "10");
  t.is(compared.code, 0);
  t.regex(
    compared.stdout,
    /\nstable +190 +0 +0% .*\ncanary +10 +0 +0% [^]*\nCanary looks healthy—proceed with rollout\.\n$/,
  );
});

test.serial("without the right to ask replicas, routes are shown without shares, and the right is named", async (t) => {
  const api = await startKubernetesApi(t, {
    objects: {
      ...empty,
      [`${gateway}/namespaces/shop/httproutes`]: [
        {
          metadata: { name: "r", namespace: "shop", generation: 3 },
          spec: { parentRefs: [{ name: "edge" }], rules: [{ backendRefs: [{ name: "web", port: 80 }] }] },
          status: {
            parents: [
              { parentRef: { name: "edge" }, controllerName: "istio.io/gateway-controller", conditions: [] },
              {
                parentRef: { name: "edge" },
                controllerName: "heddle.dev/gateway-controller",
                conditions: [
                  { type: "Accepted", status: "True", reason: "Accepted", observedGeneration: 2 },
                  { type: "ResolvedRefs", status: "False", reason: "BackendNotFound", observedGeneration: 3 },
                ],
              },
            ],
          },
        },
      ],
    },
    forbidden: [replicas],
  });
  const { stdout, stderr, code } = await run(api, "get", "-n", "shop", "-o", "json");
  t.is(code, 0);
  t.regex(stderr, /no live shares: forbidden: you need the right to list pods in namespace heddle-system/);
  t.like((JSON.parse(stdout) as object[])[0], {
    route: "shop/r",
    parent: "Gateway shop/edge",
    conditions: "Accepted (of generation 2, now 3), ResolvedRefs=False (BackendNotFound)",
    backend: "shop/web:80",
    share: "-",
  });
});

test.serial("lint reads every page of every list, and -n chooses what is shown", async (t) => {
  const routes = ["a", "b", "c"].map((namespace) => ({
    metadata: { name: "r", namespace },
    spec: { parentRefs: [{ name: "gone" }], rules: [{ backendRefs: [{ name: "web", port: 80 }] }] },
  }));
  const api = await startKubernetesApi(t, { objects: { ...empty, [`${gateway}/httproutes`]: routes } });
  const all = await run(api, "lint");
  t.is(all.code, 1);
  for (const namespace of ["a", "b", "c"]) {
    t.true(
      all.stdout.includes(
        `error: HTTPRoute ${namespace}/r: Accepted=False at Gateway ${namespace}/gone, NoMatchingParent`,
      ),
    );
  }
  const one = (await run(api, "lint", "-n", "c", "-o", "json")).stdout;
  t.deepEqual(new Set((JSON.parse(one) as { where: string }[]).map(({ where }) => where)), new Set(["HTTPRoute c/r"]));
  t.true(api.requests.includes(`${gateway}/httproutes?limit=500&continue=2`));
});

test.serial(
  "lint says what the control plane found wrong with a Gateway's parameters, of the Gateway as it is",
  async (t) => {
    const gatewayOf = (name: string, kind: string, observedGeneration: number) => ({
      metadata: { name, namespace: "shop", generation: 3 },
      spec: {
        gatewayClassName: "heddle",
        infrastructure: { parametersRef: { group: "", kind, name: "tuned" } },
        listeners: [{ name: "http", protocol: "HTTP", port: 80 }],
      },
      status: {
        conditions: [
          {
            type: "Accepted",
            status: "False",
            reason: "InvalidParameters",
            message: "replicas is bad",
            observedGeneration,
          },
        ],
      },
    });
    const ours = { metadata: { name: "heddle" }, spec: { controllerName: "heddle.dev/gateway-controller" } };
    const gateways = [
      gatewayOf("bad", "ConfigMap", 3),
      gatewayOf("mended", "ConfigMap", 2),
      gatewayOf("odd", "Secret", 2),
    ];
    const api = await startKubernetesApi(t, {
      objects: { ...empty, [`${gateway}/gatewayclasses`]: [ours], [`${gateway}/gateways`]: gateways },
    });
    const { code, stdout } = await run(api, "lint", "-n", "shop");
    t.is(code, 1);
    t.regex(stdout, /warning: Gateway shop\/bad: Accepted=False, InvalidParameters: replicas is bad\n {2}-> /);
    t.regex(
      stdout,
      /warning: Gateway shop\/odd: .*InvalidParameters: infrastructure\.parametersRef must name a ConfigMap/,
    );
    t.notRegex(stdout, /mended/);
  },
);

test.serial("without ReferenceGrants explain says so and explains", async (t) => {
  const { [`${gateway}/referencegrants`]: _grants, ...objects } = await objectsIn("manifests/samples/task-api/canary");
  const api = await startKubernetesApi(t, { objects: { ...objects, [replicas]: [] } });
  const { code, stdout, stderr } = await run(api, "explain", "--url", "http://a/api/version");
  t.is(code, 0);
  t.regex(stdout, /wins {2}task-api\/task-api-canary/);
  t.regex(stderr, /^the API server has no .*ReferenceGrant: install the Gateway API CRDs.*\n$/);
});

test.serial("a cluster without the Gateway API: lint says which definitions to install, explain fails", async (t) => {
  const { [`${gateway}/httproutes`]: _routes, ...objects } = empty;
  const api = await startKubernetesApi(t, { objects });
  t.regex(
    (await run(api, "lint")).stdout,
    /error: cluster: the API server has no .*HTTPRoute: install the Gateway API CRDs/,
  );
  const explained = await run(api, "explain", "--url", "http://a/");
  t.is(explained.code, 1);
  t.regex(explained.stderr, /^error: the API server has no gateway\.networking\.k8s\.io\/v1 HTTPRoute/);
});

test.serial("failures are one line that says what is missing", async (t) => {
  const api = await startKubernetesApi(t, { objects: { ...empty, [replicas]: [] }, forbidden: ["/api/v1/services"] });
  const failure = async (...words: readonly string[]): Promise<string> => {
    const { code, stderr } = await heddle(...words);
    t.is(code, 1, words.join(" "));
    t.regex(stderr, /^error: .*\n$/);
    return stderr;
  };
  const kubeconfig = ["--kubeconfig", api.kubeconfig];
  t.regex(
    await failure("lint", ...kubeconfig),
    /forbidden: you need the right to list services in the whole cluster \(User "jane" cannot list\)/,
  );
  t.regex(
    await failure("get", "agents", ...kubeconfig),
    /no control plane runs in namespace heddle-system; install it: kubectl apply -k manifests\/install/,
  );
  t.regex(await failure("get", "--kubeconfig", "/nowhere"), /no cluster: \/nowhere does not exist; .*-f DIR/);
  t.regex(await failure("get", "--context", "other", ...kubeconfig), /no context "other" .*contexts: test/);
  t.regex(await failure("get", "--kubeconfig", "package.json"), /no current context|cannot read the kubeconfig/);
  const closed = await readFile(api.kubeconfig, "utf8");
  t.true(closed.includes(api.server));
});

// What `heddle check` says of facts: each deviation of a healthy installation is one line, of the right kind, with advice.
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import test from "ava";
import { parseAllDocuments } from "yaml";
import type { CheckLine } from "../../cli/check/check-line.ts";
import type { ClusterFacts, Fact, InstallationFacts, PodObject } from "../../cli/check/facts.ts";
import { judgeCertificates } from "../../cli/check/judge-certificates.ts";
import { judgeAbsence, judgeDefinitions, judgeKubernetes, judgeRights } from "../../cli/check/judge-cluster.ts";
import { judgeControlPlane, judgeWebhook } from "../../cli/check/judge-control-plane.ts";
import { judgeGateways, judgePods } from "../../cli/check/judge-data-plane.ts";
import { printLines } from "../../cli/check/print.ts";
import { rightsToInstall } from "../../cli/check/rights.ts";
import { makeAuthority } from "../../control-plane/certificates/authority.ts";

const nowMs = Date.parse("2026-05-01T12:00:00Z");
const hourMs = 3_600_000;
const { certificate: authority } = await makeAuthority(nowMs, 365 * 24 * hourMs);
const { certificate: otherAuthority } = await makeAuthority(nowMs, 365 * 24 * hourMs);

const known = <Value>(value: Value): Fact<Value> => ({ ok: true, value });
const missing = { ok: false, isMissing: true, reason: "not found" } as const;
const forbidden = { ok: false, isMissing: false, reason: "forbidden: you need the right to list pods" } as const;

function cluster(change: Partial<ClusterFacts> = {}): ClusterFacts {
  const definition = (plural: string) => ({
    metadata: {
      name: `${plural}.gateway.networking.k8s.io`,
      annotations: {
        "gateway.networking.k8s.io/bundle-version": "v1.5.0",
        "gateway.networking.k8s.io/channel": "standard",
      },
    },
    spec: { versions: [{ name: "v1", served: true }] },
  });
  return {
    server: "https://api:6443",
    version: "0.1.0",
    kubernetes: known({ major: "1", minor: "29+", gitVersion: "v1.29.3-eks" }),
    definitions: known(["gatewayclasses", "gateways", "httproutes", "referencegrants"].map(definition)),
    ...change,
  };
}

const image = "docker.io/heddle/heddle:0.1.0";

function pod(
  name: string,
  change: { proxyImage?: string; hash?: string; bare?: true; labels?: object } = {},
): PodObject {
  return {
    metadata: {
      name,
      namespace: "shop",
      labels: { ...change.labels },
      ...(change.bare === undefined && { annotations: { "heddle.dev/injected": change.hash ?? "h1" } }),
    },
    spec: {
      containers: [{ name: "app", image: "app" }],
      ...(change.bare === undefined && {
        initContainers: [{ name: "heddle-proxy", image: change.proxyImage ?? image }],
      }),
    },
    status: { phase: "Running" },
  };
}

function agentOf(name: string, acknowledgedGeneration = "e.7", withheld: Readonly<Record<string, string>> = {}) {
  return {
    node: { namespace: "shop", pod: name, mode: "SIDECAR" },
    connectedAt: "2026-05-01T11:00:00.000Z",
    sentGeneration: "e.7",
    acknowledgedGeneration,
    lastNack: null,
    withheld,
  };
}

function installation(change: Partial<InstallationFacts> = {}): InstallationFacts {
  const shown = known({ fault: "", notAfterMs: nowMs + 20 * hourMs });
  const caBundle = Buffer.from(authority).toString("base64");
  return {
    version: "0.1.0",
    nowMs,
    deployment: known({
      metadata: { name: "heddle-control-plane" },
      spec: {
        replicas: 2,
        template: {
          spec: { containers: [{ name: "control-plane", image, env: [{ name: "HEDDLE_IMAGE", value: image }] }] },
        },
      },
      status: { readyReplicas: 2 },
    }),
    agents: known([
      { pod: "cp-1", ok: true, page: { version: "0.1.0", generation: "e.7", agents: [agentOf("web-1")] } },
      { pod: "cp-2", ok: true, page: { version: "0.1.0", generation: "f.3", agents: [] } },
    ]),
    lease: known({
      metadata: { name: "heddle-leader" },
      spec: { holderIdentity: "cp-1", leaseDurationSeconds: 10, renewTime: new Date(nowMs - 2000).toISOString() },
    }),
    webhook: known({
      metadata: { name: "heddle-injector" },
      webhooks: [
        { name: "one", clientConfig: { caBundle } },
        { name: "two", clientConfig: { caBundle } },
      ],
    }),
    webhookCall: known({ kind: "injected", hash: "h1" }),
    bundle: authority,
    certificates: ["cp-1", "cp-2"].flatMap((name) => [
      { pod: name, port: "webhook" as const, shown },
      { pod: name, port: "discovery" as const, shown },
    ]),
    namespaces: known([
      { metadata: { name: "shop", labels: { "heddle.dev/injection": "enabled" } } },
      { metadata: { name: "default" } },
    ]),
    configMaps: known([{ metadata: { name: "heddle-ca", namespace: "shop" }, data: { "ca.crt": authority } }]),
    gatewayClasses: known([
      {
        metadata: { name: "heddle" },
        spec: { controllerName: "heddle.dev/gateway-controller" },
        status: { conditions: [{ type: "Accepted", status: "True" }] },
      },
    ]),
    gateways: known([
      { metadata: { name: "other", namespace: "shop" }, spec: { gatewayClassName: "istio" } },
      {
        metadata: { name: "edge", namespace: "shop" },
        spec: { gatewayClassName: "heddle" },
        status: { conditions: [{ type: "Programmed", status: "True" }] },
      },
    ]),
    pods: known([pod("web-1")]),
    ...change,
  };
}

function judge(facts: InstallationFacts): readonly CheckLine[] {
  return [judgeControlPlane, judgeWebhook, judgeCertificates, judgeGateways, judgePods].flatMap((one) => one(facts));
}

/** What is not well, as "level what". */
function complaints(lines: readonly CheckLine[]): readonly string[] {
  return lines.filter(({ level }) => level !== "pass").map(({ level, what }) => `${level} ${what}`);
}

test("a cluster that can take Heddle has nothing to complain about", (t) => {
  t.deepEqual(complaints([...judgeKubernetes(cluster()), ...judgeDefinitions(cluster())]), []);
});

test("an old server is warned of, none at all fails", (t) => {
  const old = known({ major: "1", minor: "28", gitVersion: "v1.28.1" });
  t.deepEqual(complaints(judgeKubernetes(cluster({ kubernetes: old }))), ["warn v1.28.1 has no native sidecars"]);
  t.deepEqual(complaints(judgeKubernetes(cluster({ kubernetes: forbidden }))), [
    "fail the API server answers at https://api:6443",
  ]);
});

test("definitions: missing, too old, not serving v1, and of the other channel", (t) => {
  const healthy = cluster().definitions;
  t.true(healthy.ok);
  const [classes, gateways, routes, grants] = healthy.ok ? healthy.value : [];
  const of = (bundle: string, channel: string) => ({
    "gateway.networking.k8s.io/bundle-version": bundle,
    "gateway.networking.k8s.io/channel": channel,
  });
  const definitions = known([
    { ...classes!, metadata: { ...classes!.metadata, annotations: of("v1.4.1", "standard") } },
    { ...gateways!, metadata: { ...gateways!.metadata, annotations: of("v1.10.0", "experimental") } },
    { ...grants!, spec: { versions: [{ name: "v1beta1", served: true }] } },
  ]);
  t.deepEqual(complaints(judgeDefinitions(cluster({ definitions }))), [
    "fail gatewayclasses.gateway.networking.k8s.io is v1.5 or newer, not v1.4.1",
    "warn gateways.gateway.networking.k8s.io is v1.10.0, experimental channel",
    "fail httproutes.gateway.networking.k8s.io exists",
    "fail referencegrants.gateway.networking.k8s.io serves v1",
  ]);
  t.is(routes!.metadata.name, "httproutes.gateway.networking.k8s.io");
});

test("rights are asked for every kind of object in manifests/install", (t) => {
  const folder = join(import.meta.dirname, "../../manifests/install");
  const kinds = readdirSync(folder)
    .filter((file) => file !== "kustomization.yaml")
    .flatMap((file) => parseAllDocuments(readFileSync(join(folder, file), "utf8")))
    .map((document) => (document.toJS() as { kind: string }).kind);
  t.deepEqual([...new Set(kinds)].toSorted(), rightsToInstall.map(({ kind }) => kind).toSorted());
  const right = "create deployments.apps in namespace heddle-system";
  t.deepEqual(complaints(judgeRights(known([{ right, allowed: false }]))), [`fail you may ${right}`]);
});

test("before an installation, another one is a warning", (t) => {
  t.deepEqual(complaints(judgeAbsence(missing, [])), []);
  t.deepEqual(complaints(judgeAbsence(known({}), [])), ["warn a control plane is installed already"]);
});

test("a healthy installation passes in every category", (t) => {
  const lines = judge(installation());
  t.deepEqual(complaints(lines), []);
  t.deepEqual(
    [...new Set(lines.map(({ category }) => category))],
    ["control plane", "webhook", "certificates", "gateways", "pods"],
  );
  t.regex(printLines(lines).at(-1)!, /^\d+ passed, 0 warnings, 0 failed$/);
});

const healthy = installation();
const deployment = healthy.deployment.ok ? healthy.deployment.value : null;
const [firstReplica] = healthy.agents.ok ? healthy.agents.value : [];

for (const [title, change, expected] of [
  ["nothing installed", { deployment: missing }, "fail the control plane is installed"],
  ["no replica ready", { deployment: known({ ...deployment!, status: {} }) }, "fail 0 of 2 replicas are ready"],
  [
    "one of two replicas ready",
    { deployment: known({ ...deployment!, status: { readyReplicas: 1 } }) },
    "warn 1 of 2 replicas are ready",
  ],
  [
    "one replica",
    { deployment: known({ ...deployment!, spec: { ...deployment!.spec, replicas: 1 }, status: { readyReplicas: 1 } }) },
    "warn there is one replica",
  ],
  [
    "a silent replica",
    { agents: known([firstReplica!, { pod: "cp-2", ok: false, reason: "no answer" }]) },
    "warn replica cp-2 answers",
  ],
  ["another version", { version: "0.2.0" }, "warn the control plane's version is 0.1.0, this program's 0.2.0"],
  ["no Lease", { lease: missing }, "fail a leader is elected"],
  [
    "a Lease that nobody renews",
    {
      lease: known({
        metadata: { name: "heddle-leader" },
        spec: { holderIdentity: "cp-1", leaseDurationSeconds: 10, renewTime: new Date(nowMs - 30_000).toISOString() },
      }),
    },
    "fail a leader is elected",
  ],
  ["no webhook", { webhook: missing }, "fail MutatingWebhookConfiguration heddle-injector exists"],
  [
    "a webhook entry without CA bundle",
    {
      webhook: known({
        metadata: { name: "heddle-injector" },
        webhooks: [{ name: "one", clientConfig: {} }],
      }),
      certificates: [],
    },
    "fail its CA bundle is set",
  ],
  [
    "a webhook that nobody reaches",
    { webhookCall: known({ kind: "refused", message: "failed calling webhook: connection refused" } as const) },
    "fail the API server reaches it",
  ],
  [
    "a webhook that does nothing",
    { webhookCall: known({ kind: "not injected" } as const) },
    "fail a pod that asks for injection is injected",
  ],
  ["no right to try", { webhookCall: forbidden }, "warn whether the API server reaches it: not known"],
  [
    "a certificate of another authority",
    {
      certificates: [
        {
          pod: "cp-1",
          port: "discovery",
          shown: known({ fault: "SELF_SIGNED_CERT_IN_CHAIN", notAfterMs: nowMs + 20 * hourMs }),
        },
      ],
    },
    "fail the certificate that cp-1 shows agents is verified by the CA bundle",
  ],
  [
    "a certificate that was not renewed",
    { certificates: [{ pod: "cp-1", port: "webhook", shown: known({ fault: "", notAfterMs: nowMs + hourMs }) }] },
    "warn the certificate of cp-1's webhook is valid for 1 hours",
  ],
  ["no CA in a labelled namespace", { configMaps: known([]) }, "fail ConfigMap heddle-ca is in shop"],
  [
    "another CA in a labelled namespace",
    { configMaps: known([{ metadata: { name: "heddle-ca", namespace: "shop" }, data: { "ca.crt": otherAuthority } }]) },
    "fail ConfigMap heddle-ca holds the authority in shop",
  ],
  ["no class", { gatewayClasses: known([]) }, "fail there is a GatewayClass of Heddle"],
  [
    "a class that nobody accepted",
    {
      gatewayClasses: known([
        { metadata: { name: "heddle" }, spec: { controllerName: "heddle.dev/gateway-controller" } },
      ]),
    },
    "fail GatewayClass heddle is accepted",
  ],
  [
    "a Gateway that is not programmed",
    {
      gateways: known([
        {
          metadata: { name: "edge", namespace: "shop" },
          spec: { gatewayClassName: "heddle" },
          status: { conditions: [{ type: "Programmed", status: "False", reason: "Pending", message: "no agent" }] },
        },
      ]),
    },
    "fail Gateway shop/edge is programmed",
  ],
  [
    "a labelled pod without sidecar",
    { pods: known([pod("web-1"), pod("old", { bare: true })]) },
    "warn 1 pod without sidecar though labelled: shop/old",
  ],
  [
    "a namespace whose Pod Security refuses the sidecar",
    {
      namespaces: known([
        {
          metadata: {
            name: "shop",
            labels: { "heddle.dev/injection": "enabled", "pod-security.kubernetes.io/enforce": "restricted" },
          },
        },
      ]),
    },
    "warn Pod Security refuses injected pods in shop (restricted)",
  ],
  [
    "an older proxy",
    { pods: known([pod("web-1", { proxyImage: "heddle:0.0.9" })]) },
    `warn 1 pod with another proxy than ${image}: shop/web-1`,
  ],
  [
    "other settings than now",
    { pods: known([pod("web-1", { hash: "h0" })]) },
    "warn 1 pod with another sidecar than would be injected now: shop/web-1",
  ],
  [
    "an agent that is not connected",
    { pods: known([pod("web-1"), pod("web-2")]) },
    "warn 1 agent not connected: shop/web-2",
  ],
  [
    "an agent behind",
    {
      agents: known([
        { pod: "cp-1", ok: true, page: { version: "0.1.0", generation: "e.7", agents: [agentOf("web-1", "e.6")] } },
      ]),
    },
    "warn 1 agent behind what is served: shop/web-1",
  ],
  [
    "an agent that refuses",
    {
      agents: known([
        {
          pod: "cp-1",
          ok: true,
          page: { version: "0.1.0", generation: "e.7", agents: [agentOf("web-1", "e.7", { "ROUTE/shop/r": "v" })] },
        },
      ]),
    },
    "warn agent shop/web-1 refuses ROUTE/shop/r",
  ],
  ["pods that may not be listed", { pods: forbidden }, "warn pods: not known"],
] as readonly (readonly [string, Partial<InstallationFacts>, string])[]) {
  test(`${title}: one line, with what to do`, (t) => {
    const lines = judge(installation(change));
    t.true(complaints(lines).includes(expected), complaints(lines).join("\n"));
    for (const { level, what, advice } of lines) t.is(advice === "", level === "pass", what);
  });
}

test("pods that are not meant: opted out, host network, finished, of system namespaces", (t) => {
  const optedOut = pod("a", { bare: true, labels: { "heddle.dev/inject": "false" } });
  const onHost = { ...pod("b", { bare: true }), spec: { hostNetwork: true, containers: [] } };
  const finished = { ...pod("c", { bare: true }), status: { phase: "Succeeded" } };
  const system = pod("d", { bare: true, labels: { "heddle.dev/inject": "true" } });
  const elsewhere = { ...system, metadata: { ...system.metadata, namespace: "kube-system" } };
  const pods = known([pod("web-1"), optedOut, onHost, finished, elsewhere]);
  t.deepEqual(complaints(judge(installation({ pods }))), []);
});

test("the authority: what expires soon is warned of, what has expired fails", async (t) => {
  const at = (ms: number) => judgeCertificates(installation({ nowMs: ms, certificates: [] }));
  t.deepEqual(complaints(at(nowMs + 340 * 24 * hourMs)), ["warn the authority's certificate is valid for 25 days"]);
  t.deepEqual(complaints(at(nowMs + 366 * 24 * hourMs)), ["fail the authority's certificate is valid"]);
});

// Certificates and identity on a real API server: real ServiceAccount tokens through TokenReview, the authority's Secret,
// the CA bundle in ConfigMaps and in a webhook, with no more rights than stand here.
import { X509Certificate } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { CoreV1Api, KubeConfig } from "@kubernetes/client-node";
import { status } from "@grpc/grpc-js";
import test from "ava";
import { ApiCalls } from "../../control-plane/kubernetes/api-calls.ts";
import { makeAuthority } from "../../control-plane/certificates/authority.ts";
import { Certificates } from "../../control-plane/certificates/certificates.ts";
import { SecretStore } from "../../control-plane/certificates/secret-store.ts";
import type { Authentication } from "../../control-plane/discovery/authenticate.ts";
import { TokenAuthenticator } from "../../control-plane/discovery/token-authenticator.ts";
import { tokenReview } from "../../control-plane/discovery/token-review.ts";
import { startFixture } from "../protocol/fixture.ts";
import { Mesh, routeOf } from "../protocol/mesh.ts";
import type { RawAgentOptions } from "../protocol/raw-agent.ts";
import { kubectl, kubectlJson } from "./support/kubectl.ts";
import { waitFor } from "./support/wait-for.ts";

const run = `identity-${process.pid}-${Date.now().toString(36)}`;
const system = `${run}-system`;
const shop = `${run}-shop`;
const dayMs = 86_400_000;

/** What this part of the control plane may do; manifests/install/rbac.yaml gives it at least this. */
const rights = `
apiVersion: v1
kind: ServiceAccount
metadata: { name: control-plane, namespace: ${system} }
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: { name: ${run} }
rules:
  - { apiGroups: [authentication.k8s.io], resources: [tokenreviews], verbs: [create] }
  - { apiGroups: [""], resources: [configmaps], verbs: [create] }
  - { apiGroups: [""], resources: [configmaps], resourceNames: [heddle-ca], verbs: [list, watch, update] }
  - apiGroups: [admissionregistration.k8s.io]
    resources: [mutatingwebhookconfigurations]
    resourceNames: [${run}]
    verbs: [get, list, watch, patch]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: { name: ${run} }
roleRef: { apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: ${run} }
subjects: [{ kind: ServiceAccount, name: control-plane, namespace: ${system} }]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: { name: control-plane, namespace: ${system} }
rules:
  - { apiGroups: [""], resources: [secrets], verbs: [create] }
  - { apiGroups: [""], resources: [secrets], resourceNames: [heddle-ca-key], verbs: [get, update] }
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: { name: control-plane, namespace: ${system} }
roleRef: { apiGroup: rbac.authorization.k8s.io, kind: Role, name: control-plane }
subjects: [{ kind: ServiceAccount, name: control-plane, namespace: ${system} }]
`;

/** Catches nothing: no API has this group. */
const webhook = `
apiVersion: admissionregistration.k8s.io/v1
kind: MutatingWebhookConfiguration
metadata: { name: ${run} }
webhooks:
${["a", "b"]
  .map(
    (name) => `  - name: ${name}.identity.example
    clientConfig: { service: { name: none, namespace: ${system} } }
    rules: [{ apiGroups: [identity.invalid], apiVersions: [v1], resources: [none], operations: [CREATE] }]
    failurePolicy: Ignore
    sideEffects: None
    admissionReviewVersions: [v1]`,
  )
  .join("\n")}
`;

/** A pod that is never scheduled: a token can be bound to it all the same. */
function pod(name: string, serviceAccount: string): string {
  return `
apiVersion: v1
kind: ServiceAccount
metadata: { name: ${serviceAccount}, namespace: ${shop} }
---
apiVersion: v1
kind: Pod
metadata: { name: ${name}, namespace: ${shop} }
spec:
  serviceAccountName: ${serviceAccount}
  nodeSelector: { nowhere: here }
  containers: [{ name: app, image: none.example/none:1 }]
`;
}

const kubeConfig = new KubeConfig();

async function tokenOf(serviceAccount: string, ...flags: string[]): Promise<string> {
  return (await kubectl(["create", "token", serviceAccount, "-n", shop, ...flags])).trim();
}

function podToken(serviceAccount: string, name: string): Promise<string> {
  return tokenOf(serviceAccount, "--audience=heddle", "--bound-object-kind=Pod", `--bound-object-name=${name}`);
}

async function bundleIn(namespace: string): Promise<string> {
  return kubectl(["get", "configmap", "heddle-ca", "-n", namespace, "-o", "jsonpath={.data.ca\\.crt}"]);
}

function countIn(bundle: string): number {
  return bundle.split("BEGIN CERTIFICATE").length - 1;
}

test.before(async () => {
  const admin = new KubeConfig();
  admin.loadFromDefault();
  for (const namespace of [system, shop]) await kubectl(["create", "namespace", namespace]);
  await kubectl(["apply", "-f", "-"], {
    stdin: [rights, webhook, pod("cart-1", "cart"), pod("gone-1", "gone"), pod("edge-1", "edge-heddle")].join(
      "\n---\n",
    ),
  });
  const cluster = admin.getCurrentCluster();
  if (cluster === null) throw new Error("no cluster");
  const token = (await kubectl(["create", "token", "control-plane", "-n", system])).trim();
  kubeConfig.loadFromClusterAndUser(cluster, { name: "control-plane", token });
});

test.after.always(async () => {
  calls.close();
  for (const kind of ["mutatingwebhookconfiguration", "clusterrolebinding", "clusterrole"]) {
    await kubectl(["delete", kind, run, "--ignore-not-found"]);
  }
  await kubectl(["delete", "namespace", system, shop, "--wait=false", "--ignore-not-found"]);
});

const calls = new ApiCalls();

/** One that has kept no answer yet. */
function authenticatorOf(config: KubeConfig): TokenAuthenticator {
  return new TokenAuthenticator({ review: tokenReview(config, config === kubeConfig ? calls : new ApiCalls()) });
}

function authenticate(token: string): Promise<Authentication> {
  return authenticatorOf(kubeConfig).authenticate(token, "test");
}

test.serial("the token of a pod, for heddle, says whose it is and until when", async (t) => {
  const result = await authenticate(await podToken("cart", "cart-1"));
  t.like(result, { ok: true, namespace: shop, serviceAccount: "cart", pod: "cart-1" });
  if (result.ok) t.true(Math.abs((result.expiresAtMs ?? 0) - Date.now() - 3_600_000) < 120_000);
});

/** The token with claims of its own, signed as before. */
function forged(token: string, change: (claims: Record<string, unknown>) => Record<string, unknown>): string {
  const [head, claims = "", signature] = token.split(".");
  const changed = change(JSON.parse(Buffer.from(claims, "base64url").toString("utf8")) as Record<string, unknown>);
  return [head, Buffer.from(JSON.stringify(changed)).toString("base64url"), signature].join(".");
}

const refusals: readonly (readonly [string, () => Promise<string>, string, RegExp])[] = [
  ["for the API server", () => tokenOf("cart"), "wrong audience", /not for "heddle"$/],
  ["of no pod", () => tokenOf("cart", "--audience=heddle"), "not a pod", /not bound to a pod/],
  [
    "whose audience was changed",
    async () => forged(await tokenOf("cart"), (claims) => ({ ...claims, aud: ["heddle"] })),
    "rejected token",
    /invalid bearer token/,
  ],
  [
    "whose account was changed",
    async () => forged(await podToken("cart", "cart-1"), (claims) => ({ ...claims, sub: "system:serviceaccount:x:y" })),
    "rejected token",
    /invalid bearer token/,
  ],
  [
    "that has expired",
    async () => forged(await podToken("cart", "cart-1"), (claims) => ({ ...claims, exp: 1_700_000_000 })),
    "expired token",
    /expired at 2023-11-14T22:13:20/,
  ],
  ["of garbage", () => Promise.resolve("a.b.c"), "malformed token", /no ServiceAccount token/],
];

for (const [what, make, failure, reason] of refusals) {
  test.serial(`a token ${what} is refused: ${failure}`, async (t) => {
    const result = await authenticate(await make());
    t.like(result, { ok: false, failure } as never);
    if (!result.ok) t.regex(result.reason, reason);
  });
}

test.serial("the token of a pod that is gone is refused", async (t) => {
  const token = await podToken("gone", "gone-1");
  t.true((await authenticate(token)).ok);
  await kubectl(["delete", "pod", "gone-1", "-n", shop, "--grace-period=0", "--force"]);
  // The API server's own copy follows in a moment.
  const result = await waitFor("the refusal", async () => {
    const answer = await authenticate(token);
    return answer.ok ? undefined : answer;
  });
  t.is(result.failure, "rejected token");
});

test.serial("an API server that does not answer refuses nobody", async (t) => {
  const unreachable = new KubeConfig();
  unreachable.loadFromClusterAndUser({ name: "x", server: "https://127.0.0.1:1", skipTLSVerify: true }, { name: "x" });
  const authenticator = authenticatorOf(unreachable);
  const result = await authenticator.authenticate(await podToken("cart", "cart-1"), "test");
  t.like(result, { ok: false, failure: "not verified" });
});

test.serial(
  "two replicas start at once: one authority, its bundle everywhere, and agents of each are served",
  async (t) => {
    const certificatesOf = (isLeader: () => boolean): Certificates => {
      const made = new Certificates({
        kubeConfig,
        isLeader,
        webhookConfiguration: run,
        namespace: system,
        hosts: ["localhost"],
      });
      t.teardown(() => made.close());
      return made;
    };
    // For a moment both believe that they lead.
    let secondLeads = true;
    const leader = certificatesOf(() => true);
    const second = certificatesOf(() => secondLeads);
    await Promise.all([leader.start(), second.start()]);
    await waitFor("both to have a certificate", () => leader.isReady && second.isReady);
    secondLeads = false;
    t.deepEqual(leader.authority.state, second.authority.state);
    const secret = await kubectlJson<{ data: Record<string, string> }>("get", "secret", "heddle-ca-key", "-n", system);
    t.deepEqual(Object.keys(secret.data).toSorted(), ["ca.crt", "ca.key"]);

    await t.throwsAsync(bundleIn(shop), { message: /NotFound/ }, "nobody was told of the namespace");
    leader.setNamespaces([shop]);
    const bundle = await waitFor("the ConfigMap", () => bundleIn(shop));
    t.is(bundle, leader.authority.state?.signing.certificate ?? "");

    const authenticator = authenticatorOf(kubeConfig);
    const token = await podToken("cart", "cart-1");
    const mesh = new Mesh()
      .service("cart", { namespace: shop })
      .gateway("edge", { http: { "shop/r": routeOf({ backends: { [`${shop}/cart:80`]: 1 } }) } });
    mesh.gateways.set(`${shop}/edge`, mesh.gateways.get("shop/edge") ?? []);
    for (const { credentials } of [leader, second]) {
      const fixture = await startFixture(t, mesh, {
        credentials,
        authenticate: authenticator.authenticate,
        gatewayServiceAccount: (gateway) => (gateway === `${shop}/edge` ? "edge-heddle" : undefined),
      });
      const connect = (options: RawAgentOptions): ReturnType<typeof fixture.connect> =>
        fixture.connect({ ca: bundle, authorization: `Bearer ${token}`, namespace: shop, pod: "cart-1", ...options });
      await connect({ subscriptions: ["frontend:cart:80", `workload:${shop}/cart-1`] }).expectAck();
      t.like(await connect({ namespace: system }).end(), { code: status.PERMISSION_DENIED });
      t.like(await connect({ pod: "edge-1" }).end(), { code: status.PERMISSION_DENIED });
      t.like(await connect({ authorization: `Bearer ${await tokenOf("cart")}` }).end(), {
        code: status.UNAUTHENTICATED,
      });
      const gateway: RawAgentOptions = { mode: "GATEWAY", subscriptions: [`gateway:${shop}/edge`] };
      t.like(await connect(gateway).end(), { code: status.PERMISSION_DENIED });
      const own = { pod: "edge-1", authorization: `Bearer ${await podToken("edge-heddle", "edge-1")}` };
      await connect({ ...gateway, ...own }).expectAck();
    }
  },
);

test.serial("what carries the bundle is repaired, other people's ConfigMap is left alone", async (t) => {
  const late = `${run}-late`;
  const theirs = `${run}-theirs`;
  t.teardown(() => kubectl(["delete", "namespace", late, theirs, "--wait=false", "--ignore-not-found"]));
  for (const namespace of [late, theirs]) await kubectl(["create", "namespace", namespace]);
  await kubectl(["create", "configmap", "heddle-ca", "-n", theirs, "--from-literal=ca.crt=theirs"]);
  const messages: unknown[] = [];
  const note = (fields: unknown, message: string): void => void messages.push([message, fields]);
  const certificates = new Certificates({
    kubeConfig,
    isLeader: () => true,
    webhookConfiguration: run,
    namespace: system,
    hosts: ["localhost"],
    logger: { debug() {}, info() {}, warn() {}, error: note },
  });
  t.teardown(() => certificates.close());
  await certificates.start();
  certificates.setNamespaces([shop, late, theirs, `${run}-no-such-namespace`]);
  const bundle = await waitFor("the ConfigMap", () => bundleIn(late));

  const changed = Date.now();
  await kubectl(["patch", "configmap", "heddle-ca", "-n", shop, "-p", '{"data":{"ca.crt":"edited","more":"x"}}']);
  await waitFor("the repair", async () => (await bundleIn(shop)) === bundle);
  await kubectl(["delete", "configmap", "heddle-ca", "-n", late]);
  await waitFor("the repair", async () => (await bundleIn(late)) === bundle);
  t.log(`both repaired in ${Date.now() - changed} ms`);

  const caBundles = async (): Promise<readonly (string | undefined)[]> => {
    const found = await kubectlJson<{ webhooks: readonly { clientConfig: { caBundle?: string } }[] }>(
      "get",
      "mutatingwebhookconfiguration",
      run,
    );
    return found.webhooks.map(({ clientConfig }) => clientConfig.caBundle);
  };
  const expected = Buffer.from(bundle).toString("base64");
  await waitFor("caBundle", async () => (await caBundles()).every((value) => value === expected));
  const wrong = Buffer.from((await makeAuthority(Date.now(), dayMs)).certificate).toString("base64");
  const patch = JSON.stringify([{ op: "add", path: "/webhooks/1/clientConfig/caBundle", value: wrong }]);
  await kubectl(["patch", "mutatingwebhookconfiguration", run, "--type=json", "-p", patch]);
  await waitFor("the repair", async () => (await caBundles()).every((value) => value === expected));

  t.is(await bundleIn(theirs), "theirs");
  t.is(messages.length, 1, JSON.stringify(messages));
  t.regex(JSON.stringify(messages[0]), /is not Heddle's and is left alone.*-theirs/);
});

test.serial("a renewal on the cluster: trusted everywhere first, then it signs, and no stream ends", async (t) => {
  const store = new SecretStore(kubeConfig.makeApiClient(CoreV1Api), calls, system);
  const aged = await makeAuthority(Date.now() - 250 * dayMs, 365 * dayMs);
  const before = await store.read();
  t.true(await store.write({ signing: aged, next: null, retired: [] }, before?.version ?? null));
  t.false(
    await store.write({ signing: aged, next: null, retired: [] }, before?.version ?? null),
    "an old version loses",
  );
  t.false(await store.write({ signing: aged, next: null, retired: [] }, null), "it exists");

  const certificates = new Certificates({
    kubeConfig,
    isLeader: () => true,
    webhookConfiguration: run,
    namespace: system,
    hosts: ["localhost"],
  });
  t.teardown(() => certificates.close());
  certificates.setNamespaces([shop]);
  await certificates.start();
  const fixture = await startFixture(t, new Mesh().service("cart"), { credentials: certificates.credentials });
  await waitFor("a certificate", () => certificates.isReady);
  const early = fixture.connect({ ca: aged.certificate });
  await early.expectAck();

  await waitFor("both in the ConfigMap", async () => countIn(await bundleIn(shop)) === 2);
  t.is(certificates.authority.state?.signing.certificate, aged.certificate);
  await waitFor("that it is noted", async () => {
    await certificates.authority.refresh();
    return typeof certificates.authority.state?.next?.distributedAtMs === "number";
  });
  const both = await bundleIn(shop);
  // An hour passes.
  const found = await store.read();
  const next = certificates.authority.state?.next;
  if (found?.content.ok !== true || next === null || next === undefined) throw new Error("no next authority");
  const since = { ...next, distributedAtMs: Date.now() - 3_600_000 };
  t.true(await store.write({ ...found.content.state, next: since }, found.version));
  await waitFor("the promotion", async () => {
    await certificates.authority.refresh();
    return certificates.authority.state?.signing.certificate === next.authority.certificate;
  });
  await waitFor("a certificate of the new authority", async () => {
    const agent = fixture.connect({ ca: next.authority.certificate });
    const isServed = await agent.expectAck().then(
      () => true,
      () => false,
    );
    agent.close();
    return isServed;
  });
  await fixture.connect({ ca: both }).expectAck();
  t.true(new X509Certificate(await bundleIn(shop)).checkIssued(new X509Certificate(next.authority.certificate)));
  await sleep(100);
  t.false(early.hasEnded);
});

// How `heddle check` tries the webhook, over real HTTP: what the API server's answers to a pod say of it, and in which
// namespace the pod is tried.
import test from "ava";
import { ask, gatherInstallation } from "../../cli/check/gather.ts";
import { tryWebhook } from "../../cli/check/try-webhook.ts";
import { ClusterClient } from "../../cli/cluster/client.ts";
import { startKubernetesApi } from "../support/kubernetes-api.ts";

for (const [title, status, message, expected] of [
  [
    "nobody behind it",
    500,
    'Internal error occurred: failed calling webhook "pod.injection.heddle.dev": connection refused',
    "refused",
  ],
  [
    "it says no",
    400,
    'admission webhook "namespace.injection.heddle.dev" denied the request: heddle: annotation x',
    "refused",
  ],
  ["another webhook says no", 400, 'admission webhook "validate.kyverno.svc-fail" denied the request: no tags', null],
  ["nobody behind another webhook", 500, 'failed calling webhook "check.gatekeeper.sh": no endpoints', null],
  ["a namespace that does not exist", 404, 'namespaces "shop" not found', null],
  ["no right to create pods", 403, 'pods is forbidden: User "jane" cannot create resource "pods"', null],
  ["a quota", 403, 'pods "heddle-check-x" is forbidden: exceeded quota', null],
] as const) {
  test(`a pod is tried, ${title}: ${expected === null ? "nothing is known of the webhook" : "it fails"}`, async (t) => {
    const posts = { "/api/v1/namespaces/shop/pods": { status, body: { kind: "Status", message } } };
    const client = await ClusterClient.open({
      kubeconfig: (await startKubernetesApi(t, { objects: {}, posts })).kubeconfig,
    });
    const webhookCall = await ask(() => tryWebhook(client, "shop"));
    if (expected !== null) t.deepEqual(webhookCall, { ok: true, value: { kind: expected, message } });
    else t.like(webhookCall, { ok: false, reason: `a pod cannot be tried in namespace shop: ${message}` });
  });
}

test("no pod is tried where none is injected", async (t) => {
  const labelled = { labels: { "heddle.dev/injection": "enabled" } };
  const api = await startKubernetesApi(t, {
    objects: {
      "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/heddle-injector": { metadata: {} },
      "/api/v1/namespaces": [
        { metadata: { name: "kube-public", ...labelled } },
        { metadata: { name: "shop", ...labelled } },
      ],
    },
  });
  const client = await ClusterClient.open({ kubeconfig: api.kubeconfig });
  await gatherInstallation(client, "0.1.0", "kube-system");
  await gatherInstallation(client, "0.1.0", "cart");
  t.deepEqual(
    api.requests.filter((path) => path.endsWith("dryRun=All")),
    ["shop", "cart"].map((name) => `/api/v1/namespaces/${name}/pods?dryRun=All`),
  );
});

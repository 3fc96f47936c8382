// What the service accounts of an installation may do, all of it, and that they may not do the rest. The table here is
// the statement; manifests/install/rbac.yaml must give exactly this.
import test from "ava";
import { kubectl, tryKubectl } from "./support/kubectl.ts";

interface ResourceRule {
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly verbs: readonly string[];
  readonly resourceNames?: readonly string[];
}

const controlPlane = "system:serviceaccount:heddle-system:heddle-control-plane";

/** Everywhere: "group/resource[name]" -> verbs. */
const everywhere: Readonly<Record<string, string>> = {
  "/namespaces": "list watch",
  "/pods": "list watch",
  "/services": "create delete get list patch watch",
  "/serviceaccounts": "create delete get list patch watch",
  "/configmaps": "create get",
  "/configmaps[heddle-ca]": "list update watch",
  "/events": "create",
  "admissionregistration.k8s.io/mutatingwebhookconfigurations[heddle-injector]": "get list patch watch",
  "apiextensions.k8s.io/customresourcedefinitions": "list watch",
  "apps/deployments": "create delete get list patch watch",
  "authentication.k8s.io/tokenreviews": "create",
  "discovery.k8s.io/endpointslices": "list watch",
  "gateway.networking.k8s.io/gatewayclasses": "get list watch",
  "gateway.networking.k8s.io/gatewayclasses/status": "update",
  "gateway.networking.k8s.io/gateways": "get list watch",
  "gateway.networking.k8s.io/gateways/status": "update",
  "gateway.networking.k8s.io/httproutes": "get list watch",
  "gateway.networking.k8s.io/httproutes/status": "update",
  "gateway.networking.k8s.io/referencegrants": "list watch",
  "policy/poddisruptionbudgets": "create delete get list patch watch",
};

const inOwnNamespace: Readonly<Record<string, string>> = {
  "/secrets": "create",
  "/secrets[heddle-ca-key]": "get update",
  "coordination.k8s.io/leases": "create",
  "coordination.k8s.io/leases[heddle-leader]": "get update",
};

test("the control plane may do this, and nothing else", async (t) => {
  t.deepEqual(await rightsOf(controlPlane, "default"), everywhere);
  t.deepEqual(await rightsOf(controlPlane, "heddle-system"), { ...everywhere, ...inOwnNamespace });
});

test("an agent's service account may do nothing, a gateway's included", async (t) => {
  for (const account of ["default:default", "default:some-gateway-heddle", "heddle-system:default"]) {
    t.deepEqual(await rightsOf(`system:serviceaccount:${account}`, account.split(":")[0] ?? ""), {});
  }
});

for (const [what, ...question] of [
  ["read a Secret of others", "get", "secrets", "-n", "default"],
  ["read other Secrets of its own namespace", "get", "secret/other", "-n", "heddle-system"],
  ["list the Secrets of its own namespace", "list", "secrets", "-n", "heddle-system"],
  ["start a pod", "create", "pods", "-n", "default"],
  ["run a command in a pod", "create", "pods/exec", "-n", "default"],
  ["change a route", "update", "httproutes.gateway.networking.k8s.io", "-n", "default"],
  ["change another's webhook", "update", "mutatingwebhookconfigurations/other"],
  ["change any other ConfigMap", "update", "configmaps/other", "-n", "default"],
  ["give itself rights", "create", "clusterrolebindings"],
  ["act as somebody else", "impersonate", "users"],
] as const) {
  test(`the control plane may not ${what}`, async (t) => {
    const { code, stdout } = await tryKubectl(["auth", "can-i", ...question, `--as=${controlPlane}`]);
    t.is(stdout.trim(), "no");
    t.is(code, 1);
  });
}

/** Every right of `user` in `namespace` that not every account has, as the API server itself lists them. */
async function rightsOf(user: string, namespace: string): Promise<Readonly<Record<string, string>>> {
  const review = {
    apiVersion: "authorization.k8s.io/v1",
    kind: "SelfSubjectRulesReview",
    spec: { namespace },
  };
  const question = ["create", "--validate=false", "-f", "-", "-o", "json", `--as=${user}`];
  const answer = await kubectl(question, { stdin: JSON.stringify(review) });
  const { status } = JSON.parse(answer) as { status: { resourceRules: readonly ResourceRule[] } };
  const verbs = new Map<string, Set<string>>();
  for (const { apiGroups, resources, verbs: allowed, resourceNames = [""] } of status.resourceRules) {
    for (const group of apiGroups) {
      // What every authenticated account may ask: about itself.
      if (
        /^(authorization\.k8s\.io|authentication\.k8s\.io)$/.test(group) &&
        resources.some((name) => name.startsWith("self"))
      ) {
        continue;
      }
      for (const resource of resources) {
        for (const name of resourceNames) {
          const key = `${group}/${resource}${name === "" ? "" : `[${name}]`}`;
          const known = verbs.get(key) ?? new Set();
          for (const verb of allowed) known.add(verb);
          verbs.set(key, known);
        }
      }
    }
  }
  return Object.fromEntries([...verbs].map(([key, set]) => [key, [...set].toSorted().join(" ")]));
}

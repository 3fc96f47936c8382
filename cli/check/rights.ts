// The rights that installing takes, and whether the user has them.
import { systemNamespace } from "../../proto/kubernetes.ts";
import type { ClusterClient } from "../cluster/client.ts";
import { ApiFailure, messageOf } from "../cluster/api-failure.ts";
import type { RightFact } from "./facts.ts";

interface Wanted {
  readonly group: string;
  readonly resource: string;
  /** Kind of the object in manifests/install. */
  readonly kind: string;
  /** "" for the whole cluster. */
  readonly namespace: string;
}

/** One for each kind of object in manifests/install. */
export const rightsToInstall: readonly Wanted[] = [
  { group: "", resource: "namespaces", kind: "Namespace", namespace: "" },
  { group: "rbac.authorization.k8s.io", resource: "clusterroles", kind: "ClusterRole", namespace: "" },
  { group: "rbac.authorization.k8s.io", resource: "clusterrolebindings", kind: "ClusterRoleBinding", namespace: "" },
  {
    group: "admissionregistration.k8s.io",
    resource: "mutatingwebhookconfigurations",
    kind: "MutatingWebhookConfiguration",
    namespace: "",
  },
  { group: "gateway.networking.k8s.io", resource: "gatewayclasses", kind: "GatewayClass", namespace: "" },
  { group: "rbac.authorization.k8s.io", resource: "roles", kind: "Role", namespace: systemNamespace },
  { group: "rbac.authorization.k8s.io", resource: "rolebindings", kind: "RoleBinding", namespace: systemNamespace },
  { group: "", resource: "resourcequotas", kind: "ResourceQuota", namespace: systemNamespace },
  { group: "", resource: "serviceaccounts", kind: "ServiceAccount", namespace: systemNamespace },
  { group: "apps", resource: "deployments", kind: "Deployment", namespace: systemNamespace },
  { group: "policy", resource: "poddisruptionbudgets", kind: "PodDisruptionBudget", namespace: systemNamespace },
  { group: "", resource: "services", kind: "Service", namespace: systemNamespace },
];

/** Asks the API server about each (SelfSubjectAccessReview), which changes nothing. Throws an ApiFailure. */
export function askRights(client: ClusterClient): Promise<readonly RightFact[]> {
  return Promise.all(
    rightsToInstall.map(async ({ group, resource, namespace }): Promise<RightFact> => {
      const resourceAttributes = { verb: "create", group, resource, ...(namespace !== "" && { namespace }) };
      const { status, body } = await client.send("POST", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", {
        apiVersion: "authorization.k8s.io/v1",
        kind: "SelfSubjectAccessReview",
        spec: { resourceAttributes },
      });
      if (status !== 201) {
        throw new ApiFailure("other", `the API server answered ${status}: ${messageOf(body)}`);
      }
      const { status: review } = body as { readonly status?: { readonly allowed?: boolean } };
      const name = group === "" ? resource : `${resource}.${group}`;
      const where = namespace === "" ? "in the whole cluster" : `in namespace ${namespace}`;
      return { right: `create ${name} ${where}`, allowed: review?.allowed === true };
    }),
  );
}

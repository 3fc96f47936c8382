// Asks the API server to create a pod without creating it (dryRun=All): the only way to see that it reaches the webhook,
// and what a new pod would be given now. Nothing is stored, no Event is made. A pod may be refused for reasons that are
// not the webhook's, by rights, quotas or other webhooks: then nothing is known, and nothing is wrong with Heddle.
import { annotations, labels } from "../../proto/kubernetes.ts";
import { ApiFailure, describeDenial, messageOf } from "../cluster/api-failure.ts";
import type { ClusterClient } from "../cluster/client.ts";
import type { PodObject, WebhookCall } from "./facts.ts";

/** What the names of both entries of the webhook end in: the API server names the entry that failed or refused. */
const webhookDomain = "injection.heddle.dev";

const pod = {
  apiVersion: "v1",
  kind: "Pod",
  metadata: { generateName: "heddle-check-", labels: { [labels.podInject]: "true" } },
  spec: {
    // Restricted enough for any namespace.
    securityContext: { runAsNonRoot: true, runAsUser: 65_534, seccompProfile: { type: "RuntimeDefault" } },
    containers: [
      {
        name: "check",
        image: "none.invalid/none",
        resources: { requests: { cpu: "1m", memory: "1Mi" }, limits: { cpu: "1m", memory: "1Mi" } },
        securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ["ALL"] } },
      },
    ],
  },
};

/** With the smallest pod that asks for injection, in `namespace`. Throws an ApiFailure when it says nothing of the webhook. */
export async function tryWebhook(client: ClusterClient, namespace: string): Promise<WebhookCall> {
  const path = `/api/v1/namespaces/${namespace}/pods`;
  const { status, body } = await client.send("POST", `${path}?dryRun=All`, pod);
  if (status === 201) {
    const hash = (body as PodObject).metadata.annotations?.[annotations.injected];
    return hash === undefined ? { kind: "not injected" } : { kind: "injected", hash };
  }
  const message = messageOf(body);
  if (message.includes(webhookDomain)) {
    return { kind: "refused", message };
  }
  if (status === 401) {
    throw describeDenial(path, status, body);
  }
  const kind = status === 403 ? "forbidden" : status === 404 ? "missing" : "other";
  throw new ApiFailure(kind, `a pod cannot be tried in namespace ${namespace}: ${message || `status ${status}`}`);
}

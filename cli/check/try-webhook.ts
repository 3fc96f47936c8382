// Asks the API server to create pods without creating them (dryRun=All): the only way to see that it reaches the webhook,
// and what a new pod of an owner would be given now. Nothing is stored, no Event is made.
import { annotations, labels } from "../../proto/kubernetes.ts";
import { ApiFailure, describeDenial, messageOf } from "../cluster/api-failure.ts";
import type { ClusterClient } from "../cluster/client.ts";
import type { PodObject, StaleOwner, WebhookCall } from "./facts.ts";

/** Owners that are asked about; each is one request. */
const maxOwners = 200;
const maxConcurrent = 8;

interface Template {
  readonly metadata?: { readonly labels?: object; readonly annotations?: object };
  readonly spec: object;
}

/** With the smallest pod that asks for injection, in `namespace`. Throws an ApiFailure when it may not be tried. */
export async function tryWebhook(client: ClusterClient, namespace: string): Promise<WebhookCall> {
  return tryPod(client, namespace, {
    metadata: { labels: { [labels.podInject]: "true" } },
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
  });
}

async function tryPod(client: ClusterClient, namespace: string, template: Template): Promise<WebhookCall> {
  const path = `/api/v1/namespaces/${namespace}/pods`;
  const pod = {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { ...template.metadata, generateName: "heddle-check-" },
    spec: template.spec,
  };
  const { status, body } = await client.send("POST", `${path}?dryRun=All`, pod);
  if (status === 201) {
    const hash = (body as PodObject).metadata.annotations?.[annotations.injected];
    return hash === undefined ? { kind: "not injected" } : { kind: "injected", hash };
  }
  const message = messageOf(body);
  if (status === 401) {
    throw describeDenial(path, status, body);
  }
  // Refused before any webhook was asked: by rights, or by rules of the namespace.
  if (status === 403 && !message.includes("webhook")) {
    throw new ApiFailure("forbidden", `a pod cannot be tried in namespace ${namespace}: ${message}`);
  }
  return { kind: "refused", message };
}

/**
 * Owners of injected pods whose hash is not what a new pod of theirs would get. Pods without an owner that starts new
 * ones cannot be compared. Throws an ApiFailure when a template may not be read or tried.
 */
export async function findStaleOwners(
  client: ClusterClient,
  pods: readonly PodObject[],
): Promise<readonly StaleOwner[]> {
  const byOwner = new Map<string, PodObject[]>();
  for (const pod of pods) {
    const path = ownerPath(pod);
    if (path !== null && pod.metadata.annotations?.[annotations.injected] !== undefined) {
      byOwner.set(path, [...(byOwner.get(path) ?? []), pod]);
    }
  }
  const pending = [...byOwner].slice(0, maxOwners).values();
  const stale: StaleOwner[] = [];
  const work = async (): Promise<void> => {
    for (const [path, owned] of pending) {
      const found = await compareOwner(client, path, owned);
      if (found !== null) {
        stale.push(found);
      }
    }
  };
  await Promise.all(Array.from({ length: maxConcurrent }, work));
  return stale.toSorted((a, b) => (a.owner < b.owner ? -1 : 1));
}

async function compareOwner(
  client: ClusterClient,
  path: string,
  pods: readonly PodObject[],
): Promise<StaleOwner | null> {
  const [first] = pods;
  const namespace = first?.metadata.namespace ?? "";
  const owner = (await client.get(path).catch((error: unknown) => {
    // Gone meanwhile, and its pods with it.
    if (error instanceof ApiFailure && error.kind === "missing") {
      return null;
    }
    throw error;
  })) as {
    readonly kind?: string;
    readonly metadata: PodObject["metadata"];
    readonly spec: { readonly template: Template };
  } | null;
  if (owner === null) {
    return null;
  }
  const call = await tryPod(client, namespace, owner.spec.template);
  if (call.kind !== "injected") {
    return null;
  }
  const different = pods.filter(({ metadata }) => metadata.annotations?.[annotations.injected] !== call.hash);
  if (different.length === 0) {
    return null;
  }
  const known = owner.metadata.ownerReferences?.find(({ controller }) => controller === true) ?? {
    kind: first?.metadata.ownerReferences?.[0]?.kind ?? "",
    name: owner.metadata.name,
  };
  return {
    owner: `${known.kind} ${namespace}/${known.name}`,
    pods: different.map(({ metadata }) => `${namespace}/${metadata.name}`),
  };
}

/** Kinds that have a pod template in spec.template. */
const plurals: Readonly<Record<string, string>> = {
  ReplicaSet: "replicasets",
  StatefulSet: "statefulsets",
  DaemonSet: "daemonsets",
};

function ownerPath({ metadata }: PodObject): string | null {
  const owner = metadata.ownerReferences?.find(({ controller }) => controller === true);
  const plural = owner === undefined ? undefined : plurals[owner.kind];
  return owner === undefined || plural === undefined
    ? null
    : `/apis/${owner.apiVersion}/namespaces/${metadata.namespace ?? ""}/${plural}/${owner.name}`;
}

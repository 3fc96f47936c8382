// Gathers the facts of `heddle check` from the API server, the control plane's replicas and their ports. A question that
// fails is a fact with its reason; only wrong usage ends the command.
import {
  caConfigMapKey,
  caConfigMapName,
  controlPlaneHost,
  controlPlanePorts,
  controlPlaneServiceName,
  labels,
  systemNamespace,
  webhookServiceName,
} from "../../proto/kubernetes.ts";
import { ApiFailure } from "../cluster/api-failure.ts";
import type { ApiObject, ClusterClient } from "../cluster/client.ts";
import { certificateOf } from "../cluster/pod-certificate.ts";
import { askReplicas } from "../cluster/replicas.ts";
import { CommandFailure } from "../failure.ts";
import type { AgentsPage } from "../get/agents-of-replicas.ts";
import {
  neverInjected,
  type ClusterFacts,
  type ConfigMapObject,
  type DefinitionObject,
  type DeploymentObject,
  type Fact,
  type GatewayClassObject,
  type GatewayObject,
  type InstallationFacts,
  type LeaseObject,
  type PodObject,
  type WebhookObject,
} from "./facts.ts";
import { caBundleOf } from "./judge-certificates.ts";
import { tryWebhook } from "./try-webhook.ts";

const leaseName = "heddle-leader";
const webhookName = "heddle-injector";
const gatewayRoot = "/apis/gateway.networking.k8s.io/v1";

/** Runs a question; every CommandFailure becomes a fact. */
export async function ask<Value>(question: () => Promise<Value>): Promise<Fact<Value>> {
  try {
    return { ok: true, value: await question() };
  } catch (error) {
    if (!(error instanceof CommandFailure)) {
      throw error;
    }
    return { ok: false, isMissing: error instanceof ApiFailure && error.kind === "missing", reason: error.message };
  }
}

export async function gatherCluster(client: ClusterClient, version: string): Promise<ClusterFacts> {
  const [kubernetes, definitions] = await Promise.all([
    ask(() => client.get("/version") as Promise<{ major: string; minor: string; gitVersion: string }>),
    ask(() => client.list<DefinitionObject>("/apis/apiextensions.k8s.io/v1/customresourcedefinitions")),
  ]);
  return { server: client.server, version, kubernetes, definitions };
}

export function askDeployment(client: ClusterClient): Promise<Fact<DeploymentObject>> {
  const path = `/apis/apps/v1/namespaces/${systemNamespace}/deployments/${controlPlaneServiceName}`;
  return ask(() => client.get(path) as Promise<DeploymentObject>);
}

/** `namespace` limits which pods and Gateways are looked at. */
export async function gatherInstallation(
  client: ClusterClient,
  version: string,
  namespace: string | undefined,
): Promise<InstallationFacts> {
  const within = namespace === undefined ? "" : `/namespaces/${namespace}`;
  const [deployment, agents, lease, webhook, namespaces, configMaps, gatewayClasses, gateways, pods] =
    await Promise.all([
      askDeployment(client),
      ask(() => askReplicas<AgentsPage>(client, "/debug/agents")),
      ask(
        () =>
          client.get(
            `/apis/coordination.k8s.io/v1/namespaces/${systemNamespace}/leases/${leaseName}`,
          ) as Promise<LeaseObject>,
      ),
      ask(
        () =>
          client.get(
            `/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/${webhookName}`,
          ) as Promise<WebhookObject>,
      ),
      ask(() => client.list<ApiObject>("/api/v1/namespaces")),
      ask(() => client.list<ConfigMapObject>(`/api/v1/configmaps?fieldSelector=metadata.name%3D${caConfigMapName}`)),
      ask(() => client.list<GatewayClassObject>(`${gatewayRoot}/gatewayclasses`)),
      ask(() => client.list<GatewayObject>(`${gatewayRoot}${within}/gateways`)),
      ask(() => client.list<PodObject>(`/api/v1${within}/pods`)),
    ]);
  const held = configMaps.ok ? configMaps.value.map(({ data }) => data?.[caConfigMapKey] ?? "") : [];
  const bundle = (webhook.ok && caBundleOf(webhook.value)) || (held.find((pem) => pem !== "") ?? "");
  const replicas = agents.ok ? agents.value.map(({ pod }) => pod) : [];
  // Without a webhook a pod would be tried that nobody injects.
  const [webhookCall, certificates] = await Promise.all([
    webhook.ok
      ? ask(async () => tryWebhook(client, placeToTry(namespaces, namespace)))
      : { ok: false as const, isMissing: true, reason: "there is no webhook" },
    bundle === "" ? [] : askCertificates(client, replicas, bundle),
  ]);
  return {
    version,
    nowMs: Date.now(),
    deployment,
    agents,
    lease,
    webhook,
    webhookCall,
    bundle,
    certificates,
    namespace,
    namespaces,
    configMaps,
    gatewayClasses,
    gateways,
    pods,
  };
}

/** A labelled namespace when there is one, so that what matters is what is tried; none where nothing is injected. */
function placeToTry(namespaces: Fact<readonly ApiObject[]>, chosen: string | undefined): string {
  if (chosen !== undefined && !neverInjected.has(chosen)) {
    return chosen;
  }
  const labelled = (namespaces.ok ? namespaces.value : []).find(
    ({ metadata }) =>
      metadata.labels?.[labels.namespaceInjection] === "enabled" &&
      metadata.deletionTimestamp === undefined &&
      !neverInjected.has(metadata.name),
  );
  return labelled?.metadata.name ?? "default";
}

function askCertificates(
  client: ClusterClient,
  replicas: readonly string[],
  bundle: string,
): Promise<InstallationFacts["certificates"]> {
  const ports = [
    { port: "webhook", host: `${webhookServiceName}.${systemNamespace}.svc` },
    { port: "discovery", host: controlPlaneHost },
  ] as const;
  return Promise.all(
    replicas.flatMap((pod) =>
      ports.map(async ({ port, host }) => {
        const place = { namespace: systemNamespace, pod, port: controlPlanePorts[port] };
        return { pod, port, shown: await ask(() => certificateOf(client, place, bundle, host)) };
      }),
    ),
  );
}

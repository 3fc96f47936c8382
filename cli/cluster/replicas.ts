// Every replica of the control plane, asked for a debug page: a page shows what one replica knows, and an agent is
// connected to one of them. A replica that does not answer is an answer too.
import { controlPlanePorts, controlPlaneServiceName, systemNamespace } from "../../proto/kubernetes.ts";
import type { ApiObject, ClusterClient } from "./client.ts";
import { CommandFailure } from "../failure.ts";
import { getFromPod } from "./port-forward.ts";

export const controlPlaneSelector = `app.kubernetes.io/name=${controlPlaneServiceName}`;

/** What to do without a control plane. */
export const howToInstall = "install it: kubectl apply -k manifests/install";

export type ReplicaAnswer<Page> =
  | { readonly pod: string; readonly ok: true; readonly page: Page }
  | { readonly pod: string; readonly ok: false; readonly reason: string };

interface PodObject extends ApiObject {
  readonly status?: { readonly phase?: string };
}

/** Names of the control plane's pods that run and are to stay. */
export async function replicaPods(client: ClusterClient): Promise<readonly string[]> {
  const pods = await client.list<PodObject>(
    `/api/v1/namespaces/${systemNamespace}/pods?labelSelector=${encodeURIComponent(controlPlaneSelector)}`,
  );
  return pods
    .filter(({ metadata, status }) => status?.phase === "Running" && metadata.deletionTimestamp === undefined)
    .map(({ metadata }) => metadata.name)
    .toSorted();
}

/**
 * A debug page of every replica, asked at once. Throws a CommandFailure when there is none: the control plane is not
 * installed or does not run.
 */
export async function askReplicas<Page>(client: ClusterClient, path: string): Promise<readonly ReplicaAnswer<Page>[]> {
  const pods = await replicaPods(client);
  if (pods.length === 0) {
    throw new CommandFailure(`no control plane runs in namespace ${systemNamespace}; ${howToInstall}`);
  }
  return Promise.all(
    pods.map(async (pod): Promise<ReplicaAnswer<Page>> => {
      try {
        const { status, body } = await getFromPod(client, {
          namespace: systemNamespace,
          pod,
          port: controlPlanePorts.admin,
          path,
        });
        return status === 200
          ? { pod, ok: true, page: JSON.parse(body) as Page }
          : { pod, ok: false, reason: `answered ${status}: ${body.trim().slice(0, 200)}` };
      } catch (error) {
        return { pod, ok: false, reason: error instanceof Error ? error.message : String(error) };
      }
    }),
  );
}

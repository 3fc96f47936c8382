// The state of a folder as if its Deployments were running, for commands that look without starting anything: what a
// Service selects gets endpoints. Pure. Without it every split would end at "no ready endpoints".
import { buildClusterState, objectsOf } from "../../control-plane/source/build-cluster-state.ts";
import type { ClusterState } from "../../control-plane/source/cluster-state.ts";
import { makeOverlay, type LocalPod } from "../up/workload/overlay.ts";
import { podName, templateHash } from "../up/workload/pod-names.ts";

const pretendedPort = 1;

export function asIfRunning(state: ClusterState): ClusterState {
  const pods: LocalPod[] = [];
  for (const deployment of state.deployments.values()) {
    const hash = templateHash(deployment.template, false);
    for (let ordinal = 1; ordinal <= deployment.replicas; ordinal++) {
      pods.push({
        namespace: deployment.meta.namespace,
        name: podName(deployment.meta.name, hash, ordinal),
        deployment,
        createdAtMs: deployment.meta.creationTimestampMs,
        applicationPort: pretendedPort,
        endpointPort: pretendedPort,
        ready: true,
      });
    }
  }
  const overlay = makeOverlay(pods, state.services.values());
  return buildClusterState([...objectsOf(state), ...overlay.pods, ...overlay.endpointSlices], null);
}

// Clusters with their endpoints. A cluster keeps its compiled object for as long as its content and its endpoints'
// content stay the same, which is how rules notice that they need no new compilation.
import { quote } from "../../proto/resource-rules.ts";
import { addressFault, portFault } from "./validate.ts";
import { isSameResource, type Faults } from "./faults.ts";
import type { CompiledCluster, CompiledEndpoint } from "./compiled.ts";
import type { Cluster, Endpoints, ResourceSet } from "./resources.ts";

export interface ClusterRecord {
  readonly cluster: Cluster;
  /** Null when the control plane sent none: a cluster without endpoints, its requests are answered 503. */
  readonly endpoints: Endpoints | null;
  readonly compiled: CompiledCluster;
}

export function compileClusters(
  resources: ResourceSet,
  previous: ReadonlyMap<string, ClusterRecord> | null,
  faults: Faults,
): ReadonlyMap<string, ClusterRecord> {
  const records = new Map<string, ClusterRecord>();
  for (const cluster of resources.clusters.values()) {
    const endpoints = resources.endpoints.get(cluster.name) ?? null;
    const known = previous?.get(cluster.name);
    if (
      known !== undefined &&
      isSameResource(known.cluster, cluster) &&
      (endpoints === null
        ? known.endpoints === null
        : known.endpoints !== null && isSameResource(known.endpoints, endpoints))
    ) {
      records.set(cluster.name, known);
      continue;
    }
    if (cluster.defaultWorkloadVersion === "") faults.add("cluster", cluster.name, "no default workload version");
    const compiled: CompiledCluster = {
      name: cluster.name,
      protocol: cluster.protocol,
      endpoints: endpoints === null ? [] : compileEndpoints(endpoints, cluster, faults),
    };
    records.set(cluster.name, { cluster, endpoints, compiled });
  }
  return records;
}

/** Endpoints by key; EndpointSlices may list one twice while it moves between them, the first counts. */
function compileEndpoints(endpoints: Endpoints, cluster: Cluster, faults: Faults): readonly CompiledEndpoint[] {
  const byKey = new Map<string, CompiledEndpoint>();
  for (const { address, port, workloadVersion, pod } of endpoints.endpoints) {
    const fault = addressFault(address) ?? portFault(port);
    if (fault !== null) faults.add("endpoints", endpoints.name, `endpoint ${quote(pod || address)}: ${fault}`);
    const key = address.includes(":") ? `[${address}]:${port}` : `${address}:${port}`;
    if (byKey.has(key)) continue;
    byKey.set(key, {
      address,
      port,
      key,
      workloadVersion: workloadVersion === "" ? cluster.defaultWorkloadVersion : workloadVersion,
      pod,
    });
  }
  return [...byKey.values()];
}

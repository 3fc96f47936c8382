// Services to clusters and their endpoints: every TCP port of every Service that has pods of its own, with the ready
// endpoints of its EndpointSlices and the workload version of each. Who may use them is references.ts's.
import type { Cluster, Endpoint, Endpoints } from "../../proto/messages.ts";
import type { EndpointSlice, Pod, Service, ServicePort } from "../source/cluster-state.ts";
import { clusterName } from "./references.ts";
import { retain } from "./retain.ts";
import type { TableReader } from "./tables.ts";

export interface ServiceClusters {
  readonly clusters: readonly NamedCluster[];
}

interface NamedCluster {
  readonly name: string;
  readonly cluster: Cluster;
  readonly endpoints: Endpoints;
}

const versionLabels = ["version", "app.kubernetes.io/version", "environment"];

/** Workload version by pod labels; "" when none carries it. */
export function workloadVersionOf(labels: Readonly<Record<string, string>>): string {
  for (const label of versionLabels) {
    const version = Object.hasOwn(labels, label) ? labels[label] : undefined;
    if (version !== undefined && version !== "") return version;
  }
  return "";
}

/** Clusters of one Service; none for an ExternalName Service. Parts equal to `previous` keep their identity. */
export function translateService(
  service: Service,
  reader: TableReader,
  previous: ServiceClusters | undefined,
): ServiceClusters {
  if (service.type === "ExternalName") return { clusters: [] };
  const found = reader.get("slicesByService", `${service.meta.namespace}/${service.meta.name}`) ?? [];
  const slices = found.toSorted((left, right) => (left.meta.name < right.meta.name ? -1 : 1));
  const ports = service.ports.filter((port) => port.protocol === "TCP");
  const clusters = ports.map((port): NamedCluster => {
    const name = clusterName(service, port);
    const before = previous?.clusters.find((cluster) => cluster.name === name);
    const cluster: Cluster = {
      protocol: port.appProtocol === "kubernetes.io/h2c" ? "H2C" : "HTTP1",
      defaultWorkloadVersion: service.meta.name,
    };
    return {
      name,
      cluster: retain(before?.cluster, cluster),
      endpoints: retain(before?.endpoints, { endpoints: endpointsOf(port, slices, reader) }),
    };
  });
  return { clusters };
}

/**
 * The slice's port of the same name is the one to dial (it is the targetPort, resolved). Only ready endpoints: an
 * unready or terminating pod gets no new request. Sorted by address and port, so that the order of slices and events
 * does not show.
 */
function endpointsOf(port: ServicePort, slices: readonly EndpointSlice[], reader: TableReader): Endpoint[] {
  const found = new Map<string, Endpoint>();
  for (const slice of slices) {
    if (slice.addressType !== "IPv4" && slice.addressType !== "IPv6") continue;
    const target = slice.ports.find((candidate) => candidate.name === port.name)?.port;
    if (target === undefined) continue;
    for (const { addresses, ready, terminating, pod } of slice.endpoints) {
      // Several addresses of one endpoint are the same pod; the API says to use the first (EndpointSlice.addresses).
      const address = addresses[0];
      if (!ready || terminating || address === undefined) continue;
      const key = `${address} ${target}`;
      if (!found.has(key)) found.set(key, { address, port: target, workloadVersion: versionOf(pod, reader), pod });
    }
  }
  return [...found].sort(([left], [right]) => (left < right ? -1 : 1)).map(([, endpoint]) => endpoint);
}

function versionOf(pod: string, reader: TableReader): string {
  const found: Pod | undefined = pod === "" ? undefined : reader.get("pods", pod);
  return found === undefined ? "" : workloadVersionOf(found.meta.labels);
}

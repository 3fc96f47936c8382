// The cluster objects that local replicas stand for: a Pod each, and an EndpointSlice for every Service that selects
// it. Pure. A slice carries one pod only, because every local pod has a port of its own where a cluster has addresses.
import type {
  Container,
  Deployment,
  EndpointSlice,
  ObjectMeta,
  Pod,
  Service,
} from "../../../control-plane/source/cluster-state.ts";

/** A replica as the rest of the mesh sees it. */
export interface LocalPod {
  readonly namespace: string;
  readonly name: string;
  readonly deployment: Deployment;
  readonly createdAtMs: number;
  /** Where the application listens; 0 while unknown. */
  readonly applicationPort: number;
  /** Where peers send to: the sidecar's inbound port, or the application's own. 0: not yet. */
  readonly endpointPort: number;
  readonly ready: boolean;
}

export interface Overlay {
  readonly pods: readonly Pod[];
  readonly endpointSlices: readonly EndpointSlice[];
}

export const loopback = "127.0.0.1";
// How a local Pod with a sidecar tells the control plane that process and sidecar share an address and differ in port.
const inboundPortAnnotation = "local.heddle.dev/inbound-port";
const applicationPortAnnotation = "local.heddle.dev/application-port";

/** Pods for all of `localPods`, endpoints for those that are ready. What is unchanged since `previous` keeps its identity. */
export function makeOverlay(
  localPods: readonly LocalPod[],
  services: Iterable<Service>,
  previous: Overlay = { pods: [], endpointSlices: [] },
): Overlay {
  const pods = localPods.map(makePod);
  const endpointSlices: EndpointSlice[] = [];
  for (const service of services) {
    for (const localPod of localPods) {
      if (localPod.ready && localPod.endpointPort !== 0 && selects(service, localPod)) {
        endpointSlices.push(makeSlice(service, localPod));
      }
    }
  }
  return { pods: retain(pods, previous.pods), endpointSlices: retain(endpointSlices, previous.endpointSlices) };
}

/** Whether two overlays hold the very same objects. */
export function isSameOverlay(left: Overlay, right: Overlay): boolean {
  return (
    left.pods.length === right.pods.length &&
    left.endpointSlices.length === right.endpointSlices.length &&
    left.pods.every((pod, index) => pod === right.pods[index]) &&
    left.endpointSlices.every((slice, index) => slice === right.endpointSlices[index])
  );
}

function retain<Thing extends { readonly meta: ObjectMeta }>(made: Thing[], previous: readonly Thing[]): Thing[] {
  const before = new Map(previous.map((thing) => [`${thing.meta.namespace}/${thing.meta.name}`, thing]));
  return made.map((thing) => {
    const known = before.get(`${thing.meta.namespace}/${thing.meta.name}`);
    return known !== undefined && JSON.stringify(known) === JSON.stringify(thing) ? known : thing;
  });
}

function selects(service: Service, pod: LocalPod): boolean {
  const wanted = Object.entries(service.selector);
  const { labels } = pod.deployment.template;
  return (
    service.meta.namespace === pod.namespace &&
    wanted.length > 0 &&
    wanted.every(([key, value]) => labels[key] === value)
  );
}

function makePod(local: LocalPod): Pod {
  const { template, meta } = local.deployment;
  const sidecar =
    local.endpointPort !== local.applicationPort && local.endpointPort !== 0 && local.applicationPort !== 0;
  return {
    kind: "Pod",
    meta: metadata(local, local.name, template.labels, {
      ...template.annotations,
      ...(sidecar
        ? {
            [inboundPortAnnotation]: String(local.endpointPort),
            [applicationPortAnnotation]: String(local.applicationPort),
          }
        : {}),
    }),
    podIps: [loopback],
    phase: "Running",
    ready: local.ready,
    serviceAccountName: template.serviceAccountName,
    containers: template.containers.map((container) => withLocalPort(container, local.applicationPort)),
    owner: `Deployment/${meta.name}`,
  };
}

function withLocalPort(container: Container, port: number): Container {
  const ports = container.ports.length === 0 ? [{ name: "", containerPort: 0, protocol: "TCP" }] : container.ports;
  return { ...container, ports: port === 0 ? [] : ports.map((entry) => ({ ...entry, containerPort: port })) };
}

function makeSlice(service: Service, local: LocalPod): EndpointSlice {
  return {
    kind: "EndpointSlice",
    meta: metadata(
      local,
      `${service.meta.name}-${local.name}`,
      { "kubernetes.io/service-name": service.meta.name },
      {},
    ),
    serviceName: service.meta.name,
    addressType: "IPv4",
    ports: service.ports.map((port) => ({
      name: port.name,
      port: local.endpointPort,
      ...(port.appProtocol === undefined ? {} : { appProtocol: port.appProtocol }),
    })),
    endpoints: [
      {
        addresses: [loopback],
        ready: true,
        serving: true,
        terminating: false,
        pod: `${local.namespace}/${local.name}`,
      },
    ],
  };
}

function metadata(
  local: LocalPod,
  name: string,
  labels: Readonly<Record<string, string>>,
  annotations: Readonly<Record<string, string>>,
): ObjectMeta {
  return {
    namespace: local.namespace,
    name,
    generation: 1,
    creationTimestampMs: local.createdAtMs,
    labels,
    annotations,
  };
}

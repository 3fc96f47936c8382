// Manifests of core kinds -> the narrow objects of cluster-state.ts, with the defaults that the API server would
// apply. Manifests obey their schema and the rule tables by then; nothing is checked here.
import type { IDeployment } from "kubernetes-models/apps/v1/Deployment";
import type { IEndpointSlice } from "kubernetes-models/discovery.k8s.io/v1/EndpointSlice";
import type { IPod } from "kubernetes-models/v1/Pod";
import type { IService } from "kubernetes-models/v1/Service";
import type { Container, Deployment, EndpointSlice, ObjectMeta, Pod, Probe, Service } from "./cluster-state.ts";

type PodSpec = NonNullable<IPod["spec"]>;
type ContainerSpec = PodSpec["containers"][number];
type ProbeSpec = NonNullable<ContainerSpec["readinessProbe"]>;

/** Service. */
export function toService({ spec }: IService, meta: ObjectMeta): Service {
  const clusterIps = spec?.clusterIPs ?? (spec?.clusterIP ? [spec.clusterIP] : []);
  return {
    kind: "Service",
    meta,
    type: spec?.type ?? "ClusterIP",
    clusterIps,
    selector: { ...spec?.selector },
    ports: (spec?.ports ?? []).map(({ name, port, targetPort, protocol, appProtocol }) => ({
      name: name ?? "",
      port,
      targetPort: targetPort === undefined || targetPort === 0 ? port : targetPort,
      protocol: protocol ?? "TCP",
      ...(appProtocol && { appProtocol }),
    })),
  };
}

/** EndpointSlice. */
export function toEndpointSlice(manifest: IEndpointSlice, meta: ObjectMeta): EndpointSlice {
  return {
    kind: "EndpointSlice",
    meta,
    serviceName: meta.labels["kubernetes.io/service-name"] ?? "",
    addressType: manifest.addressType,
    ports: (manifest.ports ?? []).map(({ name, port, appProtocol }) => ({
      name: name ?? "",
      ...(port !== undefined && { port }),
      ...(appProtocol && { appProtocol }),
    })),
    endpoints: (manifest.endpoints ?? []).map(({ addresses, conditions, targetRef }) => {
      const ready = conditions?.ready ?? true;
      return {
        addresses,
        ready,
        serving: conditions?.serving ?? ready,
        terminating: conditions?.terminating ?? false,
        pod:
          targetRef?.kind === "Pod" && targetRef.name
            ? `${targetRef.namespace ?? meta.namespace}/${targetRef.name}`
            : "",
      };
    }),
  };
}

/** Pod. */
export function toPod({ metadata, spec, status }: IPod, meta: ObjectMeta): Pod {
  const podIps = (status?.podIPs ?? []).flatMap(({ ip }) => (ip ? [ip] : []));
  return {
    kind: "Pod",
    meta,
    podIps: podIps.length > 0 || !status?.podIP ? podIps : [status.podIP],
    phase: status?.phase ?? "Pending",
    ready: (status?.conditions ?? []).some(({ type, status: value }) => type === "Ready" && value === "True"),
    serviceAccountName: spec?.serviceAccountName ?? "default",
    containers: (spec?.containers ?? []).map(toContainer),
    owner: knownOwner(metadata?.ownerReferences ?? [], meta),
  };
}

/** A ReplicaSet is named after its Deployment and the hash that its pods carry as a label. */
function knownOwner(
  owners: readonly { readonly kind: string; readonly name: string; readonly controller?: boolean }[],
  meta: ObjectMeta,
): string {
  const owner = owners.find(({ controller }) => controller === true) ?? owners[0];
  if (owner === undefined) return "";
  const hash = meta.labels["pod-template-hash"];
  return owner.kind === "ReplicaSet" && hash !== undefined && owner.name.endsWith(`-${hash}`)
    ? `Deployment/${owner.name.slice(0, -hash.length - 1)}`
    : `${owner.kind}/${owner.name}`;
}

/** Deployment. */
export function toDeployment({ spec }: IDeployment, meta: ObjectMeta): Deployment {
  const template = spec?.template;
  return {
    kind: "Deployment",
    meta,
    replicas: spec?.replicas ?? 1,
    template: {
      labels: { ...template?.metadata?.labels },
      annotations: { ...template?.metadata?.annotations },
      serviceAccountName: template?.spec?.serviceAccountName ?? "default",
      containers: (template?.spec?.containers ?? []).map(toContainer),
    },
  };
}

function toContainer({ name, image, env, ports, readinessProbe }: ContainerSpec): Container {
  return {
    name,
    image: image ?? "",
    // What comes from ConfigMaps, Secrets and fields is not known here.
    env: (env ?? [])
      .filter(({ valueFrom }) => valueFrom === undefined)
      .map(({ name: variable, value }) => ({ name: variable, value: value ?? "" })),
    ports: (ports ?? []).map(({ name: portName, containerPort, protocol }) => ({
      name: portName ?? "",
      containerPort,
      protocol: protocol ?? "TCP",
    })),
    ...(readinessProbe && { readinessProbe: toProbe(readinessProbe) }),
  };
}

/** Zero means the default, as it does to the API server. */
function toProbe(probe: ProbeSpec): Probe {
  const { httpGet, tcpSocket } = probe;
  return {
    ...(httpGet && {
      httpGet: {
        path: httpGet.path ?? "/",
        port: httpGet.port,
        headers: (httpGet.httpHeaders ?? []).map(({ name, value }) => ({ name, value })),
      },
    }),
    ...(tcpSocket && { tcpSocket: { port: tcpSocket.port } }),
    initialDelaySeconds: probe.initialDelaySeconds ?? 0,
    periodSeconds: probe.periodSeconds || 10,
    timeoutSeconds: probe.timeoutSeconds || 1,
    failureThreshold: probe.failureThreshold || 3,
    successThreshold: probe.successThreshold || 1,
  };
}

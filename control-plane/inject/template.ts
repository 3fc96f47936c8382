// The containers and volumes that injection adds, as Kubernetes objects: what they run, as whom, with which settings,
// and how the kubelet asks after them. Where they go among the pod's own is injected-pod.ts's. Pure.
import { posix } from "node:path";
import { appProbesVariable, type AppProbes } from "../../proto/app-probes.ts";
import {
  agentPorts,
  caConfigMapKey,
  caConfigMapName,
  caFile,
  containerNames,
  proxyUserId,
  stateDirectory,
  tokenAudience,
  tokenFile,
} from "../../proto/kubernetes.ts";
import type { PodOptions } from "./options.ts";
import type { Container, HttpGetAction, Pod } from "./pod.ts";
import type { InjectionSettings, ProxyResources } from "./settings.ts";

export const volumeNames = { token: "heddle-token", ca: "heddle-ca", state: "heddle-state" } as const;

const securityContext = {
  allowPrivilegeEscalation: false,
  privileged: false,
  readOnlyRootFilesystem: true,
  seccompProfile: { type: "RuntimeDefault" },
};

/** The init container that sends the pod's connections to the agent: the only one that runs as root. */
export function captureContainer(settings: InjectionSettings, options: PodOptions): Container {
  const exclusions = Object.entries({
    HEDDLE_CAPTURE_EXCLUDE_INBOUND_PORTS: options.excludeInboundPorts,
    HEDDLE_CAPTURE_EXCLUDE_OUTBOUND_PORTS: options.excludeOutboundPorts,
    HEDDLE_CAPTURE_EXCLUDE_INBOUND_ADDRESSES: options.excludeInboundAddresses,
    HEDDLE_CAPTURE_EXCLUDE_OUTBOUND_ADDRESSES: options.excludeOutboundAddresses,
  }).flatMap(([name, value]) => (value === "" ? [] : [{ name, value }]));
  return {
    name: containerNames.capture,
    image: settings.image,
    imagePullPolicy: settings.imagePullPolicy,
    args: ["capture"],
    // The API server drops empty values and lists, which would then look like a change.
    ...(exclusions.length === 0 ? {} : { env: exclusions }),
    resources: { requests: { cpu: "10m", memory: "32Mi" }, limits: { memory: "128Mi" } },
    securityContext: {
      ...securityContext,
      runAsUser: 0,
      runAsGroup: 0,
      runAsNonRoot: false,
      capabilities: { drop: ["ALL"], add: ["NET_ADMIN", "NET_RAW"] },
    },
  };
}

/** The agent. */
export function proxyContainer(
  pod: Pod,
  settings: InjectionSettings,
  options: PodOptions,
  appProbes: AppProbes,
): Container {
  const native = options.sidecar === "native";
  return {
    name: containerNames.proxy,
    image: settings.image,
    imagePullPolicy: settings.imagePullPolicy,
    args: ["agent"],
    // An init container that restarts is a sidecar: it is ready before what follows starts, and ends after it.
    ...(native
      ? { restartPolicy: "Always" }
      : { lifecycle: { postStart: { exec: { command: ["/usr/local/bin/heddle", "wait"] } } } }),
    ports: [{ name: "heddle-health", containerPort: agentPorts.health, protocol: "TCP" }],
    env: environment(pod, settings, options, appProbes),
    resources: resources(options.resources),
    securityContext: {
      ...securityContext,
      runAsUser: proxyUserId,
      runAsGroup: proxyUserId,
      runAsNonRoot: true,
      capabilities: { drop: ["ALL"] },
    },
    startupProbe: { ...ask("/readyz"), periodSeconds: 1, failureThreshold: 60 },
    readinessProbe: { ...ask("/readyz"), periodSeconds: 2, timeoutSeconds: 2, failureThreshold: 3 },
    livenessProbe: { ...ask("/livez"), periodSeconds: 10, timeoutSeconds: 5, failureThreshold: 3 },
    volumeMounts: [
      { name: volumeNames.token, mountPath: posix.dirname(tokenFile), readOnly: true },
      { name: volumeNames.ca, mountPath: posix.dirname(caFile), readOnly: true },
      { name: volumeNames.state, mountPath: stateDirectory },
    ],
  };
}

export interface Volume {
  readonly name: string;
  readonly [field: string]: unknown;
}

export function volumes(): readonly Volume[] {
  const path = posix.basename(tokenFile);
  return [
    {
      name: volumeNames.token,
      projected: { sources: [{ serviceAccountToken: { audience: tokenAudience, expirationSeconds: 43_200, path } }] },
    },
    {
      name: volumeNames.ca,
      configMap: { name: caConfigMapName, items: [{ key: caConfigMapKey, path: posix.basename(caFile) }] },
    },
    // On disk and not in memory: it would count as the agent's. What a sidecar holds is far below the limit.
    { name: volumeNames.state, emptyDir: { sizeLimit: "64Mi" } },
  ];
}

function ask(path: string): { readonly httpGet: HttpGetAction } {
  return { httpGet: { path, port: agentPorts.health, scheme: "HTTP" } };
}

function resources({ cpuRequest, cpuLimit, memoryRequest, memoryLimit }: ProxyResources): object {
  const given = (name: string, cpu: string, memory: string): object => {
    const quantities = { ...(cpu === "" ? {} : { cpu }), ...(memory === "" ? {} : { memory }) };
    return Object.keys(quantities).length === 0 ? {} : { [name]: quantities };
  };
  return { ...given("requests", cpuRequest, memoryRequest), ...given("limits", cpuLimit, memoryLimit) };
}

function environment(
  pod: Pod,
  settings: InjectionSettings,
  options: PodOptions,
  appProbes: AppProbes,
): readonly { readonly name: string; readonly [field: string]: unknown }[] {
  const fields = {
    HEDDLE_NODE_NAMESPACE: "metadata.namespace",
    HEDDLE_NODE_POD: "metadata.name",
    HEDDLE_NODE_ADDRESS: "status.podIP",
  };
  const values: Record<string, string> = {
    HEDDLE_MODE: "sidecar",
    HEDDLE_CONTROL_PLANE: settings.controlPlaneAddress,
    HEDDLE_CONTROL_PLANE_CA: caFile,
    HEDDLE_TOKEN_FILE: tokenFile,
    HEDDLE_CAPTURE: "on",
    HEDDLE_SIDECAR: options.sidecar,
    // The same ports of IPv6 are the agent's to add, where the kernel has it.
    HEDDLE_INBOUND_ADDRESS: `0.0.0.0:${agentPorts.inbound}`,
    HEDDLE_OUTBOUND_ADDRESS: `127.0.0.1:${agentPorts.outbound}`,
    HEDDLE_ADMIN_ADDRESS: `127.0.0.1:${agentPorts.admin}`,
    HEDDLE_HEALTH_ADDRESS: `0.0.0.0:${agentPorts.health}`,
    HEDDLE_STATE_DIRECTORY: stateDirectory,
    HEDDLE_LOG_LEVEL: options.logLevel,
    HEDDLE_MIRROR_MAX_ACTIVE: options.mirrorConcurrency,
    HEDDLE_DRAIN_TIMEOUT_MS: String(drainTimeoutMs(pod)),
    [appProbesVariable]: JSON.stringify(appProbes),
    ...tracing(settings, options),
  };
  return [
    ...Object.entries(fields).map(([name, fieldPath]) => ({ name, valueFrom: { fieldRef: { fieldPath } } })),
    ...Object.entries(values).map(([name, value]) => ({ name, value })),
  ];
}

/** What is left is cut two seconds before the pod's grace is over, so that it can be told and counted. */
function drainTimeoutMs(pod: Pod): number {
  const graceMs = (pod.spec.terminationGracePeriodSeconds ?? 30) * 1000;
  return Math.min(3_600_000, Math.max(1000, graceMs - 2000));
}

function tracing({ otlpEndpoint }: InjectionSettings, { traceSampling }: PodOptions): Record<string, string> {
  if (otlpEndpoint === "") return {};
  return {
    OTEL_EXPORTER_OTLP_ENDPOINT: otlpEndpoint,
    // The port that OTLP over gRPC is registered with.
    OTEL_EXPORTER_OTLP_PROTOCOL: URL.parse(otlpEndpoint)?.port === "4317" ? "grpc" : "http/protobuf",
    OTEL_TRACES_SAMPLER: "parentbased_traceidratio",
    OTEL_TRACES_SAMPLER_ARG: traceSampling,
  };
}

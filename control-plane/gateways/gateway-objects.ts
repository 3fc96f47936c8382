// A Gateway -> the objects that run it: ServiceAccount, Deployment (the agent in gateway mode), Service, and a
// PodDisruptionBudget for several replicas. Pure: the same input gives the same objects. Applying them is
// gateway-provisioner.ts's.
//
// What the pod template holds decides when pods are replaced. It depends on the settings, the parameters and the
// Gateway's name, class and infrastructure, and on nothing else: no listener, no route. Agents open and close ports as
// the stream says; only the Service follows the listeners.
import {
  agentPorts,
  caConfigMapKey,
  caConfigMapName,
  caFile,
  containerNames,
  dnsLabel,
  gatewayObjectName,
  labels,
  proxyUserId,
  stateDirectory,
  tokenAudience,
  tokenFile,
} from "../../proto/kubernetes.ts";
import type { Gateway } from "../source/cluster-state.ts";
import type { GatewayParameters } from "./parameters.ts";

/** What the installation decides for every gateway. */
export interface GatewaySettings {
  readonly image: string;
  readonly imagePullPolicy: "Always" | "IfNotPresent" | "Never";
  /** host:port that agents connect to, TLS. */
  readonly controlPlaneAddress: string;
  /** URL of the OTLP collector; "" turns tracing off. Port 4317 is spoken to in gRPC, any other in HTTP. */
  readonly otlpEndpoint: string;
  /** Share of new traces that are recorded where the parameters say nothing: "0" to "1". */
  readonly traceSampling: string;
  /** What listeners bind: "0.0.0.0", or "::" on a cluster of IPv6. */
  readonly bindAddress: string;
}

export type ManagedKind = "ServiceAccount" | "Deployment" | "Service" | "PodDisruptionBudget";

/** An object as it is applied: only the fields that we own. */
export interface ManagedObject {
  readonly apiVersion: string;
  readonly kind: ManagedKind;
  readonly metadata: {
    readonly namespace: string;
    readonly name: string;
    readonly labels: Readonly<Record<string, string>>;
    readonly annotations: Readonly<Record<string, string>>;
    readonly ownerReferences: readonly OwnerReference[];
  };
  readonly [field: string]: unknown;
}

export interface OwnerReference {
  readonly apiVersion: string;
  readonly kind: string;
  readonly name: string;
  readonly uid: string;
  readonly controller?: boolean;
}

export interface GatewayObjectsInput {
  readonly gateway: Gateway;
  readonly uid: string;
  /** Distinct ports of the listeners that are served. */
  readonly ports: readonly number[];
  readonly parameters: GatewayParameters;
  readonly settings: GatewaySettings;
}

export const managedByLabel = "app.kubernetes.io/managed-by";
export const managedBy = "heddle";
export const gatewayApiVersion = "gateway.networking.k8s.io/v1";

/**
 * Added to listener ports under 1024: 80 is bound as 64080. Above every default range of ephemeral ports, and where
 * nobody puts a listener: 10080 or 8080 would be another listener's port soon.
 */
export const privilegedPortOffset = 64_000;

/** Longer than the agent's own drain (25 s) and its start of it. */
const terminationGracePeriodSeconds = 35;

/** Why a listener cannot have `port`, or null. The agent in the pod needs these ports itself. */
export function portFault(port: number): string | null {
  if (port === agentPorts.admin || port === agentPorts.health) return `port ${port} is the agent's own`;
  if (port > privilegedPortOffset && port < privilegedPortOffset + 1024)
    return `port ${port} is where agents bind port ${port - privilegedPortOffset}`;
  return null;
}

/** The port that an agent binds for a listener's port. */
export function containerPortOf(port: number): number {
  return port < 1024 ? port + privilegedPortOffset : port;
}

/** Label values have 63 characters; a name may have more, and then ends in a part of the object's name instead. */
export function labelsOf(gateway: Gateway): Readonly<Record<string, string>> {
  const { meta, gatewayClassName } = gateway;
  return { [labels.gatewayName]: labelValue(meta.name), [labels.gatewayClassName]: labelValue(gatewayClassName) };
}

/**
 * The objects in the order in which they are to be applied. `ports` must not be empty: a Service has at least one.
 * infrastructure's labels and annotations are on all of them and on the pods (GEP-1762); ours win.
 */
export function gatewayObjects(input: GatewayObjectsInput): readonly ManagedObject[] {
  const { gateway, uid, parameters } = input;
  const { namespace, name } = gateway.meta;
  const selector = labelsOf(gateway);
  const metadata: ManagedObject["metadata"] = {
    namespace,
    name: gatewayObjectName(name, gateway.gatewayClassName),
    labels: { ...gateway.infrastructure?.labels, ...selector, [managedByLabel]: managedBy },
    annotations: { ...gateway.infrastructure?.annotations },
    ownerReferences: [{ apiVersion: gatewayApiVersion, kind: "Gateway", name, uid, controller: true }],
  };
  const replicas = parameters.replicas ?? 1;
  return [
    { apiVersion: "v1", kind: "ServiceAccount", metadata, automountServiceAccountToken: false },
    { apiVersion: "v1", kind: "Service", metadata, spec: serviceSpec(input, selector) },
    { apiVersion: "apps/v1", kind: "Deployment", metadata, spec: deploymentSpec(input, metadata, selector) },
    ...(replicas > 1
      ? [
          {
            apiVersion: "policy/v1",
            kind: "PodDisruptionBudget" as const,
            metadata,
            spec: {
              maxUnavailable: 1,
              unhealthyPodEvictionPolicy: "AlwaysAllow",
              selector: { matchLabels: selector },
            },
          },
        ]
      : []),
  ];
}

function serviceSpec({ ports, parameters }: GatewayObjectsInput, selector: Readonly<Record<string, string>>): unknown {
  return {
    type: parameters.serviceType,
    selector,
    ports: ports.map((port) => ({
      name: `port-${port}`,
      port,
      protocol: "TCP",
      appProtocol: "http",
      targetPort: containerPortOf(port),
    })),
  };
}

function deploymentSpec(
  { gateway, parameters, settings }: GatewayObjectsInput,
  metadata: ManagedObject["metadata"],
  selector: Readonly<Record<string, string>>,
): unknown {
  return {
    ...(parameters.replicas !== undefined && { replicas: parameters.replicas }),
    revisionHistoryLimit: 2,
    selector: { matchLabels: selector },
    strategy: { type: "RollingUpdate", rollingUpdate: { maxUnavailable: 0, maxSurge: 1 } },
    template: {
      metadata: {
        labels: { ...metadata.labels, [labels.podInject]: "false" },
        annotations: {
          "prometheus.io/scrape": "true",
          "prometheus.io/port": String(agentPorts.health),
          ...metadata.annotations,
        },
      },
      spec: {
        serviceAccountName: metadata.name,
        // The agent has a token of its own audience, and no business with the API.
        automountServiceAccountToken: false,
        enableServiceLinks: false,
        terminationGracePeriodSeconds,
        securityContext: {
          runAsNonRoot: true,
          runAsUser: proxyUserId,
          runAsGroup: proxyUserId,
          // The group that may read the projected token.
          fsGroup: proxyUserId,
          seccompProfile: { type: "RuntimeDefault" },
        },
        topologySpreadConstraints: ["kubernetes.io/hostname", "topology.kubernetes.io/zone"].map((topologyKey) => ({
          maxSkew: 1,
          topologyKey,
          whenUnsatisfiable: "ScheduleAnyway",
          labelSelector: { matchLabels: selector },
        })),
        containers: [container(gateway, parameters, settings)],
        volumes: [
          { name: "ca", configMap: { name: caConfigMapName, items: [{ key: caConfigMapKey, path: caConfigMapKey }] } },
          {
            name: "token",
            projected: {
              sources: [
                {
                  serviceAccountToken: {
                    audience: tokenAudience,
                    expirationSeconds: 3600,
                    path: baseName(tokenFile),
                  },
                },
              ],
            },
          },
          { name: "state", emptyDir: { sizeLimit: "64Mi" } },
        ],
      },
    },
  };
}

function container(gateway: Gateway, parameters: GatewayParameters, settings: GatewaySettings): unknown {
  const { namespace, name } = gateway.meta;
  const probe = (path: string): unknown => ({ path, port: "health", scheme: "HTTP" });
  return {
    name: containerNames.proxy,
    image: settings.image,
    imagePullPolicy: settings.imagePullPolicy,
    args: ["agent"],
    env: [
      { name: "HEDDLE_MODE", value: "gateway" },
      { name: "HEDDLE_GATEWAY", value: `${namespace}/${name}` },
      { name: "HEDDLE_NODE_NAMESPACE", valueFrom: { fieldRef: { fieldPath: "metadata.namespace" } } },
      { name: "HEDDLE_NODE_POD", valueFrom: { fieldRef: { fieldPath: "metadata.name" } } },
      { name: "HEDDLE_CONTROL_PLANE", value: settings.controlPlaneAddress },
      { name: "HEDDLE_CONTROL_PLANE_CA", value: caFile },
      { name: "HEDDLE_TOKEN_FILE", value: tokenFile },
      { name: "HEDDLE_STATE_DIRECTORY", value: stateDirectory },
      { name: "HEDDLE_BIND_ADDRESS", value: settings.bindAddress },
      { name: "HEDDLE_HEALTH_ADDRESS", value: `${bracketed(settings.bindAddress)}:${agentPorts.health}` },
      { name: "HEDDLE_PRIVILEGED_PORT_OFFSET", value: String(privilegedPortOffset) },
      ...(parameters.logLevel === undefined ? [] : [{ name: "HEDDLE_LOG_LEVEL", value: parameters.logLevel }]),
      ...tracingVariables(parameters, settings),
    ],
    // Listener ports are not listed: containerPort only informs, and a new listener must not replace pods.
    ports: [{ name: "health", containerPort: agentPorts.health, protocol: "TCP" }],
    startupProbe: { httpGet: probe("/livez"), periodSeconds: 1, timeoutSeconds: 2, failureThreshold: 60 },
    readinessProbe: { httpGet: probe("/readyz"), periodSeconds: 2, timeoutSeconds: 2, failureThreshold: 3 },
    livenessProbe: { httpGet: probe("/livez"), periodSeconds: 10, timeoutSeconds: 5, failureThreshold: 3 },
    resources: {
      requests: { cpu: parameters.cpuRequest, memory: parameters.memoryRequest },
      limits: {
        ...(parameters.cpuLimit !== undefined && { cpu: parameters.cpuLimit }),
        memory: parameters.memoryLimit,
      },
    },
    securityContext: {
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ["ALL"] },
    },
    volumeMounts: [
      { name: "ca", mountPath: folderOf(caFile), readOnly: true },
      { name: "token", mountPath: folderOf(tokenFile), readOnly: true },
      { name: "state", mountPath: stateDirectory },
    ],
  };
}

function tracingVariables(
  parameters: GatewayParameters,
  { otlpEndpoint, traceSampling }: GatewaySettings,
): readonly { readonly name: string; readonly value: string }[] {
  if (otlpEndpoint === "") return [];
  const isGrpc = URL.parse(otlpEndpoint)?.port === "4317";
  return [
    { name: "OTEL_EXPORTER_OTLP_ENDPOINT", value: otlpEndpoint },
    { name: "OTEL_EXPORTER_OTLP_PROTOCOL", value: isGrpc ? "grpc" : "http/protobuf" },
    { name: "OTEL_TRACES_SAMPLER_ARG", value: parameters.traceSampling ?? traceSampling },
  ];
}

function labelValue(name: string): string {
  return name.length <= 63 ? name : dnsLabel(name);
}

function bracketed(host: string): string {
  return host.includes(":") ? `[${host}]` : host;
}

function folderOf(path: string): string {
  return path.slice(0, path.lastIndexOf("/"));
}

function baseName(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}

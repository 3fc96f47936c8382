// What the control plane, the agent, the command line and the manifests must call by the same name on a cluster: labels,
// annotations, ports, paths and the proxy's user. Constants, and names made of names; what they mean is decided where
// they are used.
import { createHash } from "node:crypto";

/** Namespace of the control plane. Never injected. */
export const systemNamespace = "heddle-system";

/** The control plane's Service: agents connect to `discoveryPort` over TLS, the API server calls `webhook` port 443. */
export const controlPlaneServiceName = "heddle-control-plane";

/** The host that agents verify in the control plane's certificate. */
export const controlPlaneHost = `${controlPlaneServiceName}.${systemNamespace}.svc`;

/** The host that the API server verifies in the webhook's certificate. */
export const webhookServiceName = "heddle-webhook";

export const controlPlanePorts = {
  /** TLS, agents. */
  discovery: 15_012,
  /** TLS, the API server. */
  webhook: 15_017,
  /** Loopback only: debug pages. */
  admin: 15_014,
  /** Every address: /healthz, /readyz, /metrics. */
  health: 15_015,
} as const;

export const agentPorts = {
  outbound: 15_001,
  inbound: 15_006,
  /** Loopback only: configuration, drain. */
  admin: 15_020,
  /** Every address: /livez, /readyz, /metrics, the application's probes. */
  health: 15_021,
  /** Where capture sends connections to `health`, so that one which comes there directly shows that capture is missing. */
  capturedHealth: 15_022,
  /** Nobody listens: what the agent dials to see whether capture works. */
  captureCheck: 15_002,
} as const;

/** User and group of the agent in every pod: what capture tells the proxy's own connections by. */
export const proxyUserId = 5309;

/** The container names in an injected pod. */
export const containerNames = { proxy: "heddle-proxy", capture: "heddle-capture" } as const;

export const labels = {
  /** On a namespace: "enabled". */
  namespaceInjection: "heddle.dev/injection",
  /** On a pod: "true" or "false". */
  podInject: "heddle.dev/inject",
  gatewayName: "gateway.networking.k8s.io/gateway-name",
  gatewayClassName: "gateway.networking.k8s.io/gateway-class-name",
} as const;

export const annotations = {
  /** Set by injection: content hash of what was injected. */
  injected: "heddle.dev/injected",
  excludeInboundPorts: "heddle.dev/exclude-inbound-ports",
  excludeOutboundPorts: "heddle.dev/exclude-outbound-ports",
  excludeInboundAddresses: "heddle.dev/exclude-inbound-addresses",
  excludeOutboundAddresses: "heddle.dev/exclude-outbound-addresses",
  cpuRequest: "heddle.dev/cpu-request",
  cpuLimit: "heddle.dev/cpu-limit",
  memoryRequest: "heddle.dev/memory-request",
  memoryLimit: "heddle.dev/memory-limit",
  logLevel: "heddle.dev/log-level",
  traceSampling: "heddle.dev/trace-sampling",
  mirrorConcurrency: "heddle.dev/mirror-concurrency",
  /** "native" or "classic". */
  sidecar: "heddle.dev/sidecar",
} as const;

/** ConfigMap in every namespace with agents; its key "ca.crt" is a PEM bundle, old and new during rotation. */
export const caConfigMapName = "heddle-ca";
export const caConfigMapKey = "ca.crt";
export const caFile = "/var/run/heddle/ca/ca.crt";

/** The agent's projected ServiceAccount token. */
export const tokenAudience = "heddle";
export const tokenFile = "/var/run/secrets/heddle/token";

/** The agent's writable directory (an emptyDir): the last good snapshot. */
export const stateDirectory = "/var/lib/heddle";

/**
 * GEP-1762: objects made for a Gateway are called "NAME-CLASS"; its ServiceAccount is what proves a gateway agent. A
 * Service's name is a DNS label (RFC 1035) where a Gateway's may have dots, digits first and 253 characters: see `dnsLabel`.
 */
export function gatewayObjectName(gateway: string, gatewayClass: string): string {
  return dnsLabel(`${gateway}-${gatewayClass}`);
}

/** `name` when it is a DNS label; else a label made of it that ends in a hash of it, so that no two become one. */
export function dnsLabel(name: string): string {
  if (/^[a-z](?:[-a-z0-9]{0,61}[a-z0-9])?$/.test(name)) return name;
  const hash = createHash("sha256").update(name).digest("hex").slice(0, 8);
  const start = /^[a-z]/.test(name) ? "" : "g-";
  return `${start}${name.replaceAll(/[^-a-z0-9]/g, "-").slice(0, 50)}-${hash}`;
}

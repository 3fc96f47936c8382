// The environment that makes one agent program a gateway or a sidecar. Pure; agent/config.ts reads it on the other
// side. Paths of state directories and log levels are decided here, ports and sockets by the callers.
import { join } from "node:path";
import type { AgentPorts } from "./agent-process.ts";

export interface AgentEnvironmentOptions {
  readonly inherited: Readonly<Record<string, string | undefined>>;
  /** "host:port" of the control plane's stream. */
  readonly controlPlane: string;
  /** Under it every agent gets a directory for its last-good snapshot. */
  readonly stateFolder: string;
  /** Wins over what is inherited: for example OTEL_ variables. */
  readonly overrides: Readonly<Record<string, string>>;
}

export interface AgentNode {
  readonly namespace: string;
  readonly pod: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly serviceName: string;
}

/** `gateway` is "namespace/name". Its listening sockets arrive as messages. */
export function gatewayEnvironment(
  options: AgentEnvironmentOptions,
  node: AgentNode,
  gateway: string,
): Record<string, string> {
  return {
    ...commonEnvironment(options, node, `gateway-${gateway.replace("/", "-")}`),
    HEDDLE_MODE: "gateway",
    HEDDLE_GATEWAY: gateway,
    HEDDLE_LISTENERS: "inherit",
    HEDDLE_ADMIN_ADDRESS: "127.0.0.1:0",
  };
}

/** `ports` of an earlier run are kept: the application was told the outbound port, peers the inbound one. */
export function sidecarEnvironment(
  options: AgentEnvironmentOptions,
  node: AgentNode,
  ports: AgentPorts | null,
): Record<string, string> {
  return {
    ...commonEnvironment(options, node, `sidecar-${node.namespace}-${node.pod}`),
    HEDDLE_MODE: "sidecar",
    HEDDLE_INBOUND_ADDRESS: `127.0.0.1:${ports?.inbound ?? 0}`,
    HEDDLE_OUTBOUND_ADDRESS: `127.0.0.1:${ports?.outbound ?? 0}`,
    HEDDLE_ADMIN_ADDRESS: `127.0.0.1:${ports?.admin ?? 0}`,
  };
}

function commonEnvironment(
  options: AgentEnvironmentOptions,
  node: AgentNode,
  directory: string,
): Record<string, string> {
  const environment: Record<string, string> = {};
  // What the user set for agents (log level, limits, OTEL_ variables) passes through, and so do PATH and HOME.
  for (const [name, value] of Object.entries(options.inherited)) {
    if (value !== undefined && !name.startsWith("npm_")) {
      environment[name] = value;
    }
  }
  return {
    ...environment,
    HEDDLE_NODE_NAMESPACE: node.namespace,
    HEDDLE_NODE_POD: node.pod,
    HEDDLE_NODE_LABELS: JSON.stringify(node.labels),
    HEDDLE_SERVICE_NAME: node.serviceName,
    HEDDLE_CONTROL_PLANE: options.controlPlane,
    HEDDLE_STATE_DIRECTORY: join(options.stateFolder, directory),
    // Endpoints are removed, and sockets have a new owner, before an agent is asked to leave.
    HEDDLE_DRAIN_ACCEPT_MS: "0",
    HEDDLE_DRAIN_IDLE_MS: "500",
    ...options.overrides,
  };
}

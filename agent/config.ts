// The agent's settings: environment variables, read once from one table of fields, validated together. Owns names,
// defaults and messages; tracing's own OTEL_ variables are telemetry/tracing-config.ts's.
import type { AppProbes } from "../proto/app-probes.ts";
import { appProbesVariable, parseAppProbes } from "../proto/app-probes.ts";
import type { TracingConfigResult } from "./telemetry/tracing-config.ts";
import { parseTracingConfig } from "./telemetry/tracing-config.ts";

export interface Address {
  readonly host: string;
  readonly port: number;
}

export interface AgentConfig {
  readonly mode: "gateway" | "sidecar";
  readonly namespace: string;
  readonly pod: string;
  readonly labels: Readonly<Record<string, string>>;
  /** "namespace/name"; "" in sidecar mode. */
  readonly gateway: string;
  /** Tried in turn. */
  readonly controlPlanes: readonly string[];
  /** PEM bundle that the control plane is verified by; "" for no TLS. */
  readonly controlPlaneCa: string;
  /** ServiceAccount token sent to the control plane; "" for none. */
  readonly tokenFile: string;
  /** Gateway: whether listening sockets come from the parent process. */
  readonly inheritListeners: boolean;
  /** Gateway: the host that listeners bind. */
  readonly bindAddress: string;
  /** Gateway: added to listener ports under 1024, which an unprivileged process cannot bind. */
  readonly privilegedPortOffset: number;
  readonly inbound: Address;
  readonly outbound: Address;
  readonly admin: Address;
  /** Health and metrics for others than the pod itself; null: only at `admin`. */
  readonly health: Address | null;
  /** The pod's address; "" for whatever address the machine has. */
  readonly nodeAddress: string;
  /** Probes of the application that are asked at `health`. */
  readonly appProbes: AppProbes;
  /** Whether SIGTERM comes after the application has ended (native) or together with its own (classic); none: no pod. */
  readonly sidecar: "native" | "classic" | "none";
  /** Connections reach the sidecar by redirection, and carry their original destination. */
  readonly capture: boolean;
  /** Where the last good snapshot is kept; "" for nowhere. */
  readonly stateDirectory: string;
  readonly logLevel: string;
  readonly logFormat: "json" | "pretty";
  readonly accessLog: boolean;
  /** service.name in telemetry; "" for what the control plane says of the workload. */
  readonly serviceName: string;
  readonly maxConnections: number;
  readonly mirrorMaxActive: number;
  /** While draining: how long connections are still accepted. */
  readonly drainAcceptMs: number;
  /** While draining: how long an idle connection is kept, so that a request on its way is answered and told to close. */
  readonly drainIdleMs: number;
  /** While draining: after this long what is left is cut. */
  readonly drainTimeoutMs: number;
  /** While draining a classic sidecar: its application has ended when it has had no connection for this long. */
  readonly drainQuietMs: number;
  /** A sidecar without an answer of the control plane counts as ready after this long; 0: never. */
  readonly readyTimeoutMs: number;
  readonly tracing: Exclude<TracingConfigResult, { kind: "invalid" }>;
}

export type AgentConfigResult = { readonly config: AgentConfig } | { readonly errors: readonly string[] };

type Environment = Readonly<Record<string, string | undefined>>;

interface Field<Value> {
  readonly name: string;
  readonly about: string;
  readonly fallback?: string;
  /** Returns the value, or says what was expected. */
  readonly parse: (text: string) => { readonly value: Value } | { readonly expected: string };
}

const ok = <Value>(value: Value): { readonly value: Value } => ({ value });
const text = (pattern: RegExp, expected: string) => (value: string) => (pattern.test(value) ? ok(value) : { expected });
const oneOf =
  <Choice extends string>(...choices: readonly Choice[]) =>
  (value: string) => {
    const choice = choices.find((candidate) => candidate === value);
    return choice === undefined ? { expected: `one of ${choices.join(", ")}` } : ok(choice);
  };
const count =
  (least: number, most: number) =>
  (value: string): { readonly value: number } | { readonly expected: string } => {
    const number = Number(value);
    const whole = value !== "" && Number.isInteger(number) && number >= least && number <= most;
    return whole ? ok(number) : { expected: `a whole number from ${least} to ${most}` };
  };
const address = (value: string): { readonly value: Address } | { readonly expected: string } => {
  const match = /^(?:\[([0-9a-f:]+)\]|([^:\s[\]]+)):(\d{1,5})$/i.exec(value);
  const port = Number(match?.[3]);
  return match === null || port > 65_535
    ? { expected: "host:port, for example 127.0.0.1:15020" }
    : ok({ host: match[1] ?? match[2] ?? "", port });
};
const optionalAddress = (value: string): { readonly value: Address | null } | { readonly expected: string } =>
  value === "" ? ok(null) : address(value);
const appProbes = (value: string): { readonly value: AppProbes } | { readonly expected: string } => {
  const result = parseAppProbes(value);
  return "probes" in result
    ? ok(result.probes)
    : { expected: `probes as injection writes them (${result.errors.join("; ")})` };
};
const labels = (value: string): { readonly value: Record<string, string> } | { readonly expected: string } => {
  try {
    const parsed: unknown = JSON.parse(value);
    if (typeof parsed === "object" && parsed !== null && !Array.isArray(parsed)) {
      const entries = Object.entries(parsed);
      if (entries.every(([, label]) => typeof label === "string")) return ok(parsed as Record<string, string>);
    }
  } catch {
    // Said below.
  }
  return { expected: 'a JSON object of strings, for example {"app":"web"}' };
};
const controlPlanes = (value: string): { readonly value: string[] } | { readonly expected: string } => {
  const targets = value.split(",").map((part) => part.trim());
  return targets.every((target) => "value" in address(target))
    ? ok(targets)
    : { expected: "host:port, or several with commas" };
};

const name = text(/^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$/, "a Kubernetes name");

const fields = {
  mode: { name: "HEDDLE_MODE", about: "gateway or sidecar", parse: oneOf("gateway", "sidecar") },
  namespace: { name: "HEDDLE_NODE_NAMESPACE", about: "namespace of this pod", parse: name },
  pod: { name: "HEDDLE_NODE_POD", about: "name of this pod", parse: name },
  labels: { name: "HEDDLE_NODE_LABELS", about: "labels of this pod, a JSON object", fallback: "{}", parse: labels },
  gateway: {
    name: "HEDDLE_GATEWAY",
    about: "gateway mode: namespace/name of the Gateway",
    fallback: "",
    parse: text(/^([^/\s]+\/[^/\s]+)?$/, "namespace/name"),
  },
  controlPlanes: {
    name: "HEDDLE_CONTROL_PLANE",
    about: "host:port of the control plane, or several with commas",
    parse: controlPlanes,
  },
  controlPlaneCa: {
    name: "HEDDLE_CONTROL_PLANE_CA",
    about: "PEM bundle that the control plane is verified by; no TLS when empty",
    fallback: "",
    parse: ok<string>,
  },
  tokenFile: {
    name: "HEDDLE_TOKEN_FILE",
    about: "token sent to the control plane over TLS; none when empty",
    fallback: "",
    parse: ok<string>,
  },
  listeners: {
    name: "HEDDLE_LISTENERS",
    about: "gateway mode: bind sockets, or inherit them from the parent process",
    fallback: "bind",
    parse: oneOf("bind", "inherit"),
  },
  bindAddress: {
    name: "HEDDLE_BIND_ADDRESS",
    about: "gateway mode: where listeners bind",
    fallback: "0.0.0.0",
    parse: text(/^[0-9a-z.:]+$/i, "an address"),
  },
  privilegedPortOffset: {
    name: "HEDDLE_PRIVILEGED_PORT_OFFSET",
    about: "gateway mode: added to ports under 1024",
    fallback: "8000",
    parse: count(0, 64_000),
  },
  inbound: {
    name: "HEDDLE_INBOUND_ADDRESS",
    about: "sidecar mode: where requests for the pod arrive",
    fallback: "0.0.0.0:15006",
    parse: address,
  },
  outbound: {
    name: "HEDDLE_OUTBOUND_ADDRESS",
    about: "sidecar mode: where requests of the pod leave",
    fallback: "127.0.0.1:15001",
    parse: address,
  },
  admin: {
    name: "HEDDLE_ADMIN_ADDRESS",
    about: "health, metrics and debug pages",
    fallback: "127.0.0.1:15020",
    parse: address,
  },
  health: {
    name: "HEDDLE_HEALTH_ADDRESS",
    about: "health, metrics and the application's probes for others; nowhere when empty",
    fallback: "",
    parse: optionalAddress,
  },
  nodeAddress: {
    name: "HEDDLE_NODE_ADDRESS",
    about: "address of this pod; found by itself when empty",
    fallback: "",
    parse: text(/^[0-9a-f.:]*$/i, "an IP address"),
  },
  appProbes: {
    name: appProbesVariable,
    about: "probes of the application, written by injection",
    fallback: "",
    parse: appProbes,
  },
  sidecar: {
    name: "HEDDLE_SIDECAR",
    about: "native, classic or none: whether SIGTERM comes after the application's end or with its own",
    fallback: "none",
    parse: oneOf("native", "classic", "none"),
  },
  capture: {
    name: "HEDDLE_CAPTURE",
    about: "on when connections are redirected here",
    fallback: "off",
    parse: oneOf("on", "off"),
  },
  stateDirectory: {
    name: "HEDDLE_STATE_DIRECTORY",
    about: "where the last good snapshot is kept; nowhere when empty",
    fallback: "",
    parse: ok<string>,
  },
  logLevel: {
    name: "HEDDLE_LOG_LEVEL",
    about: "debug, info, warn, error or silent",
    fallback: "info",
    parse: oneOf("debug", "info", "warn", "error", "silent"),
  },
  logFormat: { name: "HEDDLE_LOG_FORMAT", about: "json or pretty", fallback: "json", parse: oneOf("json", "pretty") },
  accessLog: { name: "HEDDLE_ACCESS_LOG", about: "on or off", fallback: "off", parse: oneOf("on", "off") },
  serviceName: {
    name: "HEDDLE_SERVICE_NAME",
    about: "service.name in telemetry; what the control plane says when empty",
    fallback: "",
    parse: ok<string>,
  },
  maxConnections: {
    name: "HEDDLE_MAX_CONNECTIONS",
    about: "connections to one listener",
    fallback: "16384",
    parse: count(1, 1_000_000),
  },
  mirrorMaxActive: {
    name: "HEDDLE_MIRROR_MAX_ACTIVE",
    about: "copies under way at a time",
    fallback: "64",
    parse: count(1, 65_536),
  },
  drainAcceptMs: {
    name: "HEDDLE_DRAIN_ACCEPT_MS",
    about: "after SIGTERM: how long connections are still accepted",
    fallback: "3000",
    parse: count(0, 600_000),
  },
  drainIdleMs: {
    name: "HEDDLE_DRAIN_IDLE_MS",
    about: "after SIGTERM: how long idle connections are kept",
    fallback: "1000",
    parse: count(0, 600_000),
  },
  drainTimeoutMs: {
    name: "HEDDLE_DRAIN_TIMEOUT_MS",
    about: "after SIGTERM: when what is left is cut",
    fallback: "25000",
    parse: count(0, 3_600_000),
  },
  drainQuietMs: {
    name: "HEDDLE_DRAIN_QUIET_MS",
    about: "classic sidecar, after SIGTERM: without a call for this long the application has ended",
    fallback: "5000",
    parse: count(0, 600_000),
  },
  readyTimeoutMs: {
    name: "HEDDLE_READY_TIMEOUT_MS",
    about: "sidecar mode: ready without a control plane after this; 0 for never",
    fallback: "10000",
    parse: count(0, 600_000),
  },
} as const satisfies Record<string, Field<unknown>>;

/** Every error at once, each with the variable's name, what it is and what was expected. */
export function parseAgentConfig(environment: Environment): AgentConfigResult {
  const errors: string[] = [];
  const read = <Value>(field: Field<Value>, otherwise: Value): Value => {
    const given = environment[field.name];
    const value = given === undefined || given === "" ? field.fallback : given;
    if (value === undefined) {
      errors.push(`${field.name} is required`);
      return otherwise;
    }
    const parsed = field.parse(value);
    if ("value" in parsed) return parsed.value;
    errors.push(`${field.name} must be ${parsed.expected}, not "${value}"`);
    return otherwise;
  };
  const nowhere: Address = { host: "", port: 0 };
  const mode = read<"gateway" | "sidecar">(fields.mode, "sidecar");
  const tracing = parseTracingConfig(environment);
  if (tracing.kind === "invalid") errors.push(...tracing.errors);
  const config: AgentConfig = {
    mode,
    namespace: read(fields.namespace, ""),
    pod: read(fields.pod, ""),
    labels: read<Record<string, string>>(fields.labels, {}),
    gateway: read(fields.gateway, ""),
    controlPlanes: read<string[]>(fields.controlPlanes, []),
    controlPlaneCa: read(fields.controlPlaneCa, ""),
    tokenFile: read(fields.tokenFile, ""),
    inheritListeners: read<string>(fields.listeners, "") === "inherit",
    bindAddress: read(fields.bindAddress, ""),
    privilegedPortOffset: read(fields.privilegedPortOffset, 0),
    inbound: read(fields.inbound, nowhere),
    outbound: read(fields.outbound, nowhere),
    admin: read(fields.admin, nowhere),
    health: read<Address | null>(fields.health, null),
    nodeAddress: read(fields.nodeAddress, ""),
    appProbes: read<AppProbes>(fields.appProbes, {}),
    sidecar: read<"native" | "classic" | "none">(fields.sidecar, "none"),
    capture: read<string>(fields.capture, "") === "on",
    stateDirectory: read(fields.stateDirectory, ""),
    logLevel: read<string>(fields.logLevel, ""),
    logFormat: read<"json" | "pretty">(fields.logFormat, "json"),
    accessLog: read<string>(fields.accessLog, "") === "on",
    serviceName: read(fields.serviceName, ""),
    maxConnections: read(fields.maxConnections, 0),
    mirrorMaxActive: read(fields.mirrorMaxActive, 0),
    drainAcceptMs: read(fields.drainAcceptMs, 0),
    drainIdleMs: read(fields.drainIdleMs, 0),
    drainTimeoutMs: read(fields.drainTimeoutMs, 0),
    drainQuietMs: read(fields.drainQuietMs, 0),
    readyTimeoutMs: read(fields.readyTimeoutMs, 0),
    tracing: tracing.kind === "invalid" ? { kind: "off" } : tracing,
  };
  if (config.tokenFile !== "" && config.controlPlaneCa === "") {
    errors.push("HEDDLE_TOKEN_FILE needs HEDDLE_CONTROL_PLANE_CA: a token is sent over TLS only");
  }
  if (mode === "gateway" && config.gateway === "" && environment["HEDDLE_MODE"] === "gateway") {
    errors.push("HEDDLE_GATEWAY is required in gateway mode: namespace/name");
  }
  return errors.length > 0 ? { errors } : { config };
}

/** The table for people. */
export function describeAgentConfig(): string {
  const table: readonly Field<unknown>[] = Object.values(fields);
  const rows = table.map(({ name, about, fallback }) => {
    const otherwise = fallback === undefined ? " (required)" : fallback === "" ? "" : ` (default ${fallback})`;
    return `  ${name.padEnd(30)} ${about}${otherwise}`;
  });
  return `The agent is configured by its environment, and its tracing by OTEL_ variables:\n${rows.join("\n")}`;
}

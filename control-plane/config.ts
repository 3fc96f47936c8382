// Environment -> validated configuration. One table of fields; every mistake is reported, not only the first.
import { isIP } from "node:net";
import { defaultControllerName, type ListenAddress } from "./control-plane.ts";

export interface ControlPlaneConfig {
  /** Where objects come from. */
  readonly source: { readonly kind: "folder"; readonly folder: string } | { readonly kind: "kubernetes" };
  readonly defaultNamespace: string;
  readonly controllerName: string;
  readonly discovery: ListenAddress;
  readonly admin: ListenAddress;
  /** Null: nowhere but at `admin`. */
  readonly health: ListenAddress | null;
  /** Null: no injection. */
  readonly webhook: ListenAddress | null;
  /** This replica's name, as holder of the Lease. */
  readonly podName: string;
  /** What injected pods and gateways run. */
  readonly image: string;
  readonly imagePullPolicy: "Always" | "IfNotPresent" | "Never";
  /** Where agents send spans; "": nowhere. */
  readonly otlpEndpoint: string;
  /** Share of new traces that agents record, "0" to "1". */
  readonly traceSampling: string;
  /** Folder of status files; null writes none. */
  readonly statusFolder: string | null;
  readonly logLevel: string;
  readonly logFormat: "json" | "pretty";
}

type Environment = Readonly<Record<string, string | undefined>>;

/** A field's value, or what was expected instead. */
type Read<Value> = { readonly value: Value } | { readonly expected: string };

interface Field<Value> {
  readonly name: string;
  /** Taken when the variable is absent or empty; null when it must be given. */
  readonly fallback: string | null;
  readonly about: string;
  readonly read: (text: string) => Read<Value>;
}

const levels = ["trace", "debug", "info", "warn", "error", "fatal", "silent"];

const fields = {
  source: field("HEDDLE_SOURCE", null, "where objects come from: folder:DIR, or kubernetes", readSource),
  defaultNamespace: field("HEDDLE_DEFAULT_NAMESPACE", "default", "namespace of objects that name none", (text) =>
    /^[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?$/.test(text) ? { value: text } : { expected: "a lower-case DNS label" },
  ),
  controllerName: field(
    "HEDDLE_CONTROLLER_NAME",
    defaultControllerName,
    "controllerName of our GatewayClasses",
    (text) =>
      /^[a-z0-9.-]+\/[A-Za-z0-9/._~%!$&'()*+,;=:-]+$/.test(text) && text.length <= 253
        ? { value: text }
        : { expected: "a domain and a path, such as example.com/name" },
  ),
  discovery: field("HEDDLE_DISCOVERY_ADDRESS", "127.0.0.1:15010", "where agents connect", readAddress),
  admin: field("HEDDLE_ADMIN_ADDRESS", "127.0.0.1:15014", "health, metrics and debug pages", readAddress),
  health: field(
    "HEDDLE_HEALTH_ADDRESS",
    "",
    "health, metrics and /programmed alone; nowhere when empty",
    readOptionalAddress,
  ),
  webhook: field("HEDDLE_WEBHOOK_ADDRESS", "", "kubernetes: injection webhook; off when empty", readOptionalAddress),
  podName: field("HEDDLE_POD_NAME", "", "kubernetes: this replica, as holder of the Lease", (text) =>
    /^([a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?)?$/.test(text) ? { value: text } : { expected: "a Kubernetes name" },
  ),
  image: field("HEDDLE_IMAGE", "", "kubernetes: image of injected agents and gateways", (text) =>
    /^\S*$/.test(text) ? { value: text } : { expected: "an image reference" },
  ),
  imagePullPolicy: field("HEDDLE_IMAGE_PULL_POLICY", "IfNotPresent", "kubernetes: of that image", (text) =>
    text === "Always" || text === "IfNotPresent" || text === "Never"
      ? { value: text }
      : { expected: "Always, IfNotPresent or Never" },
  ),
  otlpEndpoint: field("HEDDLE_OTLP_ENDPOINT", "", "kubernetes: where agents send spans; off when empty", (text) =>
    text === "" || /^https?:\/\/\S+$/.test(text)
      ? { value: text }
      : { expected: "a URL, such as http://jaeger.heddle-traces.svc:4317" },
  ),
  traceSampling: field("HEDDLE_TRACE_SAMPLING", "1", "kubernetes: share of new traces recorded", (text) =>
    /^(0(\.\d{1,9})?|1(\.0{1,9})?)$/.test(text) ? { value: text } : { expected: "a number from 0 to 1" },
  ),
  statusFolder: field("HEDDLE_STATUS_FOLDER", "", "folder for status files; none when empty", (text) => ({
    value: text === "" ? null : text,
  })),
  logLevel: field("HEDDLE_LOG_LEVEL", "info", levels.join(", "), (text) =>
    levels.includes(text) ? { value: text } : { expected: `one of ${levels.join(", ")}` },
  ),
  logFormat: field("HEDDLE_LOG_FORMAT", "json", "json or pretty", (text) =>
    text === "json" || text === "pretty" ? { value: text } : { expected: "json or pretty" },
  ),
} as const;

type ConfigResult =
  | { readonly ok: true; readonly config: ControlPlaneConfig; readonly warnings: readonly string[] }
  | { readonly ok: false; readonly errors: readonly string[] };

/** Reads the variables of the table; warns of others that begin with HEDDLE_, as most likely misspelt. */
export function readConfig(environment: Environment): ConfigResult {
  const errors: string[] = [];
  const read = <Value>({ name, fallback, read: parse, about }: Field<Value>): Value | undefined => {
    const given = environment[name];
    const text = given === undefined || given === "" ? fallback : given;
    if (text === null) {
      errors.push(`${name}: required (${about})`);
      return undefined;
    }
    const result = parse(text);
    if ("value" in result) return result.value;
    errors.push(`${name}: expected ${result.expected}, got ${JSON.stringify(text)}`);
    return undefined;
  };
  const config = Object.fromEntries(
    Object.entries(fields).map(([key, one]) => [key, read(one as Field<unknown>)]),
  ) as unknown as ControlPlaneConfig;
  if (config.source?.kind === "kubernetes") {
    if (config.podName === "") errors.push("HEDDLE_POD_NAME: required with HEDDLE_SOURCE=kubernetes");
    if (config.image === "") errors.push("HEDDLE_IMAGE: required with HEDDLE_SOURCE=kubernetes");
  }
  const known = new Set(Object.values(fields).map(({ name }) => name));
  const warnings = Object.keys(environment)
    .filter((name) => name.startsWith("HEDDLE_") && !known.has(name))
    .map((name) => `${name}: no such setting, ignored`);
  return errors.length === 0 ? { ok: true, config, warnings } : { ok: false, errors };
}

/** The table for people. */
export function describeConfig(): string {
  const rows = Object.values(fields).map(
    ({ name, fallback, about }) => `  ${name.padEnd(26)} ${about}${fallback ? ` (default ${fallback})` : ""}`,
  );
  return `The control plane is configured by its environment:\n${rows.join("\n")}`;
}

function field<Value>(name: string, fallback: string | null, about: string, read: Field<Value>["read"]): Field<Value> {
  return { name, fallback, about, read };
}

function readSource(text: string): Read<ControlPlaneConfig["source"]> {
  if (text === "kubernetes") return { value: { kind: "kubernetes" } };
  const [kind, ...rest] = text.split(":");
  const folder = rest.join(":");
  return kind === "folder" && folder !== ""
    ? { value: { kind: "folder", folder } }
    : { expected: "folder:DIR or kubernetes" };
}

function readOptionalAddress(text: string): Read<ListenAddress | null> {
  return text === "" ? { value: null } : readAddress(text);
}

function readAddress(text: string): Read<ListenAddress> {
  const expected = "ADDRESS:PORT, such as 127.0.0.1:15010 or [::]:0";
  const found = /^(?:\[([^\]]+)\]|([^:[\]]+)):(\d{1,5})$/.exec(text);
  const host = found?.[1] ?? found?.[2] ?? "";
  const port = Number(found?.[3]);
  const isAddress = found?.[1] === undefined ? isIP(host) === 4 || host === "localhost" : isIP(host) === 6;
  return isAddress && port <= 65_535 ? { value: { host, port } } : { expected };
}

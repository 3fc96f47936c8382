// Tracing settings from OpenTelemetry's own environment variables, validated; a wrong one is an error with the value
// that was expected. Pure. What is not listed here and concerns the connection (OTEL_EXPORTER_OTLP_HEADERS,
// _CERTIFICATE, _COMPRESSION) is read by the exporters themselves, as everywhere else.
//
//   OTEL_EXPORTER_OTLP_TRACES_ENDPOINT, OTEL_EXPORTER_OTLP_ENDPOINT   tracing is on when one is set
//   OTEL_EXPORTER_OTLP_TRACES_PROTOCOL, OTEL_EXPORTER_OTLP_PROTOCOL   "grpc" or "http/protobuf" (default)
//   OTEL_TRACES_SAMPLER, OTEL_TRACES_SAMPLER_ARG                      parent-based only; default ratio 0.01
//   OTEL_EXPORTER_OTLP_TRACES_TIMEOUT, OTEL_EXPORTER_OTLP_TIMEOUT     milliseconds, default 10000
//   OTEL_BSP_MAX_QUEUE_SIZE, OTEL_BSP_SCHEDULE_DELAY                  spans held (2048), milliseconds (1000)
//   OTEL_SDK_DISABLED=true, OTEL_TRACES_EXPORTER=none                 tracing is off
//   OTEL_SERVICE_NAME, OTEL_RESOURCE_ATTRIBUTES                       added to the resource, over the agent's own

export interface TracingConfig {
  readonly protocol: "grpc" | "http/protobuf";
  /** Complete: with the path of the signal where the protocol has one. */
  readonly url: string;
  /** Share of traces without a parent's decision that are sampled, 0 to 1. */
  readonly ratio: number;
  readonly exportTimeoutMs: number;
  /** Spans held until they are sent or given up; further ones are dropped and counted. */
  readonly maxSpans: number;
  /** Longest wait of a span for others to be sent with. */
  readonly batchDelayMs: number;
  /** Resource attributes that the user set. */
  readonly resource: Readonly<Record<string, string>>;
}

export type TracingConfigResult =
  | { readonly kind: "off" }
  | { readonly kind: "on"; readonly config: TracingConfig }
  | { readonly kind: "invalid"; readonly errors: readonly string[] };

type Environment = Readonly<Record<string, string | undefined>>;

/** Every error at once; variables that are empty count as not set (OpenTelemetry's rule). */
export function parseTracingConfig(environment: Environment): TracingConfigResult {
  const errors: string[] = [];
  const disabled = read(environment, "OTEL_SDK_DISABLED").toLowerCase() === "true";
  const exporter = read(environment, "OTEL_TRACES_EXPORTER");
  const tracesEndpoint = read(environment, "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT");
  const endpoint = read(environment, "OTEL_EXPORTER_OTLP_ENDPOINT");
  if (disabled || exporter === "none" || (tracesEndpoint === "" && endpoint === "")) {
    return { kind: "off" };
  }
  if (exporter !== "" && exporter !== "otlp") {
    errors.push(`OTEL_TRACES_EXPORTER must be "otlp" or "none", not "${exporter}"`);
  }
  const protocol = parseProtocol(environment, errors);
  const config: TracingConfig = {
    protocol,
    url: parseUrl(tracesEndpoint, endpoint, protocol, errors),
    ratio: parseRatio(environment, errors),
    exportTimeoutMs: parseCount(
      environment,
      ["OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "OTEL_EXPORTER_OTLP_TIMEOUT"],
      10_000,
      errors,
    ),
    maxSpans: parseCount(environment, ["OTEL_BSP_MAX_QUEUE_SIZE"], 2048, errors),
    batchDelayMs: parseCount(environment, ["OTEL_BSP_SCHEDULE_DELAY"], 1000, errors),
    resource: parseResource(environment, errors),
  };
  return errors.length > 0 ? { kind: "invalid", errors } : { kind: "on", config };
}

function read(environment: Environment, name: string): string {
  return environment[name]?.trim() ?? "";
}

function parseProtocol(environment: Environment, errors: string[]): TracingConfig["protocol"] {
  const value =
    read(environment, "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL") || read(environment, "OTEL_EXPORTER_OTLP_PROTOCOL");
  if (value !== "" && value !== "grpc" && value !== "http/protobuf") {
    errors.push(`OTEL_EXPORTER_OTLP_PROTOCOL must be "grpc" or "http/protobuf", not "${value}"`);
  }
  return value === "grpc" ? "grpc" : "http/protobuf";
}

function parseUrl(
  tracesEndpoint: string,
  endpoint: string,
  protocol: TracingConfig["protocol"],
  errors: string[],
): string {
  const value = tracesEndpoint || endpoint;
  const url = URL.parse(value);
  if (url === null || (url.protocol !== "http:" && url.protocol !== "https:")) {
    const name = tracesEndpoint === "" ? "OTEL_EXPORTER_OTLP_ENDPOINT" : "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT";
    errors.push(`${name} must be a URL that begins with http:// or https://, not "${value}"`);
    return "";
  }
  // Only the endpoint of all signals gets the signal's path, and only over HTTP (OTLP exporter specification).
  return protocol === "grpc" || tracesEndpoint !== "" ? value : `${value.replace(/\/$/, "")}/v1/traces`;
}

function parseRatio(environment: Environment, errors: string[]): number {
  const sampler = read(environment, "OTEL_TRACES_SAMPLER") || "parentbased_traceidratio";
  const argument = read(environment, "OTEL_TRACES_SAMPLER_ARG");
  switch (sampler) {
    case "parentbased_always_on":
      return 1;
    case "parentbased_always_off":
      return 0;
    case "parentbased_traceidratio": {
      const ratio = argument === "" ? 0.01 : Number(argument);
      if (!(ratio >= 0 && ratio <= 1)) {
        errors.push(`OTEL_TRACES_SAMPLER_ARG must be a number from 0 to 1, not "${argument}"`);
      }
      return ratio;
    }
    default:
      errors.push(
        `OTEL_TRACES_SAMPLER must be parentbased_traceidratio, parentbased_always_on or parentbased_always_off, not "${sampler}"`,
      );
      return 0;
  }
}

function parseCount(environment: Environment, names: readonly string[], otherwise: number, errors: string[]): number {
  const name = names.find((candidate) => read(environment, candidate) !== "");
  if (name === undefined) {
    return otherwise;
  }
  const value = Number(read(environment, name));
  if (!Number.isInteger(value) || value < 1 || value > 1_000_000) {
    errors.push(`${name} must be a whole number from 1 to 1000000, not "${read(environment, name)}"`);
  }
  return value;
}

/** key=value pairs joined by commas, values percent-encoded (W3C Baggage syntax without properties). */
function parseResource(environment: Environment, errors: string[]): Readonly<Record<string, string>> {
  const resource: Record<string, string> = {};
  for (const pair of read(environment, "OTEL_RESOURCE_ATTRIBUTES").split(",")) {
    const equals = pair.indexOf("=");
    const key = pair.slice(0, Math.max(equals, 0)).trim();
    if (pair.trim() === "") {
      continue;
    }
    if (key === "") {
      errors.push(`OTEL_RESOURCE_ATTRIBUTES must be key=value pairs joined by commas; "${pair.trim()}" is none`);
      continue;
    }
    try {
      resource[key] = decodeURIComponent(pair.slice(equals + 1).trim());
    } catch {
      errors.push(`OTEL_RESOURCE_ATTRIBUTES: the value of "${key}" is not percent-encoded correctly`);
    }
  }
  const serviceName = read(environment, "OTEL_SERVICE_NAME");
  return serviceName === "" ? resource : { ...resource, "service.name": serviceName };
}

import test from "ava";
import { parseTracingConfig } from "./tracing-config.ts";

const endpoint = { OTEL_EXPORTER_OTLP_ENDPOINT: "http://collector:4318" };

test("tracing is off without an endpoint, and where OpenTelemetry is told to be off", (t) => {
  t.deepEqual(parseTracingConfig({}), { kind: "off" });
  t.deepEqual(parseTracingConfig({ OTEL_EXPORTER_OTLP_ENDPOINT: " " }), { kind: "off" });
  t.deepEqual(parseTracingConfig({ ...endpoint, OTEL_SDK_DISABLED: "TRUE" }), { kind: "off" });
  t.deepEqual(parseTracingConfig({ ...endpoint, OTEL_TRACES_EXPORTER: "none" }), { kind: "off" });
});

test("an endpoint alone gives HTTP/protobuf to its traces path, and 1 % of the traces", (t) => {
  t.deepEqual(parseTracingConfig(endpoint), {
    kind: "on",
    config: {
      protocol: "http/protobuf",
      url: "http://collector:4318/v1/traces",
      ratio: 0.01,
      exportTimeoutMs: 10_000,
      maxSpans: 2048,
      batchDelayMs: 1000,
      resource: {},
    },
  });
});

test("the variables of the traces signal go before the general ones, and their endpoint is taken as it is", (t) => {
  const parsed = parseTracingConfig({
    ...endpoint,
    OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: "https://traces/in",
    OTEL_EXPORTER_OTLP_PROTOCOL: "grpc",
    OTEL_EXPORTER_OTLP_TRACES_PROTOCOL: "http/protobuf",
    OTEL_EXPORTER_OTLP_TIMEOUT: "5000",
    OTEL_EXPORTER_OTLP_TRACES_TIMEOUT: "700",
  });
  t.like(parsed, { config: { protocol: "http/protobuf", url: "https://traces/in", exportTimeoutMs: 700 } });
  t.like(parseTracingConfig({ ...endpoint, OTEL_EXPORTER_OTLP_PROTOCOL: "grpc" }), {
    config: { protocol: "grpc", url: "http://collector:4318" },
  });
});

test("the parent-based samplers are understood", (t) => {
  const ratio = (sampler: string, argument?: string): unknown => {
    const parsed = parseTracingConfig({ ...endpoint, OTEL_TRACES_SAMPLER: sampler, OTEL_TRACES_SAMPLER_ARG: argument });
    return parsed.kind === "on" ? parsed.config.ratio : parsed.kind;
  };
  t.is(ratio("parentbased_traceidratio", "0.5"), 0.5);
  t.is(ratio("", "1"), 1);
  t.is(ratio("parentbased_always_on"), 1);
  t.is(ratio("parentbased_always_off"), 0);
  t.is(ratio("parentbased_traceidratio", "2"), "invalid");
  t.is(ratio("always_on"), "invalid");
});

test("resource attributes of the user are read, decoded, with the service name last", (t) => {
  const parsed = parseTracingConfig({
    ...endpoint,
    OTEL_RESOURCE_ATTRIBUTES: "team=shop, note=a%2Cb,service.name=x,",
    OTEL_SERVICE_NAME: "cart",
  });
  t.like(parsed, { config: { resource: { team: "shop", note: "a,b", "service.name": "cart" } } });
});

test("every mistake is reported at once, with its variable and what it was", (t) => {
  const parsed = parseTracingConfig({
    OTEL_EXPORTER_OTLP_ENDPOINT: "collector:4317",
    OTEL_EXPORTER_OTLP_PROTOCOL: "http/json",
    OTEL_TRACES_EXPORTER: "zipkin",
    OTEL_TRACES_SAMPLER_ARG: "often",
    OTEL_EXPORTER_OTLP_TIMEOUT: "-1",
    OTEL_BSP_MAX_QUEUE_SIZE: "1.5",
    OTEL_RESOURCE_ATTRIBUTES: "novalue,a=%zz",
  });
  t.deepEqual(parsed, {
    kind: "invalid",
    errors: [
      'OTEL_TRACES_EXPORTER must be "otlp" or "none", not "zipkin"',
      'OTEL_EXPORTER_OTLP_PROTOCOL must be "grpc" or "http/protobuf", not "http/json"',
      'OTEL_EXPORTER_OTLP_ENDPOINT must be a URL that begins with http:// or https://, not "collector:4317"',
      'OTEL_TRACES_SAMPLER_ARG must be a number from 0 to 1, not "often"',
      'OTEL_EXPORTER_OTLP_TIMEOUT must be a whole number from 1 to 1000000, not "-1"',
      'OTEL_BSP_MAX_QUEUE_SIZE must be a whole number from 1 to 1000000, not "1.5"',
      'OTEL_RESOURCE_ATTRIBUTES must be key=value pairs joined by commas; "novalue" is none',
      'OTEL_RESOURCE_ATTRIBUTES: the value of "a" is not percent-encoded correctly',
    ],
  });
});

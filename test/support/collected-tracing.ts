// Tracing as the agent has it, into a collector of this process: what a proxy under test reports arrives as spans.
import { MetricRegistry } from "../../agent/telemetry/metric-registry.ts";
import { parseTracingConfig } from "../../agent/telemetry/tracing-config.ts";
import { Tracing } from "../../agent/telemetry/tracing.ts";
import { type CollectedSpan, startCollector } from "./otlp-collector.ts";
import type { Test } from "./test-context.ts";

export interface CollectedTracing {
  readonly tracing: Tracing;
  /** What has arrived so far. */
  readonly spans: CollectedSpan[];
}

/** Started; ends with the test. */
export async function collectedTracing(t: Test): Promise<CollectedTracing> {
  const collector = await startCollector("http/protobuf");
  const parsed = parseTracingConfig({
    OTEL_EXPORTER_OTLP_ENDPOINT: collector.endpoint,
    OTEL_EXPORTER_OTLP_PROTOCOL: collector.protocol,
  });
  if (parsed.kind !== "on") throw new Error(JSON.stringify(parsed));
  const registry = new MetricRegistry();
  const dropped = registry.counterFamily("dropped_total", "Dropped.", ["reason"]);
  const tracing = new Tracing({
    config: { ...parsed.config, batchDelayMs: 10 },
    agentVersion: "1",
    spans: registry.counter("spans_total", "Spans."),
    dropped: (reason) => dropped.with(reason),
    warn: () => undefined,
    nowMs: () => Date.now(),
  });
  t.teardown(async () => {
    await tracing.shutdown(2000);
    await collector.close();
  });
  await tracing.start({ "service.name": "gateway" });
  return { tracing, spans: collector.spans };
}

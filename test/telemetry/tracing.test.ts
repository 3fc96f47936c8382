// Spans as a collector gets them: over real gRPC and HTTP, from collectors that work and from those that do not.
import type { ExecutionContext } from "ava";
import test from "ava";
import { MetricRegistry } from "../../agent/telemetry/metric-registry.ts";
import type { SpanRecord } from "../../agent/telemetry/span-record.ts";
import { parseTracingConfig } from "../../agent/telemetry/tracing-config.ts";
import type { TracingConfig } from "../../agent/telemetry/tracing-config.ts";
import { Tracing } from "../../agent/telemetry/tracing.ts";
import type { OtlpCollector } from "../support/otlp-collector.ts";
import { startCollector, startHttpCollectorAnswering, startRudeCollector } from "../support/otlp-collector.ts";
import { until } from "../support/until.ts";

interface Sending {
  readonly tracing: Tracing;
  readonly warnings: string[];
  readonly dropped: (reason: string) => number;
  readonly droppedInAll: () => number;
  readonly spans: () => number;
}

function sending(
  target: Pick<OtlpCollector, "endpoint" | "protocol">,
  changes: Partial<TracingConfig> = {},
  nowMs: () => number = () => 0,
): Sending {
  const parsed = parseTracingConfig({
    OTEL_EXPORTER_OTLP_ENDPOINT: target.endpoint,
    OTEL_EXPORTER_OTLP_PROTOCOL: target.protocol,
  });
  if (parsed.kind !== "on") {
    throw new Error(JSON.stringify(parsed));
  }
  const registry = new MetricRegistry();
  const spans = registry.counter("spans_total", "Spans.");
  const dropped = registry.counterFamily("dropped_total", "Dropped.", ["reason"]);
  const warnings: string[] = [];
  const tracing = new Tracing({
    config: { ...parsed.config, batchDelayMs: 10, ...changes },
    agentVersion: "1.2.3",
    spans,
    dropped: (reason) => dropped.with(reason),
    warn: (message) => warnings.push(message),
    nowMs,
  });
  const reasons = ["queue-full", "export-failed", "shutdown"];
  return {
    tracing,
    warnings,
    dropped: (reason) => dropped.with(reason).value,
    droppedInAll: () => reasons.reduce((sum, reason) => sum + dropped.with(reason).value, 0),
    spans: () => spans.value,
  };
}

const startTimeMs = 1_700_000_000_000.25;

function span(index: number, changes: Partial<SpanRecord> = {}): SpanRecord {
  return {
    traceId: index.toString(16).padStart(32, "a"),
    spanId: index.toString(16).padStart(16, "b"),
    parentSpanId: "",
    parentIsRemote: false,
    traceState: "",
    kind: "server",
    name: "GET shop/cart",
    startTimeMs,
    endTimeMs: startTimeMs + 12.5,
    attributes: { "http.request.method": "GET", "http.response.status_code": 200, version: "v2" },
    events: [],
    links: [],
    error: null,
    ...changes,
  };
}

function recordMany(tracing: Tracing, count: number): void {
  for (let index = 1; index <= count; index++) {
    tracing.record(span(index));
  }
}

const resource = {
  "service.name": "cart",
  "service.version": "v2",
  "k8s.namespace.name": "shop",
  "k8s.pod.name": "c-1",
};

for (const protocol of ["grpc", "http/protobuf"] as const) {
  test(`over ${protocol}, a span arrives with exactly the ids, times, attributes, events and links it was given`, async (t) => {
    const collector = await startCollector(protocol);
    t.teardown(() => collector.close());
    const { tracing, droppedInAll, warnings } = sending(collector);
    await tracing.start(resource);
    const root = span(1);
    const child = span(2, {
      traceId: root.traceId,
      parentSpanId: root.spanId,
      parentIsRemote: true,
      traceState: "congo=t61,rojo=1",
      kind: "client",
      events: [{ name: "heddle.replay", timeMs: startTimeMs + 3, attributes: { "heddle.replay.reason": "reset" } }],
      links: [{ traceId: root.traceId, spanId: root.spanId }],
      error: "reset",
    });
    tracing.record(root);
    tracing.record(child);
    await until(() => collector.spans.length === 2);
    await tracing.shutdown(2000);
    const [first, second] = collector.spans;
    t.like(first, { traceId: root.traceId, spanId: root.spanId, parentSpanId: "", kind: "SERVER", name: root.name });
    t.deepEqual(first?.attributes, root.attributes);
    t.deepEqual(first?.status, { code: "UNSET", message: "" });
    t.like(second, {
      traceId: root.traceId,
      spanId: child.spanId,
      parentSpanId: root.spanId,
      traceState: "congo=t61,rojo=1",
      kind: "CLIENT",
      links: child.links,
    });
    t.deepEqual(second?.status, { code: "ERROR", message: "reset" });
    t.is(second?.events[0]?.name, "heddle.replay");
    t.is((second?.flags ?? 0) & 0x301, 0x301, "sampled, and its parent was remote");
    t.true(Math.abs((first?.startTimeMs ?? 0) - startTimeMs) < 0.01);
    t.true(Math.abs((first?.endTimeMs ?? 0) - (first?.startTimeMs ?? 0) - 12.5) < 0.01);
    t.like(first?.resource, resource);
    t.deepEqual(first?.scope, { name: "heddle", version: "1.2.3" });
    t.is(droppedInAll(), 0);
    t.deepEqual(warnings, []);
    t.is(tracing.heldSpans, 0);
  });
}

test("spans recorded before the SDK is loaded are sent once it is", async (t) => {
  const collector = await startCollector("grpc");
  t.teardown(() => collector.close());
  const { tracing, droppedInAll } = sending(collector);
  recordMany(tracing, 5);
  t.is(tracing.heldSpans, 5);
  await tracing.start(resource);
  await tracing.shutdown(2000);
  t.is(collector.spans.length, 5);
  t.is(droppedInAll(), 0);
});

test("before the SDK is loaded no more than the bound is held, and the rest is counted", async (t) => {
  const collector = await startCollector("http/protobuf");
  t.teardown(() => collector.close());
  const { tracing, dropped, warnings } = sending(collector, { maxSpans: 100 });
  recordMany(tracing, 1000);
  t.is(tracing.heldSpans, 100);
  t.is(dropped("queue-full"), 900);
  t.is(warnings.length, 1);
  await tracing.start(resource);
  await tracing.shutdown(2000);
  t.is(collector.spans.length, 100);
});

test("shutdown sends what is held, and later spans are counted as dropped", async (t) => {
  const collector = await startCollector("grpc");
  t.teardown(() => collector.close());
  const { tracing, dropped } = sending(collector, { batchDelayMs: 60_000 });
  await tracing.start(resource);
  recordMany(tracing, 700);
  await tracing.shutdown(2000);
  t.is(collector.spans.length, 700);
  recordMany(tracing, 3);
  t.is(dropped("shutdown"), 3);
});

test("shut down before or while the SDK loads: what was held is counted, nothing is left behind", async (t) => {
  const collector = await startCollector("grpc");
  t.teardown(() => collector.close());
  const early = sending(collector);
  recordMany(early.tracing, 3);
  await early.tracing.shutdown(1000);
  t.is(early.dropped("shutdown"), 3);
  await early.tracing.start(resource);
  recordMany(early.tracing, 1);
  t.is(early.dropped("shutdown"), 4);

  const capped = sending(collector);
  recordMany(capped.tracing, 3);
  const loading = capped.tracing.start(resource);
  await capped.tracing.shutdown(0);
  await loading;
  t.is(capped.dropped("shutdown") + collector.spans.length, 3);
  t.is(capped.tracing.heldSpans, 0);
});

test("an SDK that cannot be started turns tracing off with one warning, and every span is counted", async (t) => {
  const { tracing, warnings, droppedInAll } = sending(
    { endpoint: "http://127.0.0.1:1", protocol: "grpc" },
    { url: "http://[not an address" },
  );
  recordMany(tracing, 2);
  await tracing.start(resource);
  recordMany(tracing, 2);
  await tracing.shutdown(1000);
  t.is(droppedInAll(), 4);
  t.is(warnings.length, 1);
});

test("several Tracings in one process send to their own collectors", async (t) => {
  const collectors = await Promise.all([startCollector("grpc"), startCollector("http/protobuf")]);
  t.teardown(() => Promise.all(collectors.map((collector) => collector.close())));
  const senders = collectors.map((collector) => sending(collector));
  await Promise.all(senders.map(({ tracing }) => tracing.start(resource)));
  senders.forEach(({ tracing }, index) => {
    tracing.record(span(index + 1));
  });
  await Promise.all(senders.map(({ tracing }) => tracing.shutdown(2000)));
  t.deepEqual(
    collectors.map(({ spans }) => spans.map(({ spanId }) => spanId)),
    [[span(1).spanId], [span(2).spanId]],
  );
});

test.serial("variables of the SDK that are not ours change nothing", async (t) => {
  const surprises = {
    OTEL_LOG_LEVEL: "verbose",
    OTEL_METRICS_EXPORTER: "prometheus",
    OTEL_LOGS_EXPORTER: "console",
    OTEL_TRACES_SAMPLER: "always_off",
    OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT: "1",
  };
  Object.assign(process.env, surprises);
  t.teardown(() => {
    Object.keys(surprises).forEach((name) => delete process.env[name]);
  });
  const collector = await startCollector("grpc");
  t.teardown(() => collector.close());
  const { tracing, warnings } = sending(collector);
  await tracing.start(resource);
  tracing.record(span(1));
  await tracing.shutdown(2000);
  t.is(Object.keys(collector.spans[0]?.attributes ?? {}).length, 3);
  t.deepEqual(warnings, []);
});

for (const protocol of ["grpc", "http/protobuf"] as const) {
  for (const manner of ["silent", "rubbish", "closing"] as const) {
    test(`a collector that is ${manner} over ${protocol}: recording stays cheap, held spans bounded, every loss counted`, async (t) => {
      const collector = await startRudeCollector(protocol, manner);
      t.teardown(() => collector.close());
      await withstand(t, collector);
      t.true(collector.requests() > 0);
    });
  }

  test(`a collector that is down, over ${protocol}: recording stays cheap, held spans bounded, every loss counted`, async (t) => {
    const collector = await startRudeCollector(protocol, "closing");
    await collector.close();
    await withstand(t, collector);
  });
}

test("an HTTP collector that answers rubbish with 200 has taken the spans; one that answers 400 has not", async (t) => {
  const confused = await startHttpCollectorAnswering(200, "<html>not protobuf</html>");
  const refusing = await startHttpCollectorAnswering(400, "no");
  t.teardown(() => Promise.all([confused.close(), refusing.close()]));
  const taken = sending(confused);
  await taken.tracing.start(resource);
  taken.tracing.record(span(1));
  await taken.tracing.shutdown(2000);
  t.is(taken.droppedInAll(), 0);
  const refused = sending(refusing);
  await refused.tracing.start(resource);
  refused.tracing.record(span(1));
  await refused.tracing.shutdown(2000);
  t.is(refused.dropped("export-failed"), 1);
  t.is(refused.warnings.length, 1);
});

for (const protocol of ["grpc", "http/protobuf"] as const) {
  test(`over ${protocol}, spans that a silent collector never took are given up in time, and it gets spans once it is back`, async (t) => {
    const silent = await startRudeCollector(protocol, "silent");
    const { tracing, dropped } = sending(silent, { maxSpans: 10, exportTimeoutMs: 200 });
    await tracing.start(resource);
    recordMany(tracing, 10);
    await until(() => dropped("export-failed") === 10);
    t.is(tracing.heldSpans, 0);
    await silent.close();
    const collector = await startCollector(protocol, Number(new URL(silent.endpoint).port));
    t.teardown(() => collector.close());
    let index = 100;
    await until(() => {
      if (tracing.heldSpans === 0) tracing.record(span(index++));
      return collector.spans.length > 0;
    });
    await tracing.shutdown(2000);
  });
}

test("warnings about a collector come once a minute at most", async (t) => {
  const collector = await startHttpCollectorAnswering(400, "no");
  t.teardown(() => collector.close());
  let nowMs = 0;
  const { tracing, warnings, dropped } = sending(collector, {}, () => nowMs);
  await tracing.start(resource);
  for (let round = 1; round <= 3; round++) {
    tracing.record(span(round));
    await until(() => dropped("export-failed") === round);
  }
  t.is(warnings.length, 1);
  nowMs = 60_000;
  tracing.record(span(4));
  await until(() => dropped("export-failed") === 4);
  t.is(warnings.length, 2);
  await tracing.shutdown(1000);
});

/** Records far more than is held, and checks what must hold with any collector. */
async function withstand(t: ExecutionContext, collector: OtlpCollector): Promise<void> {
  const { tracing, droppedInAll, spans, warnings } = sending(collector, { maxSpans: 200, exportTimeoutMs: 300 });
  await tracing.start(resource);
  let slowestMs = 0;
  for (let batch = 0; batch < 20; batch++) {
    const startedMs = performance.now();
    recordMany(tracing, 100);
    slowestMs = Math.max(slowestMs, performance.now() - startedMs);
    t.true(tracing.heldSpans <= 200);
    await new Promise((resolve) => {
      setImmediate(resolve);
    });
  }
  // A hundred at a time, generously: what matters is that none waits for the collector.
  t.true(slowestMs < 250, `${slowestMs} ms for 100 spans`);
  const startedMs = performance.now();
  await tracing.shutdown(1500);
  t.true(performance.now() - startedMs < 2500);
  t.is(tracing.heldSpans, 0);
  t.is(spans(), 2000);
  t.is(droppedInAll(), 2000, "no span arrived, each is counted once");
  t.true(warnings.length <= 1, warnings.join("; "));
}

// The OpenTelemetry SDK, and nothing else of Heddle: turns SpanRecords into SDK spans with exactly the ids that were
// decided, batches them and sends them over OTLP. Imported dynamically by tracing.ts, since loading it costs time and
// memory. No instrumentation, no metrics, no logs, no context tracking, no sampling of its own.
import type { ContextManager, SpanContext, TimeInput } from "@opentelemetry/api";
import {
  context,
  createTraceState,
  diag,
  DiagLogLevel,
  logs,
  ROOT_CONTEXT,
  SpanKind,
  SpanStatusCode,
  trace,
  TraceFlags,
} from "@opentelemetry/api";
import { OTLPTraceExporter as GrpcExporter } from "@opentelemetry/exporter-trace-otlp-grpc";
import { OTLPTraceExporter as HttpExporter } from "@opentelemetry/exporter-trace-otlp-proto";
import { defaultResource, resourceFromAttributes } from "@opentelemetry/resources";
import { NodeSDK } from "@opentelemetry/sdk-node";
import type { IdGenerator, ReadableSpan, SpanExporter } from "@opentelemetry/sdk-trace";
import { AlwaysOnSampler, BatchSpanProcessor } from "@opentelemetry/sdk-trace";
import type { SpanLink, SpanRecord } from "./span-record.ts";
import type { TracingConfig } from "./tracing-config.ts";

export interface LoadedExporter {
  /** Ends with exactly one settled() that counts it, unless shutdown comes first. */
  export(span: SpanRecord): void;
  /** Sends what is held. Never rejects, but may take as long as the export timeout. */
  shutdown(): Promise<void>;
}

export interface ExporterOptions {
  readonly config: TracingConfig;
  readonly agentVersion: string;
  readonly resource: Readonly<Record<string, string>>;
  /** So many spans reached the collector, or failed to with this reason. */
  readonly settled: (count: number, failure: string | null) => void;
  readonly warn: (message: string) => void;
}

/** Starts an SDK for these options. Throws what the SDK throws on options it cannot use. */
export function loadExporter(options: ExporterOptions): LoadedExporter {
  const { config } = options;
  const ids = new DecidedIds();
  const transport = { url: config.url, timeoutMillis: config.exportTimeoutMs };
  const exporter = config.protocol === "grpc" ? new GrpcExporter(transport) : new HttpExporter(transport);
  const sdk = new NodeSDK({
    autoDetectResources: false,
    resource: defaultResource().merge(resourceFromAttributes(options.resource)),
    sampler: new AlwaysOnSampler(),
    idGenerator: ids,
    spanLimits: {
      attributeCountLimit: 128,
      attributeValueLengthLimit: 4096,
      eventCountLimit: 128,
      linkCountLimit: 128,
    },
    spanProcessors: [
      new BatchSpanProcessor({
        exporter: new SettlingExporter(exporter, options.settled),
        maxQueueSize: config.maxSpans,
        maxExportBatchSize: Math.min(512, config.maxSpans),
        scheduledDelayMillis: config.batchDelayMs,
        // The transport keeps its own time; this one is a net below it.
        exportTimeoutMillis: config.exportTimeoutMs + 5000,
      }),
    ],
    metricReaders: [],
    logRecordProcessors: [],
    instrumentations: [],
    contextManager: noContext,
    textMapPropagator: null,
  });
  // After the constructor, which would otherwise put the SDK's own console logger in front on OTEL_LOG_LEVEL.
  const warn = (message: string): void => {
    // The SDK reports errors with their stack, which says nothing about the collector.
    options.warn(`OpenTelemetry: ${message.split("\n", 1)[0]}`);
  };
  const ignore = (): void => {};
  diag.setLogger(
    { error: warn, warn, info: ignore, debug: ignore, verbose: ignore },
    { logLevel: DiagLogLevel.WARN, suppressOverrideMessage: true },
  );
  // The SDK registers itself for the whole process. Another one may have before; ours is reached by its tracer.
  trace.disable();
  context.disable();
  logs.disable();
  sdk.start();
  const tracer = trace.getTracerProvider().getTracer("heddle", options.agentVersion);

  return {
    export(span: SpanRecord): void {
      ids.next(span);
      const started = tracer.startSpan(
        span.name,
        {
          kind: span.kind === "server" ? SpanKind.SERVER : SpanKind.CLIENT,
          startTime: span.startTimeMs,
          attributes: span.attributes,
          links: span.links.map((link) => ({ context: linkContext(link) })),
        },
        span.parentSpanId === "" ? ROOT_CONTEXT : trace.setSpanContext(ROOT_CONTEXT, parentContext(span)),
      );
      for (const event of span.events) {
        started.addEvent(event.name, event.attributes, event.timeMs satisfies TimeInput);
      }
      if (span.error !== null) {
        started.setStatus({
          code: SpanStatusCode.ERROR,
          ...(span.error === "" ? {} : { message: span.error }),
        });
      }
      started.end(span.endTimeMs);
    },
    async shutdown(): Promise<void> {
      try {
        await sdk.shutdown();
      } catch (error) {
        options.warn(`spans could not be sent to the collector: ${String(error)}`);
      }
    },
  };
}

/** Hands the SDK the ids that were decided when the request came in. */
class DecidedIds implements IdGenerator {
  #traceId = "";
  #spanId = "";

  next(span: SpanRecord): void {
    this.#traceId = span.traceId;
    this.#spanId = span.spanId;
  }

  generateTraceId(): string {
    return this.#traceId;
  }

  generateSpanId(): string {
    return this.#spanId;
  }
}

/** Reports what became of each batch. */
class SettlingExporter implements SpanExporter {
  readonly #exporter: SpanExporter;
  readonly #settled: ExporterOptions["settled"];

  constructor(exporter: SpanExporter, settled: ExporterOptions["settled"]) {
    this.#exporter = exporter;
    this.#settled = settled;
  }

  export(spans: ReadableSpan[], done: Parameters<SpanExporter["export"]>[1]): void {
    this.#exporter.export(spans, (result) => {
      // ExportResultCode.SUCCESS, of a package that only the SDK depends on.
      const code: number = result.code;
      this.#settled(spans.length, code === 0 ? null : (result.error?.message ?? "no reason given"));
      done(result);
    });
  }

  shutdown(): Promise<void> {
    return this.#exporter.shutdown();
  }

  forceFlush(): Promise<void> {
    return this.#exporter.forceFlush?.() ?? Promise.resolve();
  }
}

function parentContext(span: SpanRecord): SpanContext {
  return {
    traceId: span.traceId,
    spanId: span.parentSpanId,
    traceFlags: TraceFlags.SAMPLED,
    isRemote: span.parentIsRemote,
    ...(span.traceState === "" ? {} : { traceState: createTraceState(span.traceState) }),
  };
}

function linkContext(link: SpanLink): SpanContext {
  return { traceId: link.traceId, spanId: link.spanId, traceFlags: TraceFlags.SAMPLED };
}

/** Parents are given explicitly: tracking a context through the data path would cost every callback. */
const noContext: ContextManager = {
  active: () => ROOT_CONTEXT,
  with: (_context, callback, receiver, ...parameters) => callback.apply(receiver as never, parameters),
  bind: (_context, target) => target,
  enable: () => noContext,
  disable: () => noContext,
};

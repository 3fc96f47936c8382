// Where finished spans go: a bound on how many are held, a count of every one that is lost, and the exporter, which is
// loaded after start-up because the SDK costs tens of megabytes and a fraction of a second. Until it is there, spans
// wait. Nothing here throws, waits or grows because of a collector. The SDK itself is behind span-exporter.ts.
//
//   state      record()          goes to
//   idle       held              start(): loading
//   loading    held              loaded: exporting (what was held is sent); failed: closed
//   exporting  sent in batches   shutdown(): closed
//   closed     dropped
import { setImmediate } from "node:timers/promises";
import type { Counter } from "./metric-registry.ts";
import type { LoadedExporter } from "./span-exporter.ts";
import type { SpanRecord, SpanSink } from "./span-record.ts";
import type { TracingConfig } from "./tracing-config.ts";

/** Why a span did not reach the collector. */
export type SpanDropReason = "queue-full" | "export-failed" | "shutdown";

export interface TracingOptions {
  readonly config: TracingConfig;
  /** Version of this program: the instrumentation scope's. */
  readonly agentVersion: string;
  readonly spans: Counter;
  readonly dropped: (reason: SpanDropReason) => Counter;
  /** Called at most once in a while, whatever the collector does. */
  readonly warn: (message: string) => void;
  readonly nowMs: () => number;
}

/**
 * The SDK in pieces, each of which the next ones build on. Evaluating a module blocks the event loop: one import of
 * everything held traffic for about 180 ms, the longest of these for about 70.
 */
const sdkPieces: readonly (() => Promise<unknown>)[] = [
  () => import("@opentelemetry/api"),
  () => import("@opentelemetry/resources"),
  () => import("@opentelemetry/sdk-trace"),
  () => import("@opentelemetry/exporter-trace-otlp-proto"),
  () => import("@opentelemetry/exporter-trace-otlp-grpc"),
  () => import("@opentelemetry/sdk-node"),
];

/** Least time between two warnings about the collector. */
const warningIntervalMs = 60_000;

export class Tracing implements SpanSink {
  readonly #options: TracingOptions;
  #state: "idle" | "loading" | "exporting" | "closed" = "idle";
  #waiting: SpanRecord[] = [];
  /** Handed to the exporter and neither sent nor given up. */
  #exporting = 0;
  #exporter: LoadedExporter | null = null;
  #loading: Promise<void> | null = null;
  #lastWarningMs = Number.NEGATIVE_INFINITY;

  constructor(options: TracingOptions) {
    this.#options = options;
  }

  /** Spans held at this moment; never above config.maxSpans. */
  get heldSpans(): number {
    return this.#waiting.length + this.#exporting;
  }

  /** Takes a finished span. */
  record(span: SpanRecord): void {
    this.#options.spans.value++;
    if (this.#state === "closed") {
      this.#drop("shutdown", 1);
    } else if (this.heldSpans >= this.#options.config.maxSpans) {
      this.#drop("queue-full", 1);
      this.#warn("spans are dropped: the collector does not take them fast enough");
    } else if (this.#exporter === null) {
      this.#waiting.push(span);
    } else {
      this.#export(this.#exporter, span);
    }
  }

  /**
   * Loads the SDK and begins to send. Call it once, after the agent is ready. `resource` holds service.name,
   * service.version and k8s.*; what the user configured goes over it. Never rejects.
   */
  start(resource: Readonly<Record<string, string>>): Promise<void> {
    if (this.#state === "idle") {
      this.#state = "loading";
      this.#loading = this.#load(resource);
    }
    return this.#loading ?? Promise.resolve();
  }

  /** Sends what is held, for at most `capMs`; what is left then is dropped and counted. Never rejects. */
  async shutdown(capMs: number): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const cap = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, capMs);
    });
    await Promise.race([this.#flush(), cap]);
    clearTimeout(timer);
    this.#close("shutdown");
  }

  async #flush(): Promise<void> {
    await this.#loading;
    await this.#exporter?.shutdown();
  }

  async #load(resource: Readonly<Record<string, string>>): Promise<void> {
    const { config, agentVersion } = this.#options;
    try {
      for (const load of sdkPieces) {
        await load();
        await setImmediate();
      }
      const { loadExporter } = await import("./span-exporter.ts");
      const exporter = loadExporter({
        config,
        agentVersion,
        resource: { ...resource, ...config.resource },
        settled: (count, failure) => {
          this.#settled(count, failure);
        },
        warn: (message) => {
          this.#warn(message);
        },
      });
      if (this.#state === "closed") {
        await exporter.shutdown();
        return;
      }
      this.#exporter = exporter;
      this.#state = "exporting";
      const waiting = this.#waiting;
      this.#waiting = [];
      for (const span of waiting) {
        this.#export(exporter, span);
      }
    } catch (error) {
      this.#warn(`tracing is off: the OpenTelemetry SDK could not be started: ${String(error)}`);
      this.#close("export-failed");
    }
  }

  #export(exporter: LoadedExporter, span: SpanRecord): void {
    this.#exporting++;
    try {
      exporter.export(span);
    } catch (error) {
      this.#settled(1, String(error));
    }
  }

  #settled(count: number, failure: string | null): void {
    // After a close everything still under way was counted as dropped already.
    if (this.#state === "closed") {
      return;
    }
    this.#exporting -= count;
    if (failure !== null) {
      this.#drop("export-failed", count);
      this.#warn(`spans could not be sent to the collector: ${failure}`);
    }
  }

  #close(reason: SpanDropReason): void {
    if (this.#state !== "closed") {
      this.#drop(reason, this.heldSpans);
      this.#state = "closed";
      this.#waiting = [];
      this.#exporting = 0;
      this.#exporter = null;
    }
  }

  #drop(reason: SpanDropReason, count: number): void {
    this.#options.dropped(reason).value += count;
  }

  #warn(message: string): void {
    const nowMs = this.#options.nowMs();
    if (nowMs - this.#lastWarningMs >= warningIntervalMs) {
      this.#lastWarningMs = nowMs;
      this.#options.warn(message);
    }
  }
}

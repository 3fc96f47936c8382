// The access log: one JSON line per finished request, off unless configured. Lines are gathered and written about once
// a second; when the reader is slow they wait up to a bound, beyond which they are dropped and counted. Traffic never
// waits for it. Owns its timer and its stream.
import { createWriteStream } from "node:fs";
import type { Writable } from "node:stream";
import type { Counter } from "./metric-registry.ts";

/** What there is to say about one request. Absent facts are "", 0 or -1 as stated, and left out of the line. */
export interface AccessLogEntry {
  /** Epoch milliseconds. */
  readonly startTimeMs: number;
  readonly durationMs: number;
  /** From dispatch to the head of the response; -1 when there was none. */
  readonly upstreamMs: number;
  readonly listener: "gateway" | "inbound" | "outbound";
  readonly method: string;
  readonly authority: string;
  /** As received, with query. */
  readonly target: string;
  /** "HTTP/1.1". */
  readonly protocol: string;
  /** 0 when the client was sent no response. */
  readonly statusCode: number;
  /** heddle-reason of a local reply, or why the exchange broke off; "". */
  readonly reason: string;
  readonly requestBytes: number;
  readonly responseBytes: number;
  readonly downstreamAddress: string;
  readonly upstreamAddress: string;
  /** "namespace/name"; "". */
  readonly route: string;
  /** -1 without a route. */
  readonly rule: number;
  readonly backend: string;
  readonly workloadVersion: string;
  readonly replays: number;
  readonly mirrors: number;
  readonly userAgent: string;
  readonly forwardedFor: string;
  readonly traceId: string;
  readonly generation: string;
}

export interface AccessLogOptions {
  readonly destination: Writable;
  readonly droppedLines: Counter;
  /** Characters of lines that wait for a slow destination. Default 1 Mi. */
  readonly maxBuffered?: number;
  readonly flushIntervalMs?: number;
}

/** Gathered lines that are written without waiting for the interval. */
const flushAt = 64 * 1024;

export class AccessLog {
  readonly #destination: Writable;
  readonly #droppedLines: Counter;
  readonly #maxBuffered: number;
  readonly #timer: NodeJS.Timeout;
  #lines: string[] = [];
  #buffered = 0;
  #blocked = false;
  #broken = false;

  constructor(options: AccessLogOptions) {
    this.#destination = options.destination;
    this.#droppedLines = options.droppedLines;
    this.#maxBuffered = options.maxBuffered ?? 1024 * 1024;
    this.#destination.on("drain", () => {
      this.#blocked = false;
      this.#flush();
    });
    // A full disk or a reader that went away ends the log, not the proxy.
    this.#destination.on("error", () => {
      this.#broken = true;
      this.#dropBuffered();
    });
    this.#timer = setInterval(() => {
      this.#flush();
    }, options.flushIntervalMs ?? 1000);
    this.#timer.unref();
  }

  record(entry: AccessLogEntry): void {
    if (this.#broken || this.#buffered >= this.#maxBuffered) {
      this.#droppedLines.value++;
      return;
    }
    const line = accessLogLine(entry);
    this.#lines.push(line);
    this.#buffered += line.length;
    if (this.#buffered >= flushAt) {
      this.#flush();
    }
  }

  /** Writes what is gathered and ends the stream, waiting at most `capMs`. */
  async close(capMs: number): Promise<void> {
    clearInterval(this.#timer);
    this.#blocked = false;
    this.#flush();
    if (this.#broken) {
      return;
    }
    let timer: NodeJS.Timeout | undefined;
    await new Promise<void>((resolve) => {
      timer = setTimeout(resolve, capMs);
      this.#destination.once("close", resolve);
      this.#destination.end(resolve);
    });
    clearTimeout(timer);
  }

  #flush(): void {
    if (this.#blocked || this.#broken || this.#lines.length === 0) {
      return;
    }
    const text = this.#lines.join("");
    this.#lines = [];
    this.#buffered = 0;
    this.#blocked = !this.#destination.write(text);
  }

  #dropBuffered(): void {
    this.#droppedLines.value += this.#lines.length;
    this.#lines = [];
    this.#buffered = 0;
  }
}

/**
 * Opens a file for appending, or "-" for standard output. Writes leave the event loop even where process.stdout would
 * block it, which on Linux it does for pipes and files.
 */
export function openAccessLogDestination(path: string): Writable {
  return path === "-" ? createWriteStream("", { fd: 1, autoClose: false }) : createWriteStream(path, { flags: "a" });
}

/** The line of one request, with its newline. */
export function accessLogLine(entry: AccessLogEntry): string {
  // undefined members are left out by JSON.stringify.
  return `${JSON.stringify({
    start_time: new Date(entry.startTimeMs).toISOString(),
    listener: entry.listener,
    method: entry.method,
    authority: text(entry.authority),
    path: entry.target,
    protocol: entry.protocol,
    status: entry.statusCode,
    reason: text(entry.reason),
    duration_ms: milliseconds(entry.durationMs),
    upstream_ms: entry.upstreamMs < 0 ? undefined : milliseconds(entry.upstreamMs),
    bytes_received: entry.requestBytes,
    bytes_sent: entry.responseBytes,
    route: text(entry.route),
    rule: entry.rule < 0 ? undefined : entry.rule,
    backend: text(entry.backend),
    version: text(entry.workloadVersion),
    downstream_address: text(entry.downstreamAddress),
    upstream_address: text(entry.upstreamAddress),
    replays: entry.replays || undefined,
    mirrors: entry.mirrors || undefined,
    user_agent: text(entry.userAgent),
    x_forwarded_for: text(entry.forwardedFor),
    trace_id: text(entry.traceId),
    generation: text(entry.generation),
  })}\n`;
}

function text(value: string): string | undefined {
  return value === "" ? undefined : value;
}

function milliseconds(value: number): number {
  return Math.round(value * 1000) / 1000;
}

// What is told of a finished request or copy: counters always, a span when it is sampled, a line when the access log is
// on. The last phase of an exchange; nothing here can change what the client got.
import type { MirrorDropReason } from "../telemetry/request-metrics.ts";
import type { RequestCounter } from "../telemetry/request-series.ts";
import { unknownVersion } from "../telemetry/request-metrics.ts";
import type { FinishedRequest } from "../telemetry/spans.ts";
import { spanOf } from "../telemetry/spans.ts";
import type { Exchange } from "./exchange.ts";
import type { MirrorCopy } from "./mirror.ts";
import type { ProxyContext } from "./proxy-context.ts";

/** `error`: a stable name when the request did not end well, else "". The request's head must still be valid. */
export function reportExchange(exchange: Exchange, error: string): void {
  const endedMs = exchange.context.now();
  counterOf(exchange)?.record(exchange.statusCode, endedMs - exchange.startedMs);
  if (exchange.trace !== null && exchange.trace.sampled) recordSpans(exchange, endedMs, error);
  if (exchange.context.accessLog !== null) logExchange(exchange, endedMs, error);
}

function counterOf(exchange: Exchange): RequestCounter | null {
  const { backend, endpoint, cluster, context } = exchange;
  const { requests } = context.metrics;
  const version = endpoint === null ? unknownVersion : endpoint.workloadVersion;
  switch (exchange.direction.name) {
    case "inbound":
      return requests.inbound(exchange.direction.port, version);
    case "gateway":
    case "outbound":
      if (backend !== null) return requests.counter(backend, version);
      return exchange.listener !== null && cluster !== null ? requests.clusterCounter(cluster, version) : null;
  }
}

function recordSpans(exchange: Exchange, endedMs: number, error: string): void {
  const { trace, context } = exchange;
  if (trace === null || context.tracing === null) return;
  const first = describeExchange(
    exchange,
    endedMs,
    error,
    exchange.direction.name === "outbound" ? "client" : "server",
  );
  if (first === null) return;
  context.tracing.record(spanOf(first));
  if (exchange.direction.name !== "gateway" || exchange.endpoint === null) return;
  context.tracing.record(
    spanOf({
      ...first,
      kind: "client",
      startTimeMs: first.startTimeMs + exchange.dispatchedMs - exchange.startedMs,
      spanId: exchange.upstreamSpanId,
      parentSpanId: trace.spanId,
      peerAddress: exchange.endpoint.address,
      peerPort: exchange.endpoint.port,
    }),
  );
}

/** The request as spans tell it, from one side, at `endedMs`, which is now; null when it has no trace. */
export function describeExchange(
  exchange: Exchange,
  endedMs: number,
  error: string,
  kind: "server" | "client",
): FinishedRequest | null {
  const { trace, downstream, endpoint, rule, backend, cluster, context, replays } = exchange;
  if (trace === null) return null;
  const { head } = downstream;
  const offsetMs = context.wallClock.offsetMs(endedMs);
  return {
    kind,
    trace,
    spanId: trace.spanId,
    parentSpanId: trace.parentSpanId,
    startTimeMs: offsetMs + exchange.startedMs,
    endTimeMs: offsetMs + endedMs,
    method: head.method,
    scheme: "http",
    host: head.host,
    port: portOf(head.authority, head.host),
    path: head.path,
    query: head.query,
    protocolVersion: head.versionMinor === 1 ? "1.1" : "1.0",
    userAgent: head.header("user-agent") ?? "",
    peerAddress: kind === "server" ? downstream.remoteAddress : (endpoint?.address ?? ""),
    peerPort: kind === "server" ? downstream.remotePort : (endpoint?.port ?? 0),
    statusCode: exchange.statusCode,
    errorType: error,
    requestBytes: exchange.requestBytes,
    responseBytes: exchange.responseBytes,
    rule: rule === null ? null : { route: rule.route, index: rule.index },
    backend: backend?.displayName ?? cluster?.name ?? "",
    weight: backend?.weight ?? -1,
    workloadVersion: endpoint?.workloadVersion ?? "",
    mirror: false,
    generation: exchange.generation,
    replays:
      replays.length === 0 ? replays : replays.map((replay) => ({ ...replay, timeMs: offsetMs + replay.timeMs })),
    links: [],
  };
}

function portOf(authority: string, host: string): number {
  const port = Number(authority.slice(host.length + 1));
  return port > 0 ? port : 80;
}

function logExchange(exchange: Exchange, endedMs: number, error: string): void {
  const { downstream, endpoint, trace, context } = exchange;
  const { head } = downstream;
  context.accessLog?.record({
    startTimeMs: context.wallClock.offsetMs(endedMs) + exchange.startedMs,
    durationMs: endedMs - exchange.startedMs,
    upstreamMs: exchange.firstResponseMs === 0 ? -1 : exchange.firstResponseMs - exchange.startedMs,
    listener: exchange.direction.name,
    method: head.method,
    authority: head.authority,
    target: head.target,
    protocol: head.versionMinor === 1 ? "HTTP/1.1" : "HTTP/1.0",
    statusCode: exchange.statusCode,
    reason: error,
    requestBytes: exchange.requestBytes,
    responseBytes: exchange.responseBytes,
    downstreamAddress: downstream.remoteAddress,
    upstreamAddress: endpoint?.key ?? "",
    route: exchange.rule?.route ?? "",
    rule: exchange.rule?.index ?? -1,
    backend: exchange.backend?.displayName ?? exchange.cluster?.name ?? "",
    workloadVersion: endpoint?.workloadVersion ?? "",
    replays: exchange.replays.length,
    mirrors: exchange.backend?.mirrors.length ?? 0,
    userAgent: head.header("user-agent") ?? "",
    forwardedFor: head.header("x-forwarded-for") ?? "",
    traceId: trace?.traceId ?? "",
    generation: exchange.generation,
  });
}

/** `dropReason` "" when the copy was sent and its response came. */
export function reportMirror(context: ProxyContext, copy: MirrorCopy, dropReason: MirrorDropReason | ""): void {
  const endedMs = context.now();
  const { requests } = context.metrics;
  if (dropReason === "") {
    const counter = requests.mirrorCounter(copy.rule, copy.mirror, copy.endpoint.workloadVersion);
    counter.record(copy.statusCode, endedMs - copy.startedMs);
  } else {
    requests.countMirrorDrop(copy.rule, copy.mirror, dropReason);
  }
  const { described } = copy;
  if (described === null || context.tracing === null) return;
  const offsetMs = context.wallClock.offsetMs(endedMs);
  context.tracing.record(
    spanOf({
      ...described,
      spanId: copy.spanId,
      parentSpanId: copy.primarySpanId,
      startTimeMs: offsetMs + copy.startedMs,
      endTimeMs: offsetMs + endedMs,
      peerAddress: copy.endpoint.address,
      peerPort: copy.endpoint.port,
      statusCode: copy.statusCode,
      errorType: dropReason,
      requestBytes: -1,
      responseBytes: -1,
      backend: copy.mirror.displayName,
      weight: -1,
      workloadVersion: copy.endpoint.workloadVersion,
      mirror: true,
      replays: [],
      links: [{ traceId: described.trace.traceId, spanId: copy.primarySpanId }],
    }),
  );
}

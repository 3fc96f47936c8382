// Spans of the data path by OpenTelemetry's stable HTTP semantic conventions, plus what only a mesh knows: `version`
// (the workload version that served) and heddle.*. Pure: from a finished request to a SpanRecord. Called for sampled
// requests only. Names are low in cardinality: method and route, never a path.
//
//   gateway    SERVER span, and a CLIENT span below it for what was sent upstream
//   outbound   CLIENT span
//   inbound    SERVER span
//   mirror     CLIENT span of its own, linked to the primary's, heddle.mirror = true
// A replay is an event on the span of the request that was sent again.
import type { SpanAttributes, SpanEvent, SpanLink, SpanRecord } from "./span-record.ts";
import type { Trace } from "./trace-context.ts";

/** A finished request, seen from one side. */
export interface FinishedRequest {
  readonly kind: "server" | "client";
  readonly trace: Trace;
  /** trace.spanId for an agent's first span of a request, a childSpanId() for those below. */
  readonly spanId: string;
  /** trace.parentSpanId for the first, trace.spanId for those below. */
  readonly parentSpanId: string;
  readonly startTimeMs: number;
  readonly endTimeMs: number;
  readonly method: string;
  readonly scheme: "http" | "https";
  /** Of the authority; "" when the request had none. */
  readonly host: string;
  /** Of the authority, or the port that was dialled. */
  readonly port: number;
  readonly path: string;
  readonly query: string;
  /** "1.0", "1.1", "2". */
  readonly protocolVersion: string;
  /** "" when there is none. */
  readonly userAgent: string;
  /** The other end of the connection: the client of a server span, the endpoint of a client span; "" when none. */
  readonly peerAddress: string;
  readonly peerPort: number;
  /** 0 when there was no response. */
  readonly statusCode: number;
  /** A stable name ("connect-failure", "reset", a local reply's reason, ...); "" when nothing but the status tells. */
  readonly errorType: string;
  /** Body bytes; -1 when not known. */
  readonly requestBytes: number;
  readonly responseBytes: number;
  /** Null where no rule matched, and inbound. */
  readonly rule: { readonly route: string; readonly index: number } | null;
  /** displayName of the drawn backend, the cluster's name without a route, "" when none. */
  readonly backend: string;
  /** -1 when there is no backendRef. */
  readonly weight: number;
  /** The workload version that served; "" when none did. */
  readonly workloadVersion: string;
  readonly mirror: boolean;
  readonly generation: string;
  readonly replays: readonly Replay[];
  /** A mirror's link to the primary's span. */
  readonly links: readonly SpanLink[];
}

export interface Replay {
  readonly timeMs: number;
  readonly reason: "connect-failure" | "reset";
  /** "address:port" of the endpoint that failed. */
  readonly endpoint: string;
}

const knownMethods = new Set(["GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH", "QUERY"]);

/** The span of a finished, sampled request. */
export function spanOf(request: FinishedRequest): SpanRecord {
  const method = knownMethods.has(request.method) ? request.method : "_OTHER";
  const shownMethod = method === "_OTHER" ? "HTTP" : method;
  const errorType = errorTypeOf(request);
  return {
    traceId: request.trace.traceId,
    spanId: request.spanId,
    parentSpanId: request.parentSpanId,
    parentIsRemote: request.spanId === request.trace.spanId,
    traceState: request.trace.traceState,
    kind: request.kind,
    name: request.rule === null ? shownMethod : `${shownMethod} ${request.rule.route}`,
    startTimeMs: request.startTimeMs,
    endTimeMs: request.endTimeMs,
    attributes: attributesOf(request, method, errorType),
    events: request.replays.map(replayEvent),
    links: request.links,
    // The conventions leave the description out where the status code says it all.
    error: errorType === "" ? null : request.errorType,
  };
}

function attributesOf(request: FinishedRequest, method: string, errorType: string): SpanAttributes {
  const query = redactedQuery(request.query);
  const attributes: SpanAttributes = {
    "http.request.method": method,
    "network.protocol.name": "http",
    "network.protocol.version": request.protocolVersion,
    "heddle.generation": request.generation,
  };
  if (method === "_OTHER") {
    attributes["http.request.method_original"] = request.method;
  }
  if (request.kind === "client") {
    const authority = request.host.includes(":") ? `[${request.host}]` : request.host;
    const port = request.port === (request.scheme === "http" ? 80 : 443) ? "" : `:${request.port}`;
    attributes["url.full"] = `${request.scheme}://${authority}${port}${request.path}${query === "" ? "" : `?${query}`}`;
  } else {
    attributes["url.scheme"] = request.scheme;
  }
  attributes["url.path"] = request.path;
  setText(attributes, "url.query", query);
  if (request.host !== "") {
    attributes["server.address"] = request.host;
    attributes["server.port"] = request.port;
  }
  setText(attributes, "user_agent.original", request.userAgent);
  if (request.peerAddress !== "") {
    attributes["network.peer.address"] = request.peerAddress;
    attributes["network.peer.port"] = request.peerPort;
    if (request.kind === "server") {
      attributes["client.address"] = request.peerAddress;
    }
  }
  if (request.statusCode > 0) {
    attributes["http.response.status_code"] = request.statusCode;
  }
  setText(attributes, "error.type", errorType);
  setCount(attributes, "http.request.body.size", request.requestBytes);
  setCount(attributes, "http.response.body.size", request.responseBytes);
  if (request.replays.length > 0) {
    attributes["http.request.resend_count"] = request.replays.length;
  }
  setText(attributes, "version", request.workloadVersion);
  if (request.rule !== null) {
    attributes["heddle.route"] = request.rule.route;
    attributes["heddle.rule"] = request.rule.index;
  }
  setText(attributes, "heddle.backend", request.backend);
  setCount(attributes, "heddle.weight", request.weight);
  attributes["heddle.mirror"] = request.mirror;
  return attributes;
}

/** A client's span is an error from 400 on, a server's from 500 on: a bad request is not the server's failure. */
function errorTypeOf(request: FinishedRequest): string {
  const firstError = request.kind === "client" ? 400 : 500;
  if (request.statusCode >= firstError || request.statusCode === 0) {
    return request.errorType || (request.statusCode === 0 ? "no-response" : String(request.statusCode));
  }
  // A response whose head was fine and whose body broke off; a local 4xx is the client's mistake alone.
  return request.statusCode < 400 ? request.errorType : "";
}

function replayEvent(replay: Replay): SpanEvent {
  return {
    name: "heddle.replay",
    timeMs: replay.timeMs,
    attributes: { "heddle.replay.reason": replay.reason, "heddle.replay.endpoint": replay.endpoint },
  };
}

// The parameters whose values the conventions ask to redact: they are credentials.
const secretParameters = /(^|&)(AWSAccessKeyId|Signature|sig|X-Goog-Signature)=[^&]*/g;

function redactedQuery(query: string): string {
  return query === "" ? "" : query.replace(secretParameters, "$1$2=REDACTED");
}

function setText(attributes: SpanAttributes, name: string, value: string): void {
  if (value !== "") {
    attributes[name] = value;
  }
}

function setCount(attributes: SpanAttributes, name: string, value: number): void {
  if (value >= 0) {
    attributes[name] = value;
  }
}

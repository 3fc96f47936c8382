// The agent's own metrics: every name it exposes besides the request families, in one list, each with a sentence. The
// parts of the agent hold the objects made here and add to them.
import { MetricRegistry } from "./metric-registry.ts";
import type { Counter, Family, Gauge } from "./metric-registry.ts";
import { RequestMetrics } from "./request-metrics.ts";

export class AgentMetrics {
  readonly registry = new MetricRegistry();
  readonly requests: RequestMetrics;

  /** By listener: "gateway", "inbound", "outbound". */
  readonly downstreamConnections: Family;
  readonly downstreamConnectionsTotal: Family;
  /** Requests refused by the codec, by reason. */
  readonly protocolErrors: Family;
  /** Answers made by the agent itself, by the reason named in heddle-reason. */
  readonly localReplies: Family;
  readonly tunnels: Gauge;
  readonly passthroughConnections: Counter;

  readonly upstreamConnections: Gauge;
  readonly upstreamConnectionsIdle: Gauge;
  readonly upstreamConnectionsTotal: Counter;
  readonly upstreamConnectFailures: Counter;
  /** By limit: what was full. */
  readonly upstreamOverflows: Family;
  readonly upstreamRequestsActive: Gauge;
  readonly mirrorsActive: Gauge;
  readonly ejections: Counter;
  readonly endpointsEjected: Gauge;
  /** By reason: "connect-failure", "reset". */
  readonly replays: Family;

  /** By result: "ack", "nack". */
  readonly discoveryResponses: Family;
  readonly discoveryConnected: Gauge;
  readonly discoveryConnects: Counter;

  readonly spans: Counter;
  /** By reason: "queue-full", "export-failed", "shutdown". */
  readonly spansDropped: Family;
  readonly accessLogLinesDropped: Counter;

  readonly #snapshotInfo: Family;
  readonly #snapshotApplied: Gauge;

  /** `nowMs` is epoch time. */
  constructor(nowMs: () => number) {
    const { registry } = this;
    this.requests = new RequestMetrics({ registry, nowMs });
    this.downstreamConnections = registry.gaugeFamily(
      "heddle_downstream_connections",
      "Open connections from clients.",
      ["listener"],
    );
    this.downstreamConnectionsTotal = registry.counterFamily(
      "heddle_downstream_connections_total",
      "Connections accepted from clients.",
      ["listener"],
    );
    this.protocolErrors = registry.counterFamily(
      "heddle_downstream_protocol_errors_total",
      "Requests refused because they could not be read, by reason.",
      ["reason"],
    );
    this.localReplies = registry.counterFamily(
      "heddle_local_replies_total",
      "Answers made by the agent itself, by the reason it gave.",
      ["reason"],
    );
    this.tunnels = registry.gauge("heddle_tunnels", "Open upgraded connections.");
    this.passthroughConnections = registry.counter(
      "heddle_passthrough_connections_total",
      "Connections relayed as bytes.",
    );
    this.upstreamConnections = registry.gauge("heddle_upstream_connections", "Open connections to endpoints.");
    this.upstreamConnectionsIdle = registry.gauge(
      "heddle_upstream_connections_idle",
      "Open connections to endpoints that carry no request.",
    );
    this.upstreamConnectionsTotal = registry.counter(
      "heddle_upstream_connections_total",
      "Connections opened to endpoints.",
    );
    this.upstreamConnectFailures = registry.counter(
      "heddle_upstream_connect_failures_total",
      "Connections to endpoints that could not be opened.",
    );
    this.upstreamOverflows = registry.counterFamily(
      "heddle_upstream_overflows_total",
      "Requests refused because a limit of their endpoint or cluster was reached, by limit.",
      ["limit"],
    );
    this.upstreamRequestsActive = registry.gauge("heddle_upstream_requests_active", "Requests under way to endpoints.");
    this.mirrorsActive = registry.gauge("heddle_mirrors_active", "Copies of requests under way.");
    this.ejections = registry.counter("heddle_endpoint_ejections_total", "Times an endpoint was ejected.");
    this.endpointsEjected = registry.gauge("heddle_endpoints_ejected", "Endpoints that are ejected now.");
    this.replays = registry.counterFamily(
      "heddle_replays_total",
      "Requests sent a second time, by what happened to the first.",
      ["reason"],
    );
    this.discoveryResponses = registry.counterFamily(
      "heddle_discovery_responses_total",
      "Responses of the control plane, by what they were answered: ack or nack.",
      ["result"],
    );
    this.discoveryConnected = registry.gauge(
      "heddle_discovery_connected",
      "1 while the stream to the control plane is open.",
    );
    this.discoveryConnects = registry.counter(
      "heddle_discovery_connects_total",
      "Streams opened to the control plane.",
    );
    this.spans = registry.counter("heddle_trace_spans_total", "Spans of sampled requests.");
    this.spansDropped = registry.counterFamily(
      "heddle_trace_spans_dropped_total",
      "Spans that did not reach the collector, by reason.",
      ["reason"],
    );
    this.accessLogLinesDropped = registry.counter(
      "heddle_access_log_lines_dropped_total",
      "Access log lines dropped because their reader was too slow.",
    );
    this.#snapshotInfo = registry.gaugeFamily("heddle_snapshot_info", "The generation in use; always 1.", [
      "generation",
    ]);
    this.#snapshotApplied = registry.gauge(
      "heddle_snapshot_applied_timestamp_seconds",
      "When the generation in use was taken into use.",
    );
    for (const result of ["ack", "nack"]) {
      this.discoveryResponses.with(result);
    }
    for (const reason of ["queue-full", "export-failed", "shutdown"]) {
      this.spansDropped.with(reason);
    }
  }

  /** Notes which generation is in use. */
  setGeneration(generation: string, appliedAtMs: number): void {
    this.#snapshotInfo.clear();
    this.#snapshotInfo.with(generation).value = 1;
    this.#snapshotApplied.value = appliedAtMs / 1000;
  }
}

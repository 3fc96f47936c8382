// What is told of endpoints and their connections: events are counted where they happen, states are read at scrape time,
// so that the hot path adds nothing.
import type { AgentMetrics } from "../telemetry/agent-metrics.ts";
import type { ClusterState } from "./cluster-manager.ts";

/** The part of the agent's metrics that upstream/ adds to. */
export type UpstreamMetrics = Pick<
  AgentMetrics,
  | "registry"
  | "upstreamConnections"
  | "upstreamConnectionsIdle"
  | "upstreamConnectionsTotal"
  | "upstreamConnectFailures"
  | "upstreamOverflows"
  | "upstreamRequestsActive"
  | "ejections"
  | "endpointsEjected"
>;

/** Sets the gauges of `clusters()` before each scrape. Endpoints that finish after their removal are not in them. */
export function watchClusters(
  metrics: UpstreamMetrics,
  clusters: () => Iterable<ClusterState>,
  now: () => number,
): void {
  metrics.registry.beforeScrape(() => {
    const nowMs = now();
    let connections = 0;
    let idle = 0;
    let active = 0;
    let ejected = 0;
    for (const cluster of clusters()) {
      for (const { pool, mirrorPool, activeRequests, ejectedUntilMs } of cluster.endpoints) {
        connections += pool.size + mirrorPool.size;
        idle += pool.idleSize + mirrorPool.idleSize;
        active += activeRequests;
        if (ejectedUntilMs > nowMs) ejected++;
      }
    }
    metrics.upstreamConnections.value = connections;
    metrics.upstreamConnectionsIdle.value = idle;
    metrics.upstreamRequestsActive.value = active;
    metrics.endpointsEjected.value = ejected;
  });
}

// What every exchange of an agent shares. Made once by the composition root.
import type { SnapshotStore } from "../snapshot/store.ts";
import type { AccessLog } from "../telemetry/access-log.ts";
import type { AgentMetrics } from "../telemetry/agent-metrics.ts";
import type { TraceDecider } from "../telemetry/trace-context.ts";
import type { Tracing } from "../telemetry/tracing.ts";
import type { WallClock } from "../telemetry/wall-clock.ts";
import type { Deadlines } from "../transport/deadlines.ts";
import type { ClusterManager } from "../upstream/cluster-manager.ts";

export interface ProxyContext {
  /** Monotonic milliseconds. */
  readonly now: () => number;
  /** Epoch time of what `now` measured. */
  readonly wallClock: WallClock;
  /** In [0, 1). */
  readonly random: () => number;
  readonly store: SnapshotStore;
  readonly clusters: ClusterManager;
  readonly deadlines: Deadlines;
  readonly metrics: AgentMetrics;
  /** Null when no collector is configured: trace headers then pass through untouched. */
  readonly traces: TraceDecider | null;
  readonly tracing: Tracing | null;
  readonly accessLog: AccessLog | null;
  readonly mirrorLimits: MirrorLimits;
}

export interface MirrorLimits {
  /** Copies under way to one cluster. */
  readonly maxActive: number;
  /** Bytes of one copy that its target has not taken yet. */
  readonly maxQueuedBytes: number;
  /** Bytes of one response that are read to be thrown away, before its connection is cut instead. */
  readonly maxDiscardedBytes: number;
  /** From the last byte that the client sent to the end of the response that is thrown away. */
  readonly timeoutMs: number;
}

export const defaultMirrorLimits: MirrorLimits = {
  maxActive: 64,
  maxQueuedBytes: 1024 * 1024,
  maxDiscardedBytes: 1024 * 1024,
  timeoutMs: 15_000,
};

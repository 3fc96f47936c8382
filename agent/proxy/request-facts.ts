// What a request turned out to be, as its exchange finds out: read by filters, mirrors and the report. Owns no behaviour.
import type { CompiledBackend, CompiledCluster, CompiledListener, CompiledRule } from "../snapshot/compiled.ts";
import type { Replay } from "../telemetry/spans.ts";
import type { Trace } from "../telemetry/trace-context.ts";
import type { ClusterState, EndpointState } from "../upstream/cluster-manager.ts";
import type { LocalReplyReason } from "./local-reply.ts";

const noReplays: readonly Replay[] = [];

export class RequestFacts {
  startedMs = 0;
  /** When an endpoint had first been chosen; of sampled requests only. */
  dispatchedMs = 0;
  /** 0 until the head of a response has come. */
  firstResponseMs = 0;
  generation = "";
  listener: CompiledListener | null = null;
  rule: CompiledRule | null = null;
  backend: CompiledBackend | null = null;
  /** Where it is sent: the drawn backend's cluster, or the implicit or passed-through one. */
  cluster: CompiledCluster | null = null;
  clusterState: ClusterState | null = null;
  endpoint: EndpointState | null = null;
  trace: Trace | null = null;
  /** 0 until a response head, real or local, is out. */
  statusCode = 0;
  localReason: LocalReplyReason | "" = "";
  /** At most one; its time is the monotonic clock's. */
  replays: readonly Replay[] = noReplays;
  /** Of the span whose child the endpoint's will be; "" when tracing is off. */
  upstreamSpanId = "";
  requestBytes = 0;
  responseBytes = 0;

  /** Forgets everything but the generation and the time, which every request sets. */
  protected clearFacts(): void {
    this.firstResponseMs = 0;
    this.listener = null;
    this.rule = null;
    this.backend = null;
    this.cluster = null;
    this.clusterState = null;
    this.endpoint = null;
    this.trace = null;
    this.statusCode = 0;
    this.localReason = "";
    this.replays = noReplays;
    this.upstreamSpanId = "";
    this.requestBytes = 0;
    this.responseBytes = 0;
  }
}

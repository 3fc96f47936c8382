// The discovery server: a gRPC server, the streams on it, the current snapshot and the queue of pushes. Owns their
// lives from start() to close(); the rules of one stream are stream.ts's, the snapshots come from outside by publish().
import { Server, ServerCredentials, status } from "@grpc/grpc-js";
import { discoveryService } from "../../proto/discovery.ts";
import type { Snapshot } from "../snapshot/snapshot.ts";
import { bearerToken, refusalOf, type Authenticate } from "./authenticate.ts";
import type { Caller, Refusal } from "./authorize.ts";
import { systemClock, type Clock } from "./clock.ts";
import { defaultLimits, type DiscoveryLimits } from "./limits.ts";
import { silentLogger, type Logger } from "./logger.ts";
import { DiscoveryMetrics } from "./metrics.ts";
import { PushQueue } from "./push-queue.ts";
import { StatsStore, type RuleStatsSum } from "./stats-store.ts";
import { DiscoveryStream, type ConnectedAgent, type DiscoveryCall, type StreamContext } from "./stream.ts";

export interface DiscoveryServerOptions {
  /** Default "127.0.0.1". */
  readonly host?: string;
  /** Default 0: any free port. */
  readonly port?: number;
  readonly clock?: Clock;
  /** In [0, 1). */
  readonly random?: () => number;
  readonly limits?: Partial<DiscoveryLimits>;
  readonly logger?: Logger;
  /** Default: no TLS. */
  readonly credentials?: ServerCredentials;
  /** Default: nobody is asked who they are. */
  readonly authenticate?: Authenticate;
  /** See Caller; needed with `authenticate` for gateways to be served. */
  readonly gatewayServiceAccount?: Caller["gatewayServiceAccount"];
  /** How often a silent connection is asked whether it lives, and how long it may take to say so. */
  readonly keepalive?: { readonly timeMs: number; readonly timeoutMs: number };
  /** Called when an agent answered a response or went away: connectedAgents() says something new. */
  readonly onAgentChange?: () => void;
}

const shuttingDown = "the control plane is shutting down";
/** An HTTP/2 connection without a stream for this long is closed. */
const maxIdleConnectionMs = 60_000;
/** Streams per connection; an agent needs one. */
const maxStreamsPerConnection = 100;

export class DiscoveryServer {
  readonly metrics = new DiscoveryMetrics();
  readonly #address: string;
  readonly #credentials: ServerCredentials;
  readonly #clock: Clock;
  readonly #limits: DiscoveryLimits;
  readonly #logger: Logger;
  readonly #server: Server;
  readonly #authenticate: Authenticate | null;
  readonly #gatewayServiceAccount: Caller["gatewayServiceAccount"];
  /** Streams whose token is being checked. */
  readonly #pending = new Set<DiscoveryCall>();
  readonly #streams = new Set<DiscoveryStream>();
  readonly #queue = new PushQueue<DiscoveryStream>({ push: (stream) => stream.push() });
  readonly #stats: StatsStore;
  readonly #context: StreamContext;
  #snapshot: Snapshot | null = null;
  #isClosing = false;

  constructor(options: DiscoveryServerOptions = {}) {
    const host = options.host ?? "127.0.0.1";
    this.#address = `${host.includes(":") ? `[${host}]` : host}:${options.port ?? 0}`;
    this.#credentials = options.credentials ?? ServerCredentials.createInsecure();
    this.#authenticate = options.authenticate ?? null;
    this.#gatewayServiceAccount = options.gatewayServiceAccount ?? (() => undefined);
    this.#clock = options.clock ?? systemClock;
    this.#limits = { ...defaultLimits, ...options.limits };
    this.#logger = options.logger ?? silentLogger;
    this.#stats = new StatsStore(this.#limits.maxStatsSeries);
    const keepalive = options.keepalive ?? { timeMs: 10_000, timeoutMs: 5000 };
    this.#server = new Server({
      "grpc.max_receive_message_length": this.#limits.maxMessageBytes,
      "grpc.max_send_message_length": -1,
      "grpc.max_concurrent_streams": maxStreamsPerConnection,
      "grpc.max_connection_idle_ms": maxIdleConnectionMs,
      "grpc.keepalive_time_ms": keepalive.timeMs,
      "grpc.keepalive_timeout_ms": keepalive.timeoutMs,
    });
    this.#context = {
      clock: this.#clock,
      random: options.random ?? Math.random,
      limits: this.#limits,
      logger: this.#logger,
      metrics: this.metrics,
      currentSnapshot: () => this.#requireSnapshot(),
      enqueue: (stream) => this.#queue.enqueue(stream),
      addStats: (report) => this.#stats.add(report),
      closed: (stream) => {
        this.#streams.delete(stream);
        this.#queue.delete(stream);
        options.onAgentChange?.();
      },
      agentChanged: () => options.onAgentChange?.(),
    };
    this.#server.addService(discoveryService, { Stream: (call: DiscoveryCall) => this.#accept(call) });
  }

  /** Listens; resolves with the port. Until the first publish every stream is answered UNAVAILABLE. */
  start(): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#server.bindAsync(this.#address, this.#credentials, (error, port) => {
        if (error === null) resolve(port);
        else reject(error);
      });
    });
  }

  /** Makes `snapshot` the one that is served and pushes what changed. Publishing the current one again does nothing. */
  publish(snapshot: Snapshot): void {
    if (snapshot === this.#snapshot || this.#isClosing) return;
    this.#snapshot = snapshot;
    const nowMs = this.#clock.monotonicMs();
    for (const stream of this.#streams) stream.changed(nowMs);
  }

  /** The snapshot that is served, or null before the first. */
  get snapshot(): Snapshot | null {
    return this.#snapshot;
  }

  /** Streams that wait for their push. */
  get pushQueueLength(): number {
    return this.#queue.size;
  }

  /** Every agent that said Hello. */
  connectedAgents(): readonly ConnectedAgent[] {
    return [...this.#streams].map((stream) => stream.describe()).filter((agent) => agent !== null);
  }

  /** The sums of what agents reported. */
  stats(): readonly RuleStatsSum[] {
    return this.#stats.sums();
  }

  /** Entries of reports that were refused, and series that had to go at the limit. */
  get statsLosses(): { readonly refused: number; readonly evicted: number } {
    return { refused: this.#stats.refusedCount, evicted: this.#stats.evictedCount };
  }

  /** Tells every agent to go elsewhere, then stops; connections that are left after `graceMs` are cut. */
  async close(graceMs = 1000): Promise<void> {
    this.#isClosing = true;
    this.#queue.close();
    for (const stream of this.#streams) {
      stream.end({ code: status.UNAVAILABLE, details: shuttingDown });
    }
    for (const call of this.#pending) this.#refuse(call, { code: status.UNAVAILABLE, details: shuttingDown });
    this.#pending.clear();
    await new Promise<void>((resolve) => {
      const cancel = this.#clock.schedule(graceMs, () => {
        this.#server.forceShutdown();
        resolve();
      });
      this.#server.tryShutdown(() => {
        cancel();
        resolve();
      });
    });
  }

  #accept(call: DiscoveryCall): void {
    if (this.#snapshot === null || this.#isClosing) {
      const details = this.#isClosing ? shuttingDown : "not ready: no snapshot yet";
      this.#refuse(call, { code: status.UNAVAILABLE, details });
    } else if (this.#streams.size + this.#pending.size >= this.#limits.maxStreams) {
      const details = `${this.#limits.maxStreams} agents are connected, no more fit`;
      this.#refuse(call, { code: status.RESOURCE_EXHAUSTED, details });
    } else if (this.#authenticate === null) {
      this.#serve(call, null);
    } else {
      void this.#identify(call, this.#authenticate);
    }
  }

  /** Nothing of the stream is read before its token is found good. */
  async #identify(call: DiscoveryCall, authenticate: Authenticate): Promise<void> {
    this.#pending.add(call);
    call.once("cancelled", () => this.#pending.delete(call));
    const found = bearerToken(call.metadata);
    const result = "token" in found ? await authenticate(found.token, call.getPeer()) : found;
    const isWaiting = this.#pending.delete(call);
    if (!isWaiting) return;
    if (result.ok) this.#serve(call, { identity: result, gatewayServiceAccount: this.#gatewayServiceAccount });
    else this.#refuse(call, refusalOf(result));
  }

  #serve(call: DiscoveryCall, caller: Caller | null): void {
    this.metrics.streamsAccepted += 1;
    // Registered before its first response is computed, so that no publish falls in between.
    this.#streams.add(new DiscoveryStream(call, this.#context, caller));
  }

  #refuse(call: DiscoveryCall, { code, details, failure }: Refusal): void {
    this.metrics.countEnded(status[code]);
    if (failure !== undefined) {
      this.metrics.countAuthenticationFailure(failure);
      this.#logger.warn({ peer: call.getPeer(), status: status[code], reason: failure, details }, "agent refused");
    }
    call.emit("error", Object.assign(new Error(details), { code, details }));
  }

  #requireSnapshot(): Snapshot {
    if (this.#snapshot === null) throw new Error("a stream was accepted before the first snapshot");
    return this.#snapshot;
  }
}

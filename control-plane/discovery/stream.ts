// One agent's stream: reads what it says, writes what its Subscriber returns, and ends it with a clear status when it
// breaks a rule, floods, or does not answer. Never more than one response is out, so a slow agent costs one response
// of memory and nobody else's time. What a response holds is subscriber.ts's decision; who is connected, server.ts's.
import { status, type ServerDuplexStream } from "@grpc/grpc-js";
import type { DiscoveryResponseInput } from "../../proto/discovery.ts";
import type { Acknowledge, AgentMessage, Hello, Node, RuleStats, Subscribe } from "../../proto/messages.ts";
import type { Snapshot } from "../snapshot/snapshot.ts";
import { Subscriber, type Nack } from "../snapshot/subscriber.ts";
import { admitHello, refuseSubscriptions } from "./admission.ts";
import type { Caller, Refusal } from "./authorize.ts";
import type { Clock } from "./clock.ts";
import { RateLimit, type DiscoveryLimits } from "./limits.ts";
import type { Logger } from "./logger.ts";
import type { DiscoveryMetrics } from "./metrics.ts";

export type DiscoveryCall = ServerDuplexStream<AgentMessage, DiscoveryResponseInput>;

/** What a stream needs of the server. */
export interface StreamContext {
  readonly clock: Clock;
  /** In [0, 1). */
  readonly random: () => number;
  readonly limits: DiscoveryLimits;
  readonly logger: Logger;
  readonly metrics: DiscoveryMetrics;
  currentSnapshot(): Snapshot;
  /** Asks for push() when it is this stream's turn. */
  enqueue(stream: DiscoveryStream): void;
  addStats(report: readonly RuleStats[]): void;
  /** Once, whatever the reason. */
  closed(stream: DiscoveryStream): void;
  /** The agent answered a response. */
  agentChanged(): void;
}

/** One connected agent, for status and debug pages. */
export interface ConnectedAgent {
  readonly node: Node;
  readonly peer: string;
  readonly connectedAtMs: number;
  readonly subscriptions: readonly string[];
  /** See Subscriber: "" before the first. */
  readonly sentGeneration: string;
  readonly acknowledgedGeneration: string;
  /** A response waits for its answer. */
  readonly isInFlight: boolean;
  readonly lastNack: Nack | null;
  /** "TYPE/name" -> version that this agent refused. */
  readonly withheld: ReadonlyMap<string, string>;
  readonly staleNonces: number;
}

/** Starts serving the call when constructed. */
export class DiscoveryStream {
  readonly #call: DiscoveryCall;
  readonly #context: StreamContext;
  readonly #rate: RateLimit;
  readonly #connectedAtMs: number;
  readonly #caller: Caller | null;
  readonly #cancelLifetime: () => void;
  #subscriber: Subscriber | null = null;
  #cancelTimer: (() => void) | null;
  /** When the oldest change was published that the agent has not acknowledged; null when there is none. */
  #changedAtMs: number | null = null;
  #inFlightSinceMs = 0;
  #pending: "none" | "push" | "request" = "none";
  #staleNonces = 0;
  #isClosed = false;

  /** `caller` is null where nobody is asked who they are. */
  constructor(call: DiscoveryCall, context: StreamContext, caller: Caller | null) {
    this.#call = call;
    this.#context = context;
    this.#caller = caller;
    this.#cancelLifetime = this.#limitLifetime();
    this.#rate = new RateLimit(context.limits.maxMessagesPerSecond, context.clock);
    this.#connectedAtMs = context.clock.wallMs();
    this.#cancelTimer = context.clock.schedule(context.limits.helloTimeoutMs, () =>
      this.end({ code: status.DEADLINE_EXCEEDED, details: `no Hello for ${context.limits.helloTimeoutMs} ms` }),
    );
    call.on("data", (message: AgentMessage) => this.#receive(message));
    call.on("cancelled", () => this.#close());
    call.on("end", () => {
      this.#close();
      call.end();
    });
  }

  /** The agent as it stands, or null before its Hello. */
  describe(): ConnectedAgent | null {
    const subscriber = this.#subscriber;
    if (subscriber === null) return null;
    return {
      node: subscriber.node,
      peer: this.#call.getPeer(),
      connectedAtMs: this.#connectedAtMs,
      subscriptions: [...subscriber.subscriptions],
      sentGeneration: subscriber.sentGeneration,
      acknowledgedGeneration: subscriber.acknowledgedGeneration,
      isInFlight: subscriber.isInFlight,
      lastNack: subscriber.lastNack,
      withheld: new Map(subscriber.withheld),
      staleNonces: this.#staleNonces,
    };
  }

  /** A new snapshot was published at `atMs`: the agent gets what concerns it when its turn comes. */
  changed(atMs: number): void {
    if (this.#subscriber === null) return;
    this.#changedAtMs ??= atMs;
    this.#context.enqueue(this);
  }

  /** This stream's turn in the push queue. */
  push(): void {
    this.#respond("push");
  }

  /** Ends the stream with a status that the agent can read. */
  end(refusal: Refusal): void {
    if (this.#isClosed) return;
    this.#context.metrics.countEnded(status[refusal.code]);
    if (refusal.failure !== undefined) this.#context.metrics.countAuthenticationFailure(refusal.failure);
    // A message must be well-formed text to travel.
    const details = refusal.details.toWellFormed();
    const node = this.#subscriber?.node.id ?? "";
    const level = refusal.code === status.OK ? "debug" : "warn";
    this.#context.logger[level](
      { node, peer: this.#call.getPeer(), status: status[refusal.code], details },
      "stream ended",
    );
    this.#close();
    const isStuck = this.#call.writableLength > 0;
    this.#call.emit("error", Object.assign(new Error(details), { code: refusal.code, details }));
    if (isStuck) resetTransport(this.#call);
  }

  #close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#cancelTimer?.();
    this.#cancelTimer = null;
    this.#cancelLifetime();
    this.#context.closed(this);
  }

  /**
   * A token proves who the agent is until it expires: then the agent comes back with its new one. And after a rollout all
   * agents are with the replicas that started first: streams end in order now and then, so that they spread again.
   */
  #limitLifetime(): () => void {
    if (this.#caller === null) return () => {};
    const { clock, limits, random } = this.#context;
    const expiresInMs = (this.#caller.identity.expiresAtMs ?? Infinity) - clock.wallMs();
    const maxAgeMs = limits.maxStreamAgeMs * (0.5 + random() / 2);
    return clock.schedule(Math.max(0, Math.min(expiresInMs, maxAgeMs)), () => {
      this.end(
        expiresInMs <= maxAgeMs
          ? { code: status.UNAUTHENTICATED, details: "the token of this stream expired: connect with the new one" }
          : { code: status.OK, details: "this stream is old enough: connect to any replica" },
      );
    });
  }

  #receive(message: AgentMessage): void {
    if (this.#isClosed) return;
    if (!this.#rate.take()) {
      const details = `more than ${this.#context.limits.maxMessagesPerSecond} messages a second`;
      this.end({ code: status.RESOURCE_EXHAUSTED, details });
      return;
    }
    const subscriber = this.#subscriber;
    if (message.message === "hello" && message.hello) {
      if (subscriber === null) this.#greet(message.hello);
      else this.end({ code: status.INVALID_ARGUMENT, details: "Hello came twice" });
    } else if (subscriber === null) {
      this.end({ code: status.INVALID_ARGUMENT, details: "the first message must be Hello" });
    } else if (message.message === "subscribe" && message.subscribe) {
      this.#subscribe(subscriber, message.subscribe);
    } else if (message.message === "acknowledge" && message.acknowledge) {
      this.#acknowledge(subscriber, message.acknowledge);
    } else if (message.message === "stats" && message.stats) {
      this.#context.addStats(message.stats.rules);
    }
    // Anything else is a message of a later minor version: not for us.
  }

  #greet(hello: Hello): void {
    const admitted = admitHello(hello, this.#context.limits, this.#caller);
    if (!admitted.ok) {
      this.end(admitted.refusal);
      return;
    }
    this.#cancelTimer?.();
    this.#cancelTimer = null;
    this.#subscriber = new Subscriber(admitted.node, hello, this.#context.currentSnapshot());
    const { id, namespace, pod, mode, agentVersion } = admitted.node;
    this.#context.logger.info({ node: id, namespace, pod, mode, agentVersion }, "agent connected");
    this.#respond("request");
  }

  #subscribe(subscriber: Subscriber, message: Subscribe): void {
    for (const name of message.remove) subscriber.unsubscribe(name);
    const { node, subscriptions } = subscriber;
    const refusal = refuseSubscriptions(node, message.add, subscriptions, this.#context.limits, this.#caller);
    if (refusal !== null) {
      this.end(refusal);
      return;
    }
    for (const name of message.add) subscriber.subscribe(name);
    this.#respond("request");
  }

  #acknowledge(subscriber: Subscriber, message: Acknowledge): void {
    const { clock, metrics, logger } = this.#context;
    const outcome = subscriber.acknowledge(message.nonce, message.errors, clock.wallMs());
    if (outcome === "stale") {
      this.#staleNonces += 1;
      metrics.staleNonces += 1;
      return;
    }
    this.#cancelTimer?.();
    this.#cancelTimer = null;
    const pending = this.#pending;
    this.#pending = "none";
    this.#context.agentChanged();
    if (outcome === "acknowledged") {
      metrics.acknowledged += 1;
      metrics.observeAcknowledgeDelay(clock.monotonicMs() - this.#inFlightSinceMs);
      if (pending === "request") this.#respond("request");
      else if (pending === "push") this.#context.enqueue(this);
      return;
    }
    metrics.refused += 1;
    const { generation, errors } = subscriber.lastNack ?? { generation: "", errors: [] };
    logger.warn({ node: subscriber.node.id, generation, errors: errors.slice(0, 10) }, "agent refused a response");
    // What it did not refuse goes out again, without what it did.
    this.#respond("request");
  }

  #respond(reason: "push" | "request"): void {
    const subscriber = this.#subscriber;
    if (subscriber === null || this.#isClosed) return;
    if (subscriber.isInFlight) {
      if (this.#pending !== "request") this.#pending = reason;
      return;
    }
    const { clock, limits, metrics } = this.#context;
    const response = subscriber.next(this.#context.currentSnapshot());
    this.#inFlightSinceMs = this.#changedAtMs ?? clock.monotonicMs();
    this.#changedAtMs = null;
    if (response === null) return;
    metrics.responsesSent += 1;
    metrics.resourcesSent += response.resources.length;
    this.#call.write(response);
    this.#cancelTimer = clock.schedule(limits.acknowledgeTimeoutMs, () =>
      this.end({
        code: status.DEADLINE_EXCEEDED,
        details: `response ${response.nonce} was not answered for ${limits.acknowledgeTimeoutMs} ms`,
      }),
    );
  }
}

/**
 * Resets the HTTP/2 stream under a call whose agent does not read: the status could never be written behind the
 * response that is stuck, and both would stay in memory. gRPC has no call for it, hence the look inside.
 */
function resetTransport(call: unknown): void {
  const inner: unknown = Reflect.get(Object(call), "call");
  const transport: unknown = Reflect.get(Object(inner), "stream");
  const close: unknown = Reflect.get(Object(transport), "close");
  const cancel = 8; // NGHTTP2_CANCEL, RFC 9113 section 7
  if (typeof close === "function") Reflect.apply(close, transport, [cancel]);
}

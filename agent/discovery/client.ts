// The agent's half of the stream: says Hello, subscribes, applies each response whole or refuses it whole, and comes
// back when the connection breaks, keeping what it has. The state table is in proto/README.md.
//
//   state         | event                     | then
//   connecting    | first response applied    | streaming, backoff starts over
//   connecting, streaming | stream ends       | waiting; what is held stays as it is
//   waiting       | delay over                | connecting to the next address
//   any           | stop()                    | stopped, for good
import { credentials as grpcCredentials, status, type ChannelCredentials } from "@grpc/grpc-js";
import { protocolVersion } from "../../proto/discovery.ts";
import type { DiscoveryResponse, RuleStats as WireRuleStats } from "../../proto/messages.ts";
import type { Answer, ResourceSet } from "../snapshot/resources.ts";
import type { RuleStats } from "../telemetry/rule-stats.ts";
import { AnswerWaiters } from "./answer-waiters.ts";
import { Backoff, classifyStatus } from "./backoff.ts";
import {
  defaultClientLimits,
  type ApplyResult,
  type DiscoveryClientLimits,
  type DiscoveryClientOptions,
  type DiscoveryClientStatus,
} from "./client-options.ts";
import { systemClock, type Clock } from "./clock.ts";
import { DiscoveryConnection, type ConnectionEnd } from "./connection.ts";
import type { DecodeError } from "./decode.ts";
import { silentLogger, type Logger } from "./logger.ts";
import {
  applyResponse,
  emptyResourceSet,
  knownResources,
  versionOf,
  wireTypeOf,
  withoutForgottenAnswers,
} from "./resource-set.ts";
import { SubscribedNames } from "./subscribed-names.ts";

/** Subscriptions are told together, at most this often: a burst of first dials is one message. */
const minFlushIntervalMs = 5;

/** While it cannot connect for the same reason, it says so this often. */
const minWarningIntervalMs = 60_000;
const sweepIntervalMs = 30_000;
const maxRulesPerReport = 1000;

export class DiscoveryClient {
  /** Resolves when the first response is applied. */
  readonly ready: Promise<void>;
  readonly #options: DiscoveryClientOptions;
  readonly #limits: DiscoveryClientLimits;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #names: SubscribedNames;
  readonly #waiters: AnswerWaiters;
  readonly #backoff: Backoff;
  readonly #credentials: () => ChannelCredentials;
  readonly #markReady: () => void;
  #resources: ResourceSet;
  #state: DiscoveryClientStatus["state"] = "stopped";
  #connection: DiscoveryConnection | null = null;
  #addressIndex = 0;
  #cancelReconnect: (() => void) | null = null;
  #cancelSweep: (() => void) | null = null;
  #cancelFlush: (() => void) | null = null;
  #flushedAtMs = -Infinity;
  #connects = 0;
  #applied = 0;
  #refused = 0;
  #lastEnd: ConnectionEnd | null = null;
  #warnedAtMs = -Infinity;

  constructor(options: DiscoveryClientOptions) {
    if (options.addresses.length === 0) throw new Error("no control plane address was given");
    this.#options = options;
    this.#limits = { ...defaultClientLimits, ...options.limits };
    this.#clock = options.clock ?? systemClock;
    this.#logger = options.logger ?? silentLogger;
    this.#credentials = options.credentials ?? (() => grpcCredentials.createInsecure());
    this.#names = new SubscribedNames(this.#limits);
    this.#waiters = new AnswerWaiters(this.#clock, this.#limits.maxWaiters);
    this.#backoff = new Backoff({
      initialMs: this.#limits.initialBackoffMs,
      maxMs: this.#limits.maxBackoffMs,
      random: options.random ?? Math.random,
    });
    this.#resources = options.initial ?? emptyResourceSet;
    for (const name of this.#resources.answers.keys()) {
      if (name.startsWith("frontend:")) this.#names.add(name, "dialled", this.#clock.monotonicMs());
    }
    const { promise, resolve } = Promise.withResolvers<void>();
    this.ready = promise;
    this.#markReady = resolve;
  }

  /** What is in effect. */
  get resources(): ResourceSet {
    return this.#resources;
  }

  start(): void {
    if (this.#state !== "stopped") return;
    this.#scheduleSweep();
    this.#connect();
  }

  /** Ends the stream and every wait; what was applied stays. */
  stop(): void {
    this.#state = "stopped";
    this.#connection?.close();
    this.#connection = null;
    for (const cancel of [this.#cancelReconnect, this.#cancelSweep, this.#cancelFlush]) cancel?.();
    this.#cancelReconnect = this.#cancelSweep = this.#cancelFlush = null;
    this.#waiters.close();
  }

  /** Subscribes for good: the agent's Gateway, its workload. */
  subscribe(name: string): void {
    this.#names.add(name, "pinned", this.#clock.monotonicMs());
    this.#flushSoon();
  }

  unsubscribe(name: string): void {
    this.#forget([name]);
  }

  /**
   * The answer to `name`, subscribing to it when it is new: at once when it is known, null when none comes in time (it
   * stays subscribed, the answer arrives by itself) or when there is no room for the name.
   */
  waitForAnswer(name: string, timeoutMs = 1000): Promise<Answer | null> {
    const isRoom = this.#names.add(name, "dialled", this.#clock.monotonicMs());
    const known = this.#resources.answers.get(name);
    if (known !== undefined) return Promise.resolve(known);
    if (!isRoom || this.#state === "stopped") return Promise.resolve(null);
    this.#flushSoon();
    return this.#waiters.wait(name, timeoutMs);
  }

  /** A request used the frontend "host:port": it is not idle. Cheap enough for every request. */
  touch(hostAndPort: string): void {
    this.#names.touch(hostAndPort, this.#clock.monotonicMs());
  }

  /** Sends what `take` gives, once it can be sent. False when it cannot: nothing is taken, all is left to the next report. */
  sendStats(take: () => readonly RuleStats[]): boolean {
    const connection = this.#connection;
    if (this.#state !== "streaming" || connection === null || !connection.takesMore) return false;
    const rules = take();
    for (let start = 0; start < rules.length; start += maxRulesPerReport) {
      connection.send({ stats: { rules: rules.slice(start, start + maxRulesPerReport).map(toWireStats) } });
    }
    return true;
  }

  status(): DiscoveryClientStatus {
    return {
      state: this.#state,
      address: this.#address,
      generation: this.#resources.generation,
      subscriptions: this.#names.size,
      connects: this.#connects,
      applied: this.#applied,
      refused: this.#refused,
      lastEnd: this.#lastEnd,
    };
  }

  get #address(): string {
    return this.#options.addresses[this.#addressIndex % this.#options.addresses.length] ?? "";
  }

  #connect(): void {
    this.#state = "connecting";
    let credentials: ChannelCredentials;
    try {
      credentials = this.#credentials();
    } catch (error) {
      const details = error instanceof Error ? error.message : String(error);
      this.#disconnected({ code: status.UNAUTHENTICATED, details });
      return;
    }
    const { initialConnectTimeoutMs, firstResponseTimeoutMs } = this.#limits;
    const connectTimeoutMs = initialConnectTimeoutMs * 2 ** Math.min(this.#backoff.failures, 30);
    const connection = new DiscoveryConnection({
      address: this.#address,
      credentials,
      clock: this.#clock,
      connectTimeoutMs: Math.min(connectTimeoutMs, firstResponseTimeoutMs),
      firstResponseTimeoutMs,
      keepalive: this.#options.keepalive ?? { timeMs: 10_000, timeoutMs: 5000 },
      onResponse: (response) => this.#receive(response),
      onEnd: (end) => this.#disconnected(end),
    });
    this.#connection = connection;
    const { mode, labels, ...node } = this.#options.node;
    this.#names.forgetChanges();
    connection.send({
      hello: {
        node: { ...node, labels: { ...labels }, mode: mode === "gateway" ? "GATEWAY" : "SIDECAR" },
        subscriptions: [...this.#names.all()],
        knownResources: knownResources(this.#resources),
        protocolVersion,
      },
    });
  }

  #disconnected(end: ConnectionEnd): void {
    const kind = classifyStatus(end.code);
    const delayMs =
      kind === "final"
        ? this.#limits.finalBackoffMs * (0.5 + (this.#options.random ?? Math.random)() / 2)
        : this.#backoff.nextDelayMs();
    const fields = { address: this.#address, code: end.code, details: end.details, delayMs: Math.round(delayMs) };
    if (kind === "final") this.#logger.error(fields, "the control plane refuses this agent");
    else if (end.code === status.OK) this.#logger.info(fields, "the control plane ended the stream in order");
    else this.#logger[this.#isOldNews(end) ? "debug" : "warn"](fields, "disconnected from the control plane");
    this.#lastEnd = end;
    this.#connection = null;
    this.#state = "waiting";
    this.#addressIndex += 1;
    this.#cancelReconnect = this.#clock.schedule(delayMs, () => this.#connect());
  }

  /** Whether the log has it: an outage of an hour is not a line for each attempt of each agent. */
  #isOldNews({ code }: ConnectionEnd): boolean {
    const nowMs = this.#clock.monotonicMs();
    if (this.#lastEnd?.code === code && nowMs < this.#warnedAtMs + minWarningIntervalMs) return true;
    this.#warnedAtMs = nowMs;
    return false;
  }

  #receive(response: DiscoveryResponse): void {
    const errors = this.#tryResponse(response);
    this.#connection?.send({ acknowledge: { nonce: response.nonce, errors: [...errors] } });
    if (errors.length > 0) {
      this.#refused += 1;
      const { generation } = response;
      this.#logger.error({ generation, errors: errors.slice(0, 10) }, "refused a response; the last good one stays");
      return;
    }
    this.#applied += 1;
    if (this.#state === "connecting") {
      this.#connects += 1;
      this.#warnedAtMs = -Infinity;
      this.#logger.info({ address: this.#address }, "connected to the control plane");
    }
    this.#state = "streaming";
    this.#backoff.reset();
    this.#markReady();
    this.#waiters.settle(this.#resources.answers);
  }

  /** Applies the response; what is wrong with it when it cannot be, and then nothing has changed. */
  #tryResponse(response: DiscoveryResponse): readonly DecodeError[] {
    const reduced = applyResponse(this.#resources, response, (name) => this.#names.has(name));
    if (!reduced.ok) return reduced.errors;
    const result = this.#tryApply(reduced.resources);
    if (!result.ok) {
      return result.errors.map(({ type, name, reason }) => ({
        type: wireTypeOf(type),
        name,
        version: versionOf(reduced.resources, type, name),
        reason,
      }));
    }
    this.#resources = reduced.resources;
    return [];
  }

  #tryApply(resources: ResourceSet): ApplyResult {
    try {
      return this.#options.apply(resources);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      // An empty name is nobody's: the control plane withholds the whole response.
      return { ok: false, errors: [{ type: "listener", name: "", reason }] };
    }
  }

  #flushSoon(): void {
    if (this.#cancelFlush !== null || this.#connection === null) return;
    const waitMs = Math.max(0, this.#flushedAtMs + minFlushIntervalMs - this.#clock.monotonicMs());
    if (waitMs > 0) {
      this.#cancelFlush = this.#clock.schedule(waitMs, () => this.#flush());
      return;
    }
    let isCancelled = false;
    this.#cancelFlush = () => (isCancelled = true);
    queueMicrotask(() => {
      if (!isCancelled) this.#flush();
    });
  }

  #flush(): void {
    this.#cancelFlush = null;
    if (this.#connection === null) return;
    this.#flushedAtMs = this.#clock.monotonicMs();
    const changes = this.#names.takeChanges();
    if (changes === null) return;
    this.#connection.send({ subscribe: { add: [...changes.add], remove: [...changes.remove] } });
  }

  #scheduleSweep(): void {
    this.#cancelSweep = this.#clock.schedule(sweepIntervalMs, () => {
      this.#forget(this.#names.idleSince(this.#clock.monotonicMs() - this.#limits.idleNameMs));
      this.#scheduleSweep();
    });
  }

  /** The control plane removes what only these names needed; their answers go at once. */
  #forget(names: readonly string[]): void {
    if (names.length === 0) return;
    for (const name of names) this.#names.remove(name);
    const pruned = withoutForgottenAnswers(this.#resources, (name) => this.#names.has(name));
    if (pruned !== this.#resources && this.#tryApply(pruned).ok) this.#resources = pruned;
    this.#flushSoon();
  }
}

function toWireStats({ statusClasses, latencyBuckets, ...rest }: RuleStats): WireRuleStats {
  return { ...rest, statusClasses: [...statusClasses], latencyBuckets: [...latencyBuckets] };
}

// Copies of requests to mirror backends. A copy is streamed through a bounded queue and its response is read and thrown
// away; the primary never waits for it and never learns of it. Owns the bounds, the count of copies and drops, and
// cutting a copy so that its target cannot take a part for the whole.
//
//   dialling --connected--> sending --whole request out--> awaiting --response complete--> done (copied)
//   dialling, sending --queue over its bound--> done (dropped: overflow)
//   dialling --connect failure--> done (dropped: connect-failure)
//   sending --connection lost, response complete--> done (dropped: reset)
//   awaiting --connection lost before a response head--> done (dropped: reset)
//   dialling, sending --client gone--> done (dropped: client-abort); awaiting --client gone--> awaiting: it is whole
//   any --too much of a response--> done (copied, or dropped: overflow when the request was not whole)
//   any --time is up--> done (dropped: timeout, or copied when it was whole and a response head had come)
import type { MessageHead } from "../http1/message-head.ts";
import { drawMirror } from "../routing/mirror-sampling.ts";
import type { CompiledMirror, CompiledRule } from "../snapshot/compiled.ts";
import type { MirrorDropReason } from "../telemetry/request-metrics.ts";
import type { FinishedRequest } from "../telemetry/spans.ts";
import type { Deadlined } from "../transport/deadlines.ts";
import type { ClusterState, EndpointState } from "../upstream/cluster-manager.ts";
import { pickEndpoint } from "../upstream/load-balancer.ts";
import type { UpstreamConnection, UpstreamFailure, UpstreamHandler } from "../upstream/upstream-connection.ts";
import type { Exchange } from "./exchange.ts";
import { renderMirrorRequest } from "./heads.ts";
import type { ProxyContext } from "./proxy-context.ts";
import { describeExchange, reportMirror } from "./request-report.ts";

/** Starts the copies of a request whose backend has been drawn; null when none is to be made. */
export function startMirrors(
  exchange: Exchange,
  head: MessageHead,
  bytes: Buffer,
  bodyStart: number,
  bodyEnd: number,
  complete: boolean,
): readonly MirrorCopy[] | null {
  const { backend, rule, context } = exchange;
  if (backend === null || rule === null) return null;
  const copies: MirrorCopy[] = [];
  const body = bodyEnd > bodyStart ? Buffer.copyBytesFrom(bytes, bodyStart, bodyEnd - bodyStart) : null;
  for (const mirror of backend.mirrors) {
    if (!drawMirror(mirror, context.random)) continue;
    const state = context.clusters.stateOf(mirror.cluster);
    const endpoint = pickEndpoint(state, context.now(), context.random, null);
    if (endpoint === null || mirror.cluster.protocol !== "http1") {
      context.metrics.requests.countMirrorDrop(rule, mirror, "no-endpoint");
    } else if (state.activeCopies >= context.mirrorLimits.maxActive) {
      context.metrics.requests.countMirrorDrop(rule, mirror, "limit");
    } else {
      const copy = new MirrorCopy(exchange, rule, mirror, state, endpoint, head, body, complete);
      if (!complete) copies.push(copy);
    }
  }
  return copies.length === 0 ? null : copies;
}

/** More of the request's body, for every copy that is still under way. */
export function feedCopies(
  copies: readonly MirrorCopy[],
  bytes: Buffer,
  start: number,
  end: number,
  complete: boolean,
): void {
  if (copies.every((copy) => copy.done)) return;
  const owned = Buffer.copyBytesFrom(bytes, start, end - start);
  for (const copy of copies) copy.onBody(owned, complete);
}

export class MirrorCopy implements UpstreamHandler, Deadlined {
  deadlineMs: number;
  readonly startedMs: number;
  readonly rule: CompiledRule;
  readonly mirror: CompiledMirror;
  readonly endpoint: EndpointState;
  readonly method: string;
  /** Of the copy's own span; "" when the request is not sampled or tracing is off. */
  readonly spanId: string;
  /** Of the span that stands for the primary on its way to the backend. */
  readonly primarySpanId: string;
  statusCode = 0;
  readonly #context: ProxyContext;
  readonly #cluster: ClusterState;
  #head: string;
  #queue: Buffer[] = [];
  #queuedBytes = 0;
  /** Of the response. */
  #discardedBytes = 0;
  #requestComplete: boolean;
  #connection: UpstreamConnection | null = null;
  #dialling: UpstreamConnection | null;
  #done = false;
  /** The primary as its span tells it, for the copy's own span; null when the request is not sampled. */
  readonly described: FinishedRequest | null;

  constructor(
    exchange: Exchange,
    rule: CompiledRule,
    mirror: CompiledMirror,
    cluster: ClusterState,
    endpoint: EndpointState,
    head: MessageHead,
    body: Buffer | null,
    complete: boolean,
  ) {
    const { context } = exchange;
    this.#context = context;
    this.#cluster = cluster;
    this.described = exchange.trace?.sampled === true ? describeExchange(exchange, context.now(), "", "client") : null;
    this.primarySpanId = exchange.upstreamSpanId;
    this.rule = rule;
    this.mirror = mirror;
    this.endpoint = endpoint;
    this.method = head.method;
    this.startedMs = context.now();
    this.deadlineMs = this.startedMs + context.mirrorLimits.timeoutMs;
    this.spanId = exchange.trace !== null && context.traces !== null ? context.traces.childSpanId(exchange.trace) : "";
    this.#head = renderMirrorRequest(exchange, head, this.spanId);
    this.#requestComplete = complete;
    cluster.activeCopies++;
    context.metrics.mirrorsActive.value++;
    context.deadlines.add(this);
    this.#dialling = null;
    if (body !== null) this.#enqueue(body);
    if (!this.#done) this.#dialling = endpoint.mirrorPool.acquire(this, false);
  }

  /** Nothing more will be sent. */
  get done(): boolean {
    return this.#done;
  }

  /** More of the body, which nobody will change. */
  onBody(bytes: Buffer, complete: boolean): void {
    if (this.#done) return;
    this.#requestComplete = complete;
    this.deadlineMs = this.#context.now() + this.#context.mirrorLimits.timeoutMs;
    const connection = this.#connection;
    if (connection === null) {
      if (bytes.length > 0) this.#enqueue(bytes);
      return;
    }
    if (bytes.length > 0) connection.sendOwnedRequestBody(bytes, complete);
    else if (complete) connection.completeRequest();
    if (connection.pendingRequestBytes > this.#context.mirrorLimits.maxQueuedBytes) this.abort("overflow");
  }

  /** Ends the copy, unless it is on its way whole and the client's end is no reason. */
  abort(reason: MirrorDropReason): void {
    if (this.#done || (reason === "client-abort" && this.#requestComplete)) return;
    this.#finish(this.#copied ? "" : reason);
    this.#connection?.abort();
    this.#dialling?.abort();
  }

  onDeadline(): void {
    this.abort("timeout");
  }

  onConnected(connection: UpstreamConnection): void {
    this.#dialling = null;
    this.#connection = connection;
    const queue = this.#queue;
    this.#queue = [];
    connection.sendRequest(this.#head, this.method, this.#requestComplete && queue.length === 0);
    this.#head = "";
    queue.forEach((bytes, index) => {
      connection.sendOwnedRequestBody(bytes, this.#requestComplete && index === queue.length - 1);
    });
  }

  onInformational(): boolean {
    // Nobody waits for it.
    return true;
  }

  onResponse(head: MessageHead, bytes: Buffer, start: number, end: number, complete: boolean): boolean {
    this.statusCode = head.statusCode;
    return this.onResponseBody(bytes, start, end, complete);
  }

  onResponseBody(_bytes: Buffer, start: number, end: number, complete: boolean): boolean {
    this.#discardedBytes += end - start;
    if (complete) this.#completeResponse();
    else if (this.#discardedBytes > this.#context.mirrorLimits.maxDiscardedBytes) this.abort("overflow");
    return true;
  }

  onRequestDrain(): void {
    // The queue is bounded by its size alone; there is nobody to slow down.
  }

  onUpstreamFailure(failure: UpstreamFailure): void {
    if (this.#done) return;
    const connectFailed = failure.kind === "connect-failed" || failure.kind === "connect-timeout";
    const reason = failure.kind === "overflow" ? "limit" : connectFailed ? "connect-failure" : "reset";
    this.#finish(this.#copied ? "" : reason);
  }

  /** The target has had the whole request and began to answer it. */
  get #copied(): boolean {
    return this.#requestComplete && this.statusCode !== 0;
  }

  #completeResponse(): void {
    if (!this.#requestComplete) this.#connection?.abort();
    if (!this.#done) this.#finish(this.#copied ? "" : "reset");
  }

  #enqueue(bytes: Buffer): void {
    this.#queue.push(bytes);
    this.#queuedBytes += bytes.length;
    if (this.#queuedBytes > this.#context.mirrorLimits.maxQueuedBytes) this.abort("overflow");
  }

  #finish(dropReason: MirrorDropReason | ""): void {
    this.#done = true;
    this.#queue = [];
    this.#cluster.activeCopies--;
    this.#context.metrics.mirrorsActive.value--;
    this.#context.deadlines.delete(this);
    reportMirror(this.#context, this, dropReason);
  }
}

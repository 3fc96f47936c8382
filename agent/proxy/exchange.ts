// The life of one request, top to bottom: match, request filters, mirror, dispatch (pick, pool, replay), response
// filters, finish, log. Protocol adapters on either side feed it: the downstream connection calls start, onRequestBody,
// onRequestAborted and onResponseDrain; the upstream connection calls the UpstreamHandler methods. One exchange belongs
// to one downstream connection and is used for its requests in turn, so that a request allocates none.
//
//   idle --start--> resolving --frontend known--> dispatching --connected--> sent --final head--> responding --> idle
//   resolving, dispatching, sent --local reply--> idle
//   dispatching --connect failure--> dispatching (one replay) or local reply
//   sent --reset before any response byte, or an answer that says so--> dispatching (one replay) or local reply
//   responding --upstream failure--> idle, the downstream connection is reset: its head is out, nothing else is honest
//   any --client gone--> idle, upstream and copies are aborted
import { ChunkedScanner } from "../http1/chunked-scanner.ts";
import type { MessageHead } from "../http1/message-head.ts";
import { FRAMING, HOP_BY_HOP } from "../http1/message-head.ts";
import { HeaderId } from "../http1/header-names.ts";
import type { EndpointState } from "../upstream/cluster-manager.ts";
import { pickEndpoint } from "../upstream/load-balancer.ts";
import type { Replay } from "../telemetry/spans.ts";
import { latin1 } from "../transport/latin1.ts";
import type { UpstreamConnection, UpstreamFailure, UpstreamHandler } from "../upstream/upstream-connection.ts";
import type { Direction } from "./direction.ts";
import type { Downstream } from "./downstream.ts";
import { renderRequest, renderResponse } from "./heads.ts";
import { HeldBody } from "./held-body.ts";
import type { LocalReplyReason } from "./local-reply.ts";
import { localReplyStatus, renderLocalReply } from "./local-reply.ts";
import type { MirrorCopy } from "./mirror.ts";
import { feedCopies, startMirrors } from "./mirror.ts";
import type { ProxyContext } from "./proxy-context.ts";
import { type Attempt, attemptOf, creditAfter, isIdempotent, mayGoElsewhere, mayReplay } from "./replay.ts";
import { detailOf, replayAfterAnswer, replayHintOf, replyToFailure } from "./replay.ts";
import { RequestFacts } from "./request-facts.ts";
import { reportExchange } from "./request-report.ts";
import type { UpgradeOwner } from "./upgrade.ts";
import { carryUpgrade, isWebSocketHandshake, upgradeRequestOf } from "./upgrade.ts";

/** Up to this size a body travels in the same write as its head. */
const maxInlineBytes = 16 * 1024;

type Phase = "idle" | "resolving" | "dispatching" | "sent" | "responding";

export class Exchange extends RequestFacts implements UpstreamHandler, UpgradeOwner {
  readonly context: ProxyContext;
  readonly direction: Direction;
  readonly downstream: Downstream;

  #phase: Phase = "idle";
  #upstream: UpstreamConnection | null = null;
  #dialling: UpstreamConnection | null = null;
  #copies: readonly MirrorCopy[] | null = null;
  readonly #held = new HeldBody();
  #requestComplete = false;
  #closeAfter = false;
  /** Only for a client that cannot read chunks. */
  #dechunker: ChunkedScanner | null = null;

  constructor(context: ProxyContext, direction: Direction, downstream: Downstream) {
    super();
    this.context = context;
    this.direction = direction;
    this.downstream = downstream;
  }

  get active(): boolean {
    return this.#phase !== "idle";
  }

  // --- match -------------------------------------------------------------------------------------------------------

  /** A request head has arrived, with what came of its body in the same read. False: do not read more of the body. */
  start(bytes: Buffer, bodyStart: number, bodyEnd: number, requestComplete: boolean): boolean {
    this.#reset();
    this.#phase = "resolving";
    this.#requestComplete = requestComplete;
    this.requestBytes = bodyEnd - bodyStart;
    const { head } = this.downstream;
    this.startedMs = this.context.now();
    const { traces } = this.context;
    if (traces !== null) {
      const trace = traces.decide(head);
      this.trace = trace;
      this.upstreamSpanId = this.direction.name === "gateway" ? traces.childSpanId(trace) : trace.spanId;
    }
    const resolved = this.direction.resolve(this, head);
    if (resolved === "waiting") {
      this.#held.keep(bytes, bodyStart, bodyEnd);
      return requestComplete;
    }
    this.#route(resolved, bytes, bodyStart, bodyEnd);
    return requestComplete || !this.#awaitsConnection;
  }

  /** The direction knows now where the request belongs; only after it has answered "waiting". */
  resolved(resolution: LocalReplyReason | null): void {
    if (this.#phase !== "resolving") return;
    const held = this.#held.bytes;
    this.#route(resolution, held, 0, held.length);
    if (!this.#awaitsConnection) this.downstream.resumeRequest();
  }

  get #awaitsConnection(): boolean {
    return this.#phase === "resolving" || this.#phase === "dispatching";
  }

  #route(refusal: LocalReplyReason | null, bytes: Buffer, bodyStart: number, bodyEnd: number): void {
    if (refusal !== null) return this.replyLocally(refusal);
    const { head } = this.downstream;
    const { listener } = this;
    if (listener !== null) {
      if (listener.routes === null) {
        this.cluster = listener.cluster;
      } else {
        const rule = listener.routes.match(head);
        if (rule === null) return this.replyLocally("no_route");
        this.rule = rule;
        if (rule.unsupported !== "") return this.replyLocally("unsupported_rule", rule.unsupported);
        const backend = rule.split === null ? undefined : rule.backends[rule.split.next()];
        if (backend === undefined) return this.replyLocally("no_backend");
        this.backend = backend;
        if (backend.mirrors.length > 0 && !isWebSocketHandshake(head)) {
          this.#copies = startMirrors(this, head, bytes, bodyStart, bodyEnd, this.#requestComplete);
        }
        if (backend.cluster === null) return this.replyLocally("invalid_backend", backend.invalidReason);
        this.cluster = backend.cluster;
      }
    }
    if (this.clusterState === null) {
      if (this.cluster === null) return this.replyLocally("no_listener");
      if (this.cluster.protocol !== "http1") return this.replyLocally("unsupported_protocol", this.cluster.protocol);
      this.clusterState = this.context.clusters.stateOf(this.cluster);
    }
    this.#dispatch(bytes, bodyStart, bodyEnd, null);
  }

  // --- dispatch ----------------------------------------------------------------------------------------------------

  #dispatch(bytes: Buffer, bodyStart: number, bodyEnd: number, exclude: EndpointState | null): void {
    const { clusterState, context } = this;
    if (clusterState === null) return;
    const endpoint = pickEndpoint(clusterState, this.startedMs, context.random, exclude);
    if (endpoint === null) return this.replyLocally("no_endpoint");
    this.endpoint = endpoint;
    endpoint.activeRequests++;
    clusterState.replayCredit = creditAfter(clusterState.replayCredit, this.replays.length > 0);
    if (exclude === null && this.trace?.sampled === true) this.dispatchedMs = this.context.now();
    this.#phase = "dispatching";
    if (isWebSocketHandshake(this.downstream.head)) return this.#carryUpgrade(endpoint);
    this.#body = bytes;
    this.#bodyStart = bodyStart;
    this.#bodyEnd = bodyEnd;
    this.#dialling = endpoint.pool.acquire(this, this.replays.length > 0);
    this.#body = null;
    if (this.#phase === "dispatching" && bytes !== this.#held.bytes) this.#held.keep(bytes, bodyStart, bodyEnd);
  }

  #carryUpgrade(endpoint: EndpointState): void {
    const { downstream } = this;
    this.#tunnelFirst ??= downstream.takeKept();
    downstream.upgrade(carryUpgrade(upgradeRequestOf(this, endpoint, this.#tunnelFirst), this));
    downstream.resumeRequest();
  }

  /** Bytes of the upgraded protocol that came before the upgrade was answered. */
  #tunnelFirst: Buffer | null = null;

  onUpgradeAnswered(statusCode: number): void {
    this.#phase = "responding";
    this.statusCode = statusCode;
    this.firstResponseMs = this.context.now();
    if (statusCode === 101) this.context.metrics.tunnels.value++;
  }

  onUpgradeClosed(): void {
    if (this.#phase === "idle") return;
    if (this.statusCode === 101) this.context.metrics.tunnels.value--;
    this.#finish("");
  }

  onUpgradeRefused(whole: boolean): void {
    if (this.#phase === "idle") return;
    this.#finish(whole ? "" : "reset");
    this.downstream.upgrade(null);
    if (whole) this.downstream.completeResponse(true);
    else this.downstream.reset();
  }

  /** The bytes of the read that is being handled, for an onConnected that comes before acquire returns. */
  #body: Buffer | null = null;
  #bodyStart = 0;
  #bodyEnd = 0;

  onConnected(connection: UpstreamConnection): void {
    this.#dialling = null;
    this.#upstream = connection;
    this.#phase = "sent";
    const { head } = this.downstream;
    const text = renderRequest(this, head);
    const immediate = this.#body !== null;
    const bytes = this.#body ?? this.#held.bytes;
    const start = immediate ? this.#bodyStart : 0;
    const end = immediate ? this.#bodyEnd : bytes.length;
    const size = end - start;
    if (immediate && size > 0 && this.#requestComplete && (isIdempotent(head.method) || mayGoElsewhere(this))) {
      this.#held.keep(bytes, start, end);
    }
    if (size === 0) {
      connection.sendRequest(text, head.method, this.#requestComplete);
    } else if (size <= maxInlineBytes) {
      connection.sendRequest(text + latin1(bytes, start, end), head.method, this.#requestComplete);
    } else {
      connection.sendRequest(text, head.method, false);
      connection.sendRequestBody(bytes, start, end, this.#requestComplete);
    }
    if (!immediate) this.downstream.resumeRequest();
  }

  /** More of the request body. False: do not read more until resumeRequest(). */
  onRequestBody(bytes: Buffer, start: number, end: number, complete: boolean): boolean {
    this.requestBytes += end - start;
    this.#requestComplete = complete;
    if (this.#copies !== null) feedCopies(this.#copies, bytes, start, end, complete);
    const upstream = this.#upstream;
    if (upstream === null) {
      // Was on its way when reading stopped.
      this.#held.append(bytes, start, end);
      return complete;
    }
    this.#held.miss();
    return upstream.sendRequestBody(bytes, start, end, complete);
  }

  onRequestDrain(): void {
    this.downstream.resumeRequest();
  }

  /** The client is gone; nothing can be answered. */
  onRequestAborted(): void {
    if (this.#phase === "idle" || (this.statusCode === 101 && this.#phase === "responding")) return;
    this.#abortCopies();
    this.#abandonUpstream();
    this.#finish("client-abort");
  }

  /** The body stopped, or stopped being HTTP. What was sent of it is cut; the client is told while that can be told. */
  onRequestRefused(reason: LocalReplyReason, detail: string): void {
    this.#abortCopies();
    if (this.#phase !== "responding") return this.replyLocally(reason, detail);
    this.#abandonUpstream();
    this.#finish(reason);
    this.downstream.reset();
  }

  #abortCopies(): void {
    for (const copy of this.#copies ?? []) copy.abort("client-abort");
  }

  // --- failure and replay ------------------------------------------------------------------------------------------

  onUpstreamFailure(failure: UpstreamFailure): void {
    if (this.#phase === "idle") return;
    this.#upstream = this.#dialling = null;
    if (this.#tunnelFirst !== null) this.downstream.upgrade(null);
    if (this.#phase === "responding") {
      this.#finish(failure.kind);
      this.downstream.reset();
      return;
    }
    if (mayReplay(failure, this.#attempt)) return this.#replay(failure.kind === "reset" ? "reset" : "connect-failure");
    const { name } = this.direction;
    this.replyLocally(replyToFailure(failure), detailOf(failure, name), replayHintOf(failure, name));
  }

  #replay(reason: Replay["reason"]): void {
    const { bytes } = this.#held;
    this.#upstream = null;
    const failed = this.endpoint;
    this.replays = [{ timeMs: this.context.now(), reason, endpoint: failed?.key ?? "" }];
    this.context.metrics.replays.with(reason).value++;
    if (failed !== null) failed.activeRequests--;
    this.endpoint = null;
    this.#dispatch(bytes, 0, bytes.length, failed);
  }

  get #attempt(): Attempt {
    const heldWhole = this.#requestComplete && this.#held.whole && this.#held.bytes.length === this.requestBytes;
    return attemptOf(this, this.downstream.head.method, heldWhole);
  }

  // --- response ----------------------------------------------------------------------------------------------------

  onInformational(head: MessageHead): boolean {
    if (this.downstream.head.versionMinor === 0) return true;
    return this.downstream.send(renderResponse(this, head, "", HOP_BY_HOP));
  }

  onResponse(head: MessageHead, bytes: Buffer, bodyStart: number, bodyEnd: number, complete: boolean): boolean {
    const again = head.indexOf(HeaderId.HEDDLE_REPLAY) < 0 ? null : replayAfterAnswer(head, this.#attempt);
    if (again !== null) {
      if (!complete) this.#upstream?.abort();
      this.#replay(again);
      return true;
    }
    this.#phase = "responding";
    this.statusCode = head.statusCode;
    this.firstResponseMs = this.context.now();
    const { downstream } = this;
    const request = downstream.head;
    const oldClient = request.versionMinor === 0;
    const dechunked = oldClient && head.framing === "chunked";
    if (dechunked) this.#dechunker = new ChunkedScanner();
    this.#closeAfter = dechunked || head.framing === "close" || downstream.mustClose;
    const connection = this.#closeAfter ? "close" : oldClient ? "keep-alive" : "";
    const text = renderResponse(this, head, connection, dechunked ? HOP_BY_HOP | FRAMING : HOP_BY_HOP);
    this.responseBytes = bodyEnd - bodyStart;
    let ready: boolean;
    if (bodyEnd === bodyStart) {
      ready = downstream.send(text);
    } else if (this.#dechunker === null && bodyEnd - bodyStart <= maxInlineBytes) {
      ready = downstream.send(text + latin1(bytes, bodyStart, bodyEnd));
    } else {
      downstream.send(text);
      ready = this.#sendBody(bytes, bodyStart, bodyEnd);
    }
    if (complete) this.#completeResponse();
    return ready || complete;
  }

  onResponseBody(bytes: Buffer, start: number, end: number, complete: boolean): boolean {
    this.responseBytes += end - start;
    const ready = end > start ? this.#sendBody(bytes, start, end) : true;
    if (complete) this.#completeResponse();
    return ready || complete;
  }

  #sendBody(bytes: Buffer, start: number, end: number): boolean {
    const dechunker = this.#dechunker;
    if (dechunker === null) return this.downstream.sendBody(bytes, start, end);
    dechunker.scan(bytes, start, end, this.downstream);
    return !this.downstream.congested;
  }

  /** The client has taken what was written; read on upstream. */
  onResponseDrain(): void {
    this.#upstream?.resumeResponse();
  }

  #completeResponse(): void {
    // An early response: the endpoint does not want the rest of the request, which its connection cannot survive.
    if (!this.#requestComplete) this.#upstream?.abort();
    this.#upstream = null;
    const close = this.#closeAfter;
    this.#finish("");
    this.downstream.completeResponse(close);
  }

  /** Answers by the proxy itself. Not once a response head is out. */
  replyLocally(reason: LocalReplyReason, detail?: string, replay = ""): void {
    const { downstream } = this;
    this.#abandonUpstream();
    this.localReason = reason;
    this.statusCode = localReplyStatus(reason);
    this.context.metrics.localReplies.with(reason).value++;
    // What followed an upgrade that failed was not meant for us.
    const close = downstream.mustClose || !this.#requestComplete || this.#tunnelFirst !== null;
    const { head } = downstream;
    const connection = close ? "close" : head.versionMinor === 0 ? "keep-alive" : "";
    const text = renderLocalReply(reason, { detail, connection, withoutBody: head.method === "HEAD", replay });
    this.#finish(reason);
    downstream.send(text);
    downstream.completeResponse(close);
  }

  // --- finish ------------------------------------------------------------------------------------------------------

  #finish(error: string): void {
    this.#phase = "idle";
    if (this.endpoint !== null) this.endpoint.activeRequests--;
    // The rest of the body will not be read any more, so a copy of it would never be whole.
    if (!this.#requestComplete) for (const copy of this.#copies ?? []) copy.abort("reset");
    reportExchange(this, error);
    this.#held.reset();
    this.#copies = this.#upstream = this.#dialling = null;
  }

  #abandonUpstream(): void {
    this.#upstream?.abort();
    this.#dialling?.abort();
    this.#upstream = null;
    this.#dialling = null;
  }

  #reset(): void {
    this.clearFacts();
    this.#held.reset();
    this.#copies = null;
    this.#closeAfter = false;
    this.#dechunker = null;
    this.#tunnelFirst = null;
  }
}

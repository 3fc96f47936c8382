// One HTTP/1.1 connection to an endpoint: serialises nothing, parses responses, and knows when it may be used again.
// Owns its socket, its response parser and its deadlines; the pool owns which connection serves whom, and the handler
// (an exchange or a mirror copy) owns what the bytes mean.
//
//   connecting --connect--> idle --attach--> head --final head--> body --last byte--> idle (reusable) or closed
//   connecting --error, timeout--> closed (connect-failed, connect-timeout)
//   idle --bytes, end, error, idle timeout--> closed (nobody is told: nobody waits)
//   head, body --end, error--> closed (reset), except a close-delimited body, which its end completes
//   head, body --refused bytes--> closed (bad-response)
import { BodyScanner } from "../http1/body-scanner.ts";
import { HeadParser } from "../http1/head-parser.ts";
import { MessageHead } from "../http1/message-head.ts";
import type { ByteReader } from "../transport/byte-stream.ts";
import { ByteStream } from "../transport/byte-stream.ts";
import type { Deadlined } from "../transport/deadlines.ts";
import type { ConnectionPool } from "./connection-pool.ts";

export type UpstreamFailureKind = "connect-failed" | "connect-timeout" | "overflow" | "reset" | "bad-response";

export interface UpstreamFailure {
  readonly kind: UpstreamFailureKind;
  /**
   * The connection had served a request before and no byte has answered this one: its peer may have closed it while the
   * request was on the way.
   */
  readonly reused: boolean;
  /** No byte has answered the request, on a connection that had stood. */
  readonly unanswered?: boolean;
  readonly message: string;
}

/** What a connection tells the one who uses it. Heads and bytes are valid only during the call. */
export interface UpstreamHandler {
  onConnected(connection: UpstreamConnection): void;
  /** A 1xx response. False stops reading until resumeResponse(). */
  onInformational(head: MessageHead): boolean;
  /** The final head with what came of the body in the same read. False stops reading until resumeResponse(). */
  onResponse(head: MessageHead, bytes: Buffer, bodyStart: number, bodyEnd: number, complete: boolean): boolean;
  /** Body bytes as they stand on the wire, chunk framing included. False stops reading until resumeResponse(). */
  onResponseBody(bytes: Buffer, start: number, end: number, complete: boolean): boolean;
  onRequestDrain(): void;
  /** The connection is gone before the response was complete. Nothing follows. */
  onUpstreamFailure(failure: UpstreamFailure): void;
}

type Phase = "connecting" | "idle" | "head" | "body" | "closed";

export class UpstreamConnection implements ByteReader, Deadlined {
  deadlineMs: number;
  /** When it was last put back, in the clock's milliseconds. */
  idleSinceMs = 0;
  /** How long it may stay idle: what the peer's Keep-Alive header says less a second, or the pool's default. */
  idleTimeoutMs: number;
  readonly #pool: ConnectionPool;
  readonly #stream: ByteStream;
  readonly #head = new MessageHead();
  readonly #parser = new HeadParser("response", this.#head);
  readonly #body = new BodyScanner();
  #handler: UpstreamHandler | null;
  #phase: Phase = "connecting";
  #served = 0;
  #requestComplete = false;
  #responseComplete = false;
  /** A byte has come since the request began. */
  #answered = false;
  #reusable = true;

  constructor(pool: ConnectionPool, handler: UpstreamHandler, nowMs: number) {
    this.#pool = pool;
    this.#handler = handler;
    this.idleTimeoutMs = pool.options.idleTimeoutMs;
    this.deadlineMs = nowMs + pool.options.connectTimeoutMs;
    this.#stream = ByteStream.dial(pool.target, this, () => {
      if (this.#phase !== "connecting") return;
      this.deadlineMs = Infinity;
      this.#phase = "idle";
      pool.onConnected();
      const waiting = this.#handler;
      if (waiting === null) return;
      this.attach(waiting);
      waiting.onConnected(this);
    });
  }

  get closed(): boolean {
    return this.#phase === "closed" || this.#stream.closed;
  }

  /** Gives the idle connection to a handler, which sends exactly one request next. */
  attach(handler: UpstreamHandler): void {
    this.#handler = handler;
    this.#phase = "head";
    this.#requestComplete = false;
    this.#responseComplete = false;
    this.#answered = false;
    this.deadlineMs = Infinity;
  }

  /** Sends the request head, with as much of the body as goes into the same write. */
  sendRequest(text: string, method: string, requestComplete: boolean): boolean {
    this.#parser.requestMethod = method;
    this.#requestComplete = requestComplete;
    return this.#stream.writeText(text);
  }

  sendRequestBody(bytes: Buffer, start: number, end: number, complete: boolean): boolean {
    const ready = end > start ? this.#stream.writeBytes(bytes, start, end) : true;
    if (complete) this.completeRequest();
    return ready;
  }

  /** As sendRequestBody, for bytes that nobody will change any more. */
  sendOwnedRequestBody(bytes: Buffer, complete: boolean): boolean {
    const ready = this.#stream.writeOwned(bytes);
    if (complete) this.completeRequest();
    return ready;
  }

  completeRequest(): void {
    this.#requestComplete = true;
    if (this.#responseComplete) this.#settle();
  }

  get pendingRequestBytes(): number {
    return this.#stream.pendingBytes;
  }

  resumeResponse(): void {
    this.#stream.resume();
  }

  pauseResponse(): void {
    this.#stream.pause();
  }

  /** The handler has no more interest; the peer must not take what was sent for a complete request. */
  abort(): void {
    this.#handler = null;
    this.#close(true);
  }

  /** Closes an idle connection. */
  close(): void {
    this.#handler = null;
    this.#close(false);
  }

  onDeadline(): void {
    if (this.#phase === "connecting") {
      this.#fail("connect-timeout", `no connection within ${this.#pool.options.connectTimeoutMs} ms`);
    } else if (this.#phase === "idle") {
      this.close();
    }
  }

  onBytes(bytes: Buffer, start: number, end: number): boolean {
    if (this.#handler === null) {
      this.#close(true);
      return true;
    }
    this.#answered = true;
    if (this.#phase === "body") return this.#onBody(bytes, start, end);
    let position = start;
    let ready = true;
    while (position < end && this.#phase === "head") {
      const consumed = this.#parser.parse(bytes, position, end);
      if (consumed === 0) return ready;
      if (consumed < 0) {
        this.#fail("bad-response", this.#parser.failure?.reason ?? "bad response");
        return true;
      }
      position += consumed;
      const head = this.#head;
      if (head.statusCode >= 200) return this.#onFinalHead(head, bytes, position, end);
      if (head.statusCode === 101) {
        this.#fail("bad-response", "unexpected 101 Switching Protocols");
        return true;
      }
      ready = this.#handler?.onInformational(head) ?? true;
    }
    return ready;
  }

  onEnd(): void {
    const handler = this.#handler;
    if (this.#phase === "body" && this.#head.framing === "close" && handler !== null) {
      this.#reusable = false;
      this.#responseComplete = true;
      this.#handler = null;
      this.#close(false);
      handler.onResponseBody(readNothing, 0, 0, true);
      return;
    }
    this.#fail("reset", "the connection ended before the response was complete");
  }

  onDrain(): void {
    this.#handler?.onRequestDrain();
  }

  onClose(error: Error | null): void {
    const connecting = this.#phase === "connecting";
    this.#fail(connecting ? "connect-failed" : "reset", error?.message ?? "the connection was closed");
    this.#close(false);
    this.#pool.forget(this);
  }

  #onFinalHead(head: MessageHead, bytes: Buffer, start: number, end: number): boolean {
    this.#reusable = head.keepAlive && head.framing !== "close";
    if (this.#served === 0) {
      // The peer says how long it keeps an idle connection; we give it up a second earlier.
      const keptMs = head.keepAliveTimeoutSeconds * 1000;
      if (keptMs > 0) this.idleTimeoutMs = Math.min(Math.max(keptMs - 1000, 0), this.#pool.options.maxIdleMs);
    }
    this.#phase = "body";
    this.#body.begin(head);
    const bodyEnd = this.#body.scan(bytes, start, end);
    if (bodyEnd < 0) {
      this.#fail("bad-response", this.#body.failure);
      return true;
    }
    this.#responseComplete = this.#body.complete;
    const handler = this.#handler;
    if (handler === null) return true;
    const complete = this.#responseComplete;
    if (bodyEnd < end) this.#reusable = false;
    if (complete) this.#settle();
    return handler.onResponse(head, bytes, start, bodyEnd, complete);
  }

  #onBody(bytes: Buffer, start: number, end: number): boolean {
    const handler = this.#handler;
    if (handler === null) return true;
    const bodyEnd = this.#body.scan(bytes, start, end);
    if (bodyEnd < 0) {
      this.#fail("bad-response", this.#body.failure);
      return true;
    }
    this.#responseComplete = this.#body.complete;
    const complete = this.#responseComplete;
    if (bodyEnd < end) this.#reusable = false;
    if (complete) this.#settle();
    return handler.onResponseBody(bytes, start, bodyEnd, complete);
  }

  /** The response is complete: back to the pool if the request is too, before the handler hears of it. */
  #settle(): void {
    if (!this.#requestComplete) return;
    this.#handler = null;
    this.#served++;
    if (this.#reusable && this.#phase !== "closed" && !this.#stream.closed) {
      this.#phase = "idle";
      this.#pool.release(this);
    } else {
      this.#close(false);
    }
  }

  #fail(kind: UpstreamFailureKind, message: string): void {
    const handler = this.#handler;
    if (kind === "connect-failed" || kind === "connect-timeout") this.#pool.onConnectFailed();
    this.#handler = null;
    const settled = this.#responseComplete;
    this.#close(kind === "bad-response");
    if (handler === null || settled) return;
    const unanswered = !this.#answered;
    handler.onUpstreamFailure({ kind, reused: this.#served > 0 && unanswered, unanswered, message });
  }

  #close(reset: boolean): void {
    if (this.#phase !== "closed") {
      this.#phase = "closed";
      this.deadlineMs = Infinity;
      this.#pool.forget(this);
    }
    if (this.#stream === undefined) return;
    if (reset) this.#stream.reset();
    this.#stream.destroy();
  }
}

const readNothing = Buffer.alloc(0);

// One HTTP/1.1 connection from a client: reads requests, hands each to the exchange, writes responses in order. Owns
// framing of requests, pipelining, keep-alive, its deadlines and the way it closes; what becomes of a request is the
// exchange's.
//
//   reading       | bytes                                      | end of stream           | response complete
//   head          | head complete -> body or complete          | close                   | -
//   body          | to the exchange; last byte -> complete     | abort the exchange      | rest is read and discarded -> discard
//   complete      | kept for later, reading pauses             | client is half-closed   | next head, or close
//   discard       | thrown away up to a bound; last -> head    | close                   | -
//   lingering     | thrown away until the client closes        | close                   | -
import type { Downstream } from "../proxy/downstream.ts";
import { reasonOfRefusal, renderLocalReply } from "../proxy/local-reply.ts";
import type { LocalReplyReason } from "../proxy/local-reply.ts";
import type { TcpHandle } from "../transport/byte-stream.ts";
import { ByteStream } from "../transport/byte-stream.ts";
import type { ByteReader } from "../transport/byte-stream.ts";
import type { Deadlined } from "../transport/deadlines.ts";
import { BodyScanner } from "./body-scanner.ts";
import type { DownstreamOptions, RequestHandler } from "./downstream-options.ts";
import { HeadParser } from "./head-parser.ts";
import { MessageHead } from "./message-head.ts";

type Reading = "head" | "body" | "complete" | "discard" | "lingering";

/** What is thrown away of a body nobody wants, before the connection is closed instead. */
const maxDiscardedBytes = 256 * 1024;
const lingerTimeoutMs = 2000;

export class DownstreamConnection implements ByteReader, Downstream, Deadlined {
  readonly head: MessageHead;
  readonly remoteAddress: string;
  readonly remotePort: number;
  deadlineMs: number;
  readonly #options: DownstreamOptions;
  readonly #stream: ByteStream;
  readonly #parser: HeadParser;
  readonly #body = new BodyScanner();
  #handler: RequestHandler | null = null;
  #reading: Reading = "head";
  #discardedBytes = 0;
  #responding = false;
  /** Pipelined bytes that came while a response was under way. */
  #kept: Buffer | null = null;
  #looping = false;
  #halfClosed = false;
  #congested = false;
  #upgraded: ByteReader | null = null;

  constructor(
    source: TcpHandle | ByteStream,
    options: DownstreamOptions,
    createHandler: (connection: DownstreamConnection) => RequestHandler,
  ) {
    this.#options = options;
    this.head = new MessageHead();
    this.#parser = new HeadParser("request", this.head);
    this.deadlineMs = options.now() + options.headTimeoutMs;
    if (source instanceof ByteStream) {
      this.#stream = source;
      source.reader = this;
    } else {
      this.#stream = ByteStream.accepted(source, this);
    }
    this.remoteAddress = this.#stream.socket.remoteAddress ?? "";
    this.remotePort = this.#stream.socket.remotePort ?? 0;
    this.#handler = createHandler(this);
    options.deadlines.add(this);
  }

  get stream(): ByteStream {
    return this.#stream;
  }

  /** Hands everything that comes from the client from now on to another reader; null takes it back. */
  upgrade(reader: ByteReader | null): void {
    this.#upgraded = reader;
    this.deadlineMs = Infinity;
  }

  /** Bytes that followed the request, which its upgrade takes over. */
  takeKept(): Buffer {
    const kept = this.#kept ?? nothing;
    this.#kept = null;
    return kept;
  }

  get mustClose(): boolean {
    return !this.head.keepAlive || (this.#halfClosed && this.#kept === null) || this.#options.draining();
  }

  get congested(): boolean {
    return this.#congested;
  }

  /** No request is under way and none has begun to arrive, or waits. */
  get idle(): boolean {
    return this.#reading === "head" && !this.#parser.started && !this.#responding && this.#kept === null;
  }

  // --- reading -----------------------------------------------------------------------------------------------------

  onBytes(bytes: Buffer, start: number, end: number): boolean {
    if (this.#upgraded !== null) return this.#upgraded.onBytes(bytes, start, end);
    switch (this.#reading) {
      case "head":
        return this.#readRequests(bytes, start, end);
      case "body":
        return this.#readBody(bytes, start, end);
      case "complete":
        return this.#keep(bytes, start, end);
      case "discard":
        return this.#discard(bytes, start, end);
      case "lingering":
        return true;
    }
  }

  /**
   * Reads one request after another from the bytes; a loop, so that many small ones do not nest. None is begun while the
   * client does not take the answers that it has.
   */
  #readRequests(bytes: Buffer, start: number, end: number): boolean {
    if (this.#looping || this.#congested) return this.#keep(bytes, start, end);
    this.#looping = true;
    let ready = this.#readRequest(bytes, start, end);
    while (this.#reading === "head" && this.#kept !== null && !this.#congested && !this.#stream.closed) {
      const kept: Buffer = this.#kept;
      this.#kept = null;
      ready = this.#readRequest(kept, 0, kept.length);
    }
    this.#looping = false;
    return ready && !(this.#congested && this.#reading === "head");
  }

  /** Goes on with what was kept, once nothing stands in its way. */
  #readKept(): void {
    if (this.#reading !== "head" || this.#congested || this.#looping) return;
    const kept = this.#kept;
    this.#kept = null;
    if (kept === null || this.#readRequests(kept, 0, kept.length)) this.#stream.resume();
  }

  #readRequest(bytes: Buffer, start: number, end: number): boolean {
    const consumed = this.#parser.parse(bytes, start, end);
    if (consumed === 0) {
      if (this.deadlineMs === Infinity || this.#parser.started) this.#armHeadDeadline();
      return true;
    }
    if (consumed < 0) {
      const { failure } = this.#parser;
      this.#refuse(failure === null ? "bad_request" : reasonOfRefusal(failure), failure?.reason ?? "");
      return true;
    }
    const bodyStart = start + consumed;
    this.#body.begin(this.head);
    const bodyEnd = this.#body.scan(bytes, bodyStart, end);
    if (bodyEnd < 0) {
      this.#refuse("bad_request", this.#body.failure);
      return true;
    }
    const { complete } = this.#body;
    this.#headDeadlineArmed = false;
    this.#reading = complete ? "complete" : "body";
    this.#responding = true;
    this.deadlineMs = complete ? Infinity : this.#options.now() + this.#options.stallTimeoutMs;
    if (bodyEnd < end) this.#keep(bytes, bodyEnd, end);
    const ready = this.#handler?.start(bytes, bodyStart, bodyEnd, complete) ?? true;
    return (ready || this.idle) && this.#kept === null;
  }

  #readBody(bytes: Buffer, start: number, end: number): boolean {
    const bodyEnd = this.#scanBody(bytes, start, end);
    if (bodyEnd < 0) {
      this.#options.onProtocolError(this.#body.failure);
      this.#handler?.onRequestRefused(this.#body.failure);
      return true;
    }
    const complete = this.#reading === "complete";
    if (bodyEnd < end) this.#keep(bytes, bodyEnd, end);
    const ready = this.#handler?.onRequestBody(bytes, start, bodyEnd, complete) ?? true;
    return ready && this.#kept === null;
  }

  /** Where the body's bytes end in what was read, or -1 when they are malformed; moves on when it is complete. */
  #scanBody(bytes: Buffer, start: number, end: number): number {
    const bodyEnd = this.#body.scan(bytes, start, end);
    const { complete } = this.#body;
    if (complete) this.#reading = "complete";
    this.deadlineMs = complete ? Infinity : this.#options.now() + this.#options.stallTimeoutMs;
    return bodyEnd;
  }

  #discard(bytes: Buffer, start: number, end: number): boolean {
    this.#discardedBytes += end - start;
    const bodyEnd = this.#scanBody(bytes, start, end);
    if (bodyEnd < 0 || this.#discardedBytes > maxDiscardedBytes) {
      this.#linger();
      return true;
    }
    if (this.#reading !== "complete") {
      this.#reading = "discard";
      return true;
    }
    this.#nextRequest();
    if (bodyEnd < end) return this.#readRequests(bytes, bodyEnd, end);
    if (this.#options.idleEnded()) this.closeIfIdle();
    return true;
  }

  /** Keeps at most one read's bytes: reading stops until they are used. */
  #keep(bytes: Buffer, start: number, end: number): boolean {
    const more = Buffer.copyBytesFrom(bytes, start, end - start);
    this.#kept = this.#kept === null ? more : Buffer.concat([this.#kept, more]);
    return false;
  }

  onEnd(): void {
    if (this.#upgraded !== null) return this.#upgraded.onEnd();
    this.#halfClosed = true;
    switch (this.#reading) {
      case "complete":
        return;
      case "body":
        this.#handler?.onRequestAborted();
        this.#close(true);
        return;
      case "head":
      case "discard":
      case "lingering":
        this.#close(false);
    }
  }

  resumeRequest(): void {
    if (this.#kept === null && !this.#stream.closed) this.#stream.resume();
  }

  // --- writing -----------------------------------------------------------------------------------------------------

  send(text: string): boolean {
    return this.#wrote(this.#stream.writeText(text));
  }

  sendBody(bytes: Buffer, start: number, end: number): boolean {
    return this.#wrote(this.#stream.writeBytes(bytes, start, end));
  }

  onData(bytes: Uint8Array, start: number, end: number): void {
    this.sendBody(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength), start, end);
  }

  #wrote(ready: boolean): boolean {
    if (!ready && !this.#congested) {
      this.#congested = true;
      this.deadlineMs = this.#options.now() + this.#options.stallTimeoutMs;
    }
    return ready;
  }

  onDrain(): void {
    this.#congested = false;
    if (this.#upgraded !== null) return this.#upgraded.onDrain();
    if (this.#reading === "complete") this.deadlineMs = Infinity;
    if (this.#responding) {
      this.#handler?.onResponseDrain();
    } else if (this.#reading === "lingering") {
      this.#awaitClose();
    } else if (this.#reading === "head") {
      this.#nextRequest();
      this.#readKept();
    }
  }

  completeResponse(close: boolean): void {
    this.#responding = false;
    if (close) {
      if (this.#reading === "complete" && this.#kept === null) this.#close(false);
      else this.#linger();
      return;
    }
    if (this.#reading === "body") {
      this.#reading = "discard";
      this.#discardedBytes = 0;
      this.deadlineMs = this.#options.now() + lingerTimeoutMs;
      this.#stream.resume();
      return;
    }
    this.#nextRequest();
    if (this.#kept !== null) this.#readKept();
    if (this.#options.idleEnded()) this.closeIfIdle();
  }

  reset(): void {
    this.#close(true);
  }

  #nextRequest(): void {
    const { now, idleTimeoutMs, stallTimeoutMs } = this.#options;
    this.#reading = "head";
    this.deadlineMs = now() + (this.#congested ? stallTimeoutMs : idleTimeoutMs);
  }

  #headDeadlineArmed = false;

  #armHeadDeadline(): void {
    if (this.#headDeadlineArmed) return;
    this.#headDeadlineArmed = true;
    this.deadlineMs = this.#options.now() + this.#options.headTimeoutMs;
  }

  // --- closing -----------------------------------------------------------------------------------------------------

  onDeadline(): void {
    switch (this.#reading) {
      case "head":
        if (this.#congested) this.#close(true);
        else if (this.#parser.started) this.#refuse("request_timeout", "");
        else this.#close(false);
        return;
      case "body":
        if (this.#responding) this.#handler?.onRequestAborted();
        this.#close(true);
        return;
      case "complete":
        if (this.#congested) {
          this.#handler?.onRequestAborted();
          this.#close(true);
        }
        return;
      case "discard":
        this.#linger();
        return;
      case "lingering":
        // What the kernel has it goes on delivering; what it has not is lost, and must not look complete.
        if (this.#stream.pendingBytes > 0) this.#stream.reset();
        else this.#stream.destroy();
    }
  }

  /** Closes the connection if no request is under way. */
  closeIfIdle(): void {
    if (this.idle) this.#close(false);
  }

  /** Ends it now, whatever is under way. */
  destroy(): void {
    this.#close(true);
  }

  onClose(error: Error | null): void {
    this.#upgraded?.onClose(error);
    this.#handler?.onRequestAborted();
    this.#handler = null;
    this.#options.deadlines.delete(this);
    this.#options.onClosed(this);
  }

  #refuse(reason: LocalReplyReason, detail: string): void {
    this.#options.onProtocolError(detail === "" ? reason : detail);
    this.#options.onLocalReply(reason);
    this.send(renderLocalReply(reason, { detail, connection: "close", withoutBody: false }));
    this.#linger();
  }

  /** Says that nothing more will come, and reads on for a while: closing at once could take the answer away. */
  #linger(): void {
    this.#reading = "lingering";
    this.#kept = null;
    this.#awaitClose();
    this.#stream.end();
    this.#stream.resume();
  }

  /** The client has time to take what waits for it, then a little more to close. */
  #awaitClose(): void {
    const { now, stallTimeoutMs } = this.#options;
    this.deadlineMs = now() + (this.#stream.pendingBytes > 0 ? stallTimeoutMs : lingerTimeoutMs);
  }

  #close(reset: boolean): void {
    if (this.#stream.closed) return;
    if (reset) this.#stream.reset();
    else this.#linger();
  }
}

const nothing = Buffer.alloc(0);

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
import { ClientDeadline } from "./client-deadline.ts";
import { HeadParser } from "./head-parser.ts";
import { MessageHead } from "./message-head.ts";

type Reading = "head" | "body" | "complete" | "discard" | "lingering";

/** What is thrown away of a body nobody wants, before the connection is closed instead. */
const maxDiscardedBytes = 256 * 1024;

export class DownstreamConnection implements ByteReader, Downstream, Deadlined {
  readonly head: MessageHead;
  readonly remoteAddress: string;
  readonly remotePort: number;
  readonly #deadline: ClientDeadline;
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
    this.#deadline = new ClientDeadline(options);
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

  get deadlineMs(): number {
    return this.#deadline.atMs;
  }

  get stream(): ByteStream {
    return this.#stream;
  }

  /** Hands everything that comes from the client from now on to another reader; null takes it back. */
  upgrade(reader: ByteReader | null): void {
    this.#upgraded = reader;
    this.#deadline.none();
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
      if (this.deadlineMs === Infinity || this.#parser.started) this.#deadline.awaitHead();
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
    this.#reading = complete ? "complete" : "body";
    this.#responding = true;
    this.#deadline.beginBody(complete, this.head.expectContinue && bodyEnd === bodyStart);
    if (bodyEnd < end) this.#keep(bytes, bodyEnd, end);
    const ready = this.#handler?.start(bytes, bodyStart, bodyEnd, complete) ?? true;
    if (!ready) this.#pauseBody(true);
    return (ready || this.idle) && this.#kept === null;
  }

  #readBody(bytes: Buffer, start: number, end: number): boolean {
    const bodyEnd = this.#scanBody(bytes, start, end);
    if (bodyEnd < 0) {
      this.#refuseBody("bad_request", this.#body.failure);
      return true;
    }
    const complete = this.#reading === "complete";
    if (bodyEnd < end) this.#keep(bytes, bodyEnd, end);
    const ready = this.#handler?.onRequestBody(bytes, start, bodyEnd, complete) ?? true;
    if (!ready) this.#pauseBody(true);
    return ready && this.#kept === null;
  }

  /** Where the body's bytes end in what was read, or -1 when they are malformed; moves on when it is complete. */
  #scanBody(bytes: Buffer, start: number, end: number): number {
    const bodyEnd = this.#body.scan(bytes, start, end);
    if (this.#body.complete) this.#reading = "complete";
    this.#deadline.continueBody(this.#body.complete, this.#congested);
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
    this.#pauseBody(false);
    if (this.#kept === null && !this.#stream.closed) this.#stream.resume();
  }

  #pauseBody(paused: boolean): void {
    if (this.#reading === "body") this.#deadline.pauseBody(paused, this.#congested);
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
      this.#deadline.awaitProgress();
    } else if (ready && this.#reading === "body") {
      this.#deadline.answered();
    }
    return ready;
  }

  onDrain(): void {
    this.#congested = false;
    if (this.#upgraded !== null) return this.#upgraded.onDrain();
    if (this.#reading === "complete" || this.#reading === "body") this.#deadline.awaitBody(this.#body.complete, false);
    if (this.#responding) {
      this.#handler?.onResponseDrain();
    } else if (this.#reading === "lingering") {
      this.#deadline.awaitClose(this.#stream.pendingBytes);
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
      this.#deadline.awaitRest();
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
    this.#reading = "head";
    this.#deadline.awaitRequest(this.#congested);
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
      case "complete":
        if (this.#congested) {
          this.#handler?.onRequestAborted();
          this.#close(true);
        } else if (this.#reading === "body") {
          this.#refuseBody("request_timeout", "");
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

  #refuseBody(reason: LocalReplyReason, detail: string): void {
    this.#options.onProtocolError(detail === "" ? reason : detail);
    this.#handler?.onRequestRefused(reason, detail);
  }

  /** Says that nothing more will come, and reads on for a while: closing at once could take the answer away. */
  #linger(): void {
    this.#reading = "lingering";
    this.#kept = null;
    this.#deadline.awaitClose(this.#stream.pendingBytes);
    this.#stream.end();
    this.#stream.resume();
  }

  #close(reset: boolean): void {
    if (this.#stream.closed) return;
    if (reset) this.#stream.reset();
    else this.#linger();
  }
}

const nothing = Buffer.alloc(0);

// One listening socket of the agent: accepts, finds out what each client speaks, and hands the connection to HTTP/1.1 or
// to the byte relay. Owns its server, its connections, detection and draining; what requests mean is the direction's.
//
//   accepting --drain--> draining: still accepts for a while, every response closes its connection
//   draining --accept time over--> refusing: the socket is closed, requests in flight and idle connections go on
//   refusing --idle time over--> ending: idle connections end, requests in flight go on
//   refusing, ending --last connection gone, or the deadline--> closed
import net from "node:net";
import { DownstreamConnection } from "../http1/downstream-connection.ts";
import type { DownstreamOptions } from "../http1/downstream-options.ts";
import { defaultDownstreamTimeouts } from "../http1/downstream-options.ts";
import type { Direction } from "../proxy/direction.ts";
import { Exchange } from "../proxy/exchange.ts";
import type { ProxyContext } from "../proxy/proxy-context.ts";
import type { RelayTarget } from "../tcp/relay.ts";
import { relay } from "../tcp/relay.ts";
import type { ByteReader, TcpHandle } from "../transport/byte-stream.ts";
import { ByteStream } from "../transport/byte-stream.ts";
import type { Deadlined } from "../transport/deadlines.ts";
import { acceptHandles } from "./accept.ts";
import { refuseHttp2 } from "./http2-refusal.ts";
import { detectProtocol } from "./protocol-detection.ts";

/** What a connection is for, decided when it is accepted. */
export interface Accepted {
  readonly direction: Direction;
  /** Where bytes that are not HTTP/1.1 go; null: they are not relayed. */
  readonly relayTo: RelayTarget | null;
  /** The client may be waiting for the server's first word: dial after a short silence. */
  readonly serverMayTalkFirst: boolean;
  /** Nothing is looked at: the connection is relayed from its first byte. */
  readonly relayAll?: boolean;
}

export interface ListenerOptions {
  /** For metrics and logs. */
  readonly name: "gateway" | "outbound" | "inbound";
  readonly context: ProxyContext;
  /** Decides what the connection is for, perhaps later; null refuses it. */
  readonly accept: (stream: ByteStream, decide: (accepted: Accepted | null) => void) => void;
  readonly maxConnections: number;
}

/** Silence after which a client is taken to wait for the server (DESIGN: protocol detection). */
const detectionTimeoutMs = 100;

export class Listener {
  readonly #options: ListenerOptions;
  readonly #downstream: DownstreamOptions;
  readonly #connections = new Set<DownstreamConnection>();
  /** Streams that are being detected or relayed. */
  readonly #streams = new Set<ByteStream>();
  #server: net.Server | null = null;
  #draining = false;
  #refusing = false;
  #onEmpty: (() => void) | null = null;

  constructor(options: ListenerOptions) {
    this.#options = options;
    const { context } = options;
    this.#downstream = {
      ...defaultDownstreamTimeouts,
      deadlines: context.deadlines,
      now: context.now,
      draining: () => this.#draining,
      onProtocolError: (detail) => {
        context.metrics.protocolErrors.with(detail).value++;
      },
      onLocalReply: (reason) => {
        context.metrics.localReplies.with(reason).value++;
      },
      onClosed: (connection) => {
        this.#connections.delete(connection);
        this.#countConnections(-1);
      },
    };
  }

  /** Binds; resolves with the port. Rejects when the address is taken or not ours. */
  async listen(host: string, port: number): Promise<number> {
    const server = net.createServer();
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen({ host, port, backlog: 4096 }, resolve);
    });
    return this.adopt(server);
  }

  /** Takes over a server that listens already, and connections that it accepted before; returns its port. */
  adopt(server: net.Server, accepted: readonly TcpHandle[] = []): number {
    this.#server = server;
    acceptHandles(server, (handle) => this.#accept(handle));
    for (const handle of accepted) this.#accept(handle);
    const address = server.address();
    return address !== null && typeof address === "object" ? address.port : 0;
  }

  get port(): number {
    const address = this.#server?.address();
    return address !== null && typeof address === "object" ? address.port : 0;
  }

  get openConnections(): number {
    return this.#connections.size + this.#streams.size;
  }

  /**
   * Ends in order: accepts for `acceptMs` more, then refuses; keeps idle connections for `idleMs`, so that whoever is
   * about to use one is answered and told to close, then ends them; resolves when the last connection is gone, at the
   * latest `deadlineMs` after the call, when what is left is cut. Resolves to the number that was cut.
   */
  async drain(acceptMs: number, deadlineMs: number, idleMs = acceptMs): Promise<number> {
    this.#draining = true;
    const empty = new Promise<void>((resolve) => {
      this.#onEmpty = resolve;
    });
    const refuse = setTimeout(() => this.#refuse(), acceptMs);
    const endIdle = setTimeout(() => this.#endIdle(), Math.max(acceptMs, idleMs));
    let deadline: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => {
      deadline = setTimeout(resolve, deadlineMs);
    });
    await Promise.race([empty, late]);
    for (const timer of [refuse, endIdle, deadline]) clearTimeout(timer);
    const cut = this.openConnections;
    this.close();
    return cut;
  }

  #refuse(): void {
    this.#refusing = true;
    this.#server?.close();
    this.#checkEmpty();
  }

  #endIdle(): void {
    for (const connection of this.#connections) connection.closeIfIdle();
    this.#checkEmpty();
  }

  /** Ends everything now. */
  close(): void {
    this.#server?.close();
    for (const connection of this.#connections) connection.destroy();
    for (const stream of this.#streams) stream.destroy();
  }

  #accept(handle: TcpHandle): void {
    const { context, name, accept, maxConnections } = this.#options;
    const detection = new Detection((bytes, accepted) => this.#dispatch(stream, detection, bytes, accepted));
    const stream: ByteStream = ByteStream.accepted(handle, detection);
    if (this.openConnections >= maxConnections) {
      stream.reset();
      return;
    }
    this.#streams.add(stream);
    detection.deadlineMs = context.now() + this.#downstream.headTimeoutMs;
    context.deadlines.add(detection);
    context.metrics.downstreamConnectionsTotal.with(name).value++;
    this.#countConnections(1);
    detection.onGone = () => {
      context.deadlines.delete(detection);
      this.#forget(stream);
    };
    detection.onAbandoned = () => stream.destroy();
    accept(stream, (accepted) => {
      if (stream.closed) return;
      if (accepted === null) stream.reset();
      else detection.decide(accepted);
    });
  }

  #dispatch(stream: ByteStream, detection: Detection, bytes: Buffer, accepted: Accepted): boolean {
    this.#options.context.deadlines.delete(detection);
    switch (detection.protocol) {
      case "http1":
        return this.#serve(stream, bytes, accepted.direction);
      case "http2":
        if (accepted.relayTo !== null) return this.#relay(stream, bytes, accepted.relayTo);
        refuseHttp2(stream);
        return true;
      case "opaque":
        if (accepted.relayTo !== null) return this.#relay(stream, bytes, accepted.relayTo);
        return this.#serve(stream, bytes, accepted.direction);
    }
  }

  #serve(stream: ByteStream, bytes: Buffer, direction: Direction): boolean {
    const connection = new DownstreamConnection(
      stream,
      this.#downstream,
      (downstream) => new Exchange(this.#options.context, direction, downstream),
    );
    this.#streams.delete(stream);
    this.#connections.add(connection);
    return connection.onBytes(bytes, 0, bytes.length);
  }

  #relay(stream: ByteStream, bytes: Buffer, target: RelayTarget): boolean {
    this.#options.context.metrics.passthroughConnections.value++;
    relay(stream, bytes, target, () => this.#forget(stream));
    return false;
  }

  #forget(stream: ByteStream): void {
    if (this.#streams.delete(stream)) this.#countConnections(-1);
  }

  #countConnections(change: number): void {
    this.#options.context.metrics.downstreamConnections.with(this.#options.name).value += change;
    if (change < 0) this.#checkEmpty();
  }

  #checkEmpty(): void {
    if (this.#refusing && this.openConnections === 0) this.#onEmpty?.();
  }
}

/** Reads until it is clear what the client speaks, and what the connection is for. */
class Detection implements ByteReader, Deadlined {
  /** Whoever has not said what it speaks by then is not waited for. */
  deadlineMs = Infinity;
  protocol: "http1" | "http2" | "opaque" = "opaque";
  onGone: () => void = () => undefined;
  onAbandoned: () => void = () => undefined;
  readonly #done: (bytes: Buffer, accepted: Accepted) => boolean;
  #accepted: Accepted | null = null;
  #bytes: Buffer | null = null;
  #silence: NodeJS.Timeout | null = null;
  #finished = false;

  constructor(done: (bytes: Buffer, accepted: Accepted) => boolean) {
    this.#done = done;
  }

  decide(accepted: Accepted): void {
    this.#accepted = accepted;
    if (accepted.relayAll === true) this.#finish("opaque", this.#bytes ?? nothing);
    else if (this.#bytes !== null) this.#judge(this.#bytes);
    else if (accepted.serverMayTalkFirst) {
      this.#silence = setTimeout(() => this.#finish("opaque", nothing), detectionTimeoutMs);
    }
  }

  onBytes(bytes: Buffer, start: number, end: number): boolean {
    const fresh = bytes.subarray(start, end);
    if (this.#bytes === null && this.#accepted !== null) return this.#judge(fresh);
    this.#bytes = Buffer.concat(this.#bytes === null ? [fresh] : [this.#bytes, fresh]);
    return this.#accepted === null ? this.#bytes.length < maxUndecidedBytes : this.#judge(this.#bytes);
  }

  #judge(bytes: Buffer): boolean {
    const protocol = detectProtocol(bytes, 0, bytes.length);
    if (protocol !== null) return this.#finish(protocol, bytes);
    if (this.#bytes === null) this.#bytes = Buffer.from(bytes);
    return true;
  }

  #finish(protocol: "http1" | "http2" | "opaque", bytes: Buffer): boolean {
    if (this.#silence !== null) clearTimeout(this.#silence);
    if (this.#accepted === null || this.#finished) return true;
    this.#finished = true;
    this.protocol = protocol;
    return this.#done(bytes, this.#accepted);
  }

  onDeadline(): void {
    this.onAbandoned();
  }

  onEnd(): void {
    // Whoever ends before saying what it speaks wants nothing.
    this.onAbandoned();
  }

  onDrain(): void {
    // Nothing is written while detecting.
  }

  onClose(): void {
    if (this.#silence !== null) clearTimeout(this.#silence);
    this.#finished = true;
    this.onGone();
  }
}

const nothing = Buffer.alloc(0);
/** What a client may send before it is known where its connection belongs. */
const maxUndecidedBytes = 64 * 1024;

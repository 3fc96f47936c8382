// One listening socket of the agent: accepts, finds out what each client speaks, and hands the connection to HTTP/1.1 or
// to the byte relay. Owns its server, its connections, detection and draining; what requests mean is the direction's.
//
//   accepting --drain--> draining: still accepts for a while, every response closes its connection
//   draining --accept time over--> refusing: the socket is closed, requests in flight and idle connections go on
//   refusing --idle time over--> ending: idle connections end, and what becomes idle; requests in flight go on
//   refusing, ending --last connection gone, or the deadline--> closed
import net from "node:net";
import { DownstreamConnection } from "../http1/downstream-connection.ts";
import type { DownstreamOptions } from "../http1/downstream-options.ts";
import { defaultDownstreamTimeouts } from "../http1/downstream-options.ts";
import type { Direction } from "../proxy/direction.ts";
import { Exchange } from "../proxy/exchange.ts";
import type { ProxyContext } from "../proxy/proxy-context.ts";
import type { RelayTarget } from "../tcp/relay.ts";
import { RelayDial } from "../tcp/relay.ts";
import type { TcpHandle } from "../transport/byte-stream.ts";
import { ByteStream } from "../transport/byte-stream.ts";
import { acceptHandles } from "./accept.ts";
import type { Detectable } from "./detection.ts";
import { Detection } from "./detection.ts";
import { refuseHttp2 } from "./http2-refusal.ts";
import type { DetectedProtocol } from "./protocol-detection.ts";

/** What a connection is for, decided when it is accepted. */
export interface Accepted extends Detectable {
  readonly direction: Direction;
  /** Where bytes that are not HTTP/1.1 go; null: they are not relayed. */
  readonly relayTo: RelayTarget | null;
}

export interface ListenerOptions {
  /** For metrics and logs. */
  readonly name: "gateway" | "outbound" | "inbound";
  readonly context: ProxyContext;
  /** Decides what the connection is for, perhaps later; null refuses it. */
  readonly accept: (stream: ByteStream, decide: (accepted: Accepted | null) => void) => void;
  readonly maxConnections: number;
}

/** How long a client that was refused may take to close. */
const refusalLingerMs = 2000;

export class Listener {
  readonly #options: ListenerOptions;
  readonly #downstream: DownstreamOptions;
  readonly #connections = new Set<DownstreamConnection>();
  /** Streams that are being detected or relayed. */
  readonly #streams = new Set<ByteStream>();
  readonly #servers: net.Server[] = [];
  #draining = false;
  #refusing = false;
  #idleEnded = false;
  #onEmpty: (() => void) | null = null;
  /** Whoever waits for nothing to be open is told of each change. */
  #onChange: (() => void) | null = null;

  constructor(options: ListenerOptions) {
    this.#options = options;
    const { context } = options;
    this.#downstream = {
      ...defaultDownstreamTimeouts,
      deadlines: context.deadlines,
      now: context.now,
      draining: () => this.#draining,
      idleEnded: () => this.#idleEnded,
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

  /** Binds, one more address when it has some; resolves with the port. Rejects when the address is taken or not ours. */
  async listen(host: string, port: number): Promise<number> {
    const server = net.createServer();
    // The same port of the other family is another server's.
    const ipv6Only = this.#servers.length > 0;
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen({ host, port, backlog: 4096, ipv6Only }, resolve);
    });
    return this.adopt(server);
  }

  /** Takes over a server that listens already, and connections that it accepted before; returns its port. */
  adopt(server: net.Server, accepted: readonly TcpHandle[] = []): number {
    this.#servers.push(server);
    acceptHandles(server, (handle) => this.#accept(handle));
    for (const handle of accepted) this.#accept(handle);
    const address = server.address();
    return address !== null && typeof address === "object" ? address.port : 0;
  }

  get port(): number {
    const address = this.#servers[0]?.address() ?? null;
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

  /** Resolves when nothing has been open for `quietMs`, at the latest after `deadlineMs`. Everything goes on meanwhile. */
  async quiet(quietMs: number, deadlineMs: number): Promise<void> {
    let quiet: NodeJS.Timeout | undefined;
    let deadline: NodeJS.Timeout | undefined;
    await new Promise<void>((resolve) => {
      deadline = setTimeout(resolve, deadlineMs);
      this.#onChange = () => {
        clearTimeout(quiet);
        if (this.#refusing) resolve();
        else if (this.openConnections === 0) quiet = setTimeout(resolve, quietMs);
      };
      this.#onChange();
    });
    this.#onChange = null;
    for (const timer of [quiet, deadline]) clearTimeout(timer);
  }

  #refuse(): void {
    this.#refusing = true;
    this.#onChange?.();
    for (const server of this.#servers) server.close();
    this.#checkEmpty();
  }

  #endIdle(): void {
    this.#idleEnded = true;
    for (const connection of this.#connections) connection.closeIfIdle();
    this.#checkEmpty();
  }

  /** Ends everything now. */
  close(): void {
    for (const server of this.#servers) server.close();
    for (const connection of this.#connections) connection.destroy();
    for (const stream of this.#streams) stream.destroy();
  }

  #accept(handle: TcpHandle): void {
    const { context, name, accept, maxConnections } = this.#options;
    const deadlineMs = context.now() + this.#downstream.headTimeoutMs;
    let dialled: RelayDial | null = null;
    const detection: Detection<Accepted> = new Detection<Accepted>(
      {
        onDetected: (protocol, bytes, accepted) =>
          this.#dispatch(stream, detection, protocol, bytes, accepted, dialled),
        onSilence: ({ relayTo }) => {
          if (relayTo === null) return;
          dialled = new RelayDial(relayTo, {
            onSpoke: () => detection.serverSpoke(),
            onFailed: () => {
              dialled = null;
              detection.serverFailed();
            },
          });
        },
        onGone: () => {
          dialled?.abandon();
          context.deadlines.delete(detection);
          this.#forget(stream);
        },
      },
      deadlineMs,
    );
    const stream: ByteStream = ByteStream.accepted(handle, detection);
    if (this.openConnections >= maxConnections) {
      stream.reset();
      return;
    }
    detection.stream = stream;
    this.#streams.add(stream);
    context.deadlines.add(detection);
    context.metrics.downstreamConnectionsTotal.with(name).value++;
    this.#countConnections(1);
    accept(stream, (accepted) => {
      if (stream.closed) return;
      if (accepted === null) stream.reset();
      else detection.decide(accepted);
    });
  }

  #dispatch(
    stream: ByteStream,
    detection: Detection<Accepted>,
    protocol: DetectedProtocol,
    bytes: Buffer,
    accepted: Accepted,
    dialled: RelayDial | null,
  ): boolean {
    const { deadlines, now } = this.#options.context;
    if (protocol === "http2" && accepted.relayTo === null) {
      refuseHttp2(stream);
      detection.deadlineMs = now() + refusalLingerMs;
      return true;
    }
    deadlines.delete(detection);
    if (protocol !== "http1" && accepted.relayTo !== null) {
      return this.#relay(stream, bytes, dialled ?? new RelayDial(accepted.relayTo));
    }
    dialled?.abandon();
    return this.#serve(stream, bytes, accepted.direction);
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

  #relay(stream: ByteStream, bytes: Buffer, dialled: RelayDial): boolean {
    this.#options.context.metrics.passthroughConnections.value++;
    return dialled.join(stream, bytes, () => this.#forget(stream));
  }

  #forget(stream: ByteStream): void {
    if (this.#streams.delete(stream)) this.#countConnections(-1);
  }

  #countConnections(change: number): void {
    this.#options.context.metrics.downstreamConnections.with(this.#options.name).value += change;
    this.#onChange?.();
    if (change < 0) this.#checkEmpty();
  }

  #checkEmpty(): void {
    if (this.#refusing && this.openConnections === 0) this.#onEmpty?.();
  }
}

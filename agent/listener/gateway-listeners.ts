// The listening sockets of a gateway: one for each port of its Gateway's listeners, bound when a snapshot first names the
// port and drained when none names it any more. A port whose sockets the parent process owns is taken over, not bound.
import type net from "node:net";
import { GatewayDirection } from "../proxy/direction.ts";
import type { ProxyContext } from "../proxy/proxy-context.ts";
import type { CompiledSnapshot } from "../snapshot/compiled.ts";
import type { TcpHandle } from "../transport/byte-stream.ts";
import { acceptHandles, closeHandle } from "./accept.ts";
import { Listener } from "./listener.ts";

export interface GatewayListenersOptions {
  readonly context: ProxyContext;
  readonly inherit: boolean;
  readonly bindAddress: string;
  readonly privilegedPortOffset: number;
  readonly maxConnections: number;
  readonly drainTimeoutMs: number;
  /** A port that cannot be bound; the others go on, and it is tried again every second without telling again. */
  readonly onBindError: (port: number, error: Error) => void;
  readonly onListening: (gatewayPort: number, boundPort: number) => void;
}

/** A socket of the parent process that no snapshot has named yet, and who connected to it already. */
interface Inherited {
  readonly server: net.Server;
  readonly waiting: TcpHandle[];
}

/** A port that is taken may belong to an agent that drains. */
const bindRetryMs = 1000;

export class GatewayListeners {
  readonly #options: GatewayListenersOptions;
  readonly #listeners = new Map<number, Listener>();
  /** No snapshot names them any more; their last requests are under way. */
  readonly #leaving = new Set<Listener>();
  readonly #inherited = new Map<number, Inherited>();
  #wanted: ReadonlySet<number> = new Set();
  /** Ports that could not be bound, and were said to be so. */
  readonly #failed = new Set<number>();
  #retry: NodeJS.Timeout | null = null;
  #closed = false;

  constructor(options: GatewayListenersOptions) {
    this.#options = options;
  }

  /** A listening socket from the parent process, for a port of the Gateway. */
  inherit(port: number, server: net.Server): void {
    this.#forget(port);
    const waiting: TcpHandle[] = [];
    // It listens already, so connections come in: they wait for the snapshot that says what to do with them.
    acceptHandles(server, (handle) => {
      if (waiting.length < this.#options.maxConnections) waiting.push(handle);
      else closeHandle(handle);
    });
    this.#inherited.set(port, { server, waiting });
    if (this.#wanted.has(port)) this.#open(port);
  }

  /** Opens and drains ports as the snapshot wants. */
  follow(snapshot: CompiledSnapshot): void {
    this.#wanted = new Set(snapshot.gatewayPorts.keys());
    for (const port of this.#wanted) this.#open(port);
    for (const [port, listener] of this.#listeners) {
      if (this.#wanted.has(port)) continue;
      this.#listeners.delete(port);
      this.#leaving.add(listener);
      void listener.drain(0, this.#options.drainTimeoutMs).finally(() => this.#leaving.delete(listener));
    }
  }

  /** Ports that are bound, by gateway port. */
  ports(): Readonly<Record<string, number>> {
    return Object.fromEntries([...this.#listeners].map(([port, listener]) => [port, listener.port]));
  }

  /** Those that still serve somebody included: a Gateway that is deleted loses its listeners just before its agents end. */
  all(): readonly Listener[] {
    return [...this.#listeners.values(), ...this.#leaving];
  }

  close(): void {
    this.#closed = true;
    if (this.#retry !== null) clearTimeout(this.#retry);
    for (const listener of this.all()) listener.close();
    for (const port of this.#inherited.keys()) this.#forget(port);
  }

  #forget(port: number): void {
    const inherited = this.#inherited.get(port);
    if (inherited === undefined) return;
    this.#inherited.delete(port);
    inherited.server.close();
    for (const handle of inherited.waiting) closeHandle(handle);
  }

  #open(port: number): void {
    if (this.#listeners.has(port)) return;
    const { context, inherit, bindAddress, privilegedPortOffset, maxConnections } = this.#options;
    const direction = new GatewayDirection(port);
    const listener = new Listener({
      name: "gateway",
      context,
      maxConnections,
      accept: (_stream, decide) => {
        decide({ direction, relayTo: null, serverMayTalkFirst: false });
      },
    });
    if (inherit) {
      const inherited = this.#inherited.get(port);
      if (inherited === undefined) return;
      this.#inherited.delete(port);
      this.#listeners.set(port, listener);
      this.#options.onListening(port, listener.adopt(inherited.server, inherited.waiting));
      return;
    }
    this.#listeners.set(port, listener);
    const boundPort = port < 1024 ? port + privilegedPortOffset : port;
    listener.listen(bindAddress, boundPort).then(
      (bound) => {
        this.#failed.delete(port);
        this.#options.onListening(port, bound);
      },
      (error: Error) => {
        if (this.#listeners.get(port) === listener) this.#listeners.delete(port);
        if (!this.#failed.has(port)) this.#options.onBindError(boundPort, error);
        this.#failed.add(port);
        this.#retrySoon();
      },
    );
  }

  #retrySoon(): void {
    if (this.#closed || this.#retry !== null) return;
    this.#retry = setTimeout(() => {
      this.#retry = null;
      for (const port of this.#failed) {
        if (this.#wanted.has(port)) this.#open(port);
        else this.#failed.delete(port);
      }
    }, bindRetryMs);
  }
}

// The connections to one endpoint for one purpose. Owns the idle ones and the bound on all of them; which endpoint is
// asked is the load balancer's business. Two connections are interchangeable when they go to the same address and port
// from the same local address for the same purpose: primaries and mirror copies never share, so that a mirror cannot
// use up or break what a client waits for. Request content is left out on purpose: HTTP/1.1 keeps no state between.
import type { Deadlines } from "../transport/deadlines.ts";
import type { UpstreamHandler } from "./upstream-connection.ts";
import { UpstreamConnection } from "./upstream-connection.ts";

export interface PoolOptions {
  readonly connectTimeoutMs: number;
  /** Idle time until a peer's Keep-Alive header says otherwise: under the 5 s after which a Node server closes. */
  readonly idleTimeoutMs: number;
  /** However long a peer promises to keep a connection, it is not kept longer. */
  readonly maxIdleMs: number;
  readonly maxConnections: number;
}

export const defaultPoolOptions: PoolOptions = {
  connectTimeoutMs: 1000,
  idleTimeoutMs: 4000,
  maxIdleMs: 60_000,
  maxConnections: 1024,
};

export interface DialTarget {
  readonly address: string;
  readonly port: number;
  readonly localAddress?: string | undefined;
}

/** What happens to the endpoint behind the pool, for ejection and metrics. */
export interface PoolObserver {
  onConnected(): void;
  onConnectFailed(): void;
  /** Every connection that the pool may have is in use. */
  onOverflow(): void;
}

export class ConnectionPool {
  readonly target: DialTarget;
  readonly options: PoolOptions;
  readonly #idle: UpstreamConnection[] = [];
  readonly #all = new Set<UpstreamConnection>();
  readonly #deadlines: Deadlines;
  readonly #now: () => number;
  readonly #observer: PoolObserver;
  #closing = false;

  constructor(
    target: DialTarget,
    options: PoolOptions,
    shared: { readonly deadlines: Deadlines; readonly now: () => number },
    observer: PoolObserver,
  ) {
    this.target = target;
    this.options = options;
    this.#deadlines = shared.deadlines;
    this.#now = shared.now;
    this.#observer = observer;
  }

  get size(): number {
    return this.#all.size;
  }

  get idleSize(): number {
    return this.#idle.length;
  }

  /**
   * Gives the handler a connection: at once when one is idle and `fresh` does not forbid it, else after a dial.
   * The handler hears onConnected or onUpstreamFailure, never both and never neither.
   * Returns the connection that is being dialled, for an abort meanwhile, or null.
   */
  acquire(handler: UpstreamHandler, fresh: boolean): UpstreamConnection | null {
    const nowMs = this.#now();
    for (let connection = fresh ? undefined : this.#idle.pop(); connection; connection = this.#idle.pop()) {
      if (connection.closed || nowMs - connection.idleSinceMs >= connection.idleTimeoutMs) {
        connection.close();
        continue;
      }
      connection.attach(handler);
      handler.onConnected(connection);
      return null;
    }
    if (this.#all.size >= this.options.maxConnections) {
      this.#observer.onOverflow();
      const message = `${this.options.maxConnections} connections are in use`;
      // Later, as every other failure: an answer inside this call could begin the client's next request in it.
      queueMicrotask(() => handler.onUpstreamFailure({ kind: "overflow", reused: false, message }));
      return null;
    }
    const connection = new UpstreamConnection(this, handler, nowMs);
    this.#all.add(connection);
    this.#deadlines.add(connection);
    return connection;
  }

  /** A connection is free again. */
  release(connection: UpstreamConnection): void {
    if (this.#closing) {
      connection.close();
      return;
    }
    connection.idleSinceMs = this.#now();
    connection.deadlineMs = connection.idleSinceMs + connection.idleTimeoutMs;
    this.#idle.push(connection);
  }

  /** A connection is gone. */
  forget(connection: UpstreamConnection): void {
    if (!this.#all.delete(connection)) return;
    this.#deadlines.delete(connection);
    const index = this.#idle.indexOf(connection);
    if (index >= 0) this.#idle.splice(index, 1);
  }

  onConnected(): void {
    this.#observer.onConnected();
  }

  onConnectFailed(): void {
    this.#observer.onConnectFailed();
  }

  /** Closes what is idle now and what becomes idle later; requests in flight go on. */
  close(): void {
    this.#closing = true;
    for (const connection of this.#idle.splice(0)) connection.close();
  }
}

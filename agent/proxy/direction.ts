// Where a request belongs, by the listener it came in on: a gateway port, the sidecar's outbound listener, or its
// inbound one. Owns only the look-up; matching rules inside a listener is routing/'s, sending is the exchange's.
import type { MessageHead } from "../http1/message-head.ts";
import type { CompiledCluster, CompiledFrontend } from "../snapshot/compiled.ts";
import type { Exchange } from "./exchange.ts";
import type { LocalReplyReason } from "./local-reply.ts";

export interface Direction {
  readonly name: "gateway" | "outbound" | "inbound";
  /** Of the listener: what a gateway binds, what peers of a sidecar dial; 0 outbound. */
  readonly port: number;
  /**
   * Sets the exchange's listener, or its cluster state where no route applies, and returns null; or refuses; or answers
   * "waiting" and calls exchange.resolved() later.
   */
  resolve(exchange: Exchange, head: MessageHead): LocalReplyReason | "waiting" | null;
}

/** A gateway listener port (Gateway API: the single best listener for the host, no fallback). */
export class GatewayDirection implements Direction {
  readonly name = "gateway";
  readonly port: number;

  constructor(port: number) {
    this.port = port;
  }

  resolve(exchange: Exchange, head: MessageHead): LocalReplyReason | null {
    const snapshot = exchange.context.store.current();
    if (snapshot.generation === "") return "not_ready";
    if (head.method === "CONNECT") return "unsupported_method";
    exchange.generation = snapshot.generation;
    const listener = snapshot.gatewayPorts.get(this.port)?.listenerFor(head.host) ?? null;
    exchange.listener = listener;
    return listener === null ? "no_listener" : null;
  }
}

/** First dials: asks the control plane about a frontend that the snapshot does not have yet. */
export interface FrontendResolver {
  /** Notes that the frontend is in use, so that it is not evicted. */
  touch(frontend: string): void;
  /** Subscribes and calls back once there is an answer, or with null when none came in time. */
  resolve(frontend: string, done: (frontend: CompiledFrontend | null) => void): void;
  /** Whether a destination is one of this agent's own listeners. */
  isOwn(host: string, port: number): boolean;
}

/**
 * Requests of the application beside this sidecar. With a captured destination ("address:port") that is the frontend
 * and the authority is only matched by rules; without, the authority selects the frontend (explicit proxy), and a first
 * dial that nobody answers for has no place to go.
 */
export class OutboundDirection implements Direction {
  readonly name = "outbound";
  readonly port = 0;
  readonly #resolver: FrontendResolver;
  readonly #captured: string | null;

  constructor(resolver: FrontendResolver, captured: string | null) {
    this.#resolver = resolver;
    this.#captured = captured;
  }

  resolve(exchange: Exchange, head: MessageHead): LocalReplyReason | "waiting" | null {
    if (head.method === "CONNECT") return "unsupported_method";
    const destination = this.#captured ?? frontendOf(head);
    if (destination === null) return "bad_request";
    if (this.#captured === null) {
      const { host, port } = splitHostPort(destination);
      if (this.#resolver.isOwn(host, port)) return "loop";
    }
    const snapshot = exchange.context.store.current();
    exchange.generation = snapshot.generation;
    const frontend = snapshot.frontends.get(destination);
    if (frontend === undefined) {
      this.#resolver.resolve(destination, (answer) => {
        if (!exchange.active) return;
        if (answer !== null) exchange.resolved(take(exchange, answer, destination));
        else exchange.resolved(this.#captured === null ? "unknown_destination" : passThrough(exchange, destination));
      });
      return "waiting";
    }
    this.#resolver.touch(destination);
    return take(exchange, frontend, destination);
  }
}

/** How captured connections go on to the application: to the address that was dialled, from one of its family. */
export interface ApplicationDial {
  readonly address: string;
  readonly localAddress: string;
}

/**
 * Requests to the application beside this sidecar, on the port that peers dial. What was captured goes on to where it was
 * going, as relayed bytes do: a pod may have an address of each family, and its application listen on either.
 */
export class InboundDirection implements Direction {
  readonly name = "inbound";
  readonly port: number;
  readonly #captured: ApplicationDial | null;

  constructor(port: number, captured: ApplicationDial | null) {
    this.port = port;
    this.#captured = captured;
  }

  resolve(exchange: Exchange, head: MessageHead): LocalReplyReason | null {
    const snapshot = exchange.context.store.current();
    const { workload } = snapshot;
    if (workload === null) return "not_ready";
    if (head.method === "CONNECT") return "unsupported_method";
    exchange.generation = snapshot.generation;
    const inbound = workload.inboundPorts.find((candidate) => candidate.port === this.port);
    if (inbound === undefined) return "no_listener";
    const { applicationPort: port } = inbound;
    const address = this.#captured?.address ?? inbound.applicationAddress;
    const localAddress = this.#captured?.localAddress;
    exchange.clusterState = exchange.context.clusters.passthrough(
      `application ${address}:${port} ${localAddress ?? ""} ${workload.workloadVersion}`,
      () => singleEndpointCluster(address, port, workload.workloadVersion),
      localAddress,
    );
    return null;
  }
}

function take(exchange: Exchange, frontend: CompiledFrontend, destination: string): LocalReplyReason | null {
  switch (frontend.state) {
    case "found":
      exchange.listener = frontend.listener;
      return frontend.listener === null ? "no_listener" : null;
    case "withheld":
      return "frontend_withheld";
    case "not-found":
      return passThrough(exchange, destination);
  }
}

/** A destination outside the mesh is dialled as it was named. */
function passThrough(exchange: Exchange, destination: string): LocalReplyReason | null {
  const { host, port } = splitHostPort(destination);
  exchange.clusterState = exchange.context.clusters.passthrough(destination, () =>
    singleEndpointCluster(host, port, ""),
  );
  return null;
}

function singleEndpointCluster(address: string, port: number, workloadVersion: string): CompiledCluster {
  const key = address.includes(":") ? `[${address}]:${port}` : `${address}:${port}`;
  return {
    name: key,
    protocol: "http1",
    endpoints: [{ address, port, key, workloadVersion, pod: "" }],
  };
}

/** "host:port" of the authority, port 80 when it names none; null without an authority. */
function frontendOf(head: MessageHead): string | null {
  const { host } = head;
  if (host === "") return null;
  const port = head.authority.slice(host.length + 1);
  return port === "" ? `${host}:80` : `${host}:${port}`;
}

/** Splits "host:port"; the brackets of an IPv6 address are dropped. */
export function splitHostPort(destination: string): { readonly host: string; readonly port: number } {
  const colon = destination.lastIndexOf(":");
  const host = destination.slice(0, colon);
  return { host: host.startsWith("[") ? host.slice(1, -1) : host, port: Number(destination.slice(colon + 1)) };
}

// The two listening sockets of a sidecar, which never change: outbound for what the application calls, inbound for what
// calls it. Decides what each connection is for: by its original destination where capture rules redirected it, else as
// an explicit proxy (outbound) or by the port that peers dial (inbound).
import type { FrontendResolver } from "../proxy/direction.ts";
import { InboundDirection, OutboundDirection } from "../proxy/direction.ts";
import type { ProxyContext } from "../proxy/proxy-context.ts";
import type { CompiledSnapshot } from "../snapshot/compiled.ts";
import type { InboundPort } from "../snapshot/resources.ts";
import type { ByteStream } from "../transport/byte-stream.ts";
import type { Accepted } from "./listener.ts";
import { Listener } from "./listener.ts";
import type { Destination } from "./original-destination.ts";
import { originalDestination } from "./original-destination.ts";

export interface SidecarListenersOptions {
  readonly context: ProxyContext;
  readonly resolver: FrontendResolver;
  readonly capture: boolean;
  readonly maxConnections: number;
  /** Whether a captured connection is none of the pod's but the agent's own, to see that capture works. It is closed. */
  readonly claimCheck?: (direction: "inbound" | "outbound", destination: Destination) => boolean;
}

interface Address {
  readonly host: string;
  readonly port: number;
}

/** Where the kernel redirects IPv6 connections to, beside these addresses. */
const ipv6Counterparts: Readonly<Record<string, string>> = { "127.0.0.1": "::1", "0.0.0.0": "::" };

/** Source address of dials to the application, which the capture rules leave alone. */
const inboundSource = "127.0.0.6";
const inboundSourceIpv6 = "::6";

export class SidecarListeners {
  readonly inbound: Listener;
  readonly outbound: Listener;
  readonly #options: SidecarListenersOptions;
  readonly #explicit: OutboundDirection;

  constructor(options: SidecarListenersOptions) {
    this.#options = options;
    this.#explicit = new OutboundDirection(options.resolver, null);
    const { context, maxConnections } = options;
    this.outbound = new Listener({
      name: "outbound",
      context,
      maxConnections,
      accept: (stream, decide) => {
        this.#acceptOutbound(stream, decide);
      },
    });
    this.inbound = new Listener({
      name: "inbound",
      context,
      maxConnections,
      accept: (stream, decide) => {
        decide(this.#acceptInbound(stream));
      },
    });
  }

  /**
   * Binds both; with capture, at the same port of IPv6 too, where the kernel has it. Rejects when an address is taken or
   * not ours.
   */
  async listen(inbound: Address, outbound: Address): Promise<{ readonly inbound: number; readonly outbound: number }> {
    return {
      outbound: await this.#listenAt(this.outbound, outbound),
      inbound: await this.#listenAt(this.inbound, inbound),
    };
  }

  async #listenAt(listener: Listener, { host, port }: Address): Promise<number> {
    const bound = await listener.listen(host, port);
    const counterpart = ipv6Counterparts[host];
    if (!this.#options.capture || counterpart === undefined) return bound;
    try {
      await listener.listen(counterpart, bound);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code !== "EADDRNOTAVAIL" && code !== "EAFNOSUPPORT") throw error;
    }
    return bound;
  }

  #acceptOutbound(stream: ByteStream, decide: (accepted: Accepted | null) => void): void {
    const { capture, context, resolver, claimCheck } = this.#options;
    const destination = capture ? originalDestination(stream) : null;
    if (destination === null) {
      decide({ direction: this.#explicit, relayTo: null, serverMayTalkFirst: false });
      return;
    }
    if (claimCheck?.("outbound", destination) === true || resolver.isOwn(destination.address, destination.port)) {
      decide(null);
      return;
    }
    const key = keyOf(destination);
    const known = context.store.current().frontends.get(key);
    if (known !== undefined) {
      resolver.touch(key);
      decide(this.#captured(destination, known.state === "not-found"));
      return;
    }
    resolver.resolve(key, (answer) => {
      decide(this.#captured(destination, answer === null || answer.state === "not-found"));
    });
  }

  /** A destination that is no frontend is relayed untouched, whatever it speaks. */
  #captured(destination: Destination, passThrough: boolean): Accepted {
    const direction = new OutboundDirection(this.#options.resolver, keyOf(destination));
    return { direction, relayTo: destination, serverMayTalkFirst: true, relayAll: passThrough };
  }

  #acceptInbound(stream: ByteStream): Accepted | null {
    const { capture, context, claimCheck } = this.#options;
    const destination = capture ? originalDestination(stream) : null;
    const snapshot = context.store.current();
    if (destination === null) {
      const port = stream.socket.localPort ?? 0;
      const inbound = inboundPortOf(snapshot, port);
      return {
        direction: new InboundDirection(port, null),
        relayTo: inbound === null ? null : applicationOf(inbound, undefined),
        serverMayTalkFirst: inbound !== null,
        relayAll: inbound?.protocol === "tcp" || inbound?.protocol === "h2c",
      };
    }
    if (claimCheck?.("inbound", destination) === true) return null;
    const localAddress = destination.address.includes(":") ? inboundSourceIpv6 : inboundSource;
    const inbound = inboundPortOf(snapshot, destination.port);
    return {
      direction: new InboundDirection(destination.port, { address: destination.address, localAddress }),
      relayTo: { ...destination, localAddress },
      serverMayTalkFirst: true,
      relayAll: inbound === null || inbound.protocol === "tcp" || inbound.protocol === "h2c",
    };
  }
}

function inboundPortOf(snapshot: CompiledSnapshot, port: number): InboundPort | null {
  return snapshot.workload?.inboundPorts.find((candidate) => candidate.port === port) ?? null;
}

function applicationOf(inbound: InboundPort, localAddress: string | undefined): Accepted["relayTo"] {
  return { address: inbound.applicationAddress, port: inbound.applicationPort, localAddress };
}

function keyOf({ address, port }: Destination): string {
  return address.includes(":") ? `[${address}]:${port}` : `${address}:${port}`;
}

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
}

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

  #acceptOutbound(stream: ByteStream, decide: (accepted: Accepted | null) => void): void {
    const { capture, context, resolver } = this.#options;
    const destination = capture ? originalDestination(stream) : null;
    if (destination === null) {
      decide({ direction: this.#explicit, relayTo: null, serverMayTalkFirst: false });
      return;
    }
    if (resolver.isOwn(destination.address, destination.port)) {
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
    const { capture, context } = this.#options;
    const destination = capture ? originalDestination(stream) : null;
    const snapshot = context.store.current();
    if (destination === null) {
      const port = stream.socket.localPort ?? 0;
      const inbound = inboundPortOf(snapshot, port);
      return {
        direction: new InboundDirection(port, undefined),
        relayTo: inbound === null ? null : applicationOf(inbound, undefined),
        serverMayTalkFirst: inbound !== null,
        relayAll: inbound?.protocol === "tcp" || inbound?.protocol === "h2c",
      };
    }
    const localAddress = destination.address.includes(":") ? inboundSourceIpv6 : inboundSource;
    const inbound = inboundPortOf(snapshot, destination.port);
    return {
      direction: new InboundDirection(destination.port, localAddress),
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

// Sees whether capture works, from inside and without any right: dials what the rules must bring back to this agent's own
// listeners, and what they must not. Owns its dials and its timer; the rules are rules.ts's, the listeners tell it of
// what arrives through claim().
//
//   checking --every family as it should be--> working
//   checking --something is not--> broken --recheck time over--> checking
//
// Of each family that the pod has an address in:
//   out    a reserved address, which the rules spare from "the agent's own leaves", arrives at the outbound listener
//          by the last rule, as every call of the application does
//   in     a port of the pod where nobody listens arrives at the inbound listener, by the rule for calls to itself
//   back   the same port dialled as the application is dialled does not arrive
// What comes from other pods passes PREROUTING, which no connection of the pod's own does: the health server sees that.
import net from "node:net";
import type { NetworkInterfaceInfo } from "node:os";
import type { Logger } from "pino";
import { agentPorts, proxyUserId } from "../../proto/kubernetes.ts";
import type { Destination } from "../listener/original-destination.ts";
import type { AddressFamily } from "./address-range.ts";
import { familyAddresses } from "./rules.ts";

export interface CaptureCheckOptions {
  readonly userId: number;
  readonly addresses: readonly PodAddress[];
  readonly logger: Logger;
}

/** An address of the pod, at most one of each family. */
export interface PodAddress {
  readonly family: AddressFamily;
  readonly address: string;
}

type Direction = "inbound" | "outbound";

const recheckMs = 3000;
const arrivalTimeoutMs = 1000;

/** The pod's addresses, the preferred one of each family before others. Loopback and link-local ones are nobody's to dial. */
export function podAddresses(
  interfaces: NodeJS.Dict<NetworkInterfaceInfo[]>,
  preferred: string,
): readonly PodAddress[] {
  const addresses = Object.values(interfaces)
    .flatMap((entries) => entries ?? [])
    .filter(({ internal, address }) => !internal && !address.startsWith("fe80:"))
    .map(({ family, address }) => ({ family: family === "IPv4" ? ("ipv4" as const) : ("ipv6" as const), address }));
  const ordered = addresses.toSorted(
    (one, other) => Number(other.address === preferred) - Number(one.address === preferred),
  );
  return (["ipv4", "ipv6"] as const).flatMap((family) => ordered.find((entry) => entry.family === family) ?? []);
}

export class CaptureCheck {
  readonly #options: CaptureCheckOptions;
  #problem = "capture has not been checked yet";
  #awaited: { readonly direction: Direction; readonly address: string; readonly arrived: () => void } | null = null;
  #timer: NodeJS.Timeout | null = null;
  #socket: net.Socket | null = null;
  #closed = false;

  constructor(options: CaptureCheckOptions) {
    this.#options = options;
  }

  /** What is wrong with capture; "" when it works. */
  get problem(): string {
    return this.#problem;
  }

  /** Whether a connection that was captured on its way to `destination` is the one that is waited for. */
  claim(direction: Direction, { address, port }: Destination): boolean {
    const awaited = this.#awaited;
    if (awaited === null || port !== agentPorts.captureCheck) return false;
    if (awaited.direction !== direction || awaited.address !== address) return false;
    awaited.arrived();
    return true;
  }

  /** Checks until capture works. The listeners must be bound. */
  start(): void {
    void this.#run();
  }

  close(): void {
    this.#closed = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#socket?.destroy();
  }

  async #run(): Promise<void> {
    const problem = await this.#findProblem();
    if (this.#closed) return;
    if (problem !== this.#problem) {
      if (problem === "") this.#options.logger.info("capture works");
      else this.#options.logger.warn({ problem }, "capture does not work");
    }
    this.#problem = problem;
    if (problem !== "") this.#timer = setTimeout(() => void this.#run(), recheckMs);
  }

  async #findProblem(): Promise<string> {
    const { addresses, userId } = this.#options;
    if (userId !== proxyUserId) {
      return `the agent runs as user ${userId}, and capture knows it as user ${proxyUserId} only`;
    }
    if (addresses.length === 0) return "the pod has no address";
    const problems: string[] = [];
    for (const address of addresses) problems.push(...(await this.#familyProblems(address)));
    return problems.join("; ");
  }

  async #familyProblems({ family, address }: PodAddress): Promise<readonly string[]> {
    const { captureCheck, applicationSource } = familyAddresses[family];
    const name = family === "ipv4" ? "IPv4" : "IPv6";
    const problems: string[] = [];
    if ((await this.#dial("outbound", captureCheck)) !== "arrived") {
      problems.push(
        `outbound ${name} connections do not reach the agent: no way from OUTPUT by HEDDLE_OUTPUT and HEDDLE_REDIRECT to port ${agentPorts.outbound}`,
      );
    }
    if ((await this.#dial("inbound", address)) !== "arrived") {
      problems.push(
        `${name} connections of the pod to itself do not reach the agent: no way from OUTPUT by HEDDLE_OUTPUT and HEDDLE_IN_REDIRECT to port ${agentPorts.inbound}`,
      );
      return problems;
    }
    const back = await this.#dial("inbound", address, applicationSource);
    if (back === "arrived") {
      problems.push(
        `the agent's ${name} connections to the application come back to it: HEDDLE_OUTPUT does not let those from ${applicationSource} pass`,
      );
    } else if (back === "EADDRNOTAVAIL") {
      problems.push(`the loopback interface has no address ${applicationSource}, to dial the application from`);
    }
    return problems;
  }

  /** Dials the check's port at the address: "arrived" at our listener of the direction, or how it ended elsewhere. */
  async #dial(direction: Direction, address: string, localAddress?: string): Promise<string> {
    if (this.#closed) return "closed";
    return new Promise((resolve) => {
      const socket = net.connect({
        host: address,
        port: agentPorts.captureCheck,
        ...(localAddress === undefined ? {} : { localAddress }),
      });
      this.#socket = socket;
      let ended = false;
      const end = (outcome: string): void => {
        // The end of this connection may be told when the next is waited for already.
        if (ended) return;
        ended = true;
        clearTimeout(timeout);
        this.#awaited = null;
        socket.destroy();
        resolve(outcome);
      };
      const timeout = setTimeout(end, arrivalTimeoutMs, "timeout");
      this.#awaited = { direction, address, arrived: () => end("arrived") };
      // Our listener claims a connection before it resets it: what ends unclaimed went elsewhere.
      socket.on("error", (error: NodeJS.ErrnoException) => end(error.code ?? error.message));
      socket.on("close", () => end("closed"));
    });
  }
}

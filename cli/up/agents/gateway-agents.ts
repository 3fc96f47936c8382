// One agent in gateway mode for every Gateway of our class, and the listening sockets that they accept on. The sockets
// are owned here, so an agent that crashes or is replaced costs no refused connection.
import type { Gateway } from "../../../control-plane/source/cluster-state.ts";
import type { Log } from "../log.ts";
import type { AgentProcess } from "./agent-process.ts";
import { bindListeningSocket, type ListeningSocket } from "./listening-socket.ts";
import { planLocalPorts, type LocalPort } from "./local-ports.ts";

export interface GatewayAgentsOptions {
  readonly log: Log;
  startAgent(gateway: Gateway): AgentProcess;
}

interface Entry {
  agent: AgentProcess;
  /** The listener ports that `agent` was given. */
  readonly given: Set<number>;
}

const bindRetryMs = 2000;
const drainMs = 30_000;

export class GatewayAgents {
  readonly #options: GatewayAgentsOptions;
  readonly #agents = new Map<string, Entry>();
  /** By local port. Bounded by the folder's listeners. */
  readonly #sockets = new Map<number, ListeningSocket & { readonly owner: LocalPort }>();
  readonly #reported = new Set<string>();
  readonly #leaving = new Set<Promise<void>>();
  #gateways: ReadonlyMap<string, Gateway> = new Map();
  #round: Promise<void> = Promise.resolve();
  #retry: NodeJS.Timeout | undefined;
  #closing = false;

  constructor(options: GatewayAgentsOptions) {
    this.#options = options;
  }

  /** `gateways` of our class, by "namespace/name". Rounds run one after another; resolves when this one is done. */
  reconcile(gateways: ReadonlyMap<string, Gateway>): Promise<void> {
    this.#gateways = gateways;
    this.#round = this.#round.then(() => this.#converge());
    return this.#round;
  }

  agents(): readonly AgentProcess[] {
    return [...this.#agents.values()].map(({ agent }) => agent);
  }

  /** Local addresses that are bound, for people. */
  addresses(): readonly { readonly gateway: string; readonly listenerPort: number; readonly localPort: number }[] {
    return [...this.#sockets.values()].map(({ owner }) => owner);
  }

  /** Starts a fresh agent on the same sockets, then drains the old one. */
  async replace(gateway: string): Promise<void> {
    const entry = this.#agents.get(gateway);
    const object = this.#gateways.get(gateway);
    if (entry === undefined || object === undefined) {
      return;
    }
    const old = entry.agent;
    entry.agent = this.#options.startAgent(object);
    entry.given.clear();
    this.#hand(gateway, entry);
    await entry.agent.whenReady();
    await old.stop(drainMs);
  }

  async close(graceMs: number): Promise<void> {
    this.#closing = true;
    clearTimeout(this.#retry);
    await this.#round;
    await Promise.all([...[...this.#agents.values()].map(({ agent }) => agent.stop(graceMs)), ...this.#leaving]);
    for (const socket of this.#sockets.values()) {
      socket.close();
    }
    this.#sockets.clear();
  }

  async #converge(): Promise<void> {
    if (this.#closing) {
      return;
    }
    const { ports, conflicts } = planLocalPorts(this.#gateways.values());
    for (const conflict of conflicts) {
      this.#reportOnce(conflict);
    }
    for (const [localPort, socket] of this.#sockets) {
      if (!ports.some((port) => isSamePort(port, socket.owner))) {
        // The agent still holds it until it drains or drops the listener; nobody new is given it.
        socket.close();
        this.#sockets.delete(localPort);
        this.#agents.get(socket.owner.gateway)?.given.delete(socket.owner.listenerPort);
      }
    }
    for (const [name, { agent }] of this.#agents) {
      if (!this.#gateways.has(name)) {
        this.#agents.delete(name);
        const leaving = agent.stop(drainMs).finally(() => this.#leaving.delete(leaving));
        this.#leaving.add(leaving);
      }
    }
    await this.#bind(ports);
    for (const [name, gateway] of this.#gateways) {
      let entry = this.#agents.get(name);
      if (entry === undefined) {
        entry = { agent: this.#options.startAgent(gateway), given: new Set() };
        this.#agents.set(name, entry);
      }
      this.#hand(name, entry);
    }
  }

  async #bind(ports: readonly LocalPort[]): Promise<void> {
    let failed = false;
    for (const port of ports) {
      if (this.#sockets.has(port.localPort)) {
        continue;
      }
      try {
        this.#sockets.set(port.localPort, { ...(await bindListeningSocket(port.localPort)), owner: port });
        const { gateway, listenerPort, localPort } = port;
        this.#options.log.line("heddle", `http://127.0.0.1:${localPort} is port ${listenerPort} of Gateway ${gateway}`);
      } catch (error) {
        failed = true;
        this.#reportOnce(`Gateway ${port.gateway}: ${error instanceof Error ? error.message : String(error)}`);
      }
    }
    clearTimeout(this.#retry);
    if (failed && !this.#closing) {
      this.#retry = setTimeout(() => void this.reconcile(this.#gateways), bindRetryMs);
    }
  }

  #hand(gateway: string, entry: Entry): void {
    for (const { owner, server } of this.#sockets.values()) {
      if (owner.gateway === gateway && !entry.given.has(owner.listenerPort)) {
        entry.given.add(owner.listenerPort);
        entry.agent.addListener(owner.listenerPort, server);
      }
    }
  }

  #reportOnce(text: string): void {
    if (!this.#reported.has(text)) {
      this.#reported.add(text);
      this.#options.log.problem("heddle", text);
    }
  }
}

function isSamePort(left: LocalPort, right: LocalPort): boolean {
  return (
    left.gateway === right.gateway && left.listenerPort === right.listenerPort && left.localPort === right.localPort
  );
}

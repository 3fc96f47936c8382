// Where a Gateway's listeners are bound on this machine, decided once for all Gateways. Pure.
import type { Gateway } from "../../../control-plane/source/cluster-state.ts";

/** A socket to bind on 127.0.0.1 for a listener port of a Gateway. */
export interface LocalPort {
  /** "namespace/name". */
  readonly gateway: string;
  readonly listenerPort: number;
  readonly localPort: number;
}

const unprivilegedFrom = 1024;
const privilegedOffset = 8000;

/** Ports below 1024 get 8000 added: 80 is 8080, and no program needs to be root. */
export function localPortOf(listenerPort: number): number {
  return listenerPort < unprivilegedFrom ? listenerPort + privilegedOffset : listenerPort;
}

/**
 * One entry per Gateway and HTTP listener port. Where two Gateways want the same local port the first by name has it;
 * the others are in `conflicts`, one sentence each.
 */
export function planLocalPorts(gateways: Iterable<Gateway>): {
  readonly ports: readonly LocalPort[];
  readonly conflicts: readonly string[];
} {
  const wanted: LocalPort[] = [];
  for (const { meta, listeners } of gateways) {
    const gateway = `${meta.namespace}/${meta.name}`;
    const listenerPorts = new Set(listeners.filter(({ protocol }) => protocol === "HTTP").map(({ port }) => port));
    for (const listenerPort of listenerPorts) {
      wanted.push({ gateway, listenerPort, localPort: localPortOf(listenerPort) });
    }
  }
  wanted.sort((a, b) => (a.gateway < b.gateway ? -1 : a.gateway > b.gateway ? 1 : a.listenerPort - b.listenerPort));
  const taken = new Map<number, LocalPort>();
  const ports: LocalPort[] = [];
  const conflicts: string[] = [];
  for (const port of wanted) {
    const holder = taken.get(port.localPort);
    if (holder === undefined) {
      taken.set(port.localPort, port);
      ports.push(port);
    } else {
      conflicts.push(
        `Gateway ${port.gateway}: listener port ${port.listenerPort} is not bound, because 127.0.0.1:${port.localPort} ` +
          `belongs to port ${holder.listenerPort} of Gateway ${holder.gateway}; give one of them another port`,
      );
    }
  }
  return { ports, conflicts };
}

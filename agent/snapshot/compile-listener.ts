// Listeners, and what subscriptions stand for: gateways by port and host, frontends by address, the agent's own
// workload. One Gateway listener is chosen per host, the most specific, and no other is asked (listener isolation).
import { HostIndex } from "../routing/host-match.ts";
import { quote } from "../../proto/resource-rules.ts";
import { addressFault, hostnameFault, portFault } from "./validate.ts";
import type { ClusterRecord } from "./compile-cluster.ts";
import type { RouteTableRecord } from "./compile-route-table.ts";
import type { CompiledFrontend, CompiledListener, GatewayPort } from "./compiled.ts";
import type { Faults } from "./faults.ts";
import type { Answer, Listener, ResourceSet, Workload } from "./resources.ts";

const gatewayPrefix = "gateway:";
const frontendPrefix = "frontend:";
const workloadPrefix = "workload:";

export interface ListenerRecord {
  readonly listener: Listener;
  readonly compiled: CompiledListener;
}

export function compileListeners(
  resources: ResourceSet,
  tables: ReadonlyMap<string, RouteTableRecord>,
  clusters: ReadonlyMap<string, ClusterRecord>,
  faults: Faults,
): ReadonlyMap<string, ListenerRecord> {
  const records = new Map<string, ListenerRecord>();
  for (const listener of resources.listeners.values()) {
    const { name, routeConfiguration, cluster } = listener;
    const fault = (reason: string | null): void => {
      if (reason !== null) faults.add("listener", name, reason);
    };
    fault(portFault(listener.port));
    fault(hostnameFault(listener.hostname));
    if ((routeConfiguration === "") === (cluster === "")) {
      fault("exactly one of a route configuration and a cluster must be there");
    }
    const routes = tables.get(routeConfiguration)?.table ?? null;
    if (routeConfiguration !== "" && routes === null) fault(`no route configuration ${quote(routeConfiguration)}`);
    const compiledCluster = clusters.get(cluster)?.compiled ?? null;
    if (cluster !== "" && compiledCluster === null) fault(`no cluster ${quote(cluster)}`);
    records.set(name, {
      listener,
      compiled: { displayName: listener.displayName, routes, cluster: compiledCluster },
    });
  }
  return records;
}

/** By port, from every "gateway:" answer. */
export function compileGatewayPorts(
  answers: ReadonlyMap<string, Answer>,
  listeners: ReadonlyMap<string, ListenerRecord>,
  faults: Faults,
): ReadonlyMap<number, GatewayPort> {
  const byPort = new Map<number, Map<string, ListenerRecord>>();
  for (const [subscription, answer] of answers) {
    if (!subscription.startsWith(gatewayPrefix) || answer.state !== "found") continue;
    for (const name of answer.listeners) {
      const record = listeners.get(name);
      if (record === undefined) {
        faults.add("listener", name, `${quote(subscription)} refers to it, and it is not there`);
        continue;
      }
      const { port, hostname, routeConfiguration } = record.listener;
      if (routeConfiguration === "") faults.add("listener", name, "a Gateway listener without a route configuration");
      let byHostname = byPort.get(port);
      if (byHostname === undefined) byPort.set(port, (byHostname = new Map()));
      const other = byHostname.get(hostname);
      if (other === undefined) byHostname.set(hostname, record);
      else if (other !== record) {
        faults.add(
          "listener",
          name,
          `port ${port} and hostname ${quote(hostname)} are those of ${quote(other.listener.name)}`,
        );
      }
    }
  }
  const ports = new Map<number, GatewayPort>();
  for (const [port, byHostname] of byPort) {
    const compiled = new Map([...byHostname].map(([hostname, record]) => [hostname, record.compiled]));
    const index = new HostIndex(compiled);
    ports.set(port, { port, listenerFor: (host) => index.find(host)?.value ?? null });
  }
  return ports;
}

/** By "host:port", from every "frontend:" answer. */
export function compileFrontends(
  answers: ReadonlyMap<string, Answer>,
  listeners: ReadonlyMap<string, ListenerRecord>,
  faults: Faults,
): ReadonlyMap<string, CompiledFrontend> {
  const frontends = new Map<string, CompiledFrontend>();
  for (const [subscription, answer] of answers) {
    if (!subscription.startsWith(frontendPrefix)) continue;
    const address = subscription.slice(frontendPrefix.length);
    if (answer.state !== "found") {
      frontends.set(address, { state: answer.state, listener: null });
      continue;
    }
    const [name, ...others] = answer.listeners;
    const record = name === undefined ? undefined : listeners.get(name);
    if (record === undefined || others.length > 0) {
      const reason =
        others.length > 0 || name === undefined
          ? `${quote(subscription)} has ${answer.listeners.length} listeners instead of one`
          : `${quote(subscription)} refers to it, and it is not there`;
      faults.add("listener", name ?? subscription, reason);
      continue;
    }
    frontends.set(address, { state: "found", listener: record.compiled });
  }
  return frontends;
}

/** The workload of the "workload:" answer, or null. Every workload is checked. */
export function compileWorkload(resources: ResourceSet, faults: Faults): Workload | null {
  for (const workload of resources.workloads.values()) {
    const ports = new Set<number>();
    for (const { port, applicationAddress, applicationPort } of workload.inboundPorts) {
      const reason = portFault(port) ?? addressFault(applicationAddress) ?? portFault(applicationPort);
      if (reason !== null) faults.add("workload", workload.name, `inbound port ${port}: ${reason}`);
      if (ports.has(port)) faults.add("workload", workload.name, `inbound port ${port} is there twice`);
      ports.add(port);
    }
  }
  let found: Workload | null = null;
  for (const [subscription, answer] of resources.answers) {
    if (!subscription.startsWith(workloadPrefix) || answer.state !== "found") continue;
    const workload = resources.workloads.get(answer.workload);
    if (workload === undefined) {
      faults.add("workload", answer.workload, `${quote(subscription)} refers to it, and it is not there`);
    } else {
      found = workload;
    }
  }
  return found;
}

// The faults of agents and endpoints, done to a mesh under traffic; see scenarios.ts.
import type { ExecutionContext } from "ava";
import { until } from "../support/until.ts";
import type { FaultMesh, RunningAgent } from "./fault-mesh.ts";

/** A fresh agent on the same sockets, then SIGTERM to the old one, as `heddle up` replaces them. */
export async function replaceAgent(t: ExecutionContext, mesh: FaultMesh, times: number): Promise<void> {
  for (let time = 0; time < times; time++) {
    const old = mesh.agents.at(-1);
    if (old === undefined) throw new Error("no agent");
    await mesh.startAgent();
    await mesh.traffic.flow(20);
    old.program.kill("SIGTERM");
    await drained(t, old);
  }
}

/**
 * SIGTERM to the agent that clients use, while another listens elsewhere: new connections go to the other one once the
 * first says that it is not ready, as a Service would lead them; kept connections are told to close.
 */
export async function drainAgent(t: ExecutionContext, mesh: FaultMesh, times: number): Promise<void> {
  for (let time = 0; time < times; time++) {
    const old = mesh.agents.at(-1);
    if (old === undefined) throw new Error("no agent");
    const next = await mesh.startAgent();
    old.program.kill("SIGTERM");
    await old.program.until("draining", () => old.program.output.includes('"msg":"draining"'));
    await mesh.traffic.flow(20);
    mesh.port = next.port;
    await drained(t, old);
  }
}

/** After SIGTERM: it must leave in order, with nothing cut. */
async function drained(t: ExecutionContext, agent: RunningAgent): Promise<void> {
  const { program } = agent;
  const sinceMs = performance.now();
  const { code, signal, atMs } = await program.exited;
  t.deepEqual({ code, signal }, { code: 0, signal: null }, program.output);
  t.true(program.output.includes('"cutConnections":0'), program.output);
  t.log(`an agent drained in ${Math.round(atMs - sinceMs)} ms`);
}

/**
 * The control plane goes for good, then the agent: one that starts where it left off serves what it had. Nobody accepts
 * in between; the socket stays, and whoever comes waits.
 */
export async function restartFromLastGood(t: ExecutionContext, mesh: FaultMesh): Promise<void> {
  const old = mesh.agents.at(-1);
  if (old === undefined) throw new Error("no agent");
  mesh.controlPlane?.kill("SIGKILL");
  await mesh.controlPlane?.exited;
  const held = await mesh.configuration(old);
  old.program.kill("SIGTERM");
  await drained(t, old);
  const sinceMs = performance.now();
  const next = await mesh.startAgent(old.state);
  t.log(`without a control plane, an agent served after ${Math.round(performance.now() - sinceMs)} ms`);
  const { resources, discovery } = await mesh.configuration(next);
  t.deepEqual(resources, held.resources);
  t.not(discovery.state, "streaming");
  await mesh.traffic.flow(40);
}

/**
 * SIGKILL of one endpoint of a Service, a process that joins it first. A request may fail only if it was under way
 * when the endpoint died and no other endpoint had received it.
 */
export async function killEndpoint(t: ExecutionContext, mesh: FaultMesh, service: string): Promise<void> {
  const survivors = mesh.origins.get(service) ?? [];
  const ports = survivors.map(({ port }) => port);
  const victim = await mesh.startOriginProcess(`${service}-9`);
  let servedByVictim = 0;
  mesh.onServed = ({ servedBy }) => {
    if (servedBy === `${service}-9`) servedByVictim++;
  };
  mesh.writeEndpoints(service, [...ports, victim.port]);
  await until(() => servedByVictim >= 50, 30_000);
  const failuresBefore = mesh.traffic.failures.length;
  const elsewhere = (id: string): boolean => survivors.some((origin) => origin.received.has(id));
  // Killed while it certainly has something to do.
  await until(() => [...mesh.traffic.outstanding.keys()].some((id) => !elsewhere(id)));
  const underWay = (): string[] => [...mesh.traffic.outstanding.keys()].filter((id) => !elsewhere(id));
  const inFlight = new Set(underWay());
  victim.program.kill("SIGKILL");
  const { atMs } = await victim.program.exited;
  // What was sent between the signal and the end of the process may have reached it, too.
  for (const id of underWay()) inFlight.add(id);
  for (const { id, startedMs } of mesh.traffic.failures.slice(failuresBefore)) {
    if (startedMs <= atMs && !elsewhere(id)) inFlight.add(id);
  }
  await mesh.traffic.flow(100);
  const failures = mesh.traffic.failures.splice(failuresBefore);
  t.deepEqual(
    failures.filter(({ id }) => !inFlight.has(id)),
    [],
  );
  t.log(`an endpoint killed with at most ${inFlight.size} requests in flight cost ${failures.length}`);
  // It stays in the configuration, dead: connect failures are replayed on the others.
  const servedAtDeath = servedByVictim;
  await mesh.traffic.flow(100);
  t.is(servedByVictim, servedAtDeath);
  mesh.writeEndpoints(service, ports);
  mesh.onServed = () => undefined;
}

// The faults of configuration and of the control plane, each done a given number of times to a mesh under traffic. What
// a scenario asserts is its own effect; that no request failed is asserted once, by the test that stops the traffic.
import type { ExecutionContext } from "ava";
import { fetchPage, untilPage } from "../support/process.ts";
import { until } from "../support/until.ts";
import type { FaultMesh } from "./fault-mesh.ts";
import type { Backend } from "./objects.ts";
import { SplitAccount } from "./split-account.ts";

/** Weight changes saved one after another, each as soon as traffic goes by the one before; the split follows exactly. */
export async function changeWeights(t: ExecutionContext, mesh: FaultMesh, changes: number): Promise<void> {
  const account = new SplitAccount();
  mesh.onServed = (served) => account.count(served);
  const delays: number[] = [];
  const configs = new Map<string, readonly Backend[]>();
  for (let change = 0; change < changes; change++) {
    const weight = change % 11;
    const backends = [
      { service: "stable", weight: 10 - weight },
      { service: "canary", weight },
    ];
    configs.set(`w${change}`, backends);
    delays.push(await mesh.applyRoute(`w${change}`, backends));
  }
  // The last one is watched for some whole blocks.
  const last = `w${changes - 1}`;
  await until(() => account.total(last) >= 30);
  // Slow requests of earlier configurations are still under way: counts are exact once all of them are in.
  const pending = new Set(mesh.traffic.outstanding.keys());
  await until(() => [...pending].every((id) => !mesh.traffic.outstanding.has(id)), 30_000);
  const settled = [...configs].slice(0, -1);
  const faults = settled.flatMap(([config, backends]) => account.faults(config, backends));
  t.deepEqual(faults, []);
  mesh.onServed = () => undefined;
  delays.sort((a, b) => a - b);
  const at = (share: number): number => Math.round(delays[Math.floor((delays.length - 1) * share)] ?? 0);
  t.log(`${changes} weight changes, saved to first request by it: median ${at(0.5)} ms, p99 ${at(0.99)} ms`);
  t.log(`${settled.reduce((sum, [config]) => sum + account.total(config), 0)} requests split exactly by them`);
}

/** A broken file is saved, said to be so, and mended: what was served before goes on all the while. */
export async function saveBrokenFile(t: ExecutionContext, mesh: FaultMesh, times: number): Promise<void> {
  const broken = [
    "kind: HTTPRoute\n  metadata: [",
    "apiVersion: gateway.networking.k8s.io/v1\nkind: HTTPRoute\nmetadata: {name: route, namespace: faults}\nspec: {parentRefs: 7}\n",
  ];
  for (let time = 0; time < times; time++) {
    await mesh.applyRoute(`good-${time}`);
    mesh.write("route.yaml", broken[time % broken.length] ?? "");
    await untilPage(mesh.controlPlaneAdminPort, "/debug/problems", (body) => body.includes("route.yaml"));
    await mesh.traffic.flow(20);
    await mesh.applyRoute(`mended-${time}`);
    const problems = await fetchPage(mesh.controlPlaneAdminPort, "/debug/problems");
    t.deepEqual(JSON.parse(problems.body), { problems: [] });
  }
}

/** Half of a Service's endpoints go in order: out of the EndpointSlice first, then down; and nobody asks them again. */
export async function endpointsLeave(t: ExecutionContext, mesh: FaultMesh, service: string): Promise<void> {
  const [agent] = mesh.agents;
  const origins = mesh.origins.get(service) ?? [];
  const leaving = origins.slice(0, origins.length / 2);
  const staying = origins.slice(leaving.length);
  if (agent === undefined) throw new Error("no agent");
  for (const origin of leaving) {
    const left = [...leaving.slice(leaving.indexOf(origin) + 1), ...staying];
    mesh.writeEndpoints(
      service,
      left.map(({ port }) => port),
    );
    await mesh.untilConfigured(agent, `"port": ${origin.port}`, false);
    // From here on its server refuses: whoever asked it again would fail.
    const closed = origin.close();
    await until(() => origin.active.size === 0);
    const received = origin.received.size;
    await mesh.traffic.flow(40);
    t.is(origin.received.size, received, "it was asked after it had left");
    await closed;
  }
  t.log(
    `${leaving.length} of ${origins.length} endpoints left, having answered ${leaving.map((o) => o.answered).join(", ")}`,
  );
}

/** SIGKILL, some traffic without it, and a new one on the same port: what the agent has stays, nothing is sent again. */
export async function killControlPlane(t: ExecutionContext, mesh: FaultMesh, times: number): Promise<void> {
  const [agent] = mesh.agents;
  if (agent === undefined) throw new Error("no agent");
  for (let time = 0; time < times; time++) {
    await mesh.applyRoute(`before-kill-${time}`);
    const before = await mesh.configuration(agent);
    mesh.controlPlane?.kill("SIGKILL");
    t.is((await mesh.controlPlane?.exited)?.signal, "SIGKILL");
    await agent.program.until(
      "noticing",
      async () => (await mesh.configuration(agent)).discovery.state !== "streaming",
    );
    await mesh.traffic.flow(40);
    const alone = await mesh.configuration(agent);
    t.deepEqual(alone.resources, before.resources, "a broken connection changed what it has");
    await mesh.startControlPlane();
    await agent.program.until(
      "being back",
      async () => (await mesh.configuration(agent)).discovery.state === "streaming",
      30_000,
    );
    const after = await mesh.configuration(agent);
    t.deepEqual({ ...after.resources, generation: "" }, { ...before.resources, generation: "" });
    const metrics = await fetchPage(mesh.controlPlaneAdminPort, "/metrics");
    t.regex(metrics.body, /^heddle_pushes_total 1$/m);
    t.regex(metrics.body, /^heddle_pushed_resources_total 0$/m, "unchanged content was sent again");
    const ms = await mesh.applyRoute(`after-kill-${time}`);
    t.log(`control plane killed and back; the next edit took ${Math.round(ms)} ms`);
  }
}

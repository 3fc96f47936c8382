// What one weight change costs with 1000 agents connected, all of which it concerns: from the edited object (debounce,
// translation, snapshot and pushes included) to the last acknowledgement. Three processes: this one, the control plane
// on a core of its own, and the agents (the product's discovery client, one connection each, nothing behind apply) on
// the other core. Run: node bench/push.ts [--json]
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { DiscoveryClient } from "../agent/discovery/client.ts";
import { systemClock } from "../control-plane/discovery/clock.ts";
import { Debounce } from "../control-plane/discovery/debounce.ts";
import { DiscoveryServer } from "../control-plane/discovery/server.ts";
import { limitHeapGrowth } from "../control-plane/heap-growth.ts";
import { SnapshotBuilder } from "../control-plane/snapshot/snapshot.ts";
import type { ClusterState, HttpRoute } from "../control-plane/source/cluster-state.ts";
import * as make from "../test/support/cluster-objects.ts";
import { Translator } from "../control-plane/translate/translate.ts";
import { figure } from "./harness/figure.ts";
import { LOAD_CORE, PROXY_CORE } from "./harness/managed-process.ts";
import { percentile } from "./harness/statistics.ts";
import { renderTable } from "./harness/table.ts";

const agentCount = 1000;
const serviceCount = 200;
const frontendsPerAgent = 5;
const warmUpChanges = 5;
const changes = 100;
const connectDeadlineMs = 60_000;
const changeDeadlineMs = 10_000;

/** What the control plane process tells at the end. */
interface Measured {
  readonly allAcknowledgedMs: readonly number[];
  readonly idleMegabytes: number;
  readonly megabytes: number;
  readonly cpuMsPerChange: number;
}

const role = process.argv[2];
if (role === "--control-plane") await runControlPlane();
else if (role === "--agents") runAgents(Number(process.argv[3]));
else await runBench();

async function runBench(): Promise<void> {
  const controlPlane = start(PROXY_CORE, "--control-plane");
  const children = [controlPlane];
  try {
    const port = (await reply(controlPlane)) as number;
    children.push(start(LOAD_CORE, "--agents", String(port)));
    print((await reply(controlPlane)) as Measured);
  } finally {
    for (const child of children) child.kill("SIGKILL");
  }
}

function start(core: number, ...args: readonly string[]): ChildProcess {
  const command = ["-c", String(core), process.execPath, import.meta.filename, ...args];
  return spawn("taskset", command, { stdio: ["ignore", "inherit", "inherit", "ipc"] });
}

async function reply(child: ChildProcess): Promise<unknown> {
  const exited = once(child, "exit").then(([code]) => {
    throw new Error(`the control plane process ended with ${String(code)}`);
  });
  const [message] = (await Promise.race([once(child, "message"), exited])) as [unknown];
  return message;
}

function print(measured: Measured): void {
  const all = measured.allAcknowledgedMs;
  const rows = [
    figure("acknowledged by all, p99", "ms", all, { value: percentile(all, 0.99), target: 250 }),
    figure("acknowledged by all, median", "ms", all, { note: "20 ms of it debounce" }),
    figure("control plane CPU per change", "ms", [measured.cpuMsPerChange]),
    figure("control plane resident, 1000 agents idle", "MB", [measured.idleMegabytes], { target: 250 }),
    figure("control plane resident, after the changes", "MB", [measured.megabytes], { target: 250 }),
  ];
  if (process.argv.includes("--json")) {
    const printed = rows.map(({ target, ...row }) => (target === null ? row : { ...row, target: target.atMost }));
    process.stdout.write(`${JSON.stringify(printed)}\n`);
    return;
  }
  const title = `one weight change, ${agentCount} agents, ${serviceCount} Services, ${changes} changes`;
  process.stdout.write(renderTable([{ title, rows }]));
}

async function runControlPlane(): Promise<void> {
  limitHeapGrowth();
  const server = new DiscoveryServer();
  const translator = new Translator();
  const builder = new SnapshotBuilder({ epoch: "bench" });
  let state = makeCluster();
  const debounce = new Debounce({
    clock: systemClock,
    run: () => {
      const result = builder.build(translator.translate(state, { controllerName: make.controllerName }));
      if (!result.ok) throw new Error(result.faults.join("; "));
      server.publish(result.snapshot);
    },
  });
  debounce.notify("urgent");
  process.send?.(await server.start());
  const isCurrent = (): boolean => {
    const agents = server.connectedAgents();
    const generation = server.snapshot?.generation;
    return agents.length === agentCount && agents.every((agent) => agent.acknowledgedGeneration === generation);
  };
  await until(isCurrent, "the agents to connect", connectDeadlineMs, 100);
  const idleMegabytes = process.memoryUsage().rss / 1e6;

  const allAcknowledgedMs: number[] = [];
  let cpuBefore = process.cpuUsage();
  for (let change = 0; change < warmUpChanges + changes; change++) {
    if (change === warmUpChanges) cpuBefore = process.cpuUsage();
    const expected = server.metrics.acknowledged + agentCount;
    const route = makeCanary(0, 1 + (change % 99));
    const startMs = performance.now();
    state = { ...state, httpRoutes: new Map(state.httpRoutes).set("team/canary-0", route) };
    debounce.notify();
    await until(() => server.metrics.acknowledged >= expected, "the acknowledgements", changeDeadlineMs, 1);
    if (change >= warmUpChanges) allAcknowledgedMs.push(performance.now() - startMs);
    if (server.metrics.refused > 0 || !isCurrent()) throw new Error("not every agent is at the published generation");
  }
  const { user, system } = process.cpuUsage(cpuBefore);
  const measured: Measured = {
    allAcknowledgedMs,
    idleMegabytes,
    megabytes: process.memoryUsage().rss / 1e6,
    cpuMsPerChange: (user + system) / 1000 / changes,
  };
  process.send?.(measured);
}

function runAgents(port: number): void {
  for (let index = 0; index < agentCount; index++) {
    const pod = `client-${index}`;
    const client = new DiscoveryClient({
      addresses: [`127.0.0.1:${port}`],
      node: { id: pod, namespace: "team", pod, labels: {}, mode: "sidecar", agentVersion: "bench" },
      apply: () => ({ ok: true }),
    });
    client.subscribe(`workload:team/${pod}`);
    // The first is everybody's: its route is the one that changes.
    for (let name = 0; name < frontendsPerAgent; name++) {
      client.subscribe(`frontend:service-${name === 0 ? 0 : (index * frontendsPerAgent + name) % serviceCount}:80`);
    }
    client.start();
  }
}

function makeCluster(): ClusterState {
  const services = Array.from({ length: serviceCount }, (_, index) => index);
  return make.makeState(
    ...services.map((index) => makeCanary(index, 5)),
    ...services.flatMap((index) => {
      const pods = Array.from({ length: 10 }, (_, pod) => `team/pod-${index}-${pod}`);
      const addresses = Object.fromEntries(pods.map((pod, position) => [`10.${index}.0.${position}`, pod]));
      return [
        make.makeService(`team/service-${index}`, `10.96.0.${index}`),
        make.makeSlice(`team/service-${index}`, addresses),
        ...pods.map((pod, position) => make.makePod(pod, { version: position < 5 ? "v1" : "v2" })),
      ];
    }),
    ...Array.from({ length: agentCount }, (_, index) => make.makePod(`team/client-${index}`, { app: "client" })),
  );
}

/** A canary between a Service and its neighbour. */
function makeCanary(index: number, weight: number): HttpRoute {
  const canary = make.makeBackend(`team/service-${(index + 1) % serviceCount}`, { weight });
  const stable = make.makeBackend(`team/service-${index}`, { weight: 100 - weight });
  return make.makeRoute(`team/canary-${index}`, {
    parentRefs: [make.serviceParent(`team/service-${index}`)],
    rules: [
      make.makeRule({
        matches: [make.makeMatch({ headers: [{ type: "Exact", name: "x-canary", value: "true" }] })],
        backendRefs: [canary],
      }),
      make.makeRule({ backendRefs: [stable, canary] }),
    ],
  });
}

async function until(isDone: () => boolean, what: string, deadlineMs: number, intervalMs: number): Promise<void> {
  const giveUpAtMs = performance.now() + deadlineMs;
  while (!isDone()) {
    if (performance.now() > giveUpAtMs) throw new Error(`waited ${deadlineMs} ms for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, intervalMs));
  }
}

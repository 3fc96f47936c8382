// Resident memory of an agent: idle without and with tracing, after many requests, and its growth over minutes of load.
import { mkdtempSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { fillCompileCache, startAgent } from "../heddle/agent.ts";
import { startControlPlane } from "../heddle/control-plane.ts";
import { writeGatewayObjects } from "../heddle/gateway-objects.ts";
import { figure, type CaseReport, type Row } from "../harness/figure.ts";
import { freePorts } from "../../cli/up/workload/free-port.ts";
import { residentMegabytes } from "../harness/process-usage.ts";
import { median } from "../harness/statistics.ts";
import { closedLoop } from "../load/wrk.ts";
import type { BenchCase, BenchContext } from "./context.ts";

const IDLE_MS = 5000;
const FULL_REQUESTS = 5_000_000;
const SHORT_REQUESTS = 1_000_000;
const QUICK_REQUESTS = 100_000;
const GROWTH_MINUTES = 10;
/** Resident memory goes up and down with garbage collection by this much without meaning anything. */
const GROWTH_NOISE_MEGABYTES = 4;

export const memory: BenchCase = {
  name: "memory",
  summary: "resident memory of an agent (--full: 5 million requests and 10 minutes of load)",
  run,
};

async function run(context: BenchContext): Promise<CaseReport> {
  const [listenerPort = 0] = await freePorts(1);
  const objects = join(mkdtempSync(join(context.folder, "memory-")), "objects");
  writeGatewayObjects(objects, { ...context.origin, listenerPort, routes: 20, mirror: false });
  const controlPlane = await startControlPlane(objects);
  const options = { controlPlaneAddress: controlPlane.address, folder: context.folder };
  const rows: Row[] = [];
  try {
    await fillCompileCache({ ...options, collectorPort: context.collectorPort });
    const idleRuns = context.quick ? 1 : context.runs;
    for (const [label, collectorPort, target] of [
      ["idle, no tracing", null, 85],
      ["idle, tracing", context.collectorPort, 110],
    ] as const) {
      const measured: number[] = [];
      for (let count = 0; count < idleRuns; count++) {
        const agent = await startAgent({ ...options, collectorPort });
        await delay(IDLE_MS);
        measured.push(residentMegabytes(agent.process.pid));
        await agent.stop();
      }
      rows.push(figure(label, "MB", measured, { target, note: `${IDLE_MS / 1000} s after ready` }));
      context.log(`${label}: ${Math.round(median(measured))} MB`);
    }
    const agent = await startAgent({ ...options, collectorPort: context.collectorPort });
    try {
      rows.push(await afterRequests(context, agent.process.pid, listenerPort));
      if (context.full) rows.push(await growth(context, agent.process.pid, listenerPort));
      else rows.push({ subject: `growth over ${GROWTH_MINUTES} minutes`, missing: "takes 10 minutes: add --full" });
    } finally {
      await agent.stop();
    }
    return { title: `${memory.name}: ${memory.summary}`, rows };
  } finally {
    await controlPlane.stop();
  }
}

async function afterRequests(context: BenchContext, pid: number, port: number): Promise<Row> {
  const wanted = context.full ? FULL_REQUESTS : context.quick ? QUICK_REQUESTS : SHORT_REQUESTS;
  let sent = 0;
  while (sent < wanted) sent += (await closedLoop(port, context.secondsPerRun)).requests;
  const count = `${(sent / 1e6).toFixed(2)} million requests`;
  context.log(`after ${count}: ${Math.round(residentMegabytes(pid))} MB`);
  const note = context.full ? count : `${count}; --full sends 5 million`;
  return figure("after requests, tracing", "MB", [residentMegabytes(pid)], { target: 130, note });
}

/** Median of the last quarter of the samples against the first quarter's: a trend, not a moment. */
async function growth(context: BenchContext, pid: number, port: number): Promise<Row> {
  const samples: number[] = [];
  const end = performance.now() + GROWTH_MINUTES * 60_000;
  while (performance.now() < end) {
    await closedLoop(port, 10);
    samples.push(residentMegabytes(pid));
    context.log(`under load: ${Math.round(samples.at(-1) ?? 0)} MB`);
  }
  const quarter = Math.ceil(samples.length / 4);
  const grown = median(samples.slice(-quarter)) - median(samples.slice(0, quarter));
  return figure(`growth over ${GROWTH_MINUTES} minutes`, "MB", [grown], {
    target: GROWTH_NOISE_MEGABYTES,
    note: `last quarter of ${samples.length} samples against the first; up to ${GROWTH_NOISE_MEGABYTES} MB is noise`,
  });
}

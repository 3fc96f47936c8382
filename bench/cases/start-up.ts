// Time from spawning an agent to its /readyz answering 200, with the control plane up.
import { mkdtempSync } from "node:fs";
import { join } from "node:path";
import { fillCompileCache, startAgent } from "../heddle/agent.ts";
import { startControlPlane } from "../heddle/control-plane.ts";
import { writeGatewayObjects } from "../heddle/gateway-objects.ts";
import { figure, type CaseReport } from "../harness/figure.ts";
import { freePorts } from "../../cli/up/workload/free-port.ts";
import type { BenchCase, BenchContext } from "./context.ts";

const MINIMUM_RUNS = 5;

export const startUp: BenchCase = {
  name: "start",
  summary: "start of an agent to ready, control plane up",
  run,
};

async function run(context: BenchContext): Promise<CaseReport> {
  const [listenerPort = 0] = await freePorts(1);
  const objects = join(mkdtempSync(join(context.folder, "start-")), "objects");
  writeGatewayObjects(objects, { ...context.origin, listenerPort, routes: 20, mirror: false });
  const controlPlane = await startControlPlane(objects);
  try {
    const measured: number[] = [];
    const { folder, collectorPort } = context;
    const options = { controlPlaneAddress: controlPlane.address, folder, collectorPort };
    await fillCompileCache(options);
    for (let count = 1; count <= Math.max(MINIMUM_RUNS, context.runs); count++) {
      const agent = await startAgent(options);
      await agent.stop();
      measured.push(agent.readyAfterMs);
      context.log(`start ${count}: ready after ${Math.round(agent.readyAfterMs)} ms`);
    }
    const note = "tracing on, no last-good snapshot, from sources with a warm compile cache";
    return {
      title: `${startUp.name}: ${startUp.summary}`,
      rows: [figure("agent", "ms", measured, { target: 400, note })],
    };
  } finally {
    await controlPlane.stop();
  }
}

// p99 latency at a fixed rate: half of what the slower of agent and Envoy can take at most.
import { agentPeer } from "../heddle/agent.ts";
import { figure, type CaseReport } from "../harness/figure.ts";
import { findProgram } from "../harness/managed-process.ts";
import { median } from "../harness/statistics.ts";
import { openLoop } from "../load/h2load.ts";
import { closedLoop } from "../load/wrk.ts";
import { envoy } from "../peers/envoy.ts";
import { startContenders } from "./comparison.ts";
import type { BenchCase, BenchContext } from "./context.ts";

export const latency: BenchCase = {
  name: "latency",
  summary: "p99 latency, open loop, at half of the lower of the two peaks",
  run,
};

async function run(context: BenchContext): Promise<CaseReport> {
  const title = `${latency.name}: ${latency.summary}`;
  if (findProgram("h2load") === null) {
    return { title, rows: [{ subject: "h2load", missing: "not installed: apt-get install nghttp2-client" }] };
  }
  const started = await startContenders(context, [agentPeer(), envoy], { mirror: false });
  try {
    const peaks: number[] = [];
    for (const { proxy } of started.contenders) {
      peaks.push((await closedLoop(proxy.port, context.secondsPerRun)).requestsPerSecond);
    }
    const rate = Math.min(...peaks) / 2;
    const p99 = new Map<string, number[]>(started.contenders.map(({ peer }) => [peer.name, []]));
    const p50 = new Map<string, number[]>(started.contenders.map(({ peer }) => [peer.name, []]));
    for (let run = 1; run <= context.runs; run++) {
      for (const { peer, proxy } of started.contenders) {
        const result = await openLoop(proxy.port, rate, context.secondsPerRun, context.folder);
        p99.get(peer.name)?.push(result.p99Microseconds);
        p50.get(peer.name)?.push(result.p50Microseconds);
        context.log(`run ${run}/${context.runs} ${peer.name}: p99 ${result.p99Microseconds} us`);
      }
    }
    const envoyP99 = p99.get(envoy.name);
    const rows = started.contenders.map(({ peer }) =>
      figure(`${peer.name} p99`, "us", p99.get(peer.name) ?? [], {
        ...(peer.name === "agent" && envoyP99 !== undefined ? { target: median(envoyP99) } : {}),
        note: `p50 ${Math.round(median(p50.get(peer.name) ?? []))} us at ${Math.round(rate)} requests/s`,
      }),
    );
    return { title, rows: [...rows, ...started.missing] };
  } finally {
    await started.stop();
  }
}

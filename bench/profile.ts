// Profiles the agent under load and says where its time goes: V8's sampling profiler, self time by function.
import { mkdirSync, mkdtempSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { agentPeer } from "./heddle/agent.ts";
import { closedLoop } from "./load/wrk.ts";
import { startContenders } from "./cases/comparison.ts";
import type { BenchContext } from "./cases/context.ts";

const SHOWN_FUNCTIONS = 40;

interface CpuProfile {
  readonly nodes: readonly {
    readonly id: number;
    readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number };
  }[];
  readonly samples: readonly number[];
  readonly timeDeltas: readonly number[];
}

/** The top functions as text; the profile itself stays in a folder beneath `resultsFolder`. */
export async function profileAgent(context: BenchContext, resultsFolder: string, mirror: boolean): Promise<string> {
  mkdirSync(resultsFolder, { recursive: true });
  const folder = mkdtempSync(join(resultsFolder, mirror ? "profile-mirror-" : "profile-"));
  const started = await startContenders(context, [agentPeer(["--cpu-prof", `--cpu-prof-dir=${folder}`])], { mirror });
  try {
    for (const { proxy } of started.contenders) await closedLoop(proxy.port, context.secondsPerRun);
  } finally {
    await started.stop();
  }
  const files = readdirSync(folder).filter((name) => name.endsWith(".cpuprofile"));
  const texts = files.map((name) => topFunctions(JSON.parse(readFileSync(join(folder, name), "utf8")) as CpuProfile));
  return [`profile of the agent${mirror ? ", mirroring" : ""} (${folder})`, ...texts].join("\n");
}

function topFunctions(profile: CpuProfile): string {
  const microseconds = new Map<number, number>();
  profile.samples.forEach((id, index) => {
    microseconds.set(id, (microseconds.get(id) ?? 0) + (profile.timeDeltas[index] ?? 0));
  });
  const byFunction = new Map<string, number>();
  let total = 0;
  for (const { id, callFrame } of profile.nodes) {
    const self = microseconds.get(id) ?? 0;
    if (callFrame.functionName === "(idle)" || self === 0) continue;
    total += self;
    const place = callFrame.url.split("/").slice(-3).join("/");
    const name = `${callFrame.functionName || "(anonymous)"} ${place}:${callFrame.lineNumber + 1}`;
    byFunction.set(name, (byFunction.get(name) ?? 0) + self);
  }
  return [...byFunction]
    .sort(([, a], [, b]) => b - a)
    .slice(0, SHOWN_FUNCTIONS)
    .map(([name, self]) => `${((100 * self) / total).toFixed(1).padStart(6)} %  ${name}`)
    .join("\n");
}

// A large upload while the mirror's backend never reads: what it costs in memory, and whether the primary waits.
import { fileURLToPath } from "node:url";
import { agentPeer } from "../heddle/agent.ts";
import { figure, type CaseReport } from "../harness/figure.ts";
import { accepts, LOAD_CORE, runPinned, startPinned, waitUntil } from "../harness/managed-process.ts";
import { freePorts } from "../../cli/up/workload/free-port.ts";
import { residentMegabytes } from "../harness/process-usage.ts";
import { median } from "../harness/statistics.ts";
import type { RunningProxy, Scenario } from "../peers/peer.ts";
import type { BenchCase, BenchContext } from "./context.ts";

const UPLOAD_BYTES = 100 * 1024 * 1024;
const SAMPLE_INTERVAL_MS = 10;
const MINIMUM_RUNS = 5;
const SINKS = fileURLToPath(new URL("../load/upload-sinks.mjs", import.meta.url));
const CLIENT = fileURLToPath(new URL("../load/upload-client.mjs", import.meta.url));

export const upload: BenchCase = {
  name: "upload",
  summary: "100 MB upload, mirrored to a backend that never reads",
  run,
};

async function run(context: BenchContext): Promise<CaseReport> {
  const [readingPort = 0, stalledPort = 0] = await freePorts(2);
  const sinks = startPinned(LOAD_CORE, process.execPath, [SINKS, String(readingPort), String(stalledPort)]);
  const proxies: RunningProxy[] = [];
  try {
    await waitUntil("the sinks accepting connections", () => accepts(stalledPort), sinks);
    const { folder, collectorPort } = context;
    const origin = { ...context.origin, stablePort: readingPort, canaryPort: readingPort, mirrorPort: stalledPort };
    const scenario: Scenario = { routes: 1, mirror: false, origin, collectorPort, folder };
    const plain = await agentPeer().start(scenario);
    proxies.push(plain);
    const mirrored = await agentPeer().start({ ...scenario, mirror: true });
    proxies.push(mirrored);
    const plainRuns: Uploaded[] = [];
    const mirroredRuns: Uploaded[] = [];
    for (let count = 0; count < Math.max(MINIMUM_RUNS, context.runs); count++) {
      plainRuns.push(await uploadOnce(plain));
      mirroredRuns.push(await uploadOnce(mirrored));
      context.log(`upload ${count + 1}: ${describe(plainRuns.at(-1))}, mirrored ${describe(mirroredRuns.at(-1))}`);
    }
    const times = (runs: readonly Uploaded[]): number[] => runs.map((run) => run.milliseconds);
    const grown = (runs: readonly Uploaded[]): number[] => runs.map((run) => run.grownMegabytes);
    const ratio = median(times(mirroredRuns)) / median(times(plainRuns));
    const perRun = mirroredRuns.map((run, index) => run.milliseconds / (plainRuns[index]?.milliseconds ?? Number.NaN));
    return {
      title: `${upload.name}: ${upload.summary}`,
      rows: [
        figure("no mirror, time", "ms", times(plainRuns)),
        figure("mirrored, time", "ms", times(mirroredRuns)),
        figure("mirrored / no mirror", "x", perRun, { value: ratio, target: 1.1, note: "ratio of the medians" }),
        figure("no mirror, memory growth", "MB", grown(plainRuns), { value: Math.max(...grown(plainRuns)) }),
        figure("mirrored, memory growth", "MB", grown(mirroredRuns), {
          value: Math.max(...grown(mirroredRuns)),
          target: 16,
          note: "the largest, the first upload of a fresh agent included",
        }),
      ],
    };
  } finally {
    await Promise.all(proxies.map((proxy) => proxy.stop()));
    await sinks.stop();
  }
}

interface Uploaded {
  readonly milliseconds: number;
  /** Peak during the upload over the moment before it. */
  readonly grownMegabytes: number;
}

async function uploadOnce(proxy: RunningProxy): Promise<Uploaded> {
  const { pid } = proxy.process;
  const before = residentMegabytes(pid);
  let peak = before;
  const sampler = setInterval(() => (peak = Math.max(peak, residentMegabytes(pid))), SAMPLE_INTERVAL_MS);
  try {
    const args = [CLIENT, String(proxy.port), "/svc0/upload", String(UPLOAD_BYTES)];
    const milliseconds = Number(await runPinned(LOAD_CORE, process.execPath, args));
    return { milliseconds, grownMegabytes: Math.max(peak, residentMegabytes(pid)) - before };
  } finally {
    clearInterval(sampler);
  }
}

function describe(run: Uploaded | undefined): string {
  return run === undefined ? "" : `${Math.round(run.milliseconds)} ms +${run.grownMegabytes.toFixed(1)} MB`;
}

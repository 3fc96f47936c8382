// `npm run bench`: measures the agent and the control plane beside peers in the same run and prints one table. The
// cases are in cases/, the peers in peers/, starting and measuring processes in harness/; docs/benchmarks.md says how
// to read the result.
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { BenchCase, BenchContext } from "./cases/context.ts";
import { latency } from "./cases/latency.ts";
import { memory } from "./cases/memory.ts";
import { mirroredRequests, plainRequests } from "./cases/requests.ts";
import { scriptCase } from "./cases/script.ts";
import { startUp } from "./cases/start-up.ts";
import { upload } from "./cases/upload.ts";
import { verdict, type CaseReport } from "./harness/figure.ts";
import { describeMachine } from "./harness/machine.ts";
import { accepts, findProgram, LOAD_CORE, PROXY_CORE, startPinned, waitUntil } from "./harness/managed-process.ts";
import { freePorts } from "../cli/up/workload/free-port.ts";
import { renderTable } from "./harness/table.ts";
import { startOrigin } from "./load/origin.ts";
import { readCommandLine, USAGE, type BenchOptions } from "./options.ts";
import { profileAgent } from "./profile.ts";

const CASES: readonly BenchCase[] = [
  plainRequests,
  mirroredRequests,
  latency,
  memory,
  startUp,
  upload,
  scriptCase("push", "push.ts", "one weight change, 1000 agents connected"),
  scriptCase("translate", "translate.ts", "5000 routes translated from nothing; one of them changed"),
  scriptCase("http1-parse", "http1-parse.ts", "parsing HTTP/1.1 heads"),
  scriptCase("route-match", "route-match.ts", "matching requests to rules"),
  scriptCase("trace-context", "trace-context.ts", "trace context of an unsampled request"),
];

const RESULTS_FOLDER = fileURLToPath(new URL("results/", import.meta.url));
const COLLECTOR = fileURLToPath(new URL("load/collector.mjs", import.meta.url));
const SECONDS_PER_RUN = 5;
const QUICK_SECONDS_PER_RUN = 2;

/** Without these nothing can be measured, whichever the peers. */
const NEEDED = [
  ["taskset", "apt-get install util-linux"],
  ["wrk", "apt-get install wrk"],
  ["nginx", "apt-get install nginx-light"],
] as const;

process.exitCode = await main(process.argv.slice(2));

async function main(args: readonly string[]): Promise<number> {
  const commandLine = readCommandLine(
    args,
    CASES.map(({ name }) => name),
  );
  switch (commandLine.kind) {
    case "help":
      process.stdout.write(USAGE);
      return 0;
    case "list":
      for (const { name, summary } of CASES) process.stdout.write(`${name.padEnd(14)}  ${summary}\n`);
      return 0;
    case "wrong":
      process.stderr.write(`${commandLine.reason}\n\n${USAGE}`);
      return 2;
    case "run":
      return measure(commandLine.options);
  }
}

async function measure(options: BenchOptions): Promise<number> {
  const absent = NEEDED.filter(([program]) => findProgram(program) === null);
  for (const [program, command] of absent) process.stderr.write(`${program} is not installed: ${command}\n`);
  if (cpus().length < 2) process.stderr.write("the benchmark needs two cores: one for the proxy, one for the load\n");
  if (absent.length > 0 || cpus().length < 2) return 1;

  // This process and its timers belong to the load's side.
  execFileSync("taskset", ["-acp", String(LOAD_CORE), String(process.pid)], { stdio: "ignore" });
  const machine = describeMachine();
  const folder = mkdtempSync(join(tmpdir(), "heddle-bench-"));
  const reports: CaseReport[] = [];
  const profiles: string[] = [];
  let failed = false;
  const origin = await startOrigin(folder);
  const [collectorPort = 0] = await freePorts(1);
  const collector = startPinned(LOAD_CORE, process.execPath, [COLLECTOR, String(collectorPort)]);
  try {
    await waitUntil("the collector accepting connections", () => accepts(collectorPort), collector);
    const context: BenchContext = {
      origin,
      collectorPort,
      folder,
      runs: options.runs,
      secondsPerRun: options.quick ? QUICK_SECONDS_PER_RUN : SECONDS_PER_RUN,
      full: options.full,
      quick: options.quick,
      log: (line) => process.stderr.write(`${line}\n`),
    };
    for (const benchCase of CASES.filter(({ name }) => options.only.includes(name))) {
      context.log(`== ${benchCase.name}`);
      try {
        reports.push(await benchCase.run(context));
      } catch (error) {
        failed = true;
        const reason = error instanceof Error ? error.message : String(error);
        context.log(reason);
        const missing = `failed: ${reason.split("\n")[0] ?? ""}`;
        reports.push({
          title: `${benchCase.name}: ${benchCase.summary}`,
          rows: [{ subject: benchCase.name, missing }],
        });
      }
    }
    if (options.profile) {
      for (const mirror of [false, true]) profiles.push(await profileAgent(context, RESULTS_FOLDER, mirror));
    }
  } finally {
    await Promise.all([origin.stop(), collector.stop()]);
    rmSync(folder, { recursive: true, force: true });
  }
  const file = saveResults(machine, options, reports);
  process.stdout.write(heading(machine, options));
  process.stdout.write(`\n${renderTable(reports)}\n`);
  for (const text of profiles) process.stdout.write(`${text}\n\n`);
  const short = reports.flatMap(({ rows }) => rows).filter((row) => verdict(row) === "short").length;
  process.stdout.write(`${short} of the targets missed. Raw values: ${file}\n`);
  return failed ? 1 : 0;
}

function heading(machine: ReturnType<typeof describeMachine>, options: BenchOptions): string {
  const { versions } = machine;
  return `${machine.processor}, ${machine.cores} cores, Linux ${machine.kernel}, ${machine.date}
Node ${short(versions["node"])}, Envoy ${short(versions["envoy"])}, nginx ${short(versions["nginx"])}, wrk ${short(versions["wrk"])}.
Proxy on core ${PROXY_CORE}; load, origin, collector and control plane on core ${LOAD_CORE}. Medians of ${options.runs} runs taken in turn.
CPU time is user + system of the proxy's process and its children. 130-byte answers.
`;
}

/** The number in what a program prints of its version. */
function short(version: string | undefined): string {
  return (version ?? "").match(/\d+\.\d+\.\d+/g)?.at(-1) ?? "(not installed)";
}

function saveResults(
  machine: ReturnType<typeof describeMachine>,
  options: BenchOptions,
  reports: readonly CaseReport[],
): string {
  mkdirSync(RESULTS_FOLDER, { recursive: true });
  const file = join(RESULTS_FOLDER, `${machine.date.replaceAll(":", "-")}.json`);
  writeFileSync(file, `${JSON.stringify({ machine, options, reports }, null, 2)}\n`);
  return file;
}

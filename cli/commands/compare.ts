// The command `heddle compare`: how the versions behind one route do, from the agents' own reports, and whether to go on.
import { setTimeout as delay } from "node:timers/promises";
import { Command } from "commander";
import { ClusterClient } from "../cluster/client.ts";
import { assertOutput, type ClusterFlags, withClusterOptions } from "../cluster/kube-config.ts";
import { sumStats } from "../cluster/summed-stats.ts";
import { versionRows } from "../compare/print.ts";
import { measuredInFolder, measuredOnCluster, type Measured } from "../compare/read-sums.ts";
import { compareVersions, type Comparison } from "../compare/verdict.ts";
import { countedBetween, countsByVersion, noCounts, type VersionCounts } from "../compare/version-counts.ts";
import { UsageError } from "../failure.ts";
import { printRows } from "../get/rows.ts";
import type { StatsSum } from "../up/output/live-routes.ts";

interface Flags extends ClusterFlags {
  readonly filename?: string;
  readonly namespace?: string;
  readonly versions?: string;
  readonly since?: string;
  readonly minRequests: string;
  readonly output: string;
}

/** Of a version that is worse: neither a failure of the command nor wrong usage. */
const worseExitCode = 3;
const maxSinceMs = 24 * 3_600_000;

export function compareCommand(): Command {
  const command = new Command("compare")
    .description("compare the versions behind a route: requests, error rate, p50, p99, and whether to roll on or back")
    .argument("<route>", "HTTPRoute: name or namespace/name")
    .option("-f, --filename <folder>", "a folder that heddle up runs on, instead of a cluster")
    .option("-n, --namespace <name>", "namespace of the route; else the context's")
    .option("--versions <a,b>", "versions to compare, the first with each other one; else in the route's order")
    .option("--since <duration>", "count only from now on for so long, such as 60s or 5m; else since the start")
    .option("--min-requests <count>", "requests that a version needs before there is a verdict", "20");
  return withClusterOptions(command)
    .option("-o, --output <format>", "text or json", "text")
    .addHelpText(
      "after",
      `
Counts are the agents' own, added up over the control plane's replicas since those started; --since takes two readings
that far apart. Errors are 5xx and requests without a response. Error rates are compared, not counts.
Exit code 3 when a version's error rate is more than twice the first one's; 0 when it is not, or too little is known.

Example:
  $ heddle compare task-api-canary -n task-api
  $ heddle compare task-api-canary -n task-api --versions stable,canary --since 60s`,
    )
    .action(runCompare);
}

async function runCompare(given: string, flags: Flags): Promise<void> {
  assertOutput(flags.output);
  const minRequests = readCount(flags.minRequests);
  const chosen = readVersions(flags.versions);
  const sinceMs = flags.since === undefined ? 0 : readDurationMs(flags.since);
  const slash = given.indexOf("/");
  const namespace = slash === -1 ? flags.namespace : given.slice(0, slash);
  const measured = await findMeasured(given.slice(slash + 1), namespace, flags);
  const sums = await readSums(measured, sinceMs);
  const counted = countsByVersion(sums, measured.route, measured.backends);
  const versions =
    chosen.length === 0
      ? counted
      : chosen.map((version) => counted.find((one) => one.version === version) ?? noCounts(version));
  const comparisons = compareAll(versions, minRequests);
  if (flags.output === "json") {
    const verdicts = comparisons.map(({ baseline, candidate, verdict }) => ({
      baseline: baseline.version,
      candidate: candidate.version,
      verdict,
    }));
    console.log(JSON.stringify({ route: measured.route, versions, verdicts }, null, 2));
  } else {
    console.log(describe(versions, comparisons).join("\n"));
  }
  if (comparisons.some(({ verdict }) => verdict === "worse")) {
    process.exitCode = worseExitCode;
  }
}

async function findMeasured(name: string, namespace: string | undefined, flags: Flags): Promise<Measured> {
  if (flags.filename !== undefined) {
    return measuredInFolder(flags.filename, namespace, name);
  }
  const client = await ClusterClient.open(flags);
  return measuredOnCluster(client, namespace ?? client.defaultNamespace, name);
}

async function readSums({ read }: Measured, sinceMs: number): Promise<readonly StatsSum[]> {
  const first = await read();
  const last = sinceMs > 0 ? await delay(sinceMs).then(read) : first;
  for (const [replica, reason] of new Map([...first.silent, ...last.silent])) {
    console.error(`replica ${replica} does not answer, its counts are missing: ${reason}`);
  }
  const counted = sinceMs > 0 ? countedBetween(first.reading, last.reading) : last.reading;
  // What a replica counted before it was silent cannot be taken away.
  const known = [...counted].filter(([replica]) => !first.silent.has(replica));
  return sumStats(known.map(([, series]) => ({ series })));
}

function compareAll(versions: readonly VersionCounts[], minRequests: number): readonly Comparison[] {
  const [baseline, ...others] = versions;
  return baseline === undefined ? [] : others.map((candidate) => compareVersions(baseline, candidate, minRequests));
}

function describe(versions: readonly VersionCounts[], comparisons: readonly Comparison[]): readonly string[] {
  if (versions.length === 0) {
    return ["No requests yet."];
  }
  const table = printRows(versionRows(versions));
  return comparisons.length === 0
    ? [table, "", "Only one version has requests: nothing to compare it with."]
    : [table, ...comparisons.flatMap(({ lines }) => ["", ...lines])];
}

function readVersions(text: string | undefined): readonly string[] {
  if (text === undefined) {
    return [];
  }
  const versions = text.split(",").map((version) => version.trim());
  if (versions.length < 2 || versions.includes("") || new Set(versions).size < versions.length) {
    throw new UsageError(`--versions must be different names with commas between them, not "${text}"`);
  }
  return versions;
}

function readCount(text: string): number {
  const count = Number(text);
  if (!Number.isSafeInteger(count) || count < 1) {
    throw new UsageError(`--min-requests must be a number from 1, not "${text}"`);
  }
  return count;
}

function readDurationMs(text: string): number {
  const [, amount, unit] = /^(\d{1,6})(ms|s|m|h)$/.exec(text) ?? [];
  const unitsMs: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };
  const durationMs = Number(amount) * (unitsMs[unit ?? ""] ?? Number.NaN);
  if (!(durationMs > 0 && durationMs <= maxSinceMs)) {
    throw new UsageError(`--since must be a duration such as 60s or 5m, at most 24h, not "${text}"`);
  }
  return durationMs;
}

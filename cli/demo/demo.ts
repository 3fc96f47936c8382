// The main job in about twenty seconds, with real processes: says what it does, what it expects and what it saw, and
// whether all of it was so. The composition of scenario, collector, client and `heddle up`; the checks are here.
import type { Log } from "../up/log.ts";
import type { Output } from "../up/output/output.ts";
import { Up } from "../up/up.ts";
import { DemoClient, versionOf } from "./client.ts";
import { startCollector, type Collector, type DemoSpan } from "./collector.ts";
import { makeScenario, type Scenario } from "./scenario.ts";

type Counts = Readonly<Record<string, number>>;

/** Everything that a step works with. */
interface Stage {
  readonly say: (line: string) => void;
  readonly scenario: Scenario;
  readonly collector: Collector;
  readonly client: DemoClient;
  readonly up: Up;
  /** Lines that pods printed: [pod, line]. */
  readonly podLines: readonly (readonly [string, string])[];
}

const deadlineMs = 15_000;
const pollMs = 20;

/**
 * Prints through `say`. Resolves with whether every expectation held; stops every process either way, also when
 * `signal` is aborted between two steps.
 */
export async function runDemo(say: (line: string) => void, signal: AbortSignal): Promise<boolean> {
  const scenario = await makeScenario();
  const collector = await startCollector();
  const client = new DemoClient(scenario.gatewayPort);
  const podLines: (readonly [string, string])[] = [];
  const problems: string[] = [];
  const up = new Up({
    folder: scenario.folder,
    defaultNamespace: "default",
    output: recordingOutput(podLines, problems),
    agentEnvironment: {
      OTEL_EXPORTER_OTLP_ENDPOINT: collector.endpoint,
      OTEL_EXPORTER_OTLP_PROTOCOL: "http/protobuf",
      OTEL_TRACES_SAMPLER: "parentbased_traceidratio",
      OTEL_TRACES_SAMPLER_ARG: "1",
      OTEL_BSP_SCHEDULE_DELAY: "200",
    },
  });
  const stage: Stage = { say, scenario, collector, client, up, podLines };
  let isGood = false;
  try {
    await begin(stage);
    const results: boolean[] = [];
    for (const step of [split, header, mirror, mesh, spans, edit]) {
      signal.throwIfAborted();
      results.push(await step(stage));
    }
    isGood = results.every(Boolean);
  } catch (error) {
    say(`   FAILED: ${error instanceof Error ? error.message : String(error)}`);
  }
  client.close();
  const stoppingMs = performance.now();
  const { pods, agents } = up.state();
  await up.close();
  await collector.close();
  await scenario.remove();
  const left = [...pods, ...agents].filter(({ pid }) => pid !== undefined && isAlive(pid));
  say(`7. Everything stops in ${Math.round(performance.now() - stoppingMs)} ms.`);
  isGood = check(say, "processes left over", { all: 0 }, { all: left.length }) && isGood;
  if (!isGood) {
    problems.forEach((problem) => say(`   log: ${problem}`));
  }
  say(isGood ? "\nAll as expected." : "\nNot as expected.");
  return isGood;
}

async function begin({ say, scenario, up }: Stage): Promise<void> {
  say("Heddle on one machine: control plane, gateway agent, sidecar and four workloads, each a real process,");
  say("from ordinary Kubernetes YAML. Starting.");
  const startedMs = performance.now();
  await up.start();
  await until(() => up.isSettled(), "pods and agents are ready");
  const { pods, agents } = up.state();
  const seconds = ((performance.now() - startedMs) / 1000).toFixed(1);
  say(`   ${pods.length} pods and ${agents.length} agents are ready after ${seconds} s.`);
  say(`   The gateway listens on http://127.0.0.1:${scenario.gatewayPort}\n`);
}

async function split({ say, client }: Stage): Promise<boolean> {
  say("1. A canary: 100 requests, weights 95 for v1 and 5 for v2.");
  return check(say, "answers", { v1: 95, v2: 5 }, await client.countVersions(100, "/api/version"));
}

async function header({ say, client }: Stage): Promise<boolean> {
  say("2. A header picks the version: 20 requests with x-beta-user: true.");
  const headers = { "x-beta-user": "true" };
  return check(say, "answers", { experimental: 20 }, await client.countVersions(20, "/api/version", { headers }));
}

async function mirror({ say, client, podLines }: Stage): Promise<boolean> {
  say("3. A mirror: 50 POST requests go to v1, a copy of each to v2, whose answers are thrown away.");
  const post = { method: "POST", body: JSON.stringify({ title: "weave" }) };
  const answers = await client.countVersions(50, "/api/mirrored", post);
  const copies = (): number =>
    podLines.filter(([pod, line]) => pod.includes("canary") && line.includes("(mirrored)")).length;
  await until(() => copies() >= 50, "the canary has logged its copies", 3000).catch(() => {});
  return (
    check(say, "answers", { v1: 50 }, answers) && check(say, "copies that v2 logged", { v2: 50 }, { v2: copies() })
  );
}

async function mesh({ say, client }: Stage): Promise<boolean> {
  say("4. Inside the mesh: pod web calls http://task-api:8000 40 times; its sidecar splits 75 to 25.");
  return check(say, "answers", { v1: 30, v2: 10 }, await client.countVersions(40, "/web"));
}

async function spans({ say, collector }: Stage): Promise<boolean> {
  say("5. Every request so far is a span with the version that served it: 100 + 20 + 50 + 40 at the gateway.");
  const atGateway = (): readonly DemoSpan[] =>
    collector.spans.filter(({ kind, service }) => kind === "server" && service === "task-api-gateway");
  const mirrors = (): number => collector.spans.filter(({ attributes }) => attributes["heddle.mirror"] === true).length;
  const fromWeb = (): readonly DemoSpan[] =>
    collector.spans.filter(({ kind, service }) => kind === "client" && service === "web");
  const all = (): boolean => atGateway().length >= 210 && mirrors() >= 50 && fromWeb().length >= 40;
  await until(all, "all spans have arrived", 5000).catch(() => {});
  const counts = countBy(
    atGateway(),
    ({ attributes }) => `${String(attributes["heddle.route"])} ${String(attributes["version"])}`,
  );
  const expected = {
    "task-api/task-api-canary stable": 95,
    "task-api/task-api-canary canary": 5,
    "task-api/task-api-canary experimental": 20,
    "task-api/task-api-mirror stable": 50,
    "task-api/web v1": 40,
  };
  const sidecar = countBy(fromWeb(), ({ attributes }) => String(attributes["version"]));
  const results = [
    check(say, "gateway spans", expected, counts),
    check(say, "mirror spans", { all: 50 }, { all: mirrors() }),
    check(say, "spans of the sidecar's calls", { stable: 30, canary: 10 }, sidecar),
  ];
  return results.every(Boolean);
}

async function edit({ say, client, scenario }: Stage): Promise<boolean> {
  say("6. A weight edited in a file: canary-route.yaml goes from 95/5 to 0/100.");
  await scenario.edit("canary-route.yaml", { "weight: 95": "weight: 0", "weight: 5": "weight: 100" });
  const savedMs = performance.now();
  let lastOldMs = savedMs;
  let sinceOld = 0;
  let failures = 0;
  await until(async () => {
    const version = versionOf(await client.send("/api/version"));
    failures += version === "failed" ? 1 : 0;
    sinceOld = version === "v2" ? sinceOld + 1 : 0;
    lastOldMs = version === "v2" ? lastOldMs : performance.now();
    return sinceOld >= 50;
  }, "the canary takes everything");
  say(`   The last request that v1 took was ${Math.round(lastOldMs - savedMs)} ms after the file was saved.`);
  const results = [
    check(say, "failed meanwhile", { all: 0 }, { all: failures }),
    check(say, "the next 100 answers", { v2: 100 }, await client.countVersions(100, "/api/version")),
  ];
  return results.every(Boolean);
}

function check(say: Stage["say"], what: string, expected: Counts, seen: Counts): boolean {
  const names = new Set([...Object.keys(expected), ...Object.keys(seen)]);
  const isGood = [...names].every((name) => (expected[name] ?? 0) === (seen[name] ?? 0));
  say(`   ${isGood ? "ok    " : "WRONG "} ${what}: ${print(seen)}${isGood ? "" : `, expected ${print(expected)}`}`);
  return isGood;
}

function print(counts: Counts): string {
  const entries = Object.entries(counts).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return entries.map(([name, count]) => (name === "all" ? `${count}` : `${name} ${count}`)).join(", ") || "none";
}

function countBy<Thing>(things: readonly Thing[], key: (thing: Thing) => string): Counts {
  const counts: Record<string, number> = {};
  for (const thing of things) {
    counts[key(thing)] = (counts[key(thing)] ?? 0) + 1;
  }
  return counts;
}

async function until(condition: () => boolean | Promise<boolean>, what: string, timeoutMs = deadlineMs): Promise<void> {
  const endMs = performance.now() + timeoutMs;
  while (!(await condition())) {
    if (performance.now() > endMs) {
      throw new Error(`waited ${timeoutMs / 1000} s until ${what}`);
    }
    await new Promise((resolve) => {
      setTimeout(resolve, pollMs);
    });
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

function recordingOutput(podLines: (readonly [string, string])[], problems: string[]): Output {
  const log: Log = {
    line: () => {},
    problem: (speaker, text) => problems.push(`[${speaker}] ${text}`),
    output: (speaker, text) => podLines.push([speaker, text]),
    detail: () => {},
  };
  return { ...log, show: () => {}, close: () => {} };
}

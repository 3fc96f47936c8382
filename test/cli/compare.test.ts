import test from "ava";
import { countedBetween, countsByVersion, noCounts } from "../../cli/compare/version-counts.ts";
import { compareVersions } from "../../cli/compare/verdict.ts";
import { sumStats } from "../../cli/cluster/summed-stats.ts";
import type { StatsSum } from "../../cli/up/output/live-routes.ts";
import { heddle, replaceIn, RunningSample, until } from "../samples/running-sample.ts";

const route = "task-api/task-api-canary";

/** `good` answers 200 in about 8 ms, `bad` answers 500, `lost` got no response. */
function series(version: string, good: number, bad: number, lost = 0): StatsSum {
  const latencyBuckets = Array.from({ length: 15 }, () => 0);
  latencyBuckets[4] = good + bad + lost;
  return {
    route,
    rule: 0,
    backend: `task-api/task-api-${version}:8000`,
    workloadVersion: version,
    statusClasses: [0, good, 0, 0, bad, lost],
    latencyBuckets,
    mirrored: 0,
    mirrorsDropped: 0,
  };
}

const backends = ["task-api/task-api-stable", "task-api/task-api-canary"];

test("replicas' counts are added up, by version, in the route's order", (t) => {
  const sums = sumStats([
    { series: [series("canary", 3, 1), series("stable", 90, 2)] },
    { series: [series("stable", 5, 0, 1), { ...series("canary", 50, 50), route: "task-api/other" }] },
  ]);
  t.like(countsByVersion(sums, route, backends), [
    { version: "stable", requests: 98, errors: 3 },
    { version: "canary", requests: 4, errors: 1, errorRate: 0.25 },
  ]);
  t.is(countsByVersion(sums, route, backends)[0]!.p50Ms, 7.5);
});

test("a version that only mirrors went to is not compared", (t) => {
  const shadow = { ...series("shadow", 0, 0), mirrored: 100 };
  t.deepEqual(
    countsByVersion([series("stable", 1, 0), shadow], route, backends).map(({ version }) => version),
    ["stable"],
  );
});

test("between two readings each replica counts for itself, also one that started anew or is new", (t) => {
  const before = new Map([
    ["a", [series("stable", 100, 1)]],
    ["b", [series("stable", 500, 9)]],
  ]);
  const after = new Map([
    ["a", [series("stable", 130, 2)]],
    ["b", [series("stable", 7, 0)]],
    ["c", [series("canary", 4, 0)]],
  ]);
  const sums = sumStats([...countedBetween(before, after).values()].map((one) => ({ series: one })));
  t.like(countsByVersion(sums, route, backends), [
    { version: "stable", requests: 38, errors: 1 },
    { version: "canary", requests: 4, errors: 0 },
  ]);
});

function verdictOf(stable: StatsSum, canary: StatsSum) {
  const [one, other] = countsByVersion([stable, canary], route, backends);
  return compareVersions(one!, other!, 20);
}

test("T32 the lesson's lines, word for word: healthy", (t) => {
  t.deepEqual(verdictOf(series("stable", 97, 3), series("canary", 98, 2)).lines, [
    "Comparing stable vs canary...",
    "Stable errors: 3",
    "Canary errors: 2",
    "Canary looks healthy—proceed with rollout.",
  ]);
});

test("T11, T32 the lesson's lines, word for word: 3 against 12 is worse", (t) => {
  const { lines, verdict } = verdictOf(series("stable", 97, 3), series("canary", 88, 12));
  t.is(verdict, "worse");
  t.deepEqual(lines, [
    "Comparing stable vs canary...",
    "Stable errors: 3",
    "Canary errors: 12",
    "WARNING: Canary error rate is more than 2x stable!",
    "Consider rollback.",
  ]);
});

test("T32 rates are compared, not counts", (t) => {
  t.is(verdictOf(series("stable", 1888, 12), series("canary", 97, 3)).verdict, "worse");
  t.is(verdictOf(series("stable", 97, 3), series("canary", 1888, 12)).verdict, "healthy");
  t.is(verdictOf(series("stable", 90, 10), series("canary", 80, 20)).verdict, "healthy", "exactly twice is not more");
  t.is(verdictOf(series("stable", 100, 0), series("canary", 99, 1)).verdict, "worse");
});

test("too few requests of either version: no verdict, and how many are missing", (t) => {
  const { lines, verdict } = verdictOf(series("stable", 95, 0), series("canary", 1, 4));
  t.is(verdict, "too few requests");
  t.is(lines.at(-1), "Not enough canary traffic yet: 5 of 20 requests.");
  t.is(compareVersions(noCounts("stable"), noCounts("canary"), 1).lines.length, 5);
});

test.serial("T11, T32 compare reads a running folder and ends with 3 when the canary is worse", async (t) => {
  const sample = await RunningSample.start(t, "task-api/canary", (folder) =>
    replaceIn(`${folder}/task-api-canary-route.yaml`, "weight: 95", "weight: 50", "weight: 5\n", "weight: 50\n"),
  );
  const compare = (...words: readonly string[]) => heddle("compare", "task-api-canary", "-f", sample.folder, ...words);
  t.is((await compare()).stdout, "No requests yet.\n");
  await sample.count(60, "/api/version", ({ status }) => String(status));
  const asked = async (): Promise<string> => (await compare()).stdout;
  await until(async () => /canary +30 +0 +0% +[\d.]+ ms +[\d.]+ ms\n/.test(await asked()), "the agents have reported");
  const { stdout, code } = await compare();
  t.is(code, 0);
  t.regex(
    stdout,
    /^VERSION +REQUESTS +ERRORS +ERROR RATE +P50 +P99\nstable +30 +0 [^]*\n\nComparing stable vs canary\.\.\.\nStable errors: 0\nCanary errors: 0\nCanary looks healthy—proceed with rollout\.\n$/,
  );
  t.like(JSON.parse((await compare("-o", "json", "--versions", "canary,stable")).stdout) as object, {
    route,
    verdicts: [{ baseline: "canary", candidate: "stable", verdict: "healthy" }],
  });
  t.regex((await compare("--min-requests", "31")).stdout, /Not enough canary traffic yet: 30 of 31 requests\./);
  t.regex((await compare("--since", "100ms")).stdout, /No requests yet/);

  const file = "task-api-canary-route.yaml";
  await sample.edit(file, [
    ["task-api-stable\n      port: 8000\n      weight: 50", "task-api-stable\n      port: 8000\n      weight: 0"],
  ]);
  t.deepEqual(await sample.count(10, "/api/error", ({ status }) => String(status)), { 500: 10 });
  await until(async () => /canary +40 +10 +25% /.test(await asked()), "the errors are reported");
  const worse = await compare();
  t.is(worse.code, 3);
  t.true(
    worse.stdout.endsWith(
      "Stable errors: 0\nCanary errors: 10\nWARNING: Canary error rate is more than 2x stable!\nConsider rollback.\n",
    ),
    worse.stdout,
  );
});

for (const { title, words, expected } of [
  { title: "a duration", words: ["--since", "1d"], expected: /--since must be a duration such as 60s/ },
  { title: "a version twice", words: ["--versions", "v1,v1"], expected: /--versions must be different names/ },
  { title: "a count", words: ["--min-requests", "0"], expected: /--min-requests must be a number from 1/ },
]) {
  test.serial(`wrong usage of compare, ${title}: exit code 2`, async (t) => {
    const { code, stderr } = await heddle("compare", "r", "-f", ".", ...words);
    t.is(code, 2);
    t.regex(stderr, expected);
  });
}

// When spans and log lines say that a request was: in epoch time as it is now, not as it was when the agent started.
import { PassThrough } from "node:stream";
import test from "ava";
import { AccessLog } from "../../agent/telemetry/access-log.ts";
import { MetricRegistry } from "../../agent/telemetry/metric-registry.ts";
import { TraceDecider } from "../../agent/telemetry/trace-context.ts";
import { WallClock } from "../../agent/telemetry/wall-clock.ts";
import { collectedTracing } from "../support/collected-tracing.ts";
import type { CollectedSpan } from "../support/otlp-collector.ts";
import type { TestProxyOptions } from "../support/proxy.ts";
import { proxyFor } from "../support/proxy.ts";
import { exchange } from "../support/raw-client.ts";
import { ok, startOrigin } from "../support/raw-server.ts";
import { mirror } from "../support/resource-set.ts";
import { backend, rule } from "../support/resources.ts";
import type { Test } from "../support/test-context.ts";
import { until } from "../support/until.ts";

const refused = 1;
const hourMs = 3_600_000;

interface Reports {
  readonly spans: CollectedSpan[];
  readonly lines: () => { readonly start_time: string; readonly duration_ms: number }[];
  readonly options: TestProxyOptions;
}

async function reporting(t: Test): Promise<Reports> {
  const { tracing, spans } = await collectedTracing(t);
  const registry = new MetricRegistry();
  const destination = new PassThrough().setEncoding("utf8");
  let text = "";
  destination.on("data", (more: string) => (text += more));
  const droppedLines = registry.counter("lines_total", "Lines.");
  const accessLog = new AccessLog({ destination, droppedLines, flushIntervalMs: 5 });
  t.teardown(() => accessLog.close(2000));
  const lines = (): ReturnType<Reports["lines"]> =>
    text
      .split("\n")
      .slice(0, -1)
      .map((line) => JSON.parse(line) as ReturnType<Reports["lines"]>[number]);
  return {
    spans,
    lines,
    options: { tracing, accessLog, traces: new TraceDecider({ ratio: 1 }), random: () => 0 },
  };
}

test("after a sleep or a clock step, spans, replays, copies and log lines are in the present", async (t) => {
  const { spans, lines, options } = await reporting(t);
  let nowMs = 5000;
  let epochMs = 1_700_000_000_000;
  const origin = await startOrigin(t, () => ok("x"));
  const shadow = await startOrigin(t, () => ok("x"));
  const proxy = await proxyFor(
    t,
    {
      rules: [rule([backend("b")], { mirrors: [mirror("shadow")] })],
      clusters: { b: [refused, origin.port], shadow: [shadow.port] },
    },
    { ...options, now: () => nowMs, wallClock: new WallClock(() => epochMs, epochMs - nowMs) },
  );
  for (const stepMs of [0, 8 * hourMs, -2 * hourMs]) {
    // Longer than the endpoint that refuses is left alone.
    nowMs += 120_000;
    epochMs += 120_000 + stepMs;
    spans.length = 0;
    const before = lines().length;
    await exchange(t, proxy.port, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    await until(() => spans.length === 3 && lines().length > before);
    for (const span of spans) {
      t.is(Math.round(span.startTimeMs), epochMs);
      t.is(Math.round(span.endTimeMs), epochMs);
      for (const event of span.events) t.is(Math.round(event.timeMs), epochMs);
    }
    t.is(spans.filter(({ events }) => events.length === 1).length, 2);
    t.is(Date.parse(lines().at(-1)!.start_time), epochMs);
  }
});

test("the rounding of epoch time to milliseconds does not move spans", async (t) => {
  const clock = new WallClock(() => Math.floor(nowMs + 1000.75), 1000.75);
  let nowMs = 0;
  for (; nowMs < 100; nowMs += 0.37) t.is(clock.offsetMs(nowMs), 1000.75);
  const drifted = new WallClock(() => nowMs + 1003, 1000.75);
  t.is(drifted.offsetMs(nowMs), 1003);
  t.is(drifted.offsetMs(nowMs + 1), 1003);
});

test("a gateway's CLIENT span begins when an endpoint was chosen, covers a replay, and ends with the SERVER span", async (t) => {
  const { spans, options } = await reporting(t);
  const origin = await startOrigin(t, () => ok("x"));
  let readings = 0;
  const proxy = await proxyFor(
    t,
    { rules: [rule([backend("b")])], clusters: { b: [refused, origin.port] } },
    // Each reading of the clock a while after the one before.
    {
      ...options,
      now: () => ++readings,
      wallClock: new WallClock(() => 1_700_000_000_000 + readings, 1_700_000_000_000),
    },
  );
  await exchange(t, proxy.port, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  await until(() => spans.length === 2);
  const server = spans.find(({ kind }) => kind === "SERVER")!;
  const client = spans.find(({ kind }) => kind === "CLIENT")!;
  t.true(client.startTimeMs > server.startTimeMs);
  t.true(client.startTimeMs < client.events[0]!.timeMs);
  t.is(client.endTimeMs, server.endTimeMs);
});

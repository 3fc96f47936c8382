import { setTimeout } from "node:timers/promises";
import test from "ava";
import { parsePrometheusText, samplesOf, valueOf } from "../../test/support/prometheus-text.ts";
import { AgentMetrics } from "./agent-metrics.ts";
import { LatencyHistogram } from "./histogram.ts";
import { maxSeriesPerFamily, MetricRegistry } from "./metric-registry.ts";
import { watchProcess } from "./process-metrics.ts";

test("counters and gauges appear with help, type and value, at 0 from the start", (t) => {
  const registry = new MetricRegistry();
  const counter = registry.counter("requests_total", "Requests.");
  registry.gauge("connections", "Open\nconnections \\ now.");
  counter.value += 2;
  t.true(
    registry
      .render()
      .endsWith(
        "# HELP requests_total Requests.\n# TYPE requests_total counter\nrequests_total 2\n" +
          "# HELP connections Open\\nconnections \\\\ now.\n# TYPE connections gauge\nconnections 0\n",
      ),
  );
});

test("label values are escaped and come back as they were", (t) => {
  const registry = new MetricRegistry();
  const family = registry.counterFamily("replies_total", "Replies.", ["reason", "place"]);
  const odd = 'quote " backslash \\ newline \n brace } comma , \u00e9';
  family.with(odd, "\\n").value = 3;
  t.is(valueOf(parsePrometheusText(registry.render()), "replies_total", { reason: odd, place: "\\n" }), 3);
});

test("the same label values give the same series", (t) => {
  const family = new MetricRegistry().gaugeFamily("open", "Open.", ["listener"]);
  t.is(family.with("inbound"), family.with("inbound"));
  t.not(family.with("inbound"), family.with("outbound"));
});

test("a family beyond its cap counts in one overflow series and says so", (t) => {
  const registry = new MetricRegistry();
  const family = registry.counterFamily("replies_total", "Replies.", ["reason"]);
  for (let index = 0; index < maxSeriesPerFamily + 20; index++) {
    family.with(`reason-${index}`).value++;
  }
  const families = parsePrometheusText(registry.render());
  t.is(samplesOf(families, "replies_total").length, maxSeriesPerFamily + 1);
  t.is(valueOf(families, "replies_total", { reason: "overflow" }), 20);
  t.is(valueOf(families, "heddle_metric_series_overflow_total", { family: "replies_total" }), 20);
});

test("names that a scraper would refuse, or that are taken, are refused when they are made", (t) => {
  const registry = new MetricRegistry();
  registry.counter("taken_total", "Taken.");
  for (const make of [
    () => registry.counter("taken_total", "Again."),
    () => registry.gauge("not-a-name", "Bad."),
    () => registry.counter("0total", "Bad."),
    () => registry.counterFamily("a_total", "Bad.", ["le"]),
    () => registry.counterFamily("b_total", "Bad.", ["__name"]),
    () => registry.counterFamily("c_total", "Two.", ["one", "two"]).with("only-one"),
  ]) {
    t.throws(make, { instanceOf: TypeError });
  }
});

test("gauges that are read are refreshed before each scrape", (t) => {
  const registry = new MetricRegistry();
  const gauge = registry.gauge("size", "Size.");
  let size = 1;
  registry.beforeScrape(() => {
    gauge.value = size;
  });
  t.is(valueOf(parsePrometheusText(registry.render()), "size"), 1);
  size = 5;
  t.is(valueOf(parsePrometheusText(registry.render()), "size"), 5);
});

test("a histogram without labels renders cumulative buckets", (t) => {
  const histogram = new LatencyHistogram();
  histogram.record(1);
  histogram.record(3);
  const text = `# HELP wait_seconds Wait.\n# TYPE wait_seconds histogram\n${histogram.render("wait_seconds", "")}`;
  const families = parsePrometheusText(text);
  t.is(valueOf(families, "wait_seconds_bucket", { le: "0.001" }), 1);
  t.is(valueOf(families, "wait_seconds_bucket", { le: "0.005" }), 2);
  t.is(valueOf(families, "wait_seconds_sum"), 0.004);
});

test("everything an agent exposes parses, and the process's own figures are plausible", (t) => {
  const metrics = new AgentMetrics(() => 0);
  const watched = watchProcess(metrics.registry);
  t.teardown(() => {
    watched.close();
  });
  const families = parsePrometheusText(metrics.registry.render());
  t.true(valueOf(families, "process_resident_memory_bytes") > 10_000_000);
  t.true(valueOf(families, "process_cpu_seconds_total") > 0);
  t.true(Math.abs(valueOf(families, "process_start_time_seconds") - performance.timeOrigin / 1000) < 1);
  t.is(samplesOf(families, "heddle_event_loop_lag_seconds").length, 3);
  for (const { name, type } of families.values()) {
    t.is(name.endsWith("_total"), type === "counter", name);
  }
});

test("event-loop lag shows a blocked loop, once", async (t) => {
  const registry = new MetricRegistry();
  const watched = watchProcess(registry);
  t.teardown(() => {
    watched.close();
  });
  const worst = (): number =>
    valueOf(parsePrometheusText(registry.render()), "heddle_event_loop_lag_seconds", { quantile: "1" });
  // The monitor measures from one of its own ticks to the next: one must come before, and one after.
  await setTimeout(120);
  const blockedUntil = performance.now() + 150;
  while (performance.now() < blockedUntil);
  await setTimeout(60);
  t.true(worst() > 0.05);
  t.is(worst(), 0);
});

test("only the generation in use has an info series", (t) => {
  const metrics = new AgentMetrics(() => 0);
  metrics.setGeneration("e.1", 1000);
  metrics.setGeneration("e.2", 2000);
  const families = parsePrometheusText(metrics.registry.render());
  t.deepEqual(
    samplesOf(families, "heddle_snapshot_info").map(({ labels }) => labels["generation"]),
    ["e.2"],
  );
  t.is(valueOf(families, "heddle_snapshot_applied_timestamp_seconds"), 2);
});

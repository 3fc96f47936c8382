// The metrics as the seeds' Prometheus queries see them, evaluated on two scrapes that a strict reader parsed.
import test from "ava";
import { AgentMetrics } from "../../agent/telemetry/agent-metrics.ts";
import type { MetricFamily } from "../support/prometheus-text.ts";
import { histogramQuantile, parsePrometheusText, sumOfRates } from "../support/prometheus-text.ts";
import { backend, cluster, endpoints, resourceSet, route, rule } from "../support/resource-set.ts";

const stable = "task-api/task-api-stable:8000";
const canary = "task-api/task-api-canary:8000";
const name = "task-api/task-api-canary";
const resources = resourceSet({
  routes: [route(name, [rule({ backends: [backend(stable, { weight: 95 }), backend(canary, { weight: 5 })] })])],
  clusters: [cluster(stable), cluster(canary)],
  endpoints: [
    endpoints(stable, [{ workloadVersion: "stable" }, { workloadVersion: "stable" }]),
    endpoints(canary, [{ workloadVersion: "canary" }]),
  ],
});
const meteredRule = { route: name, index: 0 };
const backends = {
  stable: { rule: meteredRule, displayName: stable },
  canary: { rule: meteredRule, displayName: canary },
};

interface Traffic {
  readonly version: keyof typeof backends;
  readonly status: number;
  readonly durationMs: number;
  readonly count: number;
}

/** Two scrapes, with this traffic in between. */
function scrapes(traffic: readonly Traffic[]): [Map<string, MetricFamily>, Map<string, MetricFamily>] {
  const { registry, requests } = new AgentMetrics(() => 0);
  requests.adopt(resources);
  const earlier = parsePrometheusText(registry.render());
  for (const { version, status, durationMs, count } of traffic) {
    for (let sent = 0; sent < count; sent++) {
      requests.counter(backends[version], version).record(status, durationMs);
    }
  }
  return [earlier, parsePrometheusText(registry.render())];
}

const minutes5 = 300;
const is5xx = ({ labels }: { readonly labels: Readonly<Record<string, string>> }): boolean =>
  /^5..$/.test(labels["status"] ?? "");

test("T29 the error-rate query has a value for every version, the healthy one and the idle one included", (t) => {
  const [earlier, later] = scrapes([
    { version: "stable", status: 200, durationMs: 3, count: 95 },
    { version: "canary", status: 200, durationMs: 3, count: 3 },
    { version: "canary", status: 500, durationMs: 3, count: 1 },
    { version: "canary", status: 503, durationMs: 3, count: 1 },
  ]);
  const errors = sumOfRates(earlier, later, "http_requests_total", ["version"], minutes5, is5xx);
  const all = sumOfRates(earlier, later, "http_requests_total", ["version"], minutes5);
  const rates = [...all].map(([version, rate]) => [version, (errors.get(version) ?? Number.NaN) / rate]);
  t.deepEqual(rates, [
    ["stable", 0],
    ["canary", 0.4],
  ]);
});

test("T29 the very first 5xx of a version counts: its series stood at zero before", (t) => {
  for (const status of [500, 502, 503, 504]) {
    const [earlier, later] = scrapes([{ version: "canary", status, durationMs: 3, count: 1 }]);
    const errors = sumOfRates(earlier, later, "http_requests_total", ["version"], minutes5, is5xx);
    t.is(errors.get("canary"), 1 / minutes5, String(status));
    t.is(errors.get("stable"), 0);
  }
});

test("T30 the p99 query has seconds per version from the bucket series", (t) => {
  const [earlier, later] = scrapes([
    { version: "stable", status: 200, durationMs: 4, count: 98 },
    { version: "stable", status: 200, durationMs: 90, count: 2 },
    { version: "canary", status: 200, durationMs: 1500, count: 5 },
  ]);
  const rates = sumOfRates(earlier, later, "http_request_duration_seconds_bucket", ["version", "le"], minutes5);
  const quantile = (version: string): number =>
    histogramQuantile(
      0.99,
      [...rates]
        .filter(([key]) => key.startsWith(`${version},`))
        .map(([key, rate]) => [key.slice(version.length + 1), rate] as const),
    );
  // 98 of 100 are under 5 ms, so the 99th lies half-way into (0.05, 0.1]; the canary's between 1 and 2.5 s.
  t.true(Math.abs(quantile("stable") - 0.075) < 1e-9, String(quantile("stable")));
  t.true(Math.abs(quantile("canary") - 2.485) < 1e-9, String(quantile("canary")));
});

test("T31 the requests-per-second query has the split's shares by version", (t) => {
  const [earlier, later] = scrapes([
    { version: "stable", status: 200, durationMs: 3, count: 950 },
    { version: "canary", status: 200, durationMs: 3, count: 50 },
  ]);
  const rates = sumOfRates(earlier, later, "http_requests_total", ["version"], minutes5);
  t.deepEqual(
    [...rates],
    [
      ["stable", 950 / minutes5],
      ["canary", 50 / minutes5],
    ],
  );
});

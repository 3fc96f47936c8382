import test from "ava";
import { parsePrometheusText, samplesOf, valueOf } from "../../test/support/prometheus-text.ts";
import {
  backend,
  cluster,
  endpoints,
  listener,
  mirror,
  resourceSet,
  route,
  rule,
} from "../../test/support/resource-set.ts";
import type { CompiledMirror } from "../snapshot/compiled.ts";
import { MetricRegistry } from "./metric-registry.ts";
import { RequestMetrics } from "./request-metrics.ts";
import type { RequestMetricsOptions } from "./request-metrics.ts";

function metrics(options: Partial<RequestMetricsOptions> = {}): {
  requests: RequestMetrics;
  scrape: () => ReturnType<typeof parsePrometheusText>;
} {
  const registry = new MetricRegistry();
  const requests = new RequestMetrics({ registry, nowMs: () => 0, ...options });
  return { requests, scrape: () => parsePrometheusText(registry.render()) };
}

const shopRule = { route: "shop/cart", index: 1 };
const cart = { rule: shopRule, displayName: "shop/cart:80" };
const cartLabels = { route: "shop/cart", rule: "1", backend: "shop/cart:80" };
const copies: CompiledMirror = {
  displayName: "shop/cart-canary:80",
  cluster: { name: "shop/cart-canary:80", protocol: "http1", endpoints: [] },
  numerator: 1,
  denominator: 1,
};

test("a request is counted under version, route, rule, backend and the status as text", (t) => {
  const { requests, scrape } = metrics();
  requests.counter(cart, "v1").record(204, 3);
  requests.counter(cart, "v1").record(204, 3);
  requests.counter(cart, "v2").record(404, 3);
  requests.counter(cart, "v2").record(0, 3);
  const families = scrape();
  t.is(valueOf(families, "http_requests_total", { ...cartLabels, version: "v1", status: "204" }), 2);
  t.is(valueOf(families, "http_requests_total", { ...cartLabels, version: "v2", status: "404" }), 1);
  t.is(valueOf(families, "http_requests_total", { ...cartLabels, version: "v2", status: "0" }), 1);
  t.is(valueOf(families, "http_request_duration_seconds_count", { version: "v2" }), 2);
});

test("a duration falls into the bucket whose bound it does not exceed", (t) => {
  const { requests, scrape } = metrics();
  for (const durationMs of [0, 0.5, 0.500001, 5, 9999, 10_000, 10_001]) {
    requests.counter(cart, "v1").record(200, durationMs);
  }
  const families = scrape();
  const bucket = (le: string): number => valueOf(families, "http_request_duration_seconds_bucket", { le });
  t.deepEqual(["0.0005", "0.001", "0.002", "0.005", "5", "10", "+Inf"].map(bucket), [2, 3, 3, 4, 4, 6, 7]);
  t.true(Math.abs(valueOf(families, "http_request_duration_seconds_sum") - 30.006000001) < 1e-9);
});

test("the same backend and version give the same counter, also across snapshots", (t) => {
  const { requests, scrape } = metrics();
  const counter = requests.counter(cart, "v1");
  t.is(requests.counter(cart, "v1"), counter);
  requests.adopt(resourceSet({}));
  t.is(requests.counter({ ...cart }, "v1"), counter);
  counter.record(200, 1);
  t.is(valueOf(scrape(), "http_requests_total", { version: "v1", status: "200" }), 1);
});

test("a snapshot's every rule, backend and version has its zero series at once", (t) => {
  const { requests, scrape } = metrics();
  requests.adopt(
    resourceSet({
      listeners: [listener("shop/plain:80", { cluster: "shop/plain:80" })],
      routes: [
        route("shop/cart", [
          rule({ backends: [backend("shop/a:80"), backend("shop/none:80")], mirrors: [mirror("shop/b:80")] }),
          rule({ backends: [backend("shop/b:80"), backend("shop/gone:80", { cluster: "" })] }),
        ]),
      ],
      clusters: [cluster("shop/a:80", { defaultWorkloadVersion: "a" }), cluster("shop/b:80"), cluster("shop/plain:80")],
      endpoints: [
        endpoints("shop/a:80", [{ workloadVersion: "v1" }, { workloadVersion: "v2" }, { workloadVersion: "" }]),
        endpoints("shop/b:80", [{ workloadVersion: "v3" }]),
        endpoints("shop/plain:80", [{ workloadVersion: "p1" }]),
      ],
    }),
  );
  const families = scrape();
  const series = (family: string, status: string): string[] =>
    samplesOf(families, family)
      .filter(({ labels, value }) => labels["status"] === status && value === 0)
      .map(({ labels }) => `${labels["route"]} ${labels["rule"]} ${labels["backend"]} ${labels["version"]}`);
  for (const status of ["200", "500", "502", "503", "504"]) {
    t.deepEqual(
      series("http_requests_total", status),
      [
        "shop/cart 0 shop/a:80 v1",
        "shop/cart 0 shop/a:80 v2",
        "shop/cart 0 shop/a:80 a",
        "shop/cart 0 shop/none:80 unknown",
        "shop/cart 1 shop/b:80 v3",
        "shop/cart 1 shop/gone:80 unknown",
        "  shop/plain:80 p1",
      ],
      status,
    );
  }
  t.deepEqual(series("http_mirror_requests_total", "503"), ["shop/cart 0 shop/b:80 v3"]);
});

test("what a pod receives and what is mirrored have families of their own and stay out of http_requests_total", (t) => {
  const { requests, scrape } = metrics();
  requests.inbound(8080, "v1").record(200, 1);
  requests.mirrorCounter(shopRule, copies, "v2").record(500, 1);
  requests.countMirrorDrop(shopRule, copies, "overflow");
  requests.countMirrorDrop(shopRule, copies, "overflow");
  const families = scrape();
  t.deepEqual(samplesOf(families, "http_requests_total"), []);
  t.is(valueOf(families, "http_inbound_requests_total", { port: "8080", version: "v1", status: "200" }), 1);
  t.is(valueOf(families, "http_inbound_request_duration_seconds_count"), 1);
  t.is(valueOf(families, "http_mirror_requests_total", { backend: "shop/cart-canary:80", status: "500" }), 1);
  t.is(valueOf(families, "http_mirror_drops_total", { backend: "shop/cart-canary:80", reason: "overflow" }), 2);
});

test("a frontend without routes is counted under its cluster", (t) => {
  const { requests, scrape } = metrics();
  const plain = { name: "shop/plain:80" };
  requests.clusterCounter(plain, "v1").record(200, 1);
  t.is(requests.clusterCounter(plain, "v1"), requests.clusterCounter(plain, "v1"));
  const labels = { route: "", rule: "", backend: "shop/plain:80", version: "v1", status: "200" };
  t.is(valueOf(scrape(), "http_requests_total", labels), 1);
});

test("beyond the cap, series of a version share one labelled overflow, so that sums by version stay true", (t) => {
  const { requests, scrape } = metrics({ maxSeries: 3 });
  for (let index = 0; index < 10; index++) {
    const other = { rule: { route: "shop/cart", index }, displayName: "shop/cart:80" };
    requests.counter(other, "v1").record(200, 1);
    requests.counter(other, "v2").record(503, 1);
  }
  const families = scrape();
  const overflow = { route: "overflow", rule: "overflow", backend: "overflow" };
  t.is(valueOf(families, "http_requests_total", { ...overflow, version: "v1", status: "200" }), 8);
  t.is(valueOf(families, "http_requests_total", { ...overflow, version: "v2", status: "503" }), 9);
  t.is(samplesOf(families, "http_requests_total").filter(({ labels }) => labels["status"] === "200").length, 5);
  t.is(valueOf(families, "heddle_metric_series_overflow_total", { family: "http_requests_total" }), 17);
});

test("versions without end fill one series at last", (t) => {
  const { requests, scrape } = metrics({ maxSeries: 3 });
  for (let index = 0; index < 1000; index++) {
    requests.counter(cart, `v${index}`).record(200, 1);
  }
  const samples = samplesOf(scrape(), "http_requests_total").filter(({ labels }) => labels["status"] === "200");
  t.is(samples.length, 3 + 50 + 1);
  t.is(
    samples.reduce((sum, { value }) => sum + value, 0),
    1000,
  );
});

test("a snapshot larger than the cap leaves room for the series of what has traffic", (t) => {
  const { requests, scrape } = metrics({ maxSeries: 100 });
  const rules = Array.from({ length: 200 }, (_, index) => rule({ backends: [backend(`shop/s${index}:80`)] }));
  requests.adopt(resourceSet({ routes: [route("shop/many", rules)] }));
  requests.adopt(resourceSet({ routes: [route("shop/many", rules)] }));
  requests.counter({ rule: { route: "shop/many", index: 199 }, displayName: "shop/s199:80" }, "v1").record(200, 1);
  const families = scrape();
  t.is(samplesOf(families, "http_requests_total").filter(({ labels }) => labels["status"] === "500").length, 76);
  t.is(valueOf(families, "http_requests_total", { rule: "199", version: "v1", status: "200" }), 1);
  t.deepEqual(samplesOf(families, "heddle_metric_series_overflow_total"), []);
});

test("a server that invents status codes fills its classes, not the label set", (t) => {
  const { requests, scrape } = metrics();
  for (let status = 200; status < 600; status++) {
    requests.counter(cart, "v1").record(status, 1);
  }
  const samples = samplesOf(scrape(), "http_requests_total");
  t.true(samples.length <= 30, String(samples.length));
  t.is(
    samples.reduce((sum, { value }) => sum + value, 0),
    400,
  );
  const errors = samples.filter(({ labels }) => /^5..$/.test(labels["status"] ?? ""));
  t.is(
    errors.reduce((sum, { value }) => sum + value, 0),
    100,
  );
});

test("a series goes after ten idle minutes outside the snapshot, and not before", (t) => {
  let nowMs = 0;
  const { requests, scrape } = metrics({ nowMs: () => nowMs });
  const wanted = resourceSet({
    routes: [route("shop/kept", [rule({ backends: [backend("shop/a:80")] })])],
    clusters: [cluster("shop/a:80")],
    endpoints: [endpoints("shop/a:80", [{ workloadVersion: "v1" }])],
  });
  requests.adopt(wanted);
  requests.counter(cart, "v1").record(200, 1);
  const routes = (): string[] => [
    ...new Set(samplesOf(scrape(), "http_requests_total").map(({ labels }) => labels["route"] ?? "")),
  ];
  t.deepEqual(routes(), ["shop/kept", "shop/cart"]);
  nowMs = 599_999;
  t.deepEqual(routes(), ["shop/kept", "shop/cart"]);
  requests.counter(cart, "v1").record(200, 1);
  t.deepEqual(routes(), ["shop/kept", "shop/cart"]);
  nowMs += 599_999;
  t.deepEqual(routes(), ["shop/kept", "shop/cart"]);
  nowMs += 1;
  t.deepEqual(routes(), ["shop/kept"]);
  requests.adopt(resourceSet({}));
  nowMs += 600_000;
  t.deepEqual(routes(), []);
});

test("a request that outlives its series is counted all the same", (t) => {
  let nowMs = 0;
  const { requests, scrape } = metrics({ nowMs: () => nowMs });
  const counter = requests.counter(cart, "v1");
  scrape();
  nowMs = 600_000;
  t.deepEqual(samplesOf(scrape(), "http_requests_total"), []);
  counter.record(200, 1);
  requests.counter(cart, "v1").record(200, 1);
  t.is(valueOf(scrape(), "http_requests_total", { status: "200" }), 2);
});

test("statistics are the deltas since the last report, by rule, backend and version", (t) => {
  const { requests } = metrics();
  t.deepEqual(requests.takeStats(), []);
  for (const status of [101, 200, 204, 301, 404, 503, 0, 0]) {
    requests.counter(cart, "v1").record(status, 3);
  }
  requests.counter(cart, "v2").record(200, 20_000);
  requests.clusterCounter({ name: "shop/plain:80" }, "p").record(200, 1);
  const none = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
  const base = { route: "shop/cart", rule: 1, backend: "shop/cart:80", mirrored: 0, mirrorsDropped: 0 };
  t.deepEqual(requests.takeStats(), [
    {
      ...base,
      workloadVersion: "v1",
      statusClasses: [1, 2, 1, 1, 1, 2],
      latencyBuckets: none.with(3, 8),
      latencySumSeconds: 0.024,
    },
    {
      ...base,
      workloadVersion: "v2",
      statusClasses: [0, 1, 0, 0, 0, 0],
      latencyBuckets: none.with(14, 1),
      latencySumSeconds: 20,
    },
    {
      ...base,
      route: "",
      rule: 0,
      backend: "shop/plain:80",
      workloadVersion: "p",
      statusClasses: [0, 1, 0, 0, 0, 0],
      latencyBuckets: none.with(1, 1),
      latencySumSeconds: 0.001,
    },
  ]);
  t.deepEqual(requests.takeStats(), []);
  requests.counter(cart, "v2").record(200, 1);
  t.like(requests.takeStats(), { length: 1, 0: { workloadVersion: "v2", statusClasses: [0, 1, 0, 0, 0, 0] } });
});

test("where nobody scrapes, reports let idle series go, after what they held was reported", (t) => {
  let nowMs = 0;
  const { requests, scrape } = metrics({ nowMs: () => nowMs });
  const first = requests.counter(cart, "v1");
  first.record(200, 1);
  nowMs = 1_000_000;
  t.like(requests.takeStats(), { length: 1, 0: { statusClasses: [0, 1, 0, 0, 0, 0] } });
  nowMs += 600_000;
  t.deepEqual(requests.takeStats(), []);
  t.deepEqual(samplesOf(scrape(), "http_requests_total"), []);
  first.record(503, 1);
  t.like(requests.takeStats(), { length: 1, 0: { statusClasses: [0, 0, 0, 0, 1, 0] } });
});

test("statistics of copies: sent ones by version, dropped ones by rule, each reported once", (t) => {
  const { requests } = metrics();
  for (let sent = 0; sent < 3; sent++) {
    requests.mirrorCounter(shopRule, copies, "v2").record(200, 1);
  }
  requests.countMirrorDrop(shopRule, copies, "limit");
  requests.countMirrorDrop(shopRule, copies, "reset");
  const shares = requests.takeStats().map(({ backend: to, workloadVersion, mirrored, mirrorsDropped }) => ({
    to,
    workloadVersion,
    mirrored,
    mirrorsDropped,
  }));
  t.deepEqual(shares, [
    { to: "shop/cart-canary:80", workloadVersion: "v2", mirrored: 3, mirrorsDropped: 0 },
    { to: "shop/cart-canary:80", workloadVersion: "", mirrored: 0, mirrorsDropped: 2 },
  ]);
  t.deepEqual(requests.takeStats(), []);
});

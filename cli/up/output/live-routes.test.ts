import test from "ava";
import { latencyBucketsSeconds } from "../../../proto/latency-buckets.ts";
import type { HttpRoute } from "../../../control-plane/source/cluster-state.ts";
import { latencyQuantileMs } from "./latency-quantile.ts";
import { LiveRoutes, type StatsSum } from "./live-routes.ts";

function route(stable: number, canary: number): HttpRoute {
  const ref = (name: string, weight: number) => ({
    group: "",
    kind: "Service",
    namespace: "shop",
    name,
    port: 80,
    weight,
    filters: [],
  });
  return {
    kind: "HTTPRoute",
    meta: { namespace: "shop", name: "r", generation: 1, creationTimestampMs: 0, labels: {}, annotations: {} },
    parentRefs: [],
    hostnames: [],
    rules: [
      {
        matches: [{ path: { type: "PathPrefix", value: "/api" }, headers: [], queryParams: [] }],
        filters: [],
        backendRefs: [ref("stable", stable), ref("canary", canary)],
        unsupportedFields: [],
      },
    ],
  };
}

function sum(backend: string, requests: number, errors = 0): StatsSum {
  const latencyBuckets = new Array<number>(latencyBucketsSeconds.length + 1).fill(0);
  latencyBuckets[1] = requests;
  return {
    route: "shop/r",
    rule: 0,
    backend: `shop/${backend}:80`,
    workloadVersion: "v1",
    statusClasses: [0, requests - errors, 0, 0, errors, 0],
    latencyBuckets,
    mirrored: 0,
    mirrorsDropped: 0,
  };
}

const state = (stable: number, canary: number) => ({ httpRoutes: new Map([["shop/r", route(stable, canary)]]) });
const backendsOf = (routes: ReturnType<LiveRoutes["update"]>) => routes[0]?.rules[0]?.backends ?? [];

test("shares and counts run since the weights last changed", (t) => {
  const live = new LiveRoutes();
  live.update(state(95, 5), [], 0);
  const first = backendsOf(live.update(state(95, 5), [sum("stable", 95, 2), sum("canary", 5)], 1000));
  t.deepEqual(
    first.map(({ share, requests, errors }) => ({ share, requests, errors })),
    [
      { share: 0.95, requests: 95, errors: 2 },
      { share: 0.05, requests: 5, errors: 0 },
    ],
  );
  const changed = backendsOf(live.update(state(50, 50), [sum("stable", 95, 2), sum("canary", 5)], 2000));
  t.deepEqual(
    changed.map(({ share }) => share),
    [null, null],
  );
  const after = backendsOf(live.update(state(50, 50), [sum("stable", 105, 2), sum("canary", 15)], 3000));
  t.deepEqual(
    after.map(({ share, errors }) => ({ share, errors })),
    [
      { share: 0.5, errors: 0 },
      { share: 0.5, errors: 0 },
    ],
  );
});

test("rates run over the window, and versions of one backend are added up", (t) => {
  const live = new LiveRoutes(2000);
  live.update(state(1, 1), [], 0);
  live.update(state(1, 1), [sum("stable", 1000)], 1000);
  live.update(state(1, 1), [sum("stable", 1010)], 2000);
  live.update(state(1, 1), [sum("stable", 1020)], 3000);
  const [stable] = backendsOf(
    live.update(state(1, 1), [sum("stable", 1030), { ...sum("stable", 10), workloadVersion: "v2" }], 4000),
  );
  t.is(stable?.requestsPerSecond, 15);
  t.is(stable?.requests, 1040);
});

test("asked for often, the rates are still those of the window", (t) => {
  const live = new LiveRoutes();
  for (let atMs = 0; atMs <= 5000; atMs += 10) {
    live.update(state(95, 5), [sum("stable", atMs / 10)], atMs);
  }
  const routes = live.update(state(95, 5), [sum("stable", 501)], 5010);
  t.is(Math.round(backendsOf(routes)[0]?.requestsPerSecond ?? 0), 100);
});

test("a control plane that starts counting again is never a negative number", (t) => {
  const live = new LiveRoutes();
  live.update(state(1, 1), [sum("stable", 100)], 0);
  live.update(state(2, 1), [sum("stable", 100)], 1000);
  const [stable] = backendsOf(live.update(state(2, 1), [sum("stable", 3)], 2000));
  t.is(stable?.requests, 0);
  t.is(stable?.requestsPerSecond, 0);
});

test("quantiles are interpolated inside their bucket, as Prometheus does it", (t) => {
  const buckets = new Array<number>(latencyBucketsSeconds.length + 1).fill(0);
  t.is(latencyQuantileMs(buckets, 0.5), null);
  buckets[1] = 100;
  t.true(Math.abs((latencyQuantileMs(buckets, 0.5) ?? 0) - 0.75) < 1e-9);
  buckets[latencyBucketsSeconds.length] = 10_000;
  t.is(latencyQuantileMs(buckets, 0.99), 10_000);
});

test("copies and drops are counted by the mirror that they went to", (t) => {
  const live = new LiveRoutes();
  const mirrored = route(1, 0);
  const [rule] = mirrored.rules;
  const backendRef = { group: "", kind: "Service", namespace: "shop", name: "shadow", port: 80 };
  const withMirror: HttpRoute = {
    ...mirrored,
    rules:
      rule === undefined
        ? []
        : [{ ...rule, filters: [{ type: "RequestMirror", backendRef, numerator: 1, denominator: 1 }] }],
  };
  const sums = [sum("stable", 10), { ...sum("shadow", 0), mirrored: 9, mirrorsDropped: 1 }];
  const [shown] = live.update({ httpRoutes: new Map([["shop/r", withMirror]]) }, sums, 1000);
  t.deepEqual(shown?.rules[0]?.mirrors, [{ backend: "shop/shadow:80", mirrored: 9, dropped: 1 }]);
});

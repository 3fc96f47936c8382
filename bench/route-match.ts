// What routing costs: nanoseconds to match one request, and milliseconds to compile what is matched. Figures are medians
// of several rounds in one process. Run: node bench/route-match.ts
import { SplitRegistry } from "../agent/routing/split-registry.ts";
import { compile } from "../agent/snapshot/compile.ts";
import type { CompiledSnapshot, MatchableRequest, RouteTable } from "../agent/snapshot/compiled.ts";
import type { ResourceSet, Route, RouteConfiguration } from "../agent/snapshot/resources.ts";
import * as build from "../test/support/resource-set.ts";

const rounds = 7;
const headerNames = ["host", "user-agent", "accept", "x-request-id", "x-beta-user", "content-type"];
const headerValues = ["shop.example.com", "curl/8.5.0", "*/*", "3f9a1c", "true", "application/json"];

function request(host: string, path: string): MatchableRequest {
  return {
    method: "GET",
    host,
    path,
    query: "",
    header: (name) => {
      const index = headerNames.indexOf(name);
      return index === -1 ? undefined : headerValues[index];
    },
  };
}

function median(values: readonly number[]): number {
  return values.toSorted((left, right) => left - right)[values.length >> 1] ?? Number.NaN;
}

function nanosecondsPerMatch(table: RouteTable, requests: readonly MatchableRequest[]): number {
  const count = 300_000;
  const measure = (): number => {
    let found = 0;
    const start = process.hrtime.bigint();
    for (let index = 0; index < count; index++) {
      const next = requests[index % requests.length];
      if (next !== undefined && table.match(next) !== null) found++;
    }
    const elapsed = Number(process.hrtime.bigint() - start);
    if (found !== count) throw new Error(`only ${found} of ${count} requests matched`);
    return elapsed / count;
  };
  measure();
  return median(Array.from({ length: rounds }, measure));
}

function milliseconds(action: () => unknown): number {
  const start = process.hrtime.bigint();
  action();
  return Number(process.hrtime.bigint() - start) / 1e6;
}

function compiled(resources: ResourceSet, splits: SplitRegistry, previous: CompiledSnapshot | null): CompiledSnapshot {
  const result = compile(resources, { splits, previous, mode: "gateway" });
  if ("errors" in result) throw new Error(JSON.stringify(result.errors));
  return result.snapshot;
}

function tableOf(snapshot: CompiledSnapshot): RouteTable {
  const routes = snapshot.gatewayPorts.get(80)?.listenerFor("any.host")?.routes;
  if (routes === null || routes === undefined) throw new Error("no table");
  return routes;
}

const stable = build.cluster("stable");
const canary = build.cluster("canary");

function resources(routes: readonly Route[], configuration: RouteConfiguration, canaryPort = 1003): ResourceSet {
  return build.resourceSet({
    listeners: [build.listener("http", { routeConfiguration: configuration.name })],
    routeConfigurations: [configuration],
    routes,
    clusters: [stable, canary],
    endpoints: [
      build.endpoints("stable", [{ port: 1001 }, { port: 1002 }]),
      build.endpoints("canary", [{ port: canaryPort }]),
    ],
    answers: { "gateway:bench/gateway": { listeners: ["http"] } },
  });
}

function canaryRoute(name: string, path: build.MatchPath, weight: number, header = false): Route {
  const headers = header ? [build.exactly("x-beta-user", "true")] : [];
  return build.route(name, [
    build.rule({
      matches: [build.match({ path, headers })],
      backends: [build.backend("stable", { weight: 100 - weight }), build.backend("canary", { weight })],
    }),
  ]);
}

interface Case {
  readonly title: string;
  readonly routes: readonly Route[];
  readonly virtualHosts: Readonly<Record<string, readonly (readonly [string, number, number])[]>>;
  readonly requests: readonly MatchableRequest[];
}

function manyRoutes(count: number, title: string, pathOf: (index: number) => build.MatchPath, perHost: boolean): Case {
  const routes = Array.from({ length: count }, (_, index) => canaryRoute(`bench/route-${index}`, pathOf(index), 5));
  const hostOf = (index: number): string => (perHost ? `host-${index}.example.com` : "");
  const virtualHosts: Record<string, [string, number, number][]> = {};
  for (const [index, { name }] of routes.entries()) (virtualHosts[hostOf(index)] ??= []).push([name, 0, 0]);
  const requests = Array.from({ length: 1000 }, (_, index) => {
    const at = (index * 7919) % count;
    const path = pathOf(at);
    return request(hostOf(at) || "shop.example.com", path.kind === "prefix" ? `${path.value}/items/42` : path.value);
  });
  return { title, routes, virtualHosts, requests };
}

function twentyRoutes(): Case {
  const routes = Array.from({ length: 19 }, (_, index) =>
    canaryRoute(`bench/route-${index}`, { kind: "prefix", value: `/service-${index}` }, 5),
  );
  const beta = canaryRoute("bench/beta", { kind: "prefix", value: "/api" }, 5, true);
  const last = canaryRoute("bench/last", { kind: "prefix", value: "/api" }, 5);
  const all = [...routes.slice(0, 18), beta, last];
  const entries = all.map(({ name }): [string, number, number] => [name, 0, 0]);
  return {
    title: "20 routes, header match last",
    routes: all,
    virtualHosts: { "": entries },
    requests: [request("shop.example.com", "/api/version")],
  };
}

const cases = [
  twentyRoutes(),
  manyRoutes(20, "20 routes, prefixes on one host", (index) => ({ kind: "prefix", value: `/service-${index}` }), false),
  manyRoutes(5000, "5000 routes, a host each", () => ({ kind: "prefix", value: "/api" }), true),
  manyRoutes(
    5000,
    "5000 routes, exact paths on one host",
    (index) => ({ kind: "exact", value: `/api/v1/item-${index}` }),
    false,
  ),
  manyRoutes(
    5000,
    "5000 routes, prefixes on one host",
    (index) => ({ kind: "prefix", value: `/api/v${index % 7}/service-${index}` }),
    false,
  ),
];

const report = cases.map(({ title, routes, virtualHosts, requests }) => {
  const splits = new SplitRegistry(Math.random);
  const configuration = build.routeConfiguration("routes", virtualHosts);
  const before = resources(routes, configuration);
  const first = milliseconds(() => compiled(before, new SplitRegistry(Math.random), null));
  const full = median(Array.from({ length: rounds }, () => milliseconds(() => compiled(before, splits, null))));
  let snapshot = compiled(before, splits, null);
  let weight = 5;
  const changed = median(
    Array.from({ length: rounds }, () => {
      const at = routes.length >> 1;
      const path = routes[at]?.rules[0]?.matches[0]?.path ?? { kind: "prefix" as const, value: "/" };
      const edited = routes.with(at, canaryRoute(routes[at]?.name ?? "", path, ++weight));
      const next = resources(edited, configuration);
      return milliseconds(() => {
        snapshot = compiled(next, splits, snapshot);
      });
    }),
  );
  const edited = [...snapshot.resources.routes.values()];
  let port = 1003;
  const endpointChanged = median(
    Array.from({ length: rounds }, () => {
      const next = resources(edited, configuration, ++port);
      return milliseconds(() => {
        snapshot = compiled(next, splits, snapshot);
      });
    }),
  );
  return {
    case: title,
    "ns/match": Math.round(nanosecondsPerMatch(tableOf(snapshot), requests)),
    "compile ms (first)": first.toFixed(1),
    "compile ms": full.toFixed(1),
    "one route changed ms": changed.toFixed(2),
    "endpoint of all changed ms": endpointChanged.toFixed(2),
  };
});
console.table(report);

const splitTable = compiled(
  resources(
    [canaryRoute("bench/split", { kind: "prefix", value: "/" }, 5)],
    build.routeConfiguration("routes", { "": [["bench/split", 0, 0]] }),
  ),
  new SplitRegistry(Math.random),
  null,
);
const split = tableOf(splitTable).match(request("any.host", "/"))?.split;
if (split === null || split === undefined) throw new Error("no split");
const draws = 2_000_000;
let sum = 0;
const elapsed = milliseconds(() => {
  for (let index = 0; index < draws; index++) sum += split.next();
});
console.log(`95/5 split: ${((elapsed * 1e6) / draws).toFixed(1)} ns/draw (${sum} of ${draws} to the canary)`);

// What translation costs at 5000 routes: from nothing (in a new process, as at a start, and in a warm one) and after
// the edit of one object, without and with building the snapshot that is served from it. Run: node bench/translate.ts
// [--json]
import { execFileSync } from "node:child_process";
import { SnapshotBuilder } from "../control-plane/snapshot/snapshot.ts";
import type { ClusterState, HttpRoute } from "../control-plane/source/cluster-state.ts";
import * as make from "../test/support/cluster-objects.ts";
import { Translator } from "../control-plane/translate/translate.ts";
import { figure } from "./harness/figure.ts";
import { renderTable } from "./harness/table.ts";

const routeCount = 5000;
const serviceCount = 2500;
const namespaceCount = 50;
const coldRuns = 5;
const warmRuns = 7;
const edits = 41;
const coldFlag = "--cold";
const options = { controllerName: make.controllerName };

const namespaceOf = (index: number) => `team-${index % namespaceCount}`;
const serviceKey = (index: number) => `${namespaceOf(index)}/service-${index % serviceCount}`;

/**
 * A canary: a header rule and a weighted one. Of ten routes six have a hostname of their own, two share one listener's
 * catch-all by path, and two are attached to their Service.
 */
function makeCanary(index: number, weight: number, header = "x-canary"): HttpRoute {
  const key = `${namespaceOf(index)}/route-${index}`;
  const path = { type: "PathPrefix", value: `/route-${index}/` };
  const backends = [make.makeBackend(serviceKey(index), { weight: 100 - weight })];
  const canary = make.makeBackend(serviceKey(index + namespaceCount), { weight });
  const kind = index % 10;
  return make.makeRoute(key, {
    meta: make.makeMeta(key, { creationTimestampMs: index % 7 }),
    parentRefs: [kind < 8 ? make.gatewayParent("infra/edge") : make.serviceParent(serviceKey(index))],
    hostnames: kind < 6 ? [`route-${index}.example.com`] : [],
    rules: [
      make.makeRule({
        matches: [make.makeMatch({ path, headers: [{ type: "Exact", name: header, value: "true" }] })],
        backendRefs: [canary],
      }),
      make.makeRule({ matches: [make.makeMatch({ path })], backendRefs: [...backends, canary] }),
    ],
  });
}

function makeCluster(): ClusterState {
  const indexes = (count: number) => Array.from({ length: count }, (_, index) => index);
  return make.makeState(
    make.makeGateway("infra/edge"),
    ...indexes(routeCount).map((index) => makeCanary(index, 5)),
    ...indexes(serviceCount).flatMap((index) => {
      const key = serviceKey(index);
      const address = `${index >> 8}.${index & 255}`;
      return [
        make.makeService(key, `10.96.${address}`),
        make.makeSlice(key, { [`10.0.${address}`]: `${key}-a`, [`10.1.${address}`]: `${key}-b` }),
        make.makePod(`${key}-a`, { app: key.slice(key.indexOf("/") + 1), version: "v1" }),
        make.makePod(`${key}-b`, { app: key.slice(key.indexOf("/") + 1), version: "v2" }),
      ];
    }),
  );
}

function withRoute(state: ClusterState, route: HttpRoute): ClusterState {
  const key = `${route.meta.namespace}/${route.meta.name}`;
  if (!state.httpRoutes.has(key)) throw new Error(`no route ${key} to change`);
  return { ...state, httpRoutes: new Map(state.httpRoutes).set(key, route) };
}

function withoutEndpoint(state: ClusterState, index: number): ClusterState {
  const key = `${serviceKey(index)}-1`;
  const slice = state.endpointSlices.get(key);
  if (slice === undefined) throw new Error(`no slice ${key} to change`);
  const endpoints = slice.endpoints.slice(1);
  return { ...state, endpointSlices: new Map(state.endpointSlices).set(key, { ...slice, endpoints }) };
}

function milliseconds(action: () => unknown): number {
  const start = process.hrtime.bigint();
  action();
  return Number(process.hrtime.bigint() - start) / 1e6;
}

/** Times of translation, and of translation and snapshot together, over edits of ever another object. */
function timeEdits(edit: (state: ClusterState, round: number) => ClusterState): { alone: number[]; built: number[] } {
  const translator = new Translator();
  const builder = new SnapshotBuilder({ epoch: "bench" });
  let state = makeCluster();
  builder.build(translator.translate(state, options));
  const alone: number[] = [];
  const built: number[] = [];
  for (let round = 0; round < edits; round++) {
    state = edit(state, round);
    const start = process.hrtime.bigint();
    const translation = translator.translate(state, options);
    const translated = process.hrtime.bigint();
    const result = builder.build(translation);
    const done = process.hrtime.bigint();
    if (!result.ok || !result.changed) throw new Error("the edit must make another snapshot");
    alone.push(Number(translated - start) / 1e6);
    built.push(Number(done - start) / 1e6);
  }
  return { alone, built };
}

if (process.argv.includes(coldFlag)) {
  const state = makeCluster();
  process.stdout.write(String(milliseconds(() => new Translator().translate(state, options))));
} else {
  const ownPath = import.meta.filename;
  const cold = Array.from({ length: coldRuns }, () => Number(execFileSync(process.execPath, [ownPath, coldFlag])));
  const state = makeCluster();
  const warm = Array.from({ length: warmRuns }, () => milliseconds(() => new Translator().translate(state, options)));
  const built = Array.from({ length: warmRuns }, () =>
    milliseconds(() => new SnapshotBuilder({ epoch: "bench" }).build(new Translator().translate(state, options))),
  );
  const weight = timeEdits((state, round) => withRoute(state, makeCanary(round * 97, 50)));
  const match = timeEdits((state, round) => withRoute(state, makeCanary(round * 10 + 6, 5, "x-other-header")));
  const shape = timeEdits((state, round) => {
    const route = makeCanary(round * 10 + 6, 5);
    return withRoute(state, { ...route, rules: route.rules.slice(1) });
  });
  const endpoint = timeEdits((state, round) => withoutEndpoint(state, round * 61));
  const rows = [
    figure("from nothing, new process", "ms", cold, { target: 500 }),
    figure("from nothing, warm", "ms", warm, { target: 500 }),
    figure("from nothing, warm, with snapshot", "ms", built),
    figure("one weight", "ms", weight.alone, { target: 25 }),
    figure("one weight, with snapshot", "ms", weight.built),
    figure("one header match", "ms", match.alone, { target: 25 }),
    figure("one header match, with snapshot", "ms", match.built),
    figure("one rule less (order changes)", "ms", shape.alone, { target: 25 }),
    figure("one rule less, with snapshot", "ms", shape.built),
    figure("one endpoint less", "ms", endpoint.alone, { target: 25 }),
    figure("one endpoint less, with snapshot", "ms", endpoint.built),
  ];
  if (process.argv.includes("--json")) {
    const printed = rows.map(({ subject, unit, raw, target, note }) => ({
      subject,
      unit,
      raw,
      note,
      ...(target === null ? {} : { target: target.atMost }),
    }));
    process.stdout.write(`${JSON.stringify(printed)}\n`);
  } else {
    process.stdout.write(renderTable([{ title: `${routeCount} routes, ${serviceCount} Services`, rows }]));
  }
}

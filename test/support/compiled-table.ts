// A listener with a route table, compiled from routes as an agent compiles them.
import { SplitRegistry } from "../../agent/routing/split-registry.ts";
import { compile } from "../../agent/snapshot/compile.ts";
import { cluster, endpoints, listener, resourceSet, routeConfiguration } from "./resource-set.ts";
import { seededRandom } from "./seeded-random.ts";
import type { CompiledListener, RouteTable } from "../../agent/snapshot/compiled.ts";
import type { Route } from "../../agent/snapshot/resources.ts";

export type Entries = Readonly<Record<string, readonly (readonly [route: string, rule: number, match: number])[]>>;

/** Entries by hostname; each cluster that the routes name exists and has one endpoint. */
export function compiledListener(routes: readonly Route[], virtualHosts: Entries): CompiledListener {
  const clusters = new Set(
    routes.flatMap(({ rules }) =>
      rules.flatMap((rule) =>
        [rule.mirrors, rule.backends, ...rule.backends.map((backend) => backend.mirrors)].flatMap((list) =>
          list.map((reference) => reference.cluster),
        ),
      ),
    ),
  );
  clusters.delete("");
  const resources = resourceSet({
    listeners: [listener("http", { routeConfiguration: "routes" })],
    routeConfigurations: [routeConfiguration("routes", virtualHosts)],
    routes,
    clusters: [...clusters].map((name) => cluster(name)),
    endpoints: [...clusters].map((name) => endpoints(name, [{ workloadVersion: "v1" }])),
    answers: { "gateway:test/gateway": { listeners: ["http"] } },
  });
  const result = compile(resources, { splits: new SplitRegistry(seededRandom(1)), previous: null, mode: "gateway" });
  if ("errors" in result) throw new Error(JSON.stringify(result.errors));
  const compiled = result.snapshot.gatewayPorts.get(80)?.listenerFor("any.host");
  if (compiled === undefined || compiled === null) throw new Error("no listener");
  return compiled;
}

export function compiledTable(routes: readonly Route[], virtualHosts: Entries): RouteTable {
  const table = compiledListener(routes, virtualHosts).routes;
  if (table === null) throw new Error("no table");
  return table;
}

// What a new snapshot shares with the one before it: what did not change, and every bag whose rule did not.
import test from "ava";
import * as fc from "fast-check";
import { describedRequest } from "../routing/described-request.ts";
import { SplitRegistry } from "../routing/split-registry.ts";
import * as build from "../../test/support/resource-set.ts";
import { anyRequest, anyTable, firstMatch } from "../../test/support/route-table-arbitrary.ts";
import { seededRandom } from "../../test/support/seeded-random.ts";
import { compile } from "./compile.ts";
import type { CompiledRule, CompiledSnapshot } from "./compiled.ts";
import type { ResourceSet } from "./resources.ts";

interface World {
  readonly weights?: readonly [number, number];
  readonly otherPath?: string;
  readonly canaryEndpoints?: number;
  readonly withoutCanaryRoute?: boolean;
}

/** Two routes on hosts of their own; the canary route splits over two clusters, the other one uses a third. */
function world({
  weights = [95, 5],
  otherPath = "/",
  canaryEndpoints = 1,
  withoutCanaryRoute = false,
}: World): ResourceSet {
  const canary = build.route("ns/canary", [
    build.rule({
      backends: [build.backend("stable", { weight: weights[0] }), build.backend("canary", { weight: weights[1] })],
    }),
  ]);
  const other = build.route("ns/other", [
    build.rule({
      matches: [build.match({ path: { kind: "prefix", value: otherPath } })],
      backends: [build.backend("third"), build.backend("stable")],
    }),
  ]);
  return build.resourceSet({
    listeners: [build.listener("l", { routeConfiguration: "rc" })],
    routeConfigurations: [
      build.routeConfiguration("rc", {
        ...(withoutCanaryRoute ? {} : { "canary.example": [["ns/canary", 0, 0]] }),
        "other.example": [["ns/other", 0, 0]],
      }),
    ],
    routes: withoutCanaryRoute ? [other] : [canary, other],
    clusters: ["stable", "canary", "third"].map((name) => build.cluster(name)),
    endpoints: [
      build.endpoints("stable", [{ port: 1 }]),
      build.endpoints(
        "canary",
        Array.from({ length: canaryEndpoints }, (_, index) => ({ port: index + 1 })),
      ),
    ],
    answers: { "gateway:ns/gw": { listeners: ["l"] } },
  });
}

class Agent {
  readonly splits = new SplitRegistry(seededRandom(1));
  snapshot: CompiledSnapshot | null = null;

  apply(resources: ResourceSet): boolean {
    const result = compile(resources, { splits: this.splits, previous: this.snapshot, mode: "gateway" });
    if ("errors" in result) return false;
    this.snapshot = result.snapshot;
    return true;
  }

  rule(host: string): CompiledRule {
    const request = describedRequest({ method: "GET", url: `http://${host}/`, headers: [] });
    const rule = this.snapshot?.gatewayPorts.get(80)?.listenerFor(host)?.routes?.match(request);
    if (rule === null || rule === undefined) throw new Error(`nothing matches ${host}`);
    return rule;
  }

  /** How often the canary is drawn in `count` requests. */
  canaries(count: number): number {
    let drawn = 0;
    for (let index = 0; index < count; index++) if (this.rule("canary.example").split?.next() === 1) drawn++;
    return drawn;
  }
}

test("requests 1-100, 101-200, ... of a rule hold exact shares across swaps that leave the rule alone", (t) => {
  const agent = new Agent();
  agent.apply(world({}));
  for (let hundred = 0; hundred < 20; hundred++) {
    let canaries = 0;
    for (const part of [7, 13, 41, 39]) {
      canaries += agent.canaries(part);
      t.true(agent.apply(world({ otherPath: part % 2 === 0 ? "/" : "/x", canaryEndpoints: (part % 3) + 1 })));
    }
    t.is(canaries, 5, `requests ${hundred * 100 + 1} to ${hundred * 100 + 100}`);
  }
});

test("an edit of another part of the route leaves the bag alone, a weight does not", (t) => {
  const agent = new Agent();
  agent.apply(world({}));
  const split = agent.rule("canary.example").split;
  agent.apply(world({ canaryEndpoints: 3 }));
  t.is(agent.rule("canary.example").split, split);
  agent.apply(world({ weights: [75, 25] }));
  t.not(agent.rule("canary.example").split, split);
  t.is(agent.canaries(100), 25);
});

test("T12 a rollback to 100/0 sends the canary nothing from the next request on", (t) => {
  const agent = new Agent();
  agent.apply(world({ weights: [50, 50] }));
  const inFlight = agent.rule("canary.example").backends[1];
  t.is(agent.canaries(100), 50);
  agent.apply(world({ weights: [100, 0] }));
  t.is(agent.canaries(1000), 0);
  t.is(inFlight?.cluster?.name, "canary", "a request in flight keeps the backend that it drew");
});

test("a refused set changes nothing: the same bags go on", (t) => {
  const agent = new Agent();
  agent.apply(world({}));
  const before = agent.snapshot;
  const split = agent.rule("canary.example").split;
  const drawn = agent.canaries(30);
  const broken = world({ weights: [1, 1] });
  t.false(agent.apply({ ...broken, clusters: new Map() }));
  t.is(agent.snapshot, before);
  t.true(agent.apply(world({ canaryEndpoints: 2 })));
  t.is(agent.rule("canary.example").split, split);
  t.is(drawn + agent.canaries(70), 5);
});

test("a rule that is gone is forgotten, and begins anew when it comes back", (t) => {
  const agent = new Agent();
  agent.apply(world({}));
  const split = agent.rule("canary.example").split;
  agent.apply(world({ withoutCanaryRoute: true }));
  t.is(agent.splits.size, 1);
  agent.apply(world({}));
  t.not(agent.rule("canary.example").split, split);
});

test("rules keep their identity while their route and clusters stay", (t) => {
  const agent = new Agent();
  agent.apply(world({}));
  const canary = agent.rule("canary.example");
  const other = agent.rule("other.example");
  agent.apply(world({}));
  t.is(agent.rule("other.example"), other, "equal versions are equal content");
  agent.apply(world({ canaryEndpoints: 2 }));
  t.is(agent.rule("other.example"), other, "endpoints of a cluster that it does not use");
  t.not(agent.rule("canary.example"), canary);
  t.is(agent.rule("canary.example").backends[1]?.cluster?.endpoints.length, 2);
  t.is(agent.rule("canary.example").backends[0]?.cluster, canary.backends[0]?.cluster);
});

test("a cluster that disappears under an unchanged route is noticed", (t) => {
  const agent = new Agent();
  agent.apply(world({}));
  const without = world({});
  const clusters = new Map([...without.clusters].filter(([name]) => name !== "canary"));
  const result = compile({ ...without, clusters }, { splits: agent.splits, previous: agent.snapshot, mode: "gateway" });
  t.deepEqual("errors" in result && result.errors.map(({ type, name }) => [type, name]), [["route", "ns/canary"]]);
});

test("a mirror's cluster is followed like a backend's", (t) => {
  const agent = new Agent();
  const mirrored = (endpoints: number): ResourceSet =>
    build.resourceSet({
      listeners: [build.listener("l", { routeConfiguration: "rc" })],
      routeConfigurations: [build.routeConfiguration("rc", { "": [["ns/r", 0, 0]] })],
      routes: [build.route("ns/r", [build.rule({ backends: [build.backend("a")], mirrors: [build.mirror("m")] })])],
      clusters: [build.cluster("a"), build.cluster("m")],
      endpoints: [
        build.endpoints(
          "m",
          Array.from({ length: endpoints }, (_, index) => ({ port: index + 1 })),
        ),
      ],
      answers: { "gateway:ns/gw": { listeners: ["l"] } },
    });
  agent.apply(mirrored(1));
  agent.apply(mirrored(2));
  t.is(agent.rule("any").backends[0]?.mirrors[0]?.cluster.endpoints.length, 2);
});

test("a table that shares with the one before it answers as a table made from nothing, for any edits", (t) => {
  const steps = fc.array(fc.tuple(anyTable, fc.boolean(), fc.boolean()), { minLength: 2, maxLength: 6 });
  fc.assert(
    fc.property(steps, fc.array(anyRequest, { minLength: 5, maxLength: 10 }), (edits, requests) => {
      const agent = new Agent();
      let [{ route, virtualHosts }] = edits[0]!;
      for (const [edited, keepsRoute, keepsHosts] of edits) {
        if (!keepsRoute) route = edited.route;
        if (!keepsHosts) virtualHosts = edited.virtualHosts;
        const hosts = Object.entries(virtualHosts).map(([hostname, entries]) => {
          const known = entries.filter(([, rule]) => rule < route.rules.length);
          return [hostname, known] as const;
        });
        virtualHosts = Object.fromEntries(hosts);
        const applied = agent.apply(
          build.resourceSet({
            listeners: [build.listener("l", { routeConfiguration: "rc" })],
            routeConfigurations: [build.routeConfiguration("rc", virtualHosts)],
            routes: [route],
            answers: { "gateway:ns/gw": { listeners: ["l"] } },
          }),
        );
        t.true(applied);
        const table = agent.snapshot?.gatewayPorts.get(80)?.listenerFor("any")?.routes;
        for (const request of requests) {
          t.is(table?.match(describedRequest(request))?.id ?? null, firstMatch({ route, virtualHosts }, request));
        }
      }
    }),
    { numRuns: 150 },
  );
});

test("an entry that turns to another match of the same rule is noticed", (t) => {
  const agent = new Agent();
  const matches = ["/a", "/b"].map((value) => build.match({ path: { kind: "prefix", value } }));
  const entryFor = (match: number): ResourceSet =>
    build.resourceSet({
      listeners: [build.listener("l", { routeConfiguration: "rc" })],
      routeConfigurations: [build.routeConfiguration("rc", { "": [["ns/r", 0, match]] })],
      routes: [build.route("ns/r", [build.rule({ matches })])],
      answers: { "gateway:ns/gw": { listeners: ["l"] } },
    });
  const request = describedRequest({ method: "GET", url: "http://h/b", headers: [] });
  const matched = () => agent.snapshot?.gatewayPorts.get(80)?.listenerFor("h")?.routes?.match(request)?.id;
  agent.apply(entryFor(0));
  t.is(matched(), undefined);
  agent.apply(entryFor(1));
  t.is(matched(), "ns/r/0");
});

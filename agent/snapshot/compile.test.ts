// What compilation makes of a good resource set.
import test from "ava";
import { describedRequest } from "../routing/described-request.ts";
import { SplitRegistry } from "../routing/split-registry.ts";
import * as build from "../../test/support/resource-set.ts";
import { seededRandom } from "../../test/support/seeded-random.ts";
import { compile } from "./compile.ts";
import type { CompiledSnapshot } from "./compiled.ts";

function compiled(parts: build.ResourceSetParts, mode: "gateway" | "sidecar" = "gateway"): CompiledSnapshot {
  const context = { splits: new SplitRegistry(seededRandom(1)), previous: null, mode };
  const result = compile(build.resourceSet(parts), context);
  if ("errors" in result) throw new Error(JSON.stringify(result.errors));
  return result.snapshot;
}

const empty = [build.routeConfiguration("empty", {}), build.routeConfiguration("other", {})];

test("of a port's listeners, the most specific that covers the host is chosen, and no other is asked", (t) => {
  const names = { exact: "a.example.com", long: "*.example.com", short: "*.com", any: "" };
  const snapshot = compiled({
    listeners: Object.entries(names).map(([name, hostname]) =>
      build.listener(name, { hostname, routeConfiguration: "empty" }),
    ),
    routeConfigurations: empty,
    answers: { "gateway:ns/gw": { listeners: Object.keys(names) } },
  });
  const chosen = (host: string) => snapshot.gatewayPorts.get(80)?.listenerFor(host)?.displayName;
  t.is(chosen("a.example.com"), "exact");
  t.is(chosen("b.example.com"), "long");
  t.is(chosen("b.c.example.com"), "long");
  t.is(chosen("example.com"), "short");
  t.is(chosen("example.org"), "any");
});

test("listeners are grouped by port; a host that none covers has none", (t) => {
  const snapshot = compiled({
    listeners: [
      build.listener("one", { port: 80, hostname: "a.example.com", routeConfiguration: "empty" }),
      build.listener("two", { port: 8080, routeConfiguration: "other" }),
    ],
    routeConfigurations: empty,
    answers: { "gateway:ns/one": { listeners: ["one"] }, "gateway:ns/two": { listeners: ["two"] } },
  });
  t.deepEqual([...snapshot.gatewayPorts.keys()], [80, 8080]);
  t.is(snapshot.gatewayPorts.get(80)?.listenerFor("b.example.com"), null);
  t.is(snapshot.gatewayPorts.get(8080)?.listenerFor("b.example.com")?.displayName, "two");
});

test("a listener that no answer refers to serves nothing", (t) => {
  const snapshot = compiled({
    listeners: [build.listener("one", { routeConfiguration: "empty" })],
    routeConfigurations: empty,
    answers: { "gateway:ns/gw": { state: "withheld" }, "gateway:ns/none": { state: "not-found" } },
  });
  t.is(snapshot.gatewayPorts.size, 0);
});

test("a frontend is found with its routes or its cluster, not found, or withheld", (t) => {
  const snapshot = compiled(
    {
      listeners: [
        build.listener("ns/routed:80", { routeConfiguration: "empty" }),
        build.listener("ns/plain:80", { cluster: "ns/plain:80" }),
      ],
      routeConfigurations: empty,
      clusters: [build.cluster("ns/plain:80")],
      answers: {
        "frontend:routed.ns:80": { listeners: ["ns/routed:80"] },
        "frontend:10.0.0.1:80": { listeners: ["ns/plain:80"] },
        "frontend:[fd00::1]:80": { listeners: ["ns/plain:80"] },
        "frontend:example.org:443": { state: "not-found" },
        "frontend:bad.ns:80": { state: "withheld" },
      },
    },
    "sidecar",
  );
  t.is(snapshot.frontends.get("routed.ns:80")?.listener?.cluster, null);
  t.not(snapshot.frontends.get("routed.ns:80")?.listener?.routes, null);
  const plain = snapshot.frontends.get("10.0.0.1:80");
  t.is(plain?.listener?.routes, null);
  t.is(plain?.listener?.cluster, snapshot.clusters.get("ns/plain:80"));
  t.is(snapshot.frontends.get("[fd00::1]:80")?.listener, plain?.listener);
  t.deepEqual(snapshot.frontends.get("example.org:443"), { state: "not-found", listener: null });
  t.deepEqual(snapshot.frontends.get("bad.ns:80"), { state: "withheld", listener: null });
  t.is(snapshot.frontends.get("unknown:80"), undefined);
  t.is(snapshot.gatewayPorts.size, 0);
});

test("the agent's own workload is the one its answer names", (t) => {
  const inboundPorts = [
    { port: 15006, applicationAddress: "127.0.0.1", applicationPort: 8000, protocol: "http1" },
  ] as const;
  const own = build.workload("ns/pod", { inboundPorts });
  const answers = { "workload:ns/pod": { workload: "ns/pod" } };
  t.is(compiled({ workloads: [own], answers }, "sidecar").workload, own);
  t.is(compiled({ workloads: [own], answers: {} }, "sidecar").workload, null);
});

test("endpoints have a key, and the workload version of the cluster when they carry none", (t) => {
  const snapshot = compiled({
    clusters: [build.cluster("a", { defaultWorkloadVersion: "task-api" }), build.cluster("b")],
    endpoints: [
      build.endpoints("a", [
        { address: "10.0.0.1", port: 80, workloadVersion: "canary", pod: "ns/p1" },
        { address: "fd00::1", port: 80 },
        { address: "10.0.0.1", port: 80, workloadVersion: "listed twice" },
      ]),
    ],
  });
  t.deepEqual(snapshot.clusters.get("a")?.endpoints, [
    { address: "10.0.0.1", port: 80, key: "10.0.0.1:80", workloadVersion: "canary", pod: "ns/p1" },
    { address: "fd00::1", port: 80, key: "[fd00::1]:80", workloadVersion: "task-api", pod: "" },
  ]);
  t.deepEqual(snapshot.clusters.get("b")?.endpoints, [], "without endpoints, requests are answered 503");
});

test("a rule's filters and mirrors come before its backends' own", (t) => {
  const rule = build.rule({
    requestHeaders: build.modifier({ set: [{ name: "x-rule", value: "1" }] }),
    responseHeaders: build.modifier({ remove: ["server"] }),
    mirrors: [build.mirror("m1"), build.mirror("gone", { cluster: "" })],
    backends: [
      build.backend("a", {
        requestHeaders: build.modifier({ add: [{ name: "x-backend", value: "2" }], remove: ["x-rule"] }),
        mirrors: [build.mirror("m2", { numerator: 1, denominator: 3 })],
      }),
      build.backend("b", { weight: 0, cluster: "", invalidReason: "RefNotPermitted" }),
    ],
  });
  const snapshot = compiled({
    listeners: [build.listener("l", { routeConfiguration: "rc" })],
    routeConfigurations: [build.routeConfiguration("rc", { "": [["ns/r", 0, 0]] })],
    routes: [build.route("ns/r", [rule])],
    clusters: ["a", "m1", "m2"].map((name) => build.cluster(name)),
    answers: { "gateway:ns/gw": { listeners: ["l"] } },
  });
  const request = describedRequest({ method: "GET", url: "http://h/", headers: [] });
  const matched = snapshot.gatewayPorts.get(80)?.listenerFor("h")?.routes?.match(request);
  const [first, second] = matched?.backends ?? [];
  t.is(matched?.id, "ns/r/0");
  t.is(first?.rule, matched ?? undefined);
  t.deepEqual(first?.requestEdit, { drop: ["x-rule"], append: "x-backend: 2\r\n" });
  t.deepEqual(first?.responseEdit, { drop: ["server"], append: "" });
  t.deepEqual(
    first?.mirrors.map(({ displayName, numerator, denominator }) => [displayName, numerator / denominator]),
    [
      ["m1", 1],
      ["m2", 1 / 3],
    ],
  );
  t.is(second?.cluster, null);
  t.is(second?.invalidReason, "RefNotPermitted");
  t.deepEqual(
    second?.mirrors.map((mirror) => mirror.displayName),
    ["m1"],
  );
});

test("A15 an invalid backend keeps its share of the split", (t) => {
  const backends = [
    build.backend("a", { weight: 3 }),
    build.backend("bad", { weight: 1, cluster: "", invalidReason: "InvalidKind" }),
  ];
  const snapshot = compiled({
    listeners: [build.listener("l", { routeConfiguration: "rc" })],
    routeConfigurations: [build.routeConfiguration("rc", { "": [["ns/r", 0, 0]] })],
    routes: [build.route("ns/r", [build.rule({ backends })])],
    clusters: [build.cluster("a")],
    answers: { "gateway:ns/gw": { listeners: ["l"] } },
  });
  const request = describedRequest({ method: "GET", url: "http://h/", headers: [] });
  const matched = snapshot.gatewayPorts.get(80)?.listenerFor("h")?.routes?.match(request);
  const drawn = Array.from({ length: 100 }, () => matched?.backends[matched.split?.next() ?? -1]);
  t.is(drawn.filter((backend) => backend?.cluster === null).length, 25);
  t.is(drawn.filter((backend) => backend?.displayName === "a").length, 75);
});

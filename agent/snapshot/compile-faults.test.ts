// What compilation refuses, and whom it names.
import test from "ava";
import * as fc from "fast-check";
import { SplitRegistry } from "../routing/split-registry.ts";
import * as build from "../../test/support/resource-set.ts";
import { compile } from "./compile.ts";
import type { ResourceFault } from "./faults.ts";
import type { Match, Rule, ValueMatch } from "./resources.ts";

function faults(parts: build.ResourceSetParts, mode: "gateway" | "sidecar" = "gateway"): readonly ResourceFault[] {
  const result = compile(build.resourceSet(parts), { splits: new SplitRegistry(Math.random), previous: null, mode });
  return "errors" in result ? result.errors : [];
}

function ruleFault(rule: Partial<Rule>): string {
  const [fault, ...others] = faults({
    routes: [build.route("ns/bad", [build.rule(), build.rule(rule)]), build.route("ns/good", [build.rule()])],
    clusters: [build.cluster("a")],
  });
  if (fault === undefined) return "accepted";
  return others.length === 0 && fault.type === "route" && fault.name === "ns/bad"
    ? fault.reason
    : JSON.stringify(others);
}

function matchFault(match: Partial<Match>): string {
  return ruleFault({ matches: [build.match(), build.match(match)] });
}

const value = (name: string, text = "x"): ValueMatch => build.exactly(name, text);
const set = (name: string, text: string) => ({ requestHeaders: build.modifier({ set: [{ name, value: text }] }) });

for (const [title, fault, expected] of [
  ["a dangling cluster", ruleFault({ backends: [build.backend("b")] }), /rule 1: backend "b": no cluster "b"/],
  [
    "a dangling mirror",
    ruleFault({ backends: [build.backend("a", { mirrors: [build.mirror("m")] })] }),
    /mirror "m": no cluster "m"/,
  ],
  [
    "a bad expression in a path",
    matchFault({ path: { kind: "regular-expression", value: "(" } }),
    /rule 1: match 1: .*missing closing \)/,
  ],
  ["a bad expression in a header", matchFault({ headers: [build.matching("x", "a**")] }), /match 1: /],
  ["a bad expression in a query parameter", matchFault({ queryParameters: [build.matching("x", "\\1")] }), /match 1: /],
  [
    "a path without a slash",
    matchFault({ path: { kind: "prefix", value: "api" } }),
    /path "api" does not begin with "\/"/,
  ],
  ["a method that is no token", matchFault({ method: "GET /" }), /method "GET \/" is not a token/],
  ["a header match with a bad name", matchFault({ headers: [value("x y")] }), /header name "x y" is not a token/],
  ["a header matched twice", matchFault({ headers: [value("X-A"), value("x-a")] }), /header "x-a" is matched twice/],
  [
    "a query parameter matched twice",
    matchFault({ queryParameters: [value("a"), value("a")] }),
    /"a" is matched twice/,
  ],
  ["a query parameter without a name", matchFault({ queryParameters: [value("")] }), /without a name/],
  ["a header name with a line break", ruleFault(set("x\r\ny", "1")), /header name "x\\r\\ny" is not a token/],
  [
    "a header value with CR LF",
    ruleFault(set("x", "1\r\nEvil: 2")),
    /value "1\\r\\nEvil: 2" of header "x" contains control/,
  ],
  ["a header value with a lone LF", ruleFault(set("x", "1\n")), /control characters/],
  ["a header value with NUL", ruleFault(set("x", "\0")), /control characters/],
  [
    "an added value with CR",
    ruleFault({ responseHeaders: build.modifier({ add: [{ name: "x", value: "\r" }] }) }),
    /control/,
  ],
  [
    "a removed name that is none",
    ruleFault({ requestHeaders: build.modifier({ remove: ["x:"] }) }),
    /"x:" is not a token/,
  ],
  ["a backend's filter as well", ruleFault({ backends: [build.backend("a", set("x", "\n"))] }), /control characters/],
  ["a framing header", ruleFault(set("Content-Length", "5")), /header "Content-Length" may not be modified/],
  [
    "a second Host",
    ruleFault({ requestHeaders: build.modifier({ add: [{ name: "Host", value: "h" }] }) }),
    /may only be set/,
  ],
  [
    "a negative weight",
    ruleFault({ backends: [build.backend("a", { weight: -1 })] }),
    /weight -1 is not a whole number/,
  ],
  [
    "a broken weight",
    ruleFault({ backends: [build.backend("a", { weight: 0.5 })] }),
    /weight 0.5 is not a whole number/,
  ],
  [
    "a mirror of more than everything",
    ruleFault({ mirrors: [build.mirror("a", { numerator: 101 })] }),
    /101\/100 is not a fraction/,
  ],
  [
    "a mirror over nothing",
    ruleFault({ mirrors: [build.mirror("a", { denominator: 0 })] }),
    /100\/0 is not a fraction/,
  ],
] as const) {
  test(`${title} is refused, and its route named`, (t) => {
    t.regex(fault, expected);
  });
}

test("what is unusual but allowed is accepted", (t) => {
  t.is(ruleFault(set("Host", "internal.example")), "accepted");
  t.is(ruleFault(set("x", "tab\t, umlaut ü, emoji 🐳, and nothing else")), "accepted");
  t.is(ruleFault(set("x", "")), "accepted");
  t.is(ruleFault({ backends: [build.backend("gone", { cluster: "", invalidReason: "BackendNotFound" })] }), "accepted");
  t.is(ruleFault({ unsupported: "RequestRedirect", matches: [] }), "accepted");
});

test("route configurations: dangling routes, bad indexes, hostnames", (t) => {
  const good = build.route("ns/r", [build.rule()]);
  const reason = (virtualHosts: Parameters<typeof build.routeConfiguration>[1]): string => {
    const [fault, ...others] = faults({
      routes: [good],
      routeConfigurations: [build.routeConfiguration("rc", virtualHosts)],
    });
    t.deepEqual(others, []);
    t.is(fault?.type, "route-configuration");
    t.is(fault?.name, "rc");
    return fault?.reason ?? "accepted";
  };
  t.is(reason({ "": [["ns/gone", 0, 0]] }), 'no route "ns/gone"');
  t.is(reason({ "": [["ns/r", 1, 0]] }), 'entry 0 of "": route "ns/r" has no rule 1 match 0');
  t.is(reason({ "": [["ns/r", 0, 7]] }), 'entry 0 of "": route "ns/r" has no rule 0 match 7');
  t.is(reason({ "Shop.example": [] }), 'hostname "Shop.example" is not a lower-case hostname');
  for (const hostname of ["*", "a.*.b", "a..b", ".a", "a.", "-a", "a:80", "a b", "a".repeat(254)])
    reason({ [hostname]: [] });
  const rc = build.routeConfiguration("rc", { "": [["ns/r", 0, 0]] });
  const outOfRange = { ...rc, virtualHosts: [{ hostname: "", entries: [{ route: 3, rule: 0, match: 0 }] }] };
  t.regex(faults({ routes: [good], routeConfigurations: [outOfRange] })[0]?.reason ?? "", /no route 3 in 1/);
  const twice = { ...rc, virtualHosts: [...rc.virtualHosts, ...rc.virtualHosts] };
  t.regex(faults({ routes: [good], routeConfigurations: [twice] })[0]?.reason ?? "", /is there twice/);
});

test("listeners: dangling references, both or neither of routes and cluster, ports, hostnames", (t) => {
  const reason = (fields: Parameters<typeof build.listener>[1]): string => {
    const [fault, ...others] = faults({
      listeners: [build.listener("l", fields)],
      routeConfigurations: [build.routeConfiguration("rc", {})],
      clusters: [build.cluster("a")],
    });
    t.deepEqual(others, []);
    return fault === undefined ? "accepted" : `${fault.type} ${fault.name}: ${fault.reason}`;
  };
  t.is(reason({ routeConfiguration: "rc" }), "accepted");
  t.is(reason({ cluster: "a" }), "accepted");
  t.regex(reason({}), /^listener l: exactly one of/);
  t.regex(reason({ routeConfiguration: "rc", cluster: "a" }), /^listener l: exactly one of/);
  t.is(reason({ routeConfiguration: "gone" }), 'listener l: no route configuration "gone"');
  t.is(reason({ cluster: "gone" }), 'listener l: no cluster "gone"');
  t.is(reason({ cluster: "a", port: 0 }), "listener l: port 0 is not in 1..65535");
  t.is(reason({ cluster: "a", port: 65536 }), "listener l: port 65536 is not in 1..65535");
  t.regex(reason({ cluster: "a", hostname: "*.*" }), /is not a lower-case hostname/);
});

test("answers that refer to nothing, and listeners that cannot share a port", (t) => {
  const listeners = [
    build.listener("a", { routeConfiguration: "rc" }),
    build.listener("b", { routeConfiguration: "rc" }),
  ];
  const parts = { listeners, routeConfigurations: [build.routeConfiguration("rc", {})] };
  const names = (list: readonly ResourceFault[]) => list.map(({ type, name }) => `${type} ${name}`);
  t.deepEqual(names(faults({ ...parts, answers: { "gateway:ns/gw": { listeners: ["a", "gone"] } } })), [
    "listener gone",
  ]);
  t.deepEqual(names(faults({ ...parts, answers: { "gateway:ns/gw": { listeners: ["a", "b"] } } })), ["listener b"]);
  t.deepEqual(names(faults({ ...parts, answers: { "frontend:h:80": { listeners: ["a", "b"] } } }, "sidecar")), [
    "listener a",
  ]);
  t.deepEqual(names(faults({ ...parts, answers: { "frontend:h:80": {} } }, "sidecar")), ["listener frontend:h:80"]);
  t.deepEqual(names(faults({ ...parts, answers: { "frontend:h:80": { listeners: ["gone"] } } }, "sidecar")), [
    "listener gone",
  ]);
  t.deepEqual(names(faults({ answers: { "workload:ns/p": { workload: "ns/p" } } })), ["workload ns/p"]);
});

test("clusters, endpoints and workloads: versions, addresses, ports", (t) => {
  const inbound = { port: 80, applicationAddress: "127.0.0.1", applicationPort: 8000, protocol: "http1" } as const;
  const list = faults({
    clusters: [build.cluster("a", { defaultWorkloadVersion: "" }), build.cluster("b")],
    endpoints: [build.endpoints("b", [{ port: 0, pod: "ns/p" }, { address: "10.0.0.1\r\n" }, {}])],
    workloads: [build.workload("ns/w", { inboundPorts: [inbound, { ...inbound, applicationPort: -1 }] })],
  });
  t.deepEqual(list, [
    { type: "cluster", name: "a", reason: "no default workload version" },
    {
      type: "endpoints",
      name: "b",
      reason:
        'endpoint "ns/p": port 0 is not in 1..65535; endpoint "10.0.0.1\\r\\n": address "10.0.0.1\\r\\n" cannot be dialled',
    },
    {
      type: "workload",
      name: "ns/w",
      reason: "inbound port 80: port -1 is not in 1..65535; inbound port 80 is there twice",
    },
  ]);
});

test("one refusal names every faulty resource, and only those", (t) => {
  const list = faults({
    listeners: [build.listener("l", { routeConfiguration: "rc" })],
    routeConfigurations: [
      build.routeConfiguration("rc", {
        "": [
          ["ns/one", 0, 0],
          ["ns/two", 0, 0],
          ["ns/three", 0, 0],
        ],
      }),
    ],
    routes: [
      build.route("ns/one", [
        build.rule({ matches: [build.match({ path: { kind: "regular-expression", value: "[" } })] }),
      ]),
      build.route("ns/two", [build.rule()]),
      build.route("ns/three", [build.rule({ backends: [build.backend("gone")] })]),
    ],
    answers: { "gateway:ns/gw": { listeners: ["l"] } },
  });
  t.deepEqual(
    list.map(({ type, name }) => `${type} ${name}`),
    ["route ns/one", "route ns/three"],
  );
});

test("a resource with many faults is told in one bounded line", (t) => {
  const bad = build.match({ path: { kind: "exact", value: "x".repeat(5000) } });
  const reason = ruleFault({ matches: Array.from({ length: 64 }, () => bad) });
  t.true(reason.length < 1000);
  t.regex(reason, /; and 59 more$/);
});

test("text of any kind is answered by a snapshot or by faults, never by an exception", (t) => {
  const text = fc.string({ unit: "binary" });
  const pair = fc.record({ name: text, value: text });
  const kind = fc.constantFrom("exact" as const, "prefix" as const, "regular-expression" as const);
  fc.assert(
    fc.property(
      kind,
      text,
      fc.boolean(),
      pair,
      pair,
      pair,
      text,
      (pathKind, path, regularExpression, one, two, three, host) => {
        const rule = build.rule({
          matches: [
            build.match({
              path: { kind: pathKind, value: path },
              headers: [{ ...one, regularExpression }],
              queryParameters: [{ ...two, regularExpression }],
              method: two.name,
            }),
          ],
          requestHeaders: build.modifier({ set: [three], remove: [one.name] }),
        });
        const list = faults({
          routes: [build.route("ns/r", [rule])],
          routeConfigurations: [build.routeConfiguration("rc", { [host]: [["ns/r", 0, 0]] })],
          endpoints: [build.endpoints("a", [{ address: host }])],
          clusters: [build.cluster("a")],
        });
        for (const { reason } of list) t.false(/[\r\n]/.test(reason), "a reason is one line");
      },
    ),
    { numRuns: 500 },
  );
});

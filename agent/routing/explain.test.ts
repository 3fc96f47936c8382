// Explanations: the same winner as matching, and the right reason for every loser.
import test from "ava";
import * as fc from "fast-check";
import { compiledListener } from "../../test/support/compiled-table.ts";
import { backend, exactly, match, mirror, route, rule } from "../../test/support/resource-set.ts";
import { anyRequest, anyTable } from "../../test/support/route-table-arbitrary.ts";
import { describedRequest } from "./described-request.ts";
import { describeVerdict, explain, type Explanation, type SplitExplanation } from "./explain.ts";

const prefix = (value: string) => ({ path: { kind: "prefix", value } as const });
const routes = [
  route("task-api/ab", [
    rule({
      name: "beta",
      matches: [match({ ...prefix("/api/"), headers: [exactly("x-beta-user", "true")] })],
      backends: [
        backend("task-api/experimental:8000", { mirrors: [mirror("task-api/shadow:8000", { numerator: 10 })] }),
      ],
    }),
    rule({
      matches: [match(prefix("/api/"))],
      backends: [
        backend("task-api/stable:8000", { weight: 95 }),
        backend("task-api/gone:8000", { weight: 5, cluster: "", invalidReason: "BackendNotFound" }),
      ],
    }),
    rule({ matches: [match({ ...prefix("/api/v1"), method: "POST", queryParameters: [exactly("debug", "1")] })] }),
    rule({ matches: [match(prefix("/"))], unsupported: "RequestRedirect" }),
  ]),
];
const listener = compiledListener(routes, {
  "shop.example": [
    ["task-api/ab", 0, 0],
    ["task-api/ab", 1, 0],
    ["task-api/ab", 2, 0],
  ],
  "": [["task-api/ab", 3, 0]],
  "*.other.example": [["task-api/ab", 1, 0]],
});

function explained(method: string, url: string, ...headers: readonly (readonly [string, string])[]): Explanation {
  return explain(listener, describedRequest({ method, url, headers }));
}

function splitOf({ outcome }: Explanation): SplitExplanation {
  if (outcome.kind !== "rule") throw new Error(outcome.kind);
  return outcome.split;
}

function reasons({ entries }: Explanation): readonly string[] {
  return entries.map(({ rule, verdict }) => `${rule}: ${describeVerdict(verdict)}`);
}

test("the rule whose header matches wins, the ones behind it have lower precedence", (t) => {
  const explanation = explained("GET", "http://shop.example/api/version", ["X-Beta-User", "true"]);
  t.deepEqual(reasons(explanation), [
    "0: wins",
    "1: matches too, but has lower precedence",
    '2: path is "/api/version", not under "/api/v1"',
    "3: matches too, but has lower precedence",
    '1: hostname is "shop.example", not "*.other.example"',
  ]);
  t.deepEqual(explanation.entries[0]?.conditions, ['path under "/api"', 'header x-beta-user "true"']);
  t.is(explanation.entries[0]?.ruleName, "beta");
});

test("a loser is told by the first condition that does not hold, with what was there", (t) => {
  t.is(reasons(explained("GET", "http://shop.example/api"))[0], '0: header "x-beta-user" is absent, not "true"');
  const wrongCase = explained("GET", "http://shop.example/api/v1", ["x-beta-user", "True"]);
  t.is(reasons(wrongCase)[0], '0: header "x-beta-user" is "True", not "true"');
  t.is(reasons(wrongCase)[2], '2: method is "GET", not POST');
  const noQuery = explained("POST", "http://shop.example/api/v1");
  t.is(reasons(noQuery)[2], '2: query-parameter "debug" is absent, not "1"');
  const apix = explained("GET", "http://shop.example/apix");
  t.is(reasons(apix)[1], '1: path is "/apix", not under "/api"');
  t.is(reasons(apix)[3], "3: wins");
});

test("the split shows weights, shares, mirrors, and what cannot be forwarded", (t) => {
  const split = splitOf(explained("GET", "http://shop.example/api"));
  t.is(split.localReply, null);
  t.deepEqual(
    split.backends.map(({ displayName, weight, share, localReply, workloadVersions }) => [
      displayName,
      weight,
      share,
      localReply?.status ?? 200,
      workloadVersions,
    ]),
    [
      ["task-api/stable:8000", 95, 0.95, 200, ["v1"]],
      ["task-api/gone:8000", 5, 0.05, 500, []],
    ],
  );
  t.is(split.backends[1]?.localReply?.reason, "BackendNotFound");
  const beta = splitOf(explained("GET", "http://shop.example/api", ["x-beta-user", "true"]));
  const mirrors = beta.backends[0]?.mirrors.map((copy) => [copy.displayName, copy.numerator, copy.denominator]);
  t.deepEqual(mirrors, [["task-api/shadow:8000", 10, 100]]);
});

test("a rule that answers every request itself says why", (t) => {
  const { outcome } = explained("GET", "http://unknown.example/");
  t.deepEqual(outcome.kind === "rule" && outcome.split.localReply, {
    status: 500,
    reason: "unsupported: RequestRedirect",
  });
  const idle = route("ns/idle", [rule({ backends: [backend("a", { weight: 0 })] }), rule()]);
  const replies = [0, 1].map((index) => {
    const only = compiledListener([idle], { "": [["ns/idle", index, 0]] });
    const result = explain(only, describedRequest({ method: "GET", url: "http://h/", headers: [] })).outcome;
    return result.kind === "rule" ? result.split.localReply?.reason : result.kind;
  });
  t.deepEqual(replies, ["every weight is 0", "no backends"]);
});

test("nothing matches, and a frontend without routes", (t) => {
  const narrow = compiledListener(routes, { "a.example": [["task-api/ab", 1, 0]] });
  const request = describedRequest({ method: "GET", url: "http://b.example/api", headers: [] });
  t.is(explain(narrow, request).outcome.kind, "no-match");
  const cluster = { name: "ns/a:80", protocol: "http1", endpoints: [] } as const;
  t.deepEqual(explain({ displayName: "ns/a:80", routes: null, cluster }, request).outcome, {
    kind: "cluster",
    cluster: "ns/a:80",
    endpoints: 0,
  });
});

test("explaining draws nothing from the split", (t) => {
  const drawn = (explains: boolean): string => {
    const canary = route("ns/r", [rule({ backends: [backend("a"), backend("b")] })]);
    const fresh = compiledListener([canary], { "": [["ns/r", 0, 0]] });
    const request = describedRequest({ method: "GET", url: "http://h/", headers: [] });
    const split = fresh.routes?.match(request)?.split;
    return Array.from({ length: 40 }, () => {
      if (explains) explain(fresh, request);
      return split?.next();
    }).join("");
  };
  t.is(drawn(true), drawn(false));
});

test("the winner is the one that matching finds, for any table and request", (t) => {
  fc.assert(
    fc.property(anyTable, fc.array(anyRequest, { minLength: 1, maxLength: 10 }), (description, requests) => {
      const any = compiledListener([description.route], description.virtualHosts);
      for (const described of requests) {
        const request = describedRequest(described);
        const { outcome, entries } = explain(any, request);
        const matched = any.routes?.match(request) ?? null;
        t.is(outcome.kind === "rule" ? outcome.rule : null, matched);
        const won = entries.filter((entry) => entry.verdict.kind === "won");
        t.deepEqual(
          won.map((entry) => `${entry.route}/${entry.rule}`),
          matched === null ? [] : [matched.id],
        );
        t.is(entries.length, Object.values(description.virtualHosts).flat().length, "no entry is left out");
      }
    }),
    { numRuns: 200 },
  );
});

// Which rule wins: given order inside a virtual host, specificity between virtual hosts, for tables of any size.
import test from "ava";
import * as fc from "fast-check";
import { compiledTable } from "../../test/support/compiled-table.ts";
import { backend, exactly, match, matching, route, rule } from "../../test/support/resource-set.ts";
import { anyRequest, anyTable, firstMatch } from "../../test/support/route-table-arbitrary.ts";
import { describedRequest } from "./described-request.ts";
import type { RouteTable } from "../snapshot/compiled.ts";

function winner(table: RouteTable, url: string, ...headers: readonly (readonly [string, string])[]): string | null {
  return table.match(describedRequest({ method: "GET", url, headers }))?.id ?? null;
}

const premium = rule({
  matches: [match({ path: { kind: "prefix", value: "/api/" }, headers: [exactly("x-api-tier", "premium")] })],
  backends: [backend("stable", { weight: 100 })],
});
const everyone = rule({
  matches: [match({ path: { kind: "prefix", value: "/api/" } })],
  backends: [backend("stable", { weight: 90 }), backend("canary", { weight: 10 })],
});

for (const [title, rules, premiumRule] of [
  ["T27 premium requests keep to stable, the others split exactly", [premium, everyone], 0],
  ["T28 the same with the two rules the other way round, in the same precedence", [everyone, premium], 1],
] as const) {
  test(title, (t) => {
    const other = 1 - premiumRule;
    const combined = route("task-api/task-api-combined", rules);
    const table = compiledTable([combined], {
      "": [
        [combined.name, premiumRule, 0],
        [combined.name, other, 0],
      ],
    });
    const drawn = { stable: 0, canary: 0 };
    const url = "http://localhost:8080/api/version";
    for (let count = 0; count < 1000; count++) {
      t.is(winner(table, url, ["x-api-tier", "premium"]), `task-api/task-api-combined/${premiumRule}`);
      const plain = table.match(describedRequest({ method: "GET", url, headers: [] }));
      const name = plain?.backends[plain.split?.next() ?? -1]?.displayName;
      if (name === "stable" || name === "canary") drawn[name]++;
    }
    t.deepEqual(drawn, { stable: 900, canary: 100 });
  });
}

test("R4 a host that no virtual host covers matches nothing", (t) => {
  const canary = route("production/canary", [rule()]);
  const table = compiledTable([canary], { "app.example.com": [[canary.name, 0, 0]] });
  t.is(winner(table, "http://app.example.com/"), "production/canary/0");
  t.is(winner(table, "http://APP.example.com:8080/"), "production/canary/0", "port and case of Host do not count");
  t.is(winner(table, "http://other.host/"), null);
});

test("a request that matches nothing in its virtual host goes on to the next less specific one", (t) => {
  const path = (value: string) => rule({ matches: [match({ path: { kind: "prefix", value } })] });
  const exact = route("ns/exact", [path("/exact")]);
  const wildcard = route("ns/wildcard", [path("/wild"), path("/exact")]);
  const any = route("ns/any", [path("/")]);
  const table = compiledTable([exact, wildcard, any], {
    "shop.example.com": [[exact.name, 0, 0]],
    "*.example.com": [
      [wildcard.name, 0, 0],
      [wildcard.name, 1, 0],
    ],
    "": [[any.name, 0, 0]],
  });
  t.is(winner(table, "http://shop.example.com/exact"), "ns/exact/0");
  t.is(winner(table, "http://shop.example.com/wild"), "ns/wildcard/0");
  t.is(winner(table, "http://shop.example.com/other"), "ns/any/0");
  t.is(winner(table, "http://news.example.com/exact"), "ns/wildcard/1");
  t.is(winner(table, "http://example.com/exact"), "ns/any/0");
});

test("the given order is precedence: an earlier prefix beats a later exact path", (t) => {
  const rules = Array.from({ length: 30 }, (_, index) =>
    rule({
      matches: [match({ path: { kind: index === 29 ? "exact" : "prefix", value: index < 28 ? `/x${index}` : "/a" } })],
    }),
  );
  const listed = route("ns/listed", rules);
  const table = compiledTable([listed], { "": rules.map((_, index) => [listed.name, index, 0] as const) });
  t.is(winner(table, "http://h/a"), "ns/listed/28");
});

test("a match asks for path, method, headers and query parameters together", (t) => {
  const all = route("ns/all", [
    rule({
      matches: [
        match({
          path: { kind: "prefix", value: "/api" },
          method: "POST",
          headers: [exactly("x-tier", "gold"), matching("x-version", "v[12]")],
          queryParameters: [exactly("beta", "1")],
        }),
      ],
    }),
  ]);
  const table = compiledTable([all], { "": [[all.name, 0, 0]] });
  const good = {
    method: "POST",
    url: "http://h/api?beta=1",
    headers: [
      ["x-tier", "gold"],
      ["x-version", "v2"],
    ],
  } as const;
  t.not(table.match(describedRequest(good)), null);
  t.is(table.match(describedRequest({ ...good, method: "GET" })), null);
  t.is(table.match(describedRequest({ ...good, url: "http://h/apis?beta=1" })), null);
  t.is(table.match(describedRequest({ ...good, url: "http://h/api?beta=2" })), null);
  t.is(table.match(describedRequest({ ...good, headers: [["x-tier", "gold"]] })), null);
  t.is(
    table.match(
      describedRequest({
        ...good,
        headers: [
          ["x-tier", "gold"],
          ["x-version", "v3"],
        ],
      }),
    ),
    null,
  );
});

test("any table answers what looking at every entry in order answers", (t) => {
  let matched = 0;
  fc.assert(
    fc.property(anyTable, fc.array(anyRequest, { minLength: 5, maxLength: 20 }), (description, requests) => {
      const table = compiledTable([description.route], description.virtualHosts);
      for (const request of requests) {
        const expected = firstMatch(description, request);
        if (expected !== null) matched++;
        t.is(table.match(describedRequest(request))?.id ?? null, expected);
      }
    }),
    { numRuns: 300 },
  );
  t.true(matched > 500, `only ${matched} requests matched anything`);
});

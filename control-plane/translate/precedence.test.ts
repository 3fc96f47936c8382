import test from "ava";
import * as fc from "fast-check";
import { type AttachedRoute, orderRoutes, shapeOf } from "./precedence.ts";
import type { Match, Route, RouteConfiguration } from "../../proto/messages.ts";

// A second reading of the specification, by search instead of by order: of all matches that hold, the one that no
// other beats. Only the order of entries is under test, so matching is as plain as can be.

interface Request {
  readonly host: string;
  readonly path: string;
  readonly method: string;
  readonly headers: readonly string[];
  readonly query: readonly string[];
}

interface TestRoute {
  readonly name: string;
  readonly ageMs: number;
  readonly hostnames: readonly string[];
  readonly rules: readonly (readonly Match[])[];
}

const holdsHost = (hostname: string, host: string) =>
  hostname === "" || hostname === host || (hostname.startsWith("*.") && host.endsWith(hostname.slice(1)));

const holdsPath = ({ pathType, path }: Match, requested: string) => {
  if (pathType === "PATH_EXACT") return path === requested;
  if (pathType === "PATH_REGULAR_EXPRESSION") return new RegExp(`^(?:${path})$`).test(requested);
  return `${requested}/`.startsWith(path.endsWith("/") ? path : `${path}/`);
};

const holds = (match: Match, request: Request) =>
  holdsPath(match, request.path) &&
  (match.method === "" || match.method === request.method) &&
  match.headers.every(({ name }) => request.headers.includes(name)) &&
  match.queryParameters.every(({ name }) => request.query.includes(name));

/** Larger wins, element by element; the last elements are negated so that older, alphabetical and first win. */
const rankOf = (hostname: string, match: Match, route: TestRoute, rule: number, index: number) => [
  hostname !== "" && !hostname.startsWith("*.") ? hostname.length : 0,
  hostname.length,
  match.pathType === "PATH_EXACT" ? 1 : 0,
  match.path.length > 1 && match.path.endsWith("/") && match.pathType === "PATH_PREFIX"
    ? match.path.length - 1
    : match.path.length,
  match.pathType === "PATH_REGULAR_EXPRESSION" ? 0 : 1,
  match.method === "" ? 0 : 1,
  match.headers.length,
  match.queryParameters.length,
  -route.ageMs,
  -route.name.charCodeAt(route.name.length - 1),
  -rule,
  -index,
];

function expected(routes: readonly TestRoute[], request: Request): string | undefined {
  let best: { readonly rank: readonly number[]; readonly id: string } | undefined;
  for (const route of routes) {
    for (const hostname of route.hostnames.filter((hostname) => holdsHost(hostname, request.host))) {
      for (const [rule, matches] of route.rules.entries()) {
        for (const [index, match] of matches.entries()) {
          if (!holds(match, request)) continue;
          const rank = rankOf(hostname, match, route, rule, index);
          const differing = best === undefined ? 0 : rank.findIndex((value, at) => value !== best?.rank[at]);
          if (best === undefined || rank[differing]! > best.rank[differing]!)
            best = { rank, id: `${route.name}/${rule}/${index}` };
        }
      }
    }
  }
  return best?.id;
}

function actual(routes: readonly TestRoute[], body: RouteConfiguration, request: Request): string | undefined {
  for (const { hostname, entries } of body.virtualHosts) {
    if (!holdsHost(hostname, request.host)) continue;
    for (const { route, rule, match } of entries) {
      const name = body.routes[route]!;
      const found = routes.find((candidate) => candidate.name === name)!.rules[rule]![match]!;
      if (holds(found, request)) return `${name}/${rule}/${match}`;
    }
  }
  return undefined;
}

const value = (name: string) => ({ name, value: "1", regularExpression: false });
const names = fc.subarray(["a", "b"]);
const path = fc.constantFrom(
  ...(["/", "/a", "/a/", "/a/b", "/ab"] as const).map((path) => ["PATH_PREFIX", path] as const),
  ...(["/", "/a", "/a/", "/a/b"] as const).map((path) => ["PATH_EXACT", path] as const),
  ...(["/.*", "/a/[a-z]", "/a."] as const).map((path) => ["PATH_REGULAR_EXPRESSION", path] as const),
);
const match: fc.Arbitrary<Match> = fc
  .record({ path, headers: names, query: names, method: fc.constantFrom("", "", "GET", "PUT") })
  .map(({ path, headers, query, method }) => ({
    pathType: path[0],
    path: path[1],
    headers: headers.map(value),
    queryParameters: query.map(value),
    method,
  }));
const hostname = fc.constantFrom("", "*.x", "*.y.x", "a.x", "a.y.x", "much-longer-than-the-wildcards.x");
const routes: fc.Arbitrary<readonly TestRoute[]> = fc
  .array(
    fc.record({
      ageMs: fc.constantFrom(1, 2),
      hostnames: fc.uniqueArray(hostname, { minLength: 1, maxLength: 3 }),
      rules: fc.array(fc.array(match, { minLength: 1, maxLength: 3 }), { minLength: 1, maxLength: 3 }),
    }),
    { minLength: 1, maxLength: 5 },
  )
  .map((list) => list.map((route, index) => ({ ...route, name: `apps/${"abcde"[index]}` })));
const request: fc.Arbitrary<Request> = fc.record({
  host: fc.constantFrom("a.x", "b.x", "a.y.x", "b.y.x", "x", "much-longer-than-the-wildcards.x"),
  path: fc.constantFrom("/", "/a", "/a/", "/a/b", "/a/b/c", "/ab", "/c"),
  method: fc.constantFrom("GET", "PUT"),
  headers: names,
  query: names,
});

function order(list: readonly TestRoute[]): RouteConfiguration {
  const attached = list.map(({ name, ageMs, hostnames, rules }): AttachedRoute => {
    const rule = { name: "", requestHeaders: null, responseHeaders: null, mirrors: [], backends: [], unsupported: "" };
    const body: Route = { rules: rules.map((matches) => ({ ...rule, matches: [...matches] })) };
    return { shape: shapeOf(name, name, ageMs, body), hostnames };
  });
  return orderRoutes(attached);
}

test("C.2 the first entry that holds is the match that the order of precedence names", (t) => {
  let found = 0;
  fc.assert(
    fc.property(routes, fc.array(request, { minLength: 5, maxLength: 10 }), (list, requests) => {
      const body = order(list);
      for (const request of requests) {
        const winner = expected(list, request);
        if (winner !== undefined) found++;
        t.is(actual(list, body, request), winner);
      }
    }),
    { numRuns: 400 },
  );
  t.true(found > 400, "the generated routes match often enough to say something");
});

test("C.2 the order of the routes that are given never matters", (t) => {
  fc.assert(
    fc.property(
      routes.chain((list) =>
        fc.tuple(fc.constant(list), fc.shuffledSubarray([...list], { minLength: list.length, maxLength: list.length })),
      ),
      ([list, shuffled]) => t.deepEqual(order(shuffled), order(list)),
    ),
    { numRuns: 200 },
  );
});

test("C.2 every match of every attached route appears once per hostname", (t) => {
  fc.assert(
    fc.property(routes, (list) => {
      const entries = order(list).virtualHosts.reduce((sum, host) => sum + host.entries.length, 0);
      t.is(
        entries,
        list.reduce((sum, { hostnames, rules }) => sum + hostnames.length * rules.flat().length, 0),
      );
    }),
    { numRuns: 100 },
  );
});

// Random route tables and requests over few words, so that they meet often, and a second opinion on which rule wins:
// it looks at every entry, by means of its own.
import * as fc from "fast-check";
import { match, route, rule } from "./resource-set.ts";
import type { Entries } from "./compiled-table.ts";
import type { RequestDescription } from "../../agent/routing/described-request.ts";
import type { Match, Route, ValueMatch } from "../../agent/snapshot/resources.ts";

export interface TableDescription {
  readonly route: Route;
  readonly virtualHosts: Entries;
}

const element = fc.constantFrom("a", "ab", "b");
const anyPath = fc
  .tuple(fc.array(element, { maxLength: 3 }), fc.boolean())
  .map(([elements, slash]) => `/${elements.join("/")}${slash && elements.length > 0 ? "/" : ""}`);
const anyPathMatch: fc.Arbitrary<Match["path"]> = fc.oneof(
  anyPath.map((value) => ({ kind: "exact" as const, value })),
  anyPath.map((value) => ({ kind: "prefix" as const, value })),
  fc.constantFrom("/a.*", "/(a|b)", ".*b").map((value) => ({ kind: "regular-expression" as const, value })),
);
const anyName = fc.constantFrom("one", "two");
const anyValueMatches: fc.Arbitrary<readonly ValueMatch[]> = fc.uniqueArray(
  fc.oneof(
    fc.record({ name: anyName, value: fc.constantFrom("x", "y"), regularExpression: fc.constant(false) }),
    fc.record({ name: anyName, value: fc.constantFrom("x|z", ".*"), regularExpression: fc.constant(true) }),
  ),
  { selector: ({ name }) => name, maxLength: 2 },
);
const rarely = <Value>(arbitrary: fc.Arbitrary<Value>, otherwise: Value): fc.Arbitrary<Value> =>
  fc.oneof({ arbitrary: fc.constant(otherwise), weight: 3 }, { arbitrary, weight: 1 });
const anyMatch = fc
  .record({
    path: anyPathMatch,
    method: rarely(fc.constantFrom("GET", "POST"), ""),
    headers: rarely(anyValueMatches, []),
    queryParameters: rarely(anyValueMatches, []),
  })
  .map(match);
const anyHostname = fc.constantFrom("", "*.example", "*.shop.example", "shop.example", "a.shop.example");

/** One route with a rule per match; every virtual host lists some of them in any order. */
export const anyTable: fc.Arbitrary<TableDescription> = fc
  .array(anyMatch, { minLength: 1, maxLength: 30 })
  .chain((matches) =>
    fc.record({
      matches: fc.constant(matches),
      virtualHosts: fc.dictionary(anyHostname, fc.shuffledSubarray([...matches.keys()]), { maxKeys: 4 }),
    }),
  )
  .map(({ matches, virtualHosts }) => ({
    route: route(
      "ns/route",
      matches.map((only) => rule({ matches: [only] })),
    ),
    virtualHosts: Object.fromEntries(
      Object.entries(virtualHosts).map(([hostname, rules]) => [
        hostname,
        rules.map((index) => ["ns/route", index, 0] as const),
      ]),
    ),
  }));

const anyPairs = fc.array(fc.tuple(anyName, fc.constantFrom("x", "y", "z")), { maxLength: 2 });

export const anyRequest: fc.Arbitrary<RequestDescription> = fc
  .record({
    method: fc.constantFrom("GET", "POST"),
    host: fc.constantFrom("shop.example", "a.shop.example", "b.shop.example", "example", "other"),
    path: anyPath,
    query: anyPairs,
    headers: anyPairs,
  })
  .map(({ method, host, path, query, headers }) => ({
    method,
    url: `http://${host}${path}?${query.map(([name, value]) => `${name}=${value}`).join("&")}`,
    headers,
  }));

/** The id of the rule that wins, or null. */
export function firstMatch(
  { route: { rules }, virtualHosts }: TableDescription,
  request: RequestDescription,
): string | null {
  const { hostname: host, pathname, searchParams } = new URL(request.url);
  const covering = Object.keys(virtualHosts)
    .filter((pattern) => pattern === "" || pattern === host || (pattern[0] === "*" && host.endsWith(pattern.slice(1))))
    .sort((left, right) => (right === host ? 1 : 0) - (left === host ? 1 : 0) || right.length - left.length);
  for (const hostname of covering) {
    for (const [, index] of virtualHosts[hostname] ?? []) {
      const only = rules[index]?.matches[0];
      if (only !== undefined && holds(only, request, pathname, searchParams)) return `ns/route/${index}`;
    }
  }
  return null;
}

function holds(only: Match, request: RequestDescription, path: string, query: URLSearchParams): boolean {
  const value = only.path.value;
  const bare = value.replace(/\/$/, "");
  const pathHolds = {
    exact: () => path === value,
    prefix: () => `${path}/`.startsWith(`${bare}/`),
    "regular-expression": () => new RegExp(`^(?:${value})$`).test(path),
  };
  const valueHolds = (matcher: ValueMatch, actual: string | null): boolean => {
    if (actual === null) return false;
    return matcher.regularExpression ? new RegExp(`^(?:${matcher.value})$`).test(actual) : actual === matcher.value;
  };
  const header = (name: string): string | null => {
    const values = request.headers.filter((pair) => pair[0] === name).map((pair) => pair[1]);
    return values.length === 0 ? null : values.join(", ");
  };
  return (
    pathHolds[only.path.kind]() &&
    (only.method === "" || only.method === request.method) &&
    only.headers.every((matcher) => valueHolds(matcher, header(matcher.name))) &&
    only.queryParameters.every((matcher) => valueHolds(matcher, query.get(matcher.name)))
  );
}

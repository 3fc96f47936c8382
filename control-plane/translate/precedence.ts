// Which match wins: the precedence order of the Gateway API (HTTPRouteRule.matches) over all routes of one listener or
// frontend, and nowhere else. Emits it as order, so that an agent takes the first match and needs no rule of its own.
//
//   1 hostname          virtual hosts, most specific first; an agent goes on to the next one when nothing matched
//   2 path              Exact, then the most characters; PathPrefix before RegularExpression of the same length
//   3 method            a match with one before one without
//   4 headers           most first
//   5 query parameters  most first
//   6 age               oldest route first
//   7 name              "namespace/name", alphabetical
//   8 position          first rule, then first match
//
// Where the API leaves RegularExpression open: its characters count like a prefix's, so that ".*" beats "/" only and
// "/api/v[0-9]+" beats "/api".
import type { Match, Route, RouteConfiguration, RouteEntry } from "../../proto/messages.ts";
import { compareHostnames } from "./hostname.ts";

/** All that precedence asks of a route. Stays the same object while none of it changes: a new weight is no new shape. */
export interface RouteShape {
  /** Name of the ROUTE resource. */
  readonly resourceName: string;
  /** "namespace/name". */
  readonly name: string;
  readonly creationTimestampMs: number;
  readonly matches: readonly MatchShape[];
}

interface MatchShape {
  readonly rule: number;
  readonly match: number;
  readonly exact: boolean;
  readonly regularExpression: boolean;
  readonly pathLength: number;
  readonly method: boolean;
  readonly headers: number;
  readonly queryParameters: number;
}

/** A route on one listener or frontend. */
export interface AttachedRoute {
  readonly shape: RouteShape;
  /** Already intersected with the listener's; "" for every host. No repetition. */
  readonly hostnames: readonly string[];
}

interface Candidate {
  readonly route: number;
  readonly shape: RouteShape;
  readonly match: MatchShape;
}

/** Shape of a translated route. `name` is "namespace/name" of the HTTPRoute. */
export function shapeOf(resourceName: string, name: string, creationTimestampMs: number, route: Route): RouteShape {
  const matches = route.rules.flatMap((rule, ruleIndex) =>
    rule.matches.map((match, matchIndex): MatchShape => ({
      rule: ruleIndex,
      match: matchIndex,
      exact: match.pathType === "PATH_EXACT",
      regularExpression: match.pathType === "PATH_REGULAR_EXPRESSION",
      pathLength: pathLength(match),
      method: match.method !== "",
      headers: match.headers.length,
      queryParameters: match.queryParameters.length,
    })),
  );
  return { resourceName, name, creationTimestampMs, matches };
}

/** "/abc/" and "/abc" are the same prefix, so neither may beat the other. */
function pathLength({ pathType, path }: Match): number {
  return pathType === "PATH_PREFIX" && path.length > 1 && path.endsWith("/") ? path.length - 1 : path.length;
}

/** The body for one listener or frontend. The order of `attached` does not matter; a route is in it at most once. */
export function orderRoutes(attached: readonly AttachedRoute[]): RouteConfiguration {
  const byName = attached.toSorted((left, right) => compareText(left.shape.resourceName, right.shape.resourceName));
  const hosts = new Map<string, Candidate[]>();
  for (const [route, { shape, hostnames }] of byName.entries()) {
    const candidates = shape.matches.map((match): Candidate => ({ route, shape, match }));
    for (const hostname of hostnames) {
      const host = hosts.get(hostname);
      if (host === undefined) hosts.set(hostname, [...candidates]);
      else host.push(...candidates);
    }
  }
  const virtualHosts = [...hosts]
    .filter(([, candidates]) => candidates.length > 0)
    .sort(([left], [right]) => compareHostnames(left, right))
    .map(([hostname, candidates]) => ({ hostname, entries: candidates.sort(compareCandidates).map(toEntry) }));
  return { virtualHosts, routes: byName.map(({ shape }) => shape.resourceName) };
}

function compareCandidates(left: Candidate, right: Candidate): number {
  const a = left.match;
  const b = right.match;
  return (
    Number(b.exact) - Number(a.exact) ||
    b.pathLength - a.pathLength ||
    Number(a.regularExpression) - Number(b.regularExpression) ||
    Number(b.method) - Number(a.method) ||
    b.headers - a.headers ||
    b.queryParameters - a.queryParameters ||
    left.shape.creationTimestampMs - right.shape.creationTimestampMs ||
    compareText(left.shape.name, right.shape.name) ||
    a.rule - b.rule ||
    a.match - b.match
  );
}

function toEntry({ route, match }: Candidate): RouteEntry {
  return { route, rule: match.rule, match: match.match };
}

function compareText(left: string, right: string): number {
  return left < right ? -1 : left > right ? 1 : 0;
}

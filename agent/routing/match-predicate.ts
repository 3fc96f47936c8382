// One match of one rule as a predicate: path, method, headers and query parameters, all of which must hold. The order
// of the parts is the order in which explain.ts names the first one that fails: cheap ones first.
import { compileHeader, type HeaderPredicate, matchesHeader } from "./header-match.ts";
import { compilePath, matchesPath, type PathPredicate } from "./path-match.ts";
import { compileQueryParameter, matchesQueryParameter, type QueryPredicate } from "./query-match.ts";
import type { MatchableRequest } from "../snapshot/compiled.ts";
import type { Match } from "../snapshot/resources.ts";

export interface MatchPredicate {
  readonly path: PathPredicate;
  /** "" matches every method. */
  readonly method: string;
  readonly headers: readonly HeaderPredicate[];
  readonly queryParameters: readonly QueryPredicate[];
}

/** Throws an Error for people when an expression does not compile. */
export function compileMatch(match: Match): MatchPredicate {
  return {
    path: compilePath(match.path),
    method: match.method,
    headers: match.headers.map(compileHeader),
    queryParameters: match.queryParameters.map(compileQueryParameter),
  };
}

export function matchesMethod(method: string, request: MatchableRequest): boolean {
  return method === "" || method === request.method;
}

export function matchesRequest(predicate: MatchPredicate, request: MatchableRequest): boolean {
  return matchesPath(predicate.path, request.path) && matchesAllButPath(predicate, request);
}

/** For tables that found the predicate by its path. */
export function matchesAllButPath(predicate: MatchPredicate, request: MatchableRequest): boolean {
  if (!matchesMethod(predicate.method, request)) return false;
  const { headers, queryParameters } = predicate;
  for (let index = 0; index < headers.length; index++) {
    const header = headers[index];
    if (header !== undefined && !matchesHeader(header, request)) return false;
  }
  for (let index = 0; index < queryParameters.length; index++) {
    const parameter = queryParameters[index];
    if (parameter !== undefined && !matchesQueryParameter(parameter, request.query)) return false;
  }
  return true;
}

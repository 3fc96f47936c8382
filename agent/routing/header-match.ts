// Header predicates of the Gateway API (HTTPHeaderMatch): names in any case, values exact by bytes or by regular
// expression on the whole value. Repeated headers reach us joined by ", "; an absent header satisfies nothing.
import { fromByteString, toByteString } from "./byte-string.ts";
import { compileRegularExpression, type RegularExpression } from "./regular-expression.ts";
import type { MatchableRequest } from "../snapshot/compiled.ts";
import type { ValueMatch } from "../snapshot/resources.ts";

export interface HeaderPredicate {
  readonly lowerCaseName: string;
  /** A byte string, or the source of the expression. */
  readonly value: string;
  readonly expression: RegularExpression | null;
}

/** Throws an Error for people when an expression does not compile. */
export function compileHeader(match: ValueMatch): HeaderPredicate {
  const lowerCaseName = match.name.toLowerCase();
  return match.regularExpression
    ? { lowerCaseName, value: match.value, expression: compileRegularExpression(match.value) }
    : { lowerCaseName, value: toByteString(match.value), expression: null };
}

export function matchesHeader(predicate: HeaderPredicate, request: MatchableRequest): boolean {
  const value = request.header(predicate.lowerCaseName);
  if (predicate.expression === null) return value === predicate.value;
  return value !== undefined && predicate.expression.matches(fromByteString(value));
}

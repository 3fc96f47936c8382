// Path predicates of the Gateway API (HTTPPathMatch): Exact by bytes, PathPrefix by element, RegularExpression on the
// whole path. The path is the one received: undecoded, without query.
import { compileRegularExpression, type RegularExpression } from "./regular-expression.ts";
import type { Match } from "../snapshot/resources.ts";

const slash = 0x2f;

export interface PathPredicate {
  readonly kind: "exact" | "prefix" | "regular-expression";
  /** As configured, but a prefix has lost its trailing slash: "/abc/" is "/abc", and "/" is "". */
  readonly value: string;
  readonly expression: RegularExpression | null;
}

/** Throws an Error for people when an expression does not compile. */
export function compilePath({ kind, value }: Match["path"]): PathPredicate {
  if (kind === "regular-expression") return { kind, value, expression: compileRegularExpression(value) };
  return { kind, value: kind === "prefix" && value.endsWith("/") ? value.slice(0, -1) : value, expression: null };
}

/** Whether `path` satisfies the predicate. "/abc" as a prefix covers /abc, /abc/ and /abc/d, not /abcd. */
export function matchesPath({ kind, value, expression }: PathPredicate, path: string): boolean {
  if (kind === "exact") return path === value;
  if (kind === "prefix") return endsElement(path, value.length) && path.startsWith(value);
  return expression !== null && expression.matches(path);
}

/** Whether an element of `path` ends at `length` (never past its end); the empty prefix ends before every path, "*" of OPTIONS included. */
export function endsElement(path: string, length: number): boolean {
  return length === 0 || path.length === length || path.charCodeAt(length) === slash;
}

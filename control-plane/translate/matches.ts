// HTTPRouteMatch to Match: predicates in the form agents read, equal names reduced to the first, and everything that
// cannot be expressed refused with a reason. What beats what is precedence.ts's.
import { RE2JS } from "re2js";
import { maxRegularExpressionSize } from "../../proto/resource-rules.ts";
import type { Match, ValueMatch as WireValueMatch } from "../../proto/messages.ts";
import type { HttpRouteMatch, ValueMatch } from "../source/cluster-state.ts";

export type TranslatedMatch =
  | { readonly supported: true; readonly match: Match }
  | { readonly supported: false; readonly reason: string };

/** Of the API's methods all but CONNECT, which agents answer themselves: no rule would ever see it. */
const methods = new Set(["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "TRACE", "PATCH"]);

const pathTypes = new Map<string, Match["pathType"]>([
  ["PathPrefix", "PATH_PREFIX"],
  ["Exact", "PATH_EXACT"],
  ["RegularExpression", "PATH_REGULAR_EXPRESSION"],
]);

/** Regular expressions are RE2 syntax and must match the whole value; they are compiled here only to be judged. */
export function translateMatch(match: HttpRouteMatch): TranslatedMatch {
  const pathType = pathTypes.get(match.path.type);
  if (pathType === undefined) return unsupported(`path match type ${match.path.type}`);
  if (pathType !== "PATH_REGULAR_EXPRESSION" && !match.path.value.startsWith("/")) {
    return unsupported(`path ${JSON.stringify(match.path.value)}, which does not begin with "/"`);
  }
  if (match.method !== undefined && !methods.has(match.method)) return unsupported(`method ${match.method}`);
  // Header names are the same in any case; of equal names the first entry counts (HTTPHeaderMatch.name).
  const headers = firstOfEqualNames(match.headers, (name) => name.toLowerCase());
  const queryParameters = firstOfEqualNames(match.queryParams, (name) => name);
  const faults = [
    pathType === "PATH_REGULAR_EXPRESSION" ? regularExpressionFault("path", match.path.value) : "",
    ...headers.map((header) => valueFault("header", header)),
    ...queryParameters.map((parameter) => valueFault("query parameter", parameter)),
  ];
  const fault = faults.find((text) => text !== "");
  if (fault !== undefined) return unsupported(fault);
  return {
    supported: true,
    match: {
      pathType,
      path: match.path.value,
      headers: headers.map((header) => toWire(header.name.toLowerCase(), header)),
      queryParameters: queryParameters.map((parameter) => toWire(parameter.name, parameter)),
      method: match.method ?? "",
    },
  };
}

function firstOfEqualNames(values: readonly ValueMatch[], normalize: (name: string) => string): readonly ValueMatch[] {
  const seen = new Set<string>();
  return values.filter(({ name }) => {
    const key = normalize(name);
    if (seen.has(key)) return false;
    seen.add(key);
    return true;
  });
}

function valueFault(what: string, value: ValueMatch): string {
  if (value.type === "Exact") return "";
  if (value.type === "RegularExpression") return regularExpressionFault(`${what} ${value.name}`, value.value);
  return `${what} match type ${value.type}`;
}

function regularExpressionFault(what: string, expression: string): string {
  try {
    const size = RE2JS.compile(expression).programSize();
    if (size <= maxRegularExpressionSize) return "";
    return `${what} expression of ${size} RE2 instructions, more than ${maxRegularExpressionSize}`;
  } catch (error) {
    return `${what} expression ${JSON.stringify(expression)} (RE2: ${error instanceof Error ? error.message : String(error)})`;
  }
}

function toWire(name: string, value: ValueMatch): WireValueMatch {
  return { name, value: value.value, regularExpression: value.type === "RegularExpression" };
}

function unsupported(reason: string): TranslatedMatch {
  return { supported: false, reason };
}

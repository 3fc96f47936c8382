// Query predicates of the Gateway API (HTTPQueryParamMatch): names and values are case-sensitive and compared after
// percent-decoding; of a repeated parameter the first value counts. "+" is a plus (RFC 3986), not a space; an escape
// that is no escape ("%zz") stands for itself.
import { fromByteString } from "./byte-string.ts";
import { compileRegularExpression, type RegularExpression } from "./regular-expression.ts";
import type { ValueMatch } from "../snapshot/resources.ts";

export interface QueryPredicate {
  readonly name: string;
  readonly value: string;
  readonly expression: RegularExpression | null;
}

const escape = /%([0-9a-f]{2})/gi;
const needsDecoding = /[%\x80-\xff]/;

/** Throws an Error for people when an expression does not compile. */
export function compileQueryParameter(match: ValueMatch): QueryPredicate {
  const expression = match.regularExpression ? compileRegularExpression(match.value) : null;
  return { name: match.name, value: match.value, expression };
}

/** Whether `query` (without "?") carries the parameter with a value that satisfies the predicate. */
export function matchesQueryParameter(predicate: QueryPredicate, query: string): boolean {
  const value = queryParameter(query, predicate.name);
  if (predicate.expression === null) return value === predicate.value;
  return value !== undefined && predicate.expression.matches(value);
}

/** The decoded value of the first parameter called `name`; "" when it has no "=", undefined when it is not there. */
export function queryParameter(query: string, name: string): string | undefined {
  const decodes = needsDecoding.test(query);
  let start = 0;
  while (start < query.length) {
    let end = query.indexOf("&", start);
    if (end === -1) end = query.length;
    const equals = query.indexOf("=", start);
    const nameEnd = equals === -1 || equals > end ? end : equals;
    const isNamed = decodes
      ? decode(query.slice(start, nameEnd)) === name
      : nameEnd - start === name.length && query.startsWith(name, start);
    if (isNamed && end > start) {
      const value = nameEnd === end ? "" : query.slice(nameEnd + 1, end);
      return decodes ? decode(value) : value;
    }
    start = end + 1;
  }
  return undefined;
}

function decode(bytes: string): string {
  if (!bytes.includes("%")) return fromByteString(bytes);
  return fromByteString(bytes.replace(escape, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 16))));
}

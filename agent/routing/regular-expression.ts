// Regular expressions of routes: RE2 syntax, matched against the whole value, in time linear in its length, so that no
// route can stall a proxy. The only file that knows the engine.
import { createRequire } from "node:module";
import type * as re2 from "re2js";
import { maxRegularExpressionSize } from "../../proto/resource-rules.ts";

type Engine = typeof re2;

/** Loaded with the first expression: most agents never meet one, and its tables take two megabytes. */
let engine: Engine | null = null;

export interface RegularExpression {
  readonly source: string;
  /** Whether the whole of `text` matches. */
  matches(text: string): boolean;
}

/** Compiles once. Throws an Error with one line for people when `source` is not RE2 syntax, or is too large. */
export function compileRegularExpression(source: string): RegularExpression {
  engine ??= createRequire(import.meta.url)("re2js") as Engine;
  const expression = engine.RE2JS.compile(source);
  if (expression.programSize() > maxRegularExpressionSize) {
    throw new Error(
      `regular expression is too large: ${expression.programSize()} of ${maxRegularExpressionSize} instructions`,
    );
  }
  return { source, matches: (text) => expression.testExact(text) };
}

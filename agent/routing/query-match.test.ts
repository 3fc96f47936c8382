// Query predicates, as gateway-api HTTPQueryParamMatch states them.
import test from "ava";
import * as fc from "fast-check";
import { compileQueryParameter, matchesQueryParameter, queryParameter } from "./query-match.ts";
import { exactly, matching } from "../../test/support/resource-set.ts";

for (const [query, name, expected] of [
  ["animal=whale", "animal", "whale"],
  ["animal=Whale", "animal", "Whale"],
  ["ANIMAL=whale", "animal", undefined],
  ["a=1&animal=whale&b=2", "animal", "whale"],
  ["animal=whale&animal=dog", "animal", "whale"],
  ["animals=whale", "animal", undefined],
  ["anima=whale", "animal", undefined],
  ["animal", "animal", ""],
  ["animal=", "animal", ""],
  ["animal&x=1", "animal", ""],
  ["animal=a=b", "animal", "a=b"],
  ["x&animal=a", "animal", "a"],
  ["%61nimal=whale", "animal", "whale"],
  ["animal=blue%20whale", "animal", "blue whale"],
  ["animal=blue+whale", "animal", "blue+whale"],
  ["animal=50%25", "animal", "50%"],
  ["animal=100%zz%", "animal", "100%zz%"],
  ["animal=a%26b%3Dc", "animal", "a&b=c"],
  ["animal=%F0%9F%90%B3", "animal", "🐳"],
  ["a%20b=1", "a%20b", undefined],
  ["a%2520b=1", "a%20b", "1"],
  ["&&animal=whale", "animal", "whale"],
  ["", "animal", undefined],
] as const) {
  test(`of "${query}", ${name} is ${JSON.stringify(expected)}`, (t) => {
    t.is(queryParameter(query, name), expected);
  });
}

test("a value matches exactly or by an expression on the whole value; an absent parameter matches nothing", (t) => {
  const whale = compileQueryParameter(exactly("animal", "whale"));
  t.true(matchesQueryParameter(whale, "animal=whale"));
  t.false(matchesQueryParameter(whale, "animal=Whale"));
  t.false(matchesQueryParameter(whale, "animal=dog&animal=whale"));
  const expression = compileQueryParameter(matching("animal", "wh.*"));
  t.true(matchesQueryParameter(expression, "animal=wh%61le"));
  t.false(matchesQueryParameter(expression, "animal=a-whale"));
  t.false(matchesQueryParameter(compileQueryParameter(matching("animal", ".*")), "x=1"));
});

test("whatever is encoded as a parameter is found again", (t) => {
  const text = fc.string({ unit: "grapheme", minLength: 1 });
  fc.assert(
    fc.property(fc.array(fc.tuple(text, text), { minLength: 1, maxLength: 5 }), (pairs) => {
      const query = pairs.map(([name, value]) => `${encodeURIComponent(name)}=${encodeURIComponent(value)}`).join("&");
      for (const [name] of pairs) t.is(queryParameter(query, name), pairs.find((pair) => pair[0] === name)?.[1]);
    }),
  );
});

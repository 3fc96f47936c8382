// Path predicates, as gateway-api HTTPPathMatch states them.
import test from "ava";
import * as fc from "fast-check";
import { compilePath, matchesPath } from "./path-match.ts";
import type { Match } from "../snapshot/resources.ts";

type Kind = Match["path"]["kind"];

function matches(kind: Kind, value: string, path: string): boolean {
  return matchesPath(compilePath({ kind, value }), path);
}

test("T6 a prefix ignores its trailing slash and matches by element", (t) => {
  for (const prefix of ["/api/", "/api"]) {
    t.true(matches("prefix", prefix, "/api"));
    t.true(matches("prefix", prefix, "/api/"));
    t.true(matches("prefix", prefix, "/api/x"));
    t.true(matches("prefix", prefix, "/api//x"));
    t.false(matches("prefix", prefix, "/apix"));
    t.false(matches("prefix", prefix, "/ap"));
    t.false(matches("prefix", prefix, "/API"));
    t.false(matches("prefix", prefix, "/"));
  }
});

test("the prefix / matches every path, also the * of OPTIONS", (t) => {
  for (const path of ["/", "/a", "/a/b", "*"]) t.true(matches("prefix", "/", path));
});

test("an exact path is compared by bytes: case and trailing slash count, escapes are not decoded", (t) => {
  t.true(matches("exact", "/two", "/two"));
  t.false(matches("exact", "/two", "/two/"));
  t.false(matches("exact", "/two/", "/two"));
  t.false(matches("exact", "/two", "/Two"));
  t.false(matches("exact", "/two", "/tw%6F"));
  t.false(matches("prefix", "/a/b", "/a%2Fb"));
});

test("a regular expression matches the whole path", (t) => {
  t.true(matches("regular-expression", "/v[0-9]+/.*", "/v12/users"));
  t.false(matches("regular-expression", "/v[0-9]+", "/v12/users"));
  t.false(matches("regular-expression", "v[0-9]+/users", "/v12/users"));
  t.true(matches("regular-expression", "/a|/ab", "/ab"), "alternatives are anchored as one");
});

test("a prefix matches exactly the paths whose first elements are its elements", (t) => {
  const element = fc.constantFrom("a", "ab", "b", "api");
  const elements = fc.array(element, { minLength: 1, maxLength: 4 });
  fc.assert(
    fc.property(elements, elements, fc.boolean(), fc.boolean(), (prefix, path, prefixSlash, pathSlash) => {
      const expected = prefix.every((value, index) => path[index] === value);
      const prefixText = `/${prefix.join("/")}${prefixSlash ? "/" : ""}`;
      t.is(matches("prefix", prefixText, `/${path.join("/")}${pathSlash ? "/" : ""}`), expected);
    }),
  );
});

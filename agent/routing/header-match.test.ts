// Header predicates, as gateway-api HTTPHeaderMatch states them.
import test from "ava";
import { describedRequest } from "./described-request.ts";
import { compileHeader, matchesHeader } from "./header-match.ts";
import { exactly, matching } from "../../test/support/resource-set.ts";
import type { ValueMatch } from "../snapshot/resources.ts";

function matches(match: ValueMatch, ...headers: readonly (readonly [string, string])[]): boolean {
  const request = describedRequest({ method: "GET", url: "http://shop.example/", headers });
  return matchesHeader(compileHeader(match), request);
}

test("T24 header names match in any case, values exactly", (t) => {
  for (const configured of ["x-beta-user", "X-Beta-User"]) {
    t.true(matches(exactly(configured, "true"), ["X-Beta-User", "true"]));
    t.true(matches(exactly(configured, "true"), ["x-beta-user", "true"]));
    t.false(matches(exactly(configured, "true"), ["X-Beta-User", "True"]));
    t.false(matches(exactly(configured, "true"), ["X-Beta-User", "true "]));
  }
});

test("an absent header satisfies nothing, not even an expression that matches everything", (t) => {
  t.false(matches(exactly("x-beta-user", "true")));
  t.false(matches(matching("x-beta-user", ".*")));
  t.true(matches(matching("x-beta-user", ".*"), ["x-beta-user", ""]));
});

test("repeated headers are compared joined by a comma", (t) => {
  t.true(matches(exactly("x-tier", "gold, silver"), ["x-tier", "gold"], ["X-Tier", "silver"]));
  t.false(matches(exactly("x-tier", "gold"), ["x-tier", "gold"], ["X-Tier", "silver"]));
});

test("a regular expression matches the whole value", (t) => {
  t.true(matches(matching("x-version", "v[12]"), ["x-version", "v2"]));
  t.false(matches(matching("x-version", "v[12]"), ["x-version", "v23"]));
  t.false(matches(matching("x-version", "v[12]"), ["x-version", "xv2"]));
});

test("Host is a header like any other and answers the authority", (t) => {
  t.true(matches(exactly("Host", "shop.example")));
  t.true(matches(matching("host", "shop\\..*")));
});

test("text beyond ASCII is compared by its UTF-8 bytes", (t) => {
  t.true(matches(exactly("x-city", "Zürich"), ["x-city", "Zürich"]));
  t.true(matches(matching("x-city", "Z.rich"), ["x-city", "Zürich"]), "one dot is one character, not one byte");
  t.false(matches(exactly("x-city", "Zürich"), ["x-city", "Zurich"]));
});

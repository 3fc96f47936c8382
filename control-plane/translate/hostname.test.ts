import test from "ava";
import * as fc from "fast-check";
import { compareHostnames, effectiveHostnames, intersectHostnames } from "./hostname.ts";

const cases: readonly (readonly [left: string, right: string, shared: string | null])[] = [
  ["", "", ""],
  ["", "a.example.com", "a.example.com"],
  ["", "*.example.com", "*.example.com"],
  ["a.example.com", "a.example.com", "a.example.com"],
  ["a.example.com", "b.example.com", null],
  ["*.example.com", "a.example.com", "a.example.com"],
  ["*.example.com", "a.b.example.com", "a.b.example.com"],
  ["*.example.com", "example.com", null],
  ["*.example.com", "aexample.com", null],
  ["*.example.com", "*.foo.example.com", "*.foo.example.com"],
  ["*.example.com", "*.example.com", "*.example.com"],
  ["*.example.com", "*.example.org", null],
  ["*.example.com", "*.notexample.com", null],
];

for (const [left, right, shared] of cases) {
  test(`B.2 ${left || "any"} and ${right || "any"} share ${shared === "" ? "any" : (shared ?? "nothing")}`, (t) => {
    t.is(intersectHostnames(left, right), shared);
    t.is(intersectHostnames(right, left), shared);
  });
}

test("B.2 a route without hostnames takes the listener's, one with some only what both share, in lower case", (t) => {
  t.deepEqual(effectiveHostnames("*.example.com", []), ["*.example.com"]);
  t.deepEqual(effectiveHostnames("a.example.com", ["*.example.com", "A.example.COM"]), ["a.example.com"]);
  t.deepEqual(effectiveHostnames("*.example.com", ["b.example.com", "a.example.com", "a.example.org"]), [
    "a.example.com",
    "b.example.com",
  ]);
  t.deepEqual(effectiveHostnames("a.example.com", ["b.example.com"]), []);
});

const label = fc.constantFrom("a", "b", "x-ample");
const hostname = fc
  .tuple(fc.constantFrom("", "*."), fc.array(label, { minLength: 1, maxLength: 3 }))
  .map(([wildcard, labels]) => wildcard + labels.join("."));

test("B.2 a host is in the intersection exactly when it is in both", (t) => {
  const covers = (pattern: string, host: string) =>
    pattern.startsWith("*.") ? host.endsWith(pattern.slice(1)) && host.length > pattern.length - 1 : pattern === host;
  fc.assert(
    fc.property(hostname, hostname, fc.array(label, { minLength: 1, maxLength: 4 }), (left, right, labels) => {
      const host = labels.join(".");
      const shared = intersectHostnames(left, right);
      t.is(shared !== null && covers(shared, host), covers(left, host) && covers(right, host));
    }),
  );
});

test("C.3 most specific first: exact, then the longer wildcard, then none", (t) => {
  const hostnames = ["", "*.example.com", "b.example.com", "*.foo.example.com", "a.example.com", "longer.example.com"];
  t.deepEqual(hostnames.sort(compareHostnames), [
    "longer.example.com",
    "a.example.com",
    "b.example.com",
    "*.foo.example.com",
    "*.example.com",
    "",
  ]);
});

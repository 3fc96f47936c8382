// Hostnames: which patterns cover a host, and in which order an index tries them.
import test from "ava";
import * as fc from "fast-check";
import { coversHost, HostIndex } from "./host-match.ts";

for (const [pattern, host, covers] of [
  ["app.example.com", "app.example.com", true],
  ["app.example.com", "app.example.com.", true],
  ["app.example.com", "app.example.com..", false],
  ["*.example.com", "a.example.com", true],
  ["*.example.com", "a.b.example.com", true],
  ["*.example.com", "a.example.com.", true],
  ["*.example.com", "example.com", false],
  ["*.example.com", "example.com.", false],
  ["*.example.com", ".example.com", false],
  ["*.example.com", "aexample.com", false],
  ["", "anything", true],
  ["", "", true],
] as const) {
  test(`"${pattern}" ${covers ? "covers" : "does not cover"} "${host}"`, (t) => {
    t.is(coversHost(pattern, host), covers);
    t.is(new HostIndex(new Map([[pattern, 1]])).find(host) !== null, covers);
  });
}

function chain(hostnames: readonly string[], host: string): readonly string[] {
  const index = new HostIndex(new Map(hostnames.map((hostname) => [hostname, hostname])));
  const found: string[] = [];
  for (let node = index.find(host); node !== null; node = node.lessSpecific) found.push(node.value);
  return found;
}

test("exact comes before wildcards, longer wildcards before shorter ones, every host last", (t) => {
  const hostnames = ["", "*.com", "*.example.com", "a.example.com", "*.a.example.com", "b.org"];
  t.deepEqual(chain(hostnames, "a.example.com"), ["a.example.com", "*.example.com", "*.com", ""]);
  t.deepEqual(chain(hostnames, "x.a.example.com"), ["*.a.example.com", "*.example.com", "*.com", ""]);
  t.deepEqual(chain(hostnames, "b.org"), ["b.org", ""]);
  t.deepEqual(chain(hostnames, "c.org"), [""]);
  t.deepEqual(chain(["b.org"], "c.org"), []);
});

test("an index finds what its patterns cover, most specific first, for any hosts", (t) => {
  const name = fc
    .array(fc.constantFrom("a", "b", "c"), { minLength: 1, maxLength: 5 })
    .map((labels) => labels.join("."));
  const pattern = fc.oneof(
    name,
    name.map((rest) => `*.${rest}`),
    fc.constant(""),
  );
  fc.assert(
    fc.property(fc.uniqueArray(pattern, { maxLength: 12 }), fc.oneof(name, fc.string()), (patterns, host) => {
      const expected = patterns
        .filter((candidate) => coversHost(candidate, host))
        .sort((left, right) => rank(right) - rank(left));
      t.deepEqual(chain(patterns, host), expected);
    }),
  );
});

/** Gateway API: exact before wildcard, then most characters. */
function rank(pattern: string): number {
  return pattern.startsWith("*.") || pattern === "" ? pattern.length : 1000 + pattern.length;
}

// YAML's hostile corners, and any bytes at all: an answer in bounded time, never an exception.
import * as fc from "fast-check";
import test from "ava";
import { parseChunk, splitDocuments } from "../../control-plane/source/yaml-documents.ts";
import { lines, loadText, newLoader, routeWith } from "./load.ts";

const parse = (text: string): string[] =>
  splitDocuments(text).flatMap((chunk) => parseChunk(chunk.text).problems.map(({ message }) => message));

test("documents are cut at their markers, wherever those stand", (t) => {
  const cut = (text: string): [string, number][] => splitDocuments(text).map((chunk) => [chunk.text, chunk.lineOffset]);
  t.deepEqual(cut("a: 1\n---\nb: 2\n--- # c\nc: 3\n"), [
    ["a: 1\n", 0],
    ["---\nb: 2\n", 1],
    ["--- # c\nc: 3\n", 3],
  ]);
  t.deepEqual(cut("a: |\n  ---\n ---\n----\n"), [["a: |\n  ---\n ---\n----\n", 0]]);
  t.deepEqual(cut("\uFEFFa: 1\r\n---\r\nb: 2"), [
    ["a: 1\r\n", 0],
    ["---\r\nb: 2", 1],
  ]);
  t.deepEqual(cut("%YAML 1.2\n---\na\n---\nb\n").length, 1);
  t.deepEqual(cut("\n \n"), []);
});

for (const [name, text, message] of [
  [
    "an alias bomb",
    `a: &a [1,1,1,1,1,1,1,1,1]\n${Array.from("bcdefgh", (key, index) => `${key}: &${key} [${Array(9).fill(`*${"abcdefg"[index]}`).join(",")}]`).join("\n")}`,
    /alias/,
  ],
  ["a cycle", "&a {x: *a}", /nested/],
  ["open brackets", "[".repeat(1_000_000), /nested/],
  ["open braces in a key", "{".repeat(200), /./],
  ["dashes in a row", "- ".repeat(40_000), /nested|tokens/],
  ["deep indentation", Array.from({ length: 900 }, (_, depth) => `${" ".repeat(depth)}a:`).join("\n"), /nested/],
  ["many tokens", `[${"1,".repeat(200_000)}1]`, /tokens/],
  ["a large document", `a: ${"x".repeat(1_600_000)}`, /characters/],
  ["a key that is a map", "{a: 1}: 2", /keys/],
  ["a type that JSON does not have", "a: !!binary aGk=", /JSON/],
  ["a number that JSON does not have", "a: .inf", /JSON/],
  ["a duplicate key", "a: 1\na: 2", /duplicate key/],
  ["an alias of nothing", "a: *b", /alias/i],
] as const)
  test(`refused within two seconds: ${name}`, (t) => {
    const startedMs = performance.now();
    const found = parse(text);
    t.true(performance.now() - startedMs < 2000);
    t.true(found.length >= 1 && found.length <= 3, found.join("\n"));
    t.regex(found[0]!, message);
  });

test("a large map of a document at its limit takes less than four seconds", (t) => {
  const startedMs = performance.now();
  t.deepEqual(parse(Array.from({ length: 45_000 }, (_, index) => `k${index}: 1`).join("\n")), []);
  t.true(performance.now() - startedMs < 4000);
});

test("hostile field values are refused in bounded time", (t) => {
  const startedMs = performance.now();
  for (const value of ["a".repeat(700_000), `${"a.".repeat(350_000)}!`, `${"a-".repeat(2000)}!`])
    t.true(lines(loadText(routeWith({ hostnames: [value], rules: [{ timeouts: { request: value } }] }))).length > 0);
  t.true(performance.now() - startedMs < 2000);
});

test("names of JavaScript's own are fields and labels like any other", (t) => {
  const text =
    '{"apiVersion":"v1","kind":"Namespace","metadata":{"name":"n","labels":{"__proto__":"a","constructor":"b"}},"__proto__":{"x":1}}';
  const loaded = loadText(text);
  t.deepEqual(Object.entries(loaded.state!.namespaces.get("n")!.meta.labels).slice(0, 2), [
    ["__proto__", "a"],
    ["constructor", "b"],
  ]);
  t.is(({} as Record<string, unknown>)["x"], undefined);
});

const pieces = fc.constantFrom(
  ...Array.from("[]{}:,-?!&*#|>'\"%@` \n\t~"),
  "---\n",
  "...\n",
  "apiVersion: v1\n",
  "kind: Service\n",
  "kind: HTTPRoute",
  "apiVersion: gateway.networking.k8s.io/v1\n",
  "metadata: {name: a}\n",
  "spec:\n  rules:\n  - ",
  "items: [",
  "kind: List\n",
  "<<: *a\n",
  "&a ",
  "*a ",
  "null",
  "\uFEFF",
  "\u0000",
  "__proto__: ",
);

test("any text is answered: by a state or by problems, and the last good state is never lost", (t) => {
  const loader = newLoader();
  const good = loader.load([{ path: "a.yaml", text: "apiVersion: v1\nkind: Namespace\nmetadata: {name: n}\n" }]).state;
  fc.assert(
    fc.property(
      fc.oneof(
        fc.array(pieces, { maxLength: 60 }).map((parts) => parts.join("")),
        fc.string({ unit: "binary", maxLength: 300 }),
      ),
      (text) => {
        const { state, problems } = loader.load([{ path: "b.yaml", text }]);
        return (
          state !== null && problems.every(({ line, column, message }) => line > 0 && column > 0 && message !== "")
        );
      },
    ),
    { numRuns: 2000 },
  );
  t.truthy(good);
});

test("any JSON value in any field of an HTTPRoute is answered", (t) => {
  const loader = newLoader();
  const field = fc.constantFrom(
    "rules",
    "matches",
    "filters",
    "backendRefs",
    "path",
    "headers",
    "type",
    "value",
    "name",
    "port",
    "weight",
    "requestMirror",
    "urlRewrite",
    "requestRedirect",
    "cors",
    "timeouts",
    "hostnames",
    "parentRefs",
    "retry",
    "set",
    "remove",
  );
  const { value } = fc.letrec<{ value: unknown }>((tie) => ({
    value: fc.oneof(
      { maxDepth: 6, withCrossShrink: true },
      fc.constantFrom<unknown>(null, "", "/", "a", 0, 80, -1, 1.5, true, "RequestMirror", "URLRewrite", "PathPrefix"),
      fc.array(tie("value"), { maxLength: 3 }),
      fc.dictionary(field, tie("value"), { maxKeys: 4 }),
    ),
  }));
  fc.assert(
    fc.property(fc.dictionary(field, value), (spec) => {
      const { state, problems } = loader.load([{ path: "r.json", text: routeWith(spec) }]);
      return problems.some(({ severity }) => severity === "error") || state!.httpRoutes.size === 1;
    }),
    { numRuns: 1500 },
  );
  t.pass();
});

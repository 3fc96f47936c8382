// Header modifiers composed into one edit do what they do one after the other.
import test from "ava";
import * as fc from "fast-check";
import { modifier } from "../../test/support/resource-set.ts";
import { composeHeaderEdit } from "./header-edit.ts";
import type { HeaderEdit } from "./compiled.ts";
import type { Header, HeaderModifier } from "./resources.ts";

type HeaderList = readonly (readonly [name: string, value: string])[];

function applyEdit(edit: HeaderEdit | null, headers: HeaderList): HeaderList {
  if (edit === null) return headers;
  const appended = edit.append.split("\r\n").slice(0, -1);
  return [
    ...headers.filter(([name]) => !edit.drop.includes(name.toLowerCase())),
    ...appended.map((line) => {
      const colon = line.indexOf(": ");
      return [line.slice(0, colon), line.slice(colon + 2)] as const;
    }),
  ];
}

/** One modifier after the other, each on the headers that the one before it left. */
function applyOneByOne(modifiers: readonly (HeaderModifier | null)[], headers: HeaderList): HeaderList {
  let list = [...headers];
  const isNamed = (name: string) => (header: readonly [string, string]) =>
    header[0].toLowerCase() === name.toLowerCase();
  for (const each of modifiers) {
    if (each === null) continue;
    for (const name of each.remove) list = list.filter((header) => !isNamed(name)(header));
    for (const header of firsts(each.set)) {
      list = list.filter((other) => !isNamed(header.name)(other));
      list.push([header.name, header.value]);
    }
    for (const header of firsts(each.add)) list.push([header.name, header.value]);
  }
  return list;
}

function firsts(headers: readonly Header[]): readonly Header[] {
  return headers.filter(
    (header, index) => headers.findIndex((other) => other.name.toLowerCase() === header.name.toLowerCase()) === index,
  );
}

test("set replaces every value, in any case of the name", (t) => {
  const edit = composeHeaderEdit([modifier({ set: [{ name: "X-Tier", value: "gold" }] })]);
  const headers: HeaderList = [
    ["x-tier", "a"],
    ["Other", "b"],
    ["X-TIER", "c"],
  ];
  t.deepEqual(applyEdit(edit, headers), [
    ["Other", "b"],
    ["X-Tier", "gold"],
  ]);
});

test("add appends a line after the existing ones", (t) => {
  const edit = composeHeaderEdit([modifier({ add: [{ name: "x-tier", value: "b" }] })]);
  t.deepEqual(applyEdit(edit, [["X-Tier", "a"]]), [
    ["X-Tier", "a"],
    ["x-tier", "b"],
  ]);
});

test("a backend's filter sees what the rule's filter left", (t) => {
  const add = modifier({ add: [{ name: "x-a", value: "1" }], set: [{ name: "x-b", value: "2" }] });
  t.deepEqual(applyEdit(composeHeaderEdit([add, modifier({ remove: ["X-A", "X-B"] })]), [["x-c", "3"]]), [
    ["x-c", "3"],
  ]);
  const set = modifier({ set: [{ name: "X-A", value: "9" }] });
  t.deepEqual(applyEdit(composeHeaderEdit([add, set]), [["x-a", "0"]]), [
    ["x-b", "2"],
    ["X-A", "9"],
  ]);
  const remove = modifier({ remove: ["x-a"] });
  t.deepEqual(applyEdit(composeHeaderEdit([remove, add]), [["x-a", "0"]]), [
    ["x-b", "2"],
    ["x-a", "1"],
  ]);
});

test("nothing to do is no edit", (t) => {
  t.is(composeHeaderEdit([]), null);
  t.is(composeHeaderEdit([null, modifier({})]), null);
});

test("of equal names in one list the first counts", (t) => {
  const twice = [
    { name: "X-A", value: "1" },
    { name: "x-a", value: "2" },
  ];
  t.is(composeHeaderEdit([modifier({ set: twice })])?.append, "X-A: 1\r\n");
});

test("no character of a value can become a line break when written as latin1", (t) => {
  const edit = composeHeaderEdit([modifier({ set: [{ name: "x-city", value: "Zürich\u010a\u0a0dx" }] })]);
  const written = Buffer.from(edit!.append, "latin1");
  t.is(written.toString("utf8"), "x-city: Zürich\u010a\u0a0dx\r\n");
  t.is(written.filter((byte) => byte === 10 || byte === 13).length, 2);
});

const name = fc.constantFrom("X-A", "x-a", "X-B", "x-b", "X-c");
const value = fc.constantFrom("1", "2", "", "3, 4");
const header = fc.record({ name, value });
const anyModifier = fc.option(
  fc.record({
    set: fc.array(header, { maxLength: 3 }),
    add: fc.array(header, { maxLength: 3 }),
    remove: fc.array(name, { maxLength: 2 }),
  }),
);

test("the composed edit equals the modifiers one after the other, for any modifiers and headers", (t) => {
  fc.assert(
    fc.property(fc.array(anyModifier, { maxLength: 3 }), fc.array(fc.tuple(name, value)), (modifiers, headers) => {
      t.deepEqual(applyEdit(composeHeaderEdit(modifiers), headers), applyOneByOne(modifiers, headers));
    }),
    { numRuns: 1000 },
  );
});

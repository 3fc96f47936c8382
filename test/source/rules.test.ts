// Every rule of the hand-written tables, by its id: a manifest that obeys it and one that breaks it and nothing else.
// Limits come as pairs: the last value that is allowed and the first that is not.
import test from "ava";
import { allRules } from "../../control-plane/source/manifest.ts";
import { lines, loadText } from "./load.ts";
import { objectRuleCases } from "./object-rule-cases.ts";
import { routeRuleCases } from "./route-rule-cases.ts";
import {
  backends,
  filters,
  gatewayClass,
  header,
  listeners,
  manifest,
  match,
  mirror,
  modifier,
  path,
  prefix,
  route,
  rule,
  slice,
  times,
} from "./rule-case.ts";

const cases = [...routeRuleCases, ...objectRuleCases];

for (const [index, { id, good, bad, problem }] of cases.entries()) {
  test(`${id} (case ${index}): ${problem}`, (t) => {
    t.deepEqual(lines(loadText(JSON.stringify(good))), []);
    const found = lines(loadText(JSON.stringify(bad)));
    t.is(found.length, 1, found.join("\n"));
    t.true(found[0]!.endsWith(`it: ${problem}`), found[0]);
  });
}

test("every rule of the tables has a case", (t) => {
  const covered = new Set(cases.map(({ id }) => id));
  t.deepEqual(
    allRules.map(({ id }) => id).filter((id) => !covered.has(id)),
    [],
  );
  t.is(new Set(allRules.map(({ id }) => id)).size, allRules.length);
});

// Limits and enumerations of the published schemas, at the fields that Heddle reads.
const names = (count: number): object[] => times(count, (index) => header(`h${index}`));
const limits: readonly (readonly [string, (count: number) => object, number, string])[] = [
  [
    "hostnames",
    (count) => route({ hostnames: times(count, (index) => `a${index}.example` as unknown as object) }),
    16,
    "items",
  ],
  ["parentRefs", (count) => route({ parentRefs: times(count, (index) => ({ name: `g${index}` })) }), 32, "items"],
  ["rules", (count) => route({ rules: times(count, () => ({})) }), 16, "items"],
  ["matches", (count) => rule({ matches: times(count, (index) => prefix(`/${index}`)) }), 64, "items"],
  ["filters", (count) => filters(...times(count, () => mirror({}))), 16, "items"],
  ["backendRefs", (count) => backends(...times(count, () => ({ name: "a", port: 80 }))), 16, "items"],
  ["headers", (count) => match({ headers: names(count) }), 16, "items"],
  ["queryParams", (count) => match({ queryParams: names(count) }), 16, "items"],
  ["set", (count) => filters(modifier({ set: names(count) })), 16, "items"],
  ["listeners", (count) => listeners(...times(count, () => ({}))), 64, "items"],
  ["path.value", (count) => path("Exact", `/${"a".repeat(count - 1)}`), 1024, "characters"],
  ["headers[0].value", (count) => match({ headers: [{ name: "a", value: "v".repeat(count) }] }), 4096, "characters"],
  ["headers[0].name", (count) => match({ headers: [header("n".repeat(count))] }), 256, "characters"],
  ["weight", (weight) => backends({ name: "a", port: 80, weight }), 1_000_000, "<="],
  ["backendRefs[0].port", (port) => backends({ name: "a", port }), 65_535, "<="],
  ["percent", (percent) => filters(mirror({ percent })), 100, "<="],
];

for (const [field, make, limit, word] of limits) {
  test(`limit of ${field}: ${limit} is allowed, one more is not`, (t) => {
    t.deepEqual(lines(loadText(JSON.stringify(make(limit)))), []);
    const found = lines(loadText(JSON.stringify(make(limit + 1))));
    t.true(found.length > 0);
    t.true(found[0]!.includes(field) && found[0]!.includes(word), found[0]);
  });
}

for (const [bad, field] of [
  [route({ hostnames: ["UPPER.example"] }), "spec.hostnames[0]"],
  [match({ method: "get" }), "spec.rules[0].matches[0].method"],
  [match({ path: { type: "Prefix", value: "/" } }), "spec.rules[0].matches[0].path.type"],
  [match({ headers: [{ name: "a b", value: "v" }] }), "spec.rules[0].matches[0].headers[0].name"],
  [backends({ name: "a", port: 80, weight: -1 }), "spec.rules[0].backendRefs[0].weight"],
  [rule({ timeouts: { request: "1d" } }), "spec.rules[0].timeouts.request"],
  [rule({ retry: { codes: [399] } }), "spec.rules[0].retry.codes[0]"],
  [filters({ type: "Magic" }), "spec.rules[0].filters[0].type"],
  [listeners({ protocol: "TLS", tls: { mode: "Pass" } }), "spec.listeners[0].tls.mode"],
  [gatewayClass({ controllerName: "heddle" }), "spec.controllerName"],
  [manifest("Service", "v1", { spec: { type: "Magic", ports: [{ port: 1 }] } }), "spec.type"],
  [slice({ addressType: "IPv5" }), "addressType"],
] as const)
  test(`${field} takes only what the API takes`, (t) => {
    const found = lines(loadText(JSON.stringify(bad)));
    t.is(found.length, 1, found.join("\n"));
    t.true(found[0]!.includes(`it: ${field}: expected `), found[0]);
  });

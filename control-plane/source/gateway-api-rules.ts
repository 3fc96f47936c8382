// What the Gateway API demands of HTTPRoutes beyond the published schemas: the CEL rules, list keys and enumerations
// of its CRDs (standard channel, v1.6), by hand, because a CEL engine would be the larger risk. The rules of
// Gateways, classes and grants are in gateway-rules.ts.
import { type Fields, type Rule, duplicates, fault, holds, items, text } from "./rule.ts";

const filterLists = ["spec.rules[].filters", "spec.rules[].backendRefs[].filters"];
const filters = filterLists.map((place) => `${place}[]`);
const backendRefs = ["spec.rules[].backendRefs[]", ...filters.map((place) => `${place}.requestMirror.backendRef`)];
const headerModifiers = filters.flatMap((place) => [
  `${place}.requestHeaderModifier`,
  `${place}.responseHeaderModifier`,
]);

/** Filter type -> the field that holds its settings. */
const filterFields: ReadonlyMap<string, string> = new Map([
  ["RequestHeaderModifier", "requestHeaderModifier"],
  ["ResponseHeaderModifier", "responseHeaderModifier"],
  ["RequestMirror", "requestMirror"],
  ["RequestRedirect", "requestRedirect"],
  ["URLRewrite", "urlRewrite"],
  ["ExtensionRef", "extensionRef"],
  ["CORS", "cors"],
]);

const onceOnly: ReadonlySet<string> = new Set([
  "RequestHeaderModifier",
  "ResponseHeaderModifier",
  "RequestRedirect",
  "URLRewrite",
  "CORS",
]);
const kinds = ["HTTPRoute"] as const;

function route(id: string, places: string | readonly string[], check: Rule["check"]): Rule {
  return { id, kinds, places: typeof places === "string" ? [places] : places, check };
}

function leftToTranslation(rule: Rule): Rule {
  return { ...rule, isLeftToTranslation: true };
}

/** Every rule of HTTPRoutes; `id` names it in tests. */
export const httpRouteRules: readonly Rule[] = [
  route("parent-sections", "spec.parentRefs", checkParentSections),
  // Only the experimental channel holds it; a rule's index is its identity.
  leftToTranslation(
    route("rule-names-unique", "spec.rules", (list) => duplicates(list, (rule) => optional(rule["name"]), "the name")),
  ),
  route("total-matches", "spec", ({ rules }) => {
    const total = items(rules).reduce(
      (sum, rule) => sum + (rule["matches"] === undefined ? 1 : items(rule["matches"]).length),
      0,
    );
    return total > 128 ? fault(`expected at most 128 matches over all rules, got ${total}`, "rules") : holds;
  }),
  route("backend-port", backendRefs, ({ group, kind, port }) =>
    text(group) === "" && text(kind, "Service") === "Service" && port === undefined
      ? fault("required for a Service (1-65535)", "port")
      : holds,
  ),
  route("path-absolute", "spec.rules[].matches[].path", (path) =>
    isPlain(path) && !pathValue(path).startsWith("/") ? fault("expected a path that begins with /", "value") : holds,
  ),
  route("path-normal", "spec.rules[].matches[].path", (path) => {
    const value = pathValue(path);
    const bad = ["//", "/./", "/../", "%2f", "%2F", "#"].find((part) => value.includes(part));
    return isPlain(path) && bad !== undefined ? fault(`expected a path without ${bad}`, "value") : holds;
  }),
  route("path-end", "spec.rules[].matches[].path", (path) =>
    isPlain(path) && /\/\.\.?$/.test(pathValue(path))
      ? fault("expected a path that does not end with /. or /..", "value")
      : holds,
  ),
  route("path-characters", "spec.rules[].matches[].path", (path) =>
    isPlain(path) && !/^(?:[-A-Za-z0-9/._~!$&'()*+,;=:@#]|%[0-9a-fA-F]{2})+$/.test(pathValue(path))
      ? fault("expected only characters that a URL path may have, others percent-encoded", "value")
      : holds,
  ),
  route("header-matches-unique", "spec.rules[].matches[].headers", uniqueNames),
  route("query-matches-unique", "spec.rules[].matches[].queryParams", uniqueNames),
  route("filter-field-missing", filters, (filter) => {
    const field = filterFields.get(text(filter["type"]));
    return field !== undefined && filter[field] === undefined
      ? fault(`required by type ${text(filter["type"])}`, field)
      : holds;
  }),
  route("filter-field-foreign", filters, (filter) =>
    [...filterFields].flatMap(([type, field]) =>
      filter[field] !== undefined && filter["type"] !== type
        ? fault(`belongs to type ${type}, but the filter's type is ${text(filter["type"])}`, field)
        : holds,
    ),
  ),
  route("filter-once", filterLists, (list) =>
    duplicates(list, ({ type }) => (onceOnly.has(text(type)) ? text(type) : undefined), "a filter with the type"),
  ),
  route("redirect-or-rewrite", filterLists, (list) => {
    const types = items(list).map(({ type }) => type);
    const rewrite = types.indexOf("URLRewrite");
    return types.includes("RequestRedirect") && rewrite !== -1
      ? fault("URLRewrite and RequestRedirect exclude each other", rewrite)
      : holds;
  }),
  route("redirect-without-backends", "spec.rules[]", ({ filters: list, backendRefs: backends }) =>
    items(backends).length > 0 && items(list).some(({ requestRedirect }) => requestRedirect !== undefined)
      ? fault("a rule with a RequestRedirect filter has no backendRefs", "backendRefs")
      : holds,
  ),
  // The definitions' CEL asks only where exactly one backend has such a filter.
  leftToTranslation(
    route("prefix-replacement", "spec.rules[]", (rule) => {
      const lists = [rule["filters"], ...items(rule["backendRefs"]).map((backend) => backend["filters"])];
      if (!lists.some((list) => items(list).some(replacesPrefix))) return holds;
      const matches = items(rule["matches"]);
      const path = matches[0]?.["path"] as Fields | undefined;
      // Defaults are applied before CEL runs, and they give every match a PathPrefix.
      return (rule["matches"] === undefined || matches.length === 1) &&
        text(path?.["type"], "PathPrefix") === "PathPrefix"
        ? holds
        : fault(
            "expected exactly one match, with a PathPrefix, because a filter replaces the matched prefix",
            "matches",
          );
    }),
  ),
  route(
    "path-modifier",
    filters.flatMap((place) => [`${place}.requestRedirect.path`, `${place}.urlRewrite.path`]),
    (path) =>
      [["ReplaceFullPath", "replaceFullPath"] as const, ["ReplacePrefixMatch", "replacePrefixMatch"] as const].flatMap(
        ([type, field]) => {
          if (path["type"] === type && path[field] === undefined) return fault(`required by type ${type}`, field);
          return path["type"] !== type && path[field] !== undefined ? fault(`belongs to type ${type}`, field) : holds;
        },
      ),
  ),
  route(
    "mirror-share",
    filters.map((place) => `${place}.requestMirror`),
    ({ percent, fraction }) =>
      percent !== undefined && fraction !== undefined
        ? fault("expected either percent or fraction, not both", "fraction")
        : holds,
  ),
  route(
    "mirror-fraction",
    filters.map((place) => `${place}.requestMirror.fraction`),
    ({ numerator, denominator }) =>
      Number(numerator) > Number(denominator ?? 100)
        ? fault(
            `expected at most the denominator (${Number(denominator ?? 100)}), got ${Number(numerator)}`,
            "numerator",
          )
        : holds,
  ),
  route(
    "header-set-unique",
    headerModifiers.map((place) => `${place}.set`),
    uniqueNames,
  ),
  route(
    "header-add-unique",
    headerModifiers.map((place) => `${place}.add`),
    uniqueNames,
  ),
  route(
    "header-remove-unique",
    headerModifiers.map((place) => `${place}.remove`),
    (list) => duplicates(list, optional, "the name"),
  ),
  leftToTranslation(
    route(
      "header-values",
      headerModifiers.flatMap((place) => [`${place}.set[]`, `${place}.add[]`]),
      ({ value }) =>
        hasControlCharacter(text(value))
          ? fault("expected a header value, without control characters", "value")
          : holds,
    ),
  ),
  route(
    "cors-lists-unique",
    filters.map((place) => `${place}.cors`),
    (cors) =>
      ["allowOrigins", "allowMethods", "allowHeaders", "exposeHeaders"].flatMap((field) =>
        duplicates(cors[field], optional, "the value").map(({ at, message }) => ({ at: [field, ...at], message })),
      ),
  ),
  route(
    "cors-wildcard",
    filters.map((place) => `${place}.cors`),
    (cors) =>
      ["allowOrigins", "allowMethods", "allowHeaders"].flatMap((field) => {
        const list: readonly unknown[] = items(cors[field]);
        return list.includes("*") && list.length > 1 ? fault("expected * to stand alone", field) : holds;
      }),
  ),
  route("timeouts-order", "spec.rules[].timeouts", ({ request, backendRequest }) => {
    const whole = durationMs(text(request));
    return whole > 0 && durationMs(text(backendRequest)) > whole
      ? fault(`expected at most timeouts.request (${text(request)}), got ${text(backendRequest)}`, "backendRequest")
      : holds;
  }),
  route("retry-attempts", "spec.rules[].retry", ({ attempts }) =>
    Number(attempts ?? 1) >= 1 ? holds : fault(`expected a number >= 1, got ${Number(attempts)}`, "attempts"),
  ),
];

function checkParentSections(list: Fields): ReturnType<Rule["check"]> {
  const key = (parent: Fields): string =>
    [
      text(parent["group"], "gateway.networking.k8s.io"),
      text(parent["kind"], "Gateway"),
      text(parent["namespace"]),
      text(parent["name"]),
    ].join("/");
  const groups = new Map<string, { section: string; index: number }[]>();
  const faults = items(list).flatMap((parent, index) => {
    const earlier = groups.get(key(parent)) ?? [];
    // The experimental channel lets the port tell two references apart too.
    const section = `${text(parent["sectionName"])}:${parent["port"] === undefined ? "" : Number(parent["port"])}`;
    groups.set(key(parent), [...earlier, { section, index }]);
    const other = earlier[0];
    if (other === undefined) return holds;
    if (section === ":" || other.section === ":")
      return fault(
        `required, because item ${other.index} refers to the same parent`,
        section === ":" ? index : other.index,
        "sectionName",
      );
    const same = earlier.find((entry) => entry.section === section);
    return same === undefined ? holds : fault(`the section of item ${same.index} again`, index, "sectionName");
  });
  return faults;
}

function uniqueNames(list: Fields): ReturnType<Rule["check"]> {
  return duplicates(list, ({ name }) => optional(name), "the name");
}

function optional(value: unknown): string | undefined {
  return typeof value === "string" ? value : undefined;
}

/** A line end in a value would begin another header. */
function hasControlCharacter(value: string): boolean {
  for (let at = 0; at < value.length; at++) {
    const code = value.charCodeAt(at);
    if ((code < 0x20 && code !== 0x09) || code === 0x7f) return true;
  }
  return false;
}

/** Exact and PathPrefix: the types whose value is a path and no expression. */
function isPlain(path: Fields): boolean {
  return text(path["type"], "PathPrefix") !== "RegularExpression";
}

function pathValue(path: Fields): string {
  return text(path["value"], "/");
}

function replacesPrefix(filter: Fields): boolean {
  return [filter["requestRedirect"], filter["urlRewrite"]].some(
    (settings) => ((settings as Fields | undefined)?.["path"] as Fields | undefined)?.["type"] === "ReplacePrefixMatch",
  );
}

/** GEP-2257; 0 for no duration at all. */
function durationMs(duration: string): number {
  const units: Record<string, number> = { h: 3_600_000, m: 60_000, s: 1000, ms: 1 };
  let total = 0;
  for (const [, amount, unit] of duration.matchAll(/(\d+)(ms|h|m|s)/g))
    total += Number(amount) * (units[unit ?? ""] ?? 0);
  return total;
}

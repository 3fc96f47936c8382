// Cases of the rules of HTTPRoutes.
import {
  route,
  rule,
  match,
  path,
  filters,
  backends,
  modifier,
  mirror,
  redirect,
  rewrite,
  prefixRewrite,
  cors,
  prefix,
  times,
  header,
  type Case,
} from "./rule-case.ts";

const normal = "spec.rules[0].matches[0].path.value: expected a path without";

export const routeRuleCases: readonly Case[] = [
  {
    id: "parent-sections",
    good: route({
      parentRefs: [
        { name: "g", sectionName: "a" },
        { name: "g", sectionName: "b" },
        { name: "g", namespace: "n" },
      ],
    }),
    bad: route({ parentRefs: [{ name: "g", sectionName: "a" }, { name: "g" }] }),
    problem: "spec.parentRefs[1].sectionName: required, because item 0 refers to the same parent",
  },
  {
    id: "parent-sections",
    good: route({
      parentRefs: [
        { name: "g", port: 80 },
        { name: "g", port: 81 },
      ],
    }),
    bad: route({
      parentRefs: [
        { name: "g", sectionName: "a" },
        { name: "g", sectionName: "a" },
      ],
    }),
    problem: "spec.parentRefs[1].sectionName: the section of item 0 again",
  },
  {
    id: "rule-names-unique",
    good: route({ rules: [{ name: "a" }, { name: "b" }, {}, {}] }),
    bad: route({ rules: [{ name: "a" }, {}, { name: "a" }] }),
    problem: "spec.rules[2]: the name of item 0 again",
  },
  {
    id: "total-matches",
    good: route({ rules: times(2, (at) => ({ matches: times(64, (index) => prefix(`/${at}-${index}`)) })) }),
    bad: route({ rules: [...times(2, (at) => ({ matches: times(64, (index) => prefix(`/${at}-${index}`)) })), {}] }),
    problem: "spec.rules: expected at most 128 matches over all rules, got 129",
  },
  {
    id: "backend-port",
    good: backends({ name: "a", port: 1 }, { name: "b", group: "example.com", kind: "Thing" }),
    bad: backends({ name: "a", kind: "Service" }),
    problem: "spec.rules[0].backendRefs[0].port: required for a Service (1-65535)",
  },
  {
    id: "backend-port",
    good: filters(mirror({})),
    bad: filters({ type: "RequestMirror", requestMirror: { backendRef: { name: "m" } } }),
    problem: "spec.rules[0].filters[0].requestMirror.backendRef.port: required for a Service (1-65535)",
  },
  {
    id: "path-absolute",
    good: path("Exact", "/a"),
    bad: path("Exact", "a"),
    problem: "spec.rules[0].matches[0].path.value: expected a path that begins with /",
  },
  ...["//", "/./", "/../", "%2f", "%2F", "#"].map((part) => ({
    id: "path-normal",
    good: path("RegularExpression", `/a${part}b`),
    bad: path("PathPrefix", `/a${part}b`),
    problem: `${normal} ${part}`,
  })),
  ...["/..", "/."].map((end) => ({
    id: "path-end",
    good: path("Exact", `/a${end}a`),
    bad: path("Exact", `/a${end}`),
    problem: "spec.rules[0].matches[0].path.value: expected a path that does not end with /. or /..",
  })),
  {
    id: "path-characters",
    good: path("Exact", "/%C3%A4~!$&'()*+,;=:@"),
    bad: path("Exact", "/a b"),
    problem:
      "spec.rules[0].matches[0].path.value: expected only characters that a URL path may have, others percent-encoded",
  },
  {
    id: "header-matches-unique",
    good: match({ headers: [header("a"), header("A")] }),
    bad: match({ headers: [header("a"), header("a")] }),
    problem: "spec.rules[0].matches[0].headers[1]: the name of item 0 again",
  },
  {
    id: "query-matches-unique",
    good: match({ queryParams: [header("a"), header("b")] }),
    bad: match({ queryParams: [header("a"), header("a")] }),
    problem: "spec.rules[0].matches[0].queryParams[1]: the name of item 0 again",
  },
  {
    id: "filter-field-missing",
    good: filters(redirect()),
    bad: filters({ type: "RequestRedirect" }),
    problem: "spec.rules[0].filters[0].requestRedirect: required by type RequestRedirect",
  },
  {
    id: "filter-field-foreign",
    good: filters(modifier({})),
    bad: filters({ ...modifier({}), urlRewrite: {} }),
    problem:
      "spec.rules[0].filters[0].urlRewrite: belongs to type URLRewrite, but the filter's type is RequestHeaderModifier",
  },
  {
    id: "filter-once",
    good: filters(mirror({}), mirror({})),
    bad: filters(modifier({}), modifier({})),
    problem: "spec.rules[0].filters[1]: a filter with the type of item 0 again",
  },
  {
    id: "redirect-or-rewrite",
    good: filters(rewrite({})),
    bad: filters(redirect(), rewrite({})),
    problem: "spec.rules[0].filters[1]: URLRewrite and RequestRedirect exclude each other",
  },
  {
    id: "redirect-without-backends",
    good: rule({ filters: [redirect()], backendRefs: [] }),
    bad: rule({ filters: [redirect()], backendRefs: [{ name: "a", port: 80 }] }),
    problem: "spec.rules[0].backendRefs: a rule with a RequestRedirect filter has no backendRefs",
  },
  {
    id: "prefix-replacement",
    good: rule({ filters: [prefixRewrite] }),
    bad: rule({ matches: [prefix("/a"), prefix("/b")], filters: [prefixRewrite] }),
    problem:
      "spec.rules[0].matches: expected exactly one match, with a PathPrefix, because a filter replaces the matched prefix",
  },
  {
    id: "prefix-replacement",
    good: rule({ matches: [prefix("/a")], backendRefs: [{ name: "a", port: 80, filters: [prefixRewrite] }] }),
    bad: rule({
      matches: [{ path: { type: "Exact", value: "/a" } }],
      backendRefs: [{ name: "a", port: 80, filters: [prefixRewrite] }],
    }),
    problem:
      "spec.rules[0].matches: expected exactly one match, with a PathPrefix, because a filter replaces the matched prefix",
  },
  {
    id: "path-modifier",
    good: filters(redirect({ path: { type: "ReplaceFullPath", replaceFullPath: "" } })),
    bad: filters(redirect({ path: { type: "ReplaceFullPath" } })),
    problem: "spec.rules[0].filters[0].requestRedirect.path.replaceFullPath: required by type ReplaceFullPath",
  },
  {
    id: "path-modifier",
    good: filters(prefixRewrite),
    bad: filters(rewrite({ path: { type: "ReplacePrefixMatch", replacePrefixMatch: "/", replaceFullPath: "/" } })),
    problem: "spec.rules[0].filters[0].urlRewrite.path.replaceFullPath: belongs to type ReplaceFullPath",
  },
  {
    id: "mirror-share",
    good: filters(mirror({ percent: 5 })),
    bad: filters(mirror({ percent: 5, fraction: { numerator: 1 } })),
    problem: "spec.rules[0].filters[0].requestMirror.fraction: expected either percent or fraction, not both",
  },
  {
    id: "mirror-fraction",
    good: filters(mirror({ fraction: { numerator: 100 } })),
    bad: filters(mirror({ fraction: { numerator: 101 } })),
    problem:
      "spec.rules[0].filters[0].requestMirror.fraction.numerator: expected at most the denominator (100), got 101",
  },
  {
    id: "header-set-unique",
    good: filters(modifier({ set: [header("a"), header("b")] })),
    bad: filters(modifier({ set: [header("a"), header("a")] })),
    problem: "spec.rules[0].filters[0].requestHeaderModifier.set[1]: the name of item 0 again",
  },
  {
    id: "header-add-unique",
    good: filters(modifier({ add: [header("a"), header("b")] })),
    bad: filters(modifier({ add: [header("a"), header("a")] })),
    problem: "spec.rules[0].filters[0].requestHeaderModifier.add[1]: the name of item 0 again",
  },
  {
    id: "header-remove-unique",
    good: filters(modifier({ remove: ["a", "b"] })),
    bad: filters(modifier({ remove: ["a", "a"] })),
    problem: "spec.rules[0].filters[0].requestHeaderModifier.remove[1]: the name of item 0 again",
  },
  {
    id: "header-values",
    good: filters(modifier({ set: [{ name: "a", value: "b\tc ä" }] })),
    bad: filters(modifier({ set: [{ name: "a", value: "b\r\nx: y" }] })),
    problem:
      "spec.rules[0].filters[0].requestHeaderModifier.set[0].value: expected a header value, without control characters",
  },
  {
    id: "cors-lists-unique",
    good: cors({ exposeHeaders: ["a", "b"] }),
    bad: cors({ exposeHeaders: ["a", "a"] }),
    problem: "spec.rules[0].filters[0].cors.exposeHeaders[1]: the value of item 0 again",
  },
  {
    id: "cors-wildcard",
    good: cors({ allowMethods: ["*"] }),
    bad: cors({ allowMethods: ["*", "GET"] }),
    problem: "spec.rules[0].filters[0].cors.allowMethods: expected * to stand alone",
  },
  {
    id: "timeouts-order",
    good: rule({ timeouts: { request: "1s", backendRequest: "1000ms" } }),
    bad: rule({ timeouts: { request: "1s", backendRequest: "1s1ms" } }),
    problem: "spec.rules[0].timeouts.backendRequest: expected at most timeouts.request (1s), got 1s1ms",
  },
  {
    id: "timeouts-order",
    good: rule({ timeouts: { request: "0h", backendRequest: "5s" } }),
    bad: rule({ timeouts: { request: "59m", backendRequest: "1h" } }),
    problem: "spec.rules[0].timeouts.backendRequest: expected at most timeouts.request (59m), got 1h",
  },
  {
    id: "retry-attempts",
    good: rule({ retry: { attempts: 1 } }),
    bad: rule({ retry: { attempts: 0 } }),
    problem: "spec.rules[0].retry.attempts: expected a number >= 1, got 0",
  },
];

// The rules of one HTTPRoute as a ROUTE resource: matches, filters and backends of each rule, with what is not
// supported and what does not resolve collected for the conditions. Where the route is attached plays no part, except
// that Gateways ask for grants.
import type { Backend, HeaderModifier, Match, Mirror, Route, Rule } from "../../proto/messages.ts";
import { headerModifierFaults } from "../../proto/resource-rules.ts";
import type { HeaderModifierFilter, HttpRoute, HttpRouteFilter, HttpRouteRule } from "../source/cluster-state.ts";
import type { Problem } from "./conditions.ts";
import { translateMatch } from "./matches.ts";
import { resolveReference } from "./references.ts";
import type { TableReader } from "./tables.ts";

export interface TranslatedRules {
  readonly route: Route;
  /** One text per rule that uses what is not supported: "rule 1 (name), its requests are answered 500: ...". */
  readonly unsupported: readonly string[];
  /** One per reference that does not resolve. */
  readonly unresolved: readonly Problem[];
}

interface Filters {
  requestHeaders: HeaderModifier | null;
  responseHeaders: HeaderModifier | null;
  readonly mirrors: Mirror[];
  readonly unsupported: string[];
}

/** Rules keep their index, also those that are not supported: the index is a rule's identity. */
export function translateRules(route: HttpRoute, needsGrant: boolean, reader: TableReader): TranslatedRules {
  const unresolved: Problem[] = [];
  const unsupported: string[] = [];
  const rules = route.rules.map((rule, index) => {
    const translated = translateRule(route, rule, needsGrant, reader, unresolved);
    if (translated.unsupported !== "") {
      const title = `rule ${index}${rule.name === undefined ? "" : ` (${rule.name})`}`;
      const effect = translated.matches.length === 0 ? "it matches no request" : "its requests are answered 500";
      unsupported.push(`${title}, ${effect}: ${translated.unsupported}`);
    }
    return translated;
  });
  return { route: { rules }, unsupported, unresolved };
}

function translateRule(
  route: HttpRoute,
  rule: HttpRouteRule,
  needsGrant: boolean,
  reader: TableReader,
  unresolved: Problem[],
): Rule {
  const matches: Match[] = [];
  const faults: string[] = [...rule.unsupportedFields];
  for (const match of rule.matches) {
    const translated = translateMatch(match);
    if (translated.supported) matches.push(translated.match);
    else faults.push(translated.reason);
  }
  const filters = translateFilters(route, rule.filters, needsGrant, reader, unresolved);
  faults.push(...filters.unsupported);
  const backends = rule.backendRefs.map((ref): Backend => {
    const { displayName, cluster, problem } = resolveReference(route, ref, needsGrant, reader);
    if (problem !== null) unresolved.push(problem);
    const own = translateFilters(route, ref.filters, needsGrant, reader, unresolved);
    faults.push(...own.unsupported);
    return {
      displayName,
      cluster,
      weight: ref.weight,
      requestHeaders: own.requestHeaders,
      responseHeaders: own.responseHeaders,
      mirrors: own.mirrors,
      invalidReason: problem === null ? "" : problem.reason,
    };
  });
  const name = rule.name ?? "";
  if (faults.length > 0) {
    // Nothing of such a rule is carried out, least of all half of its filters.
    const text = `not supported: ${[...new Set(faults)].join(", ")}`;
    return { name, matches, requestHeaders: null, responseHeaders: null, mirrors: [], backends: [], unsupported: text };
  }
  const { requestHeaders, responseHeaders, mirrors } = filters;
  return { name, matches, requestHeaders, responseHeaders, mirrors, backends, unsupported: "" };
}

function translateFilters(
  route: HttpRoute,
  filters: readonly HttpRouteFilter[],
  needsGrant: boolean,
  reader: TableReader,
  unresolved: Problem[],
): Filters {
  const result: Filters = { requestHeaders: null, responseHeaders: null, mirrors: [], unsupported: [] };
  for (const filter of filters) {
    switch (filter.type) {
      case "RequestHeaderModifier":
        if (result.requestHeaders !== null) result.unsupported.push("a second RequestHeaderModifier");
        result.requestHeaders = translateModifier(filter.modifier);
        result.unsupported.push(...headerModifierFaults(result.requestHeaders));
        break;
      case "ResponseHeaderModifier":
        if (result.responseHeaders !== null) result.unsupported.push("a second ResponseHeaderModifier");
        result.responseHeaders = translateModifier(filter.modifier);
        result.unsupported.push(...headerModifierFaults(result.responseHeaders));
        break;
      case "RequestMirror": {
        const { displayName, cluster, problem } = resolveReference(route, filter.backendRef, needsGrant, reader);
        if (problem !== null) unresolved.push({ reason: problem.reason, message: `Mirror: ${problem.message}` });
        const { numerator, denominator } = filter;
        result.mirrors.push({ displayName, cluster, numerator, denominator });
        break;
      }
      case "Unsupported":
        result.unsupported.push(`filter ${filter.name}`);
        break;
    }
  }
  return result;
}

/** Of equal names in any case the first counts (HTTPHeader.name). Null when nothing would change. */
function translateModifier(modifier: HeaderModifierFilter): HeaderModifier | null {
  const { set, add, remove } = modifier;
  if (set.length + add.length + remove.length === 0) return null;
  return {
    set: firstOfEqualNames(set, ({ name }) => name),
    add: firstOfEqualNames(add, ({ name }) => name),
    remove: firstOfEqualNames(remove, (name) => name),
  };
}

function firstOfEqualNames<T>(values: readonly T[], nameOf: (value: T) => string): T[] {
  const seen = new Set<string>();
  return values.filter((value) => {
    const name = nameOf(value).toLowerCase();
    if (seen.has(name)) return false;
    seen.add(name);
    return true;
  });
}

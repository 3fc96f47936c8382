// Routes: rules with their predicates, header edits, backends, mirrors and splits. What depends on a route's content
// alone (its plan) is kept while the content stays; compiled rules are kept while, besides, the clusters they point at
// are the same objects.
import { compileMatch, type MatchPredicate } from "../routing/match-predicate.ts";
import { isSameResource, type Faults } from "./faults.ts";
import { composeHeaderEdit } from "./header-edit.ts";
import { headerModifierFaults, headerNameFault, quote } from "../../proto/resource-rules.ts";
import { methodFault, mirrorFault } from "./validate.ts";
import type { ClusterRecord } from "./compile-cluster.ts";
import type { CompiledBackend, CompiledCluster, CompiledMirror, CompiledRule, HeaderEdit } from "./compiled.ts";
import type { Match, Mirror, Route, Rule } from "./resources.ts";
import type { RegisteredSplit, SplitRegistry } from "../routing/split-registry.ts";

export interface RouteRecord {
  readonly route: Route;
  readonly rules: readonly RuleRecord[];
}

export interface RuleRecord {
  readonly plan: RulePlan;
  readonly compiled: CompiledRule;
  readonly split: RegisteredSplit;
}

/** Pure functions of the rule's content. */
interface RulePlan {
  /** By index of the match; null where it has a fault. */
  readonly predicates: readonly (MatchPredicate | null)[];
  readonly edits: readonly { readonly request: HeaderEdit | null; readonly response: HeaderEdit | null }[];
}

export function compileRoutes(
  routes: ReadonlyMap<string, Route>,
  clusters: ReadonlyMap<string, ClusterRecord>,
  splits: SplitRegistry,
  previous: ReadonlyMap<string, RouteRecord> | null,
  faults: Faults,
): ReadonlyMap<string, RouteRecord> {
  const records = new Map<string, RouteRecord>();
  for (const route of routes.values()) {
    const known = previous?.get(route.name);
    const isKnown = known !== undefined && isSameResource(known.route, route);
    if (isKnown && known.rules.every((record) => pointsAtCurrentClusters(record.compiled, clusters))) {
      records.set(route.name, known);
      continue;
    }
    const rules = route.rules.map((rule, index): RuleRecord => {
      const plan = (isKnown ? known.rules[index]?.plan : undefined) ?? planRule(route, index, rule, faults);
      return compileRule(route, index, rule, plan, clusters, splits, faults);
    });
    records.set(route.name, { route, rules });
  }
  return records;
}

function pointsAtCurrentClusters(rule: CompiledRule, clusters: ReadonlyMap<string, ClusterRecord>): boolean {
  const isCurrent = (cluster: CompiledCluster): boolean => clusters.get(cluster.name)?.compiled === cluster;
  return rule.backends.every(
    (backend) =>
      (backend.cluster === null || isCurrent(backend.cluster)) &&
      backend.mirrors.every((mirror) => isCurrent(mirror.cluster)),
  );
}

function planRule(route: Route, index: number, rule: Rule, faults: Faults): RulePlan {
  const fault = (reason: string | null): void => {
    if (reason !== null) faults.add("route", route.name, `rule ${index}: ${reason}`);
  };
  const predicates = rule.matches.map((match, at) => {
    const reasons = matchFaults(match);
    for (const reason of reasons) fault(`match ${at}: ${reason}`);
    if (reasons.length > 0) return null;
    try {
      return compileMatch(match);
    } catch (error) {
      fault(`match ${at}: ${error instanceof Error ? error.message : String(error)}`);
      return null;
    }
  });
  for (const modifier of [rule.requestHeaders, rule.responseHeaders]) headerModifierFaults(modifier).forEach(fault);
  for (const mirror of rule.mirrors) fault(mirrorFault(mirror));
  for (const backend of rule.backends) {
    if (!Number.isInteger(backend.weight) || backend.weight < 0) {
      fault(`backend ${quote(backend.displayName)}: weight ${backend.weight} is not a whole number from 0`);
    }
    for (const modifier of [backend.requestHeaders, backend.responseHeaders]) {
      headerModifierFaults(modifier).forEach(fault);
    }
    for (const mirror of backend.mirrors) fault(mirrorFault(mirror));
  }
  const edits = rule.backends.map((backend) => ({
    request: composeHeaderEdit([rule.requestHeaders, backend.requestHeaders]),
    // On the way back what is nearer to the backend comes first, so the rule has the last word.
    response: composeHeaderEdit([backend.responseHeaders, rule.responseHeaders]),
  }));
  return { predicates, edits };
}

function matchFaults(match: Match): readonly string[] {
  const faults: string[] = [];
  if (match.path.kind !== "regular-expression" && !match.path.value.startsWith("/")) {
    faults.push(`path ${quote(match.path.value)} does not begin with "/"`);
  }
  const method = methodFault(match.method);
  if (method !== null) faults.push(method);
  const headerNames = new Set<string>();
  for (const { name } of match.headers) {
    const fault = headerNameFault(name);
    if (fault !== null) faults.push(fault);
    if (headerNames.has(name.toLowerCase())) faults.push(`header ${quote(name)} is matched twice`);
    headerNames.add(name.toLowerCase());
  }
  const parameterNames = new Set<string>();
  for (const { name } of match.queryParameters) {
    if (name === "") faults.push("a query parameter without a name");
    if (parameterNames.has(name)) faults.push(`query parameter ${quote(name)} is matched twice`);
    parameterNames.add(name);
  }
  return faults;
}

function compileRule(
  route: Route,
  index: number,
  rule: Rule,
  plan: RulePlan,
  clusters: ReadonlyMap<string, ClusterRecord>,
  splits: SplitRegistry,
  faults: Faults,
): RuleRecord {
  const id = `${route.name}/${index}`;
  const clusterOf = (name: string, what: string): CompiledCluster | null => {
    if (name === "") return null;
    const cluster = clusters.get(name)?.compiled ?? null;
    if (cluster === null) faults.add("route", route.name, `rule ${index}: ${what}: no cluster ${quote(name)}`);
    return cluster;
  };
  const mirrorsOf = (mirrors: readonly Mirror[]): CompiledMirror[] =>
    mirrors.flatMap((mirror) => {
      const cluster = clusterOf(mirror.cluster, `mirror ${quote(mirror.displayName)}`);
      if (cluster === null) return [];
      const { displayName, numerator, denominator } = mirror;
      return [{ displayName, cluster, numerator, denominator }];
    });
  const ruleMirrors = mirrorsOf(rule.mirrors);
  const split = splits.splitFor(id, rule.backends);
  const backends: CompiledBackend[] = [];
  const compiled: CompiledRule = {
    route: route.name,
    index,
    id,
    name: rule.name,
    unsupported: rule.unsupported,
    backends,
    split: split.split,
  };
  for (const [at, backend] of rule.backends.entries()) {
    const mirrors = mirrorsOf(backend.mirrors);
    backends.push({
      rule: compiled,
      displayName: backend.displayName,
      weight: backend.weight,
      cluster: clusterOf(backend.cluster, `backend ${quote(backend.displayName)}`),
      invalidReason: backend.invalidReason,
      requestEdit: plan.edits[at]?.request ?? null,
      responseEdit: plan.edits[at]?.response ?? null,
      mirrors: mirrors.length === 0 ? ruleMirrors : [...ruleMirrors, ...mirrors],
    });
  }
  return { plan, compiled, split };
}

// Why a request goes where it goes: every entry of a listener's table with the reason that it won or lost, and what the
// winning rule does. Calls the predicates that matching calls, so it cannot drift from it. Draws nothing: a split is
// described by its shares. Text for terminals is the caller's, but for the one-line reasons.
import { coversHost } from "./host-match.ts";
import { matchesHeader } from "./header-match.ts";
import { matchesMethod, type MatchPredicate } from "./match-predicate.ts";
import { matchesPath } from "./path-match.ts";
import { matchesQueryParameter, queryParameter } from "./query-match.ts";
import { HostRouteTable } from "./route-table.ts";
import type { TableEntry, VirtualHost } from "./virtual-host.ts";
import type { CompiledListener, CompiledMirror, CompiledRule, MatchableRequest } from "../snapshot/compiled.ts";

export interface Explanation {
  /** Display name. */
  readonly listener: string;
  readonly outcome: Outcome;
  /**
   * All entries of the table: those of the virtual hosts that cover the request's host in the order in which they are
   * tried, then the others. At most one of them has won.
   */
  readonly entries: readonly ExplainedEntry[];
}

export type Outcome =
  /** 404. */
  | { readonly kind: "no-match" }
  /** A frontend that no route claims. */
  | { readonly kind: "cluster"; readonly cluster: string; readonly endpoints: number }
  | { readonly kind: "rule"; readonly rule: CompiledRule; readonly split: SplitExplanation };

export interface SplitExplanation {
  /** The status of every request, when the rule answers them all itself; `reason` says why. */
  readonly localReply: { readonly status: 500; readonly reason: string } | null;
  readonly backends: readonly BackendExplanation[];
}

export interface BackendExplanation {
  readonly displayName: string;
  readonly weight: number;
  /** Of the rule's requests, 0 to 1. */
  readonly share: number;
  readonly endpoints: number;
  /** Of its endpoints, without repetition. */
  readonly workloadVersions: readonly string[];
  /** What its share is answered when it cannot be forwarded. */
  readonly localReply: { readonly status: 500 | 503; readonly reason: string } | null;
  readonly mirrors: readonly CompiledMirror[];
}

export interface ExplainedEntry {
  /** "namespace/name". */
  readonly route: string;
  readonly rule: number;
  readonly ruleName: string;
  readonly match: number;
  /** Of the virtual host; "" covers every host. */
  readonly hostname: string;
  /** Every condition, in the order in which they are tried. */
  readonly conditions: readonly string[];
  readonly verdict: Verdict;
}

export type Verdict =
  | { readonly kind: "won" }
  /** It matches too, and comes later. */
  | { readonly kind: "lower-precedence" }
  | { readonly kind: "failed"; readonly failure: Failure };

/** The first condition that does not hold. */
export interface Failure {
  readonly part: "hostname" | "path" | "method" | "header" | "query-parameter";
  /** Of the header or parameter, else "". */
  readonly name: string;
  readonly expected: string;
  /** Null when the request has none. */
  readonly actual: string | null;
}

/** Explains what `listener` does with `request`. */
export function explain(listener: CompiledListener, request: MatchableRequest): Explanation {
  const { displayName, routes, cluster } = listener;
  if (routes === null) {
    const outcome: Outcome =
      cluster === null
        ? { kind: "no-match" }
        : { kind: "cluster", cluster: cluster.name, endpoints: cluster.endpoints.length };
    return { listener: displayName, outcome, entries: [] };
  }
  if (!(routes instanceof HostRouteTable)) throw new TypeError("the route table was not made by compile()");
  const covering = routes.virtualHostsFor(request.host);
  const others = routes.virtualHosts.filter((virtualHost) => !covering.includes(virtualHost));
  const entries: ExplainedEntry[] = [];
  let winner: CompiledRule | null = null;
  for (const virtualHost of [...covering, ...others]) {
    for (const entry of virtualHost.entries) {
      const failure = firstFailure(virtualHost, entry.predicate, request);
      const verdict = verdictOf(failure, winner !== null);
      if (verdict.kind === "won") winner = entry.rule;
      entries.push(explainEntry(virtualHost, entry, verdict));
    }
  }
  const outcome: Outcome =
    winner === null ? { kind: "no-match" } : { kind: "rule", rule: winner, split: explainSplit(winner) };
  return { listener: displayName, outcome, entries };
}

/** One line for people: `header "x-beta-user" is absent, not "true"`. */
export function describeVerdict(verdict: Verdict): string {
  if (verdict.kind === "won") return "wins";
  if (verdict.kind === "lower-precedence") return "matches too, but has lower precedence";
  const { part, name, expected, actual } = verdict.failure;
  const subject = name === "" ? part : `${part} ${JSON.stringify(name)}`;
  return `${subject} is ${actual === null ? "absent" : JSON.stringify(actual)}, not ${expected}`;
}

function verdictOf(failure: Failure | null, isDecided: boolean): Verdict {
  if (failure !== null) return { kind: "failed", failure };
  return isDecided ? { kind: "lower-precedence" } : { kind: "won" };
}

function firstFailure(virtualHost: VirtualHost, predicate: MatchPredicate, request: MatchableRequest): Failure | null {
  if (!coversHost(virtualHost.hostname, request.host)) {
    return { part: "hostname", name: "", expected: JSON.stringify(virtualHost.hostname), actual: request.host };
  }
  const { path, method, headers, queryParameters } = predicate;
  if (!matchesPath(path, request.path)) {
    return { part: "path", name: "", expected: describePath(predicate), actual: request.path };
  }
  if (!matchesMethod(method, request)) return { part: "method", name: "", expected: method, actual: request.method };
  for (const header of headers) {
    if (matchesHeader(header, request)) continue;
    const name = header.lowerCaseName;
    return { part: "header", name, expected: describeValue(header), actual: request.header(name) ?? null };
  }
  for (const parameter of queryParameters) {
    if (matchesQueryParameter(parameter, request.query)) continue;
    const actual = queryParameter(request.query, parameter.name) ?? null;
    return { part: "query-parameter", name: parameter.name, expected: describeValue(parameter), actual };
  }
  return null;
}

function explainEntry(virtualHost: VirtualHost, entry: TableEntry, verdict: Verdict): ExplainedEntry {
  const { rule, match, predicate } = entry;
  const { method, headers, queryParameters } = predicate;
  const conditions = [`path ${describePath(predicate)}`];
  if (method !== "") conditions.push(`method ${method}`);
  for (const header of headers) conditions.push(`header ${header.lowerCaseName} ${describeValue(header)}`);
  for (const parameter of queryParameters) {
    conditions.push(`query parameter ${parameter.name} ${describeValue(parameter)}`);
  }
  return {
    route: rule.route,
    rule: rule.index,
    ruleName: rule.name,
    match,
    hostname: virtualHost.hostname,
    conditions,
    verdict,
  };
}

function describePath({ path }: MatchPredicate): string {
  if (path.kind === "exact") return JSON.stringify(path.value);
  if (path.kind === "prefix") return `under ${JSON.stringify(path.value === "" ? "/" : path.value)}`;
  return `matching ${path.value}`;
}

function describeValue({ value, expression }: { readonly value: string; readonly expression: unknown }): string {
  return expression === null ? JSON.stringify(value) : `matching ${value}`;
}

function explainSplit(rule: CompiledRule): SplitExplanation {
  const total = rule.backends.reduce((sum, backend) => sum + backend.weight, 0);
  const backends = rule.backends.map((backend): BackendExplanation => {
    const { displayName, weight, cluster, invalidReason, mirrors } = backend;
    const endpoints = cluster?.endpoints ?? [];
    let localReply: BackendExplanation["localReply"] = null;
    if (cluster === null) localReply = { status: 500, reason: invalidReason || "invalid backend" };
    else if (endpoints.length === 0) localReply = { status: 503, reason: "no ready endpoints" };
    return {
      displayName,
      weight,
      share: total === 0 ? 0 : weight / total,
      endpoints: endpoints.length,
      workloadVersions: [...new Set(endpoints.map((endpoint) => endpoint.workloadVersion))],
      localReply,
      mirrors,
    };
  });
  return { localReply: ruleReply(rule), backends };
}

function ruleReply(rule: CompiledRule): SplitExplanation["localReply"] {
  if (rule.unsupported !== "") return { status: 500, reason: `unsupported: ${rule.unsupported}` };
  if (rule.backends.length === 0) return { status: 500, reason: "no backends" };
  return rule.split === null ? { status: 500, reason: "every weight is 0" } : null;
}

// Rules that no request can reach, because an earlier rule of the same listener and hostname takes everything they
// would match. Pure, over the route configurations that agents get: their order is the precedence.
import type { ClusterState } from "../../control-plane/source/cluster-state.ts";
import type { Translation } from "../../control-plane/translate/translation.ts";
import type { Match, RouteConfiguration, RouteEntry, ValueMatch } from "../../proto/messages.ts";
import type { Finding } from "./finding.ts";

interface Entry {
  readonly route: string;
  readonly rule: number;
  readonly match: Match;
}

/** One finding for each rule and listener where every match of the rule is taken by earlier ones. */
export function findShadowedRules(state: ClusterState, translation: Translation): readonly Finding[] {
  const findings = new Map<string, Finding>();
  for (const listener of translation.listeners.values()) {
    const configuration = translation.routeConfigurations.get(listener.routeConfiguration);
    if (configuration === undefined) {
      continue;
    }
    for (const [shadowed, winner] of shadowsOf(configuration, translation)) {
      const finding = describe(state, shadowed, winner, listener.displayName);
      findings.set(JSON.stringify([finding.where, finding.what]), finding);
    }
  }
  return [...findings.values()];
}

function shadowsOf(configuration: RouteConfiguration, translation: Translation): readonly (readonly [Entry, Entry])[] {
  const winners = new Map<string, { readonly entry: Entry; winner: Entry | null }>();
  for (const { entries } of configuration.virtualHosts) {
    const earlier: Entry[] = [];
    for (const pointer of entries) {
      const entry = resolve(configuration, translation, pointer);
      if (entry === null) {
        continue;
      }
      const winner = earlier.find((candidate) => covers(candidate.match, entry.match)) ?? null;
      const key = `${entry.route}/${entry.rule}`;
      const known = winners.get(key);
      if (known === undefined) {
        winners.set(key, { entry, winner });
      } else if (winner === null) {
        // One match that can be reached is enough.
        known.winner = null;
      }
      earlier.push(entry);
    }
  }
  return [...winners.values()].flatMap(({ entry, winner }) =>
    winner === null || (winner.route === entry.route && winner.rule === entry.rule) ? [] : [[entry, winner] as const],
  );
}

function resolve(configuration: RouteConfiguration, translation: Translation, pointer: RouteEntry): Entry | null {
  const name = configuration.routes[pointer.route];
  const match =
    name === undefined ? undefined : translation.routes.get(name)?.rules[pointer.rule]?.matches[pointer.match];
  return name === undefined || match === undefined ? null : { route: name, rule: pointer.rule, match };
}

function describe(state: ClusterState, shadowed: Entry, winner: Entry, listener: string): Finding {
  const where = `HTTPRoute ${shadowed.route} rule ${shadowed.rule}`;
  const own = state.httpRoutes.get(shadowed.route);
  const other = state.httpRoutes.get(winner.route);
  if (shadowed.route === winner.route) {
    return {
      severity: "warning",
      where,
      what: `gets no request on ${listener}: shadowed by rule ${winner.rule} of the same route, which matches all of it`,
      advice: "delete one of the two rules, or give this one a narrower match",
    };
  }
  const older = (other?.meta.creationTimestampMs ?? 0) < (own?.meta.creationTimestampMs ?? 0);
  const why = older ? "older " : "";
  return {
    severity: "warning",
    where,
    what: `gets no request on ${listener}: shadowed by ${why}${winner.route} rule ${winner.rule}, which matches all of it`,
    advice: `delete HTTPRoute ${winner.route} if this one replaces it, or give this one a narrower match or another host`,
  };
}

/** Whether every request that `narrow` matches is matched by `wide` too. Errs on the side of no. */
function covers(wide: Match, narrow: Match): boolean {
  return (
    coversPath(wide, narrow) &&
    (wide.method === "" || wide.method === narrow.method) &&
    wide.headers.every((value) => includesValue(narrow.headers, value, true)) &&
    wide.queryParameters.every((value) => includesValue(narrow.queryParameters, value, false))
  );
}

function coversPath(wide: Match, narrow: Match): boolean {
  if (wide.pathType === "PATH_PREFIX") {
    const prefix = wide.path.replace(/\/$/, "");
    if (prefix === "") {
      return true;
    }
    const path = narrow.pathType === "PATH_PREFIX" ? narrow.path.replace(/\/$/, "") : narrow.path;
    return narrow.pathType !== "PATH_REGULAR_EXPRESSION" && (path === prefix || path.startsWith(`${prefix}/`));
  }
  return wide.pathType === narrow.pathType && wide.path === narrow.path;
}

function includesValue(values: readonly ValueMatch[], wanted: ValueMatch, ignoreCase: boolean): boolean {
  const same = (a: string, b: string): boolean => (ignoreCase ? a.toLowerCase() === b.toLowerCase() : a === b);
  return values.some(
    ({ name, value, regularExpression }) =>
      same(name, wanted.name) && value === wanted.value && regularExpression === wanted.regularExpression,
  );
}

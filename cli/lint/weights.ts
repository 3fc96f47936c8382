// What is to be said of the weights of a rule: those that do nothing, those that break the rule, and, as information
// only, what share each backend gets when they do not sum to 100. Pure.
import type { HttpRoute, HttpRouteRule } from "../../control-plane/source/cluster-state.ts";
import type { Finding } from "./finding.ts";

export function findWeightFindings(route: HttpRoute): readonly Finding[] {
  return route.rules.flatMap((rule, index) => ruleFindings(route, rule, index));
}

function ruleFindings(route: HttpRoute, rule: HttpRouteRule, index: number): readonly Finding[] {
  const where = `HTTPRoute ${route.meta.namespace}/${route.meta.name} rule ${index}`;
  const total = rule.backendRefs.reduce((sum, { weight }) => sum + weight, 0);
  const [first] = rule.backendRefs;
  if (first === undefined) {
    return [];
  }
  if (total === 0) {
    return [
      {
        severity: "warning",
        where,
        what: "every weight is 0: all its requests are answered 500",
        advice: "give at least one backendRef a weight above 0",
      },
    ];
  }
  if (rule.backendRefs.length === 1) {
    return first.weight === 1
      ? []
      : [{ severity: "info", where, what: `weight ${first.weight} does nothing: it is the only backend`, advice: "" }];
  }
  const findings: Finding[] = [];
  const names = rule.backendRefs.map(({ namespace, name, port }) => `${namespace}/${name}:${port ?? ""}`);
  const repeated = names.find((name, position) => names.indexOf(name) !== position);
  if (repeated !== undefined) {
    findings.push({
      severity: "warning",
      where,
      what: `${repeated} is named twice, so the weights between the two do nothing`,
      advice: "name another Service, or add the weights up in one backendRef",
    });
  }
  if (total !== 100) {
    const shares = rule.backendRefs.map(
      ({ weight }, position) => `${names[position]} ${Number(((weight / total) * 100).toFixed(2))}%`,
    );
    findings.push({
      severity: "info",
      where,
      what: `weights sum to ${total}, they are relative: ${shares.join(", ")}`,
      advice: "",
    });
  }
  return findings;
}

// All findings about a folder, worst first. Pure over what was loaded.
import type { Problem } from "../../control-plane/source/source.ts";
import type { ClusterState } from "../../control-plane/source/cluster-state.ts";
import { translateState } from "../folder/controller.ts";
import type { Finding } from "./finding.ts";
import { findReferenceFindings } from "./references.ts";
import { findShadowedRules } from "./shadowed.ts";
import { findWeightFindings } from "./weights.ts";

const order = { error: 0, warning: 1, info: 2 } as const;

/**
 * `state` is null when a file is broken: then the files' problems are all that can be said. `parameterErrors`: what the
 * control plane found wrong with the parameters of Gateways, by "namespace/name".
 */
export function lint(
  state: ClusterState | null,
  problems: readonly Problem[],
  parameterErrors?: ReadonlyMap<string, string>,
): readonly Finding[] {
  const findings = problems.map(fromProblem);
  if (state !== null) {
    const translation = translateState(state, parameterErrors);
    findings.push(...findReferenceFindings(state, translation), ...findShadowedRules(state, translation));
    for (const route of state.httpRoutes.values()) {
      findings.push(...findWeightFindings(route));
    }
  }
  return findings.toSorted((a, b) => order[a.severity] - order[b.severity]);
}

function fromProblem({ severity, file, line, column, object, field, message }: Problem): Finding {
  const where = line === 0 ? file : `${file}:${line}:${column}`;
  return { severity, where, what: [object, field, message].filter((part) => part !== "").join(": "), advice: "" };
}

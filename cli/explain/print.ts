// Explanations as text for a terminal. Pure.
import {
  describeVerdict,
  type BackendExplanation,
  type ExplainedEntry,
  type Explanation,
} from "../../agent/routing/explain.ts";
import type { ExplainedListener } from "./explain-request.ts";

/** Lines without line ends. */
export function printExplanation({ place, explanation }: ExplainedListener): readonly string[] {
  if (explanation === null) {
    return [place, "  404: no listener there takes this host"];
  }
  const winner = explanation.entries.find(({ verdict }) => verdict.kind === "won");
  const losers = explanation.entries.filter(({ verdict }) => verdict.kind !== "won");
  const lines = [`${place}, listener ${explanation.listener}`];
  if (winner !== undefined) {
    lines.push(`  wins  ${entryName(winner)}  ${winner.conditions.join(", ")}`);
  }
  lines.push(...outcomeLines(explanation));
  for (const loser of losers) {
    lines.push(`  lost  ${entryName(loser)}  ${describeVerdict(loser.verdict)}`);
  }
  return lines;
}

function outcomeLines({ outcome }: Explanation): readonly string[] {
  switch (outcome.kind) {
    case "no-match": {
      return ["  404: no rule matches"];
    }
    case "cluster": {
      return [`  no route claims this Service: straight to ${outcome.cluster} (${outcome.endpoints} endpoints)`];
    }
    case "rule": {
      const { localReply, backends } = outcome.split;
      const reply = localReply === null ? [] : [`    answers ${localReply.status}: ${localReply.reason}`];
      const width = Math.max(0, ...backends.map(({ displayName }) => displayName.length));
      return [...reply, ...backends.flatMap((backend) => backendLines(backend, width))];
    }
  }
}

function backendLines(backend: BackendExplanation, width: number): readonly string[] {
  const { displayName, weight, share, workloadVersions, localReply, mirrors } = backend;
  const where =
    localReply === null
      ? `version ${workloadVersions.join(", ")}`
      : `its share is answered ${localReply.status}: ${localReply.reason}`;
  const percent = `${Number((share * 100).toFixed(2))}%`;
  const copies = mirrors.map(({ displayName: mirror, numerator, denominator }) => {
    const part = numerator === denominator ? "every request" : `${numerator} of ${denominator} requests`;
    return `      mirror  ${part} copied to ${mirror}`;
  });
  return [`    to  ${displayName.padEnd(width)}  weight ${weight} (${percent})  ${where}`, ...copies];
}

function entryName({ route, rule, ruleName, match, hostname }: ExplainedEntry): string {
  const name = ruleName === "" ? "" : ` "${ruleName}"`;
  const host = hostname === "" ? "" : ` host ${hostname}`;
  return `${route} rule ${rule}${name} match ${match}${host}`;
}

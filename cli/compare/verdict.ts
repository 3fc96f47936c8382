// Whether a version does worse than another: rates are compared, never counts, since a canary gets a small share. Pure.
import type { VersionCounts } from "./version-counts.ts";

export type Verdict = "healthy" | "worse" | "too few requests";

export interface Comparison {
  readonly baseline: VersionCounts;
  readonly candidate: VersionCounts;
  readonly verdict: Verdict;
  /** For people, without line ends. */
  readonly lines: readonly string[];
}

/** A candidate is worse when its error rate is more than this many times the baseline's. */
const tolerance = 2;

/** Both versions need `minRequests` before anything is said. */
export function compareVersions(baseline: VersionCounts, candidate: VersionCounts, minRequests: number): Comparison {
  const lines = [
    `Comparing ${baseline.version} vs ${candidate.version}...`,
    `${capitalise(baseline.version)} errors: ${baseline.errors}`,
    `${capitalise(candidate.version)} errors: ${candidate.errors}`,
  ];
  const thin = [baseline, candidate].filter(({ requests }) => requests < minRequests);
  if (thin.length > 0) {
    const words = thin.map(
      ({ version, requests }) => `Not enough ${version} traffic yet: ${requests} of ${minRequests} requests.`,
    );
    return { baseline, candidate, verdict: "too few requests", lines: [...lines, ...words] };
  }
  const name = capitalise(candidate.version);
  return (candidate.errorRate ?? 0) > (baseline.errorRate ?? 0) * tolerance
    ? {
        baseline,
        candidate,
        verdict: "worse",
        lines: [
          ...lines,
          `WARNING: ${name} error rate is more than ${tolerance}x ${baseline.version}!`,
          "Consider rollback.",
        ],
      }
    : {
        baseline,
        candidate,
        verdict: "healthy",
        lines: [...lines, `${name} looks healthy—proceed with rollout.`],
      };
}

function capitalise(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

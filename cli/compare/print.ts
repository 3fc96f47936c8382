// Counts of versions as rows, for a table. Pure.
import type { VersionCounts } from "./version-counts.ts";

export function versionRows(versions: readonly VersionCounts[]): readonly Readonly<Record<string, string | number>>[] {
  return versions.map(({ version, requests, errors, errorRate, p50Ms, p99Ms }) => ({
    version,
    requests,
    errors,
    "error rate": errorRate === null ? "-" : `${Number((errorRate * 100).toFixed(2))}%`,
    p50: describeMs(p50Ms),
    p99: describeMs(p99Ms),
  }));
}

function describeMs(value: number | null): string {
  return value === null ? "-" : `${Number(value.toPrecision(3))} ms`;
}

// Prints case reports as one table of fixed-width columns.
import { verdict, type CaseReport, type Figure } from "./figure.ts";

const HEADINGS = ["what", "median", "lowest", "highest", "target", "verdict", "note"] as const;

/** One text: a heading line, then each case's title with its rows beneath. */
export function renderTable(reports: readonly CaseReport[]): string {
  const lines: (string | readonly string[])[] = [HEADINGS];
  for (const report of reports) {
    lines.push(`\n${report.title}`);
    for (const row of report.rows) {
      if ("missing" in row) lines.push([`  ${row.subject}`, "-", "-", "-", "-", "missing", row.missing]);
      else lines.push(cells(row));
    }
    if (report.text !== undefined) lines.push(report.text.replaceAll(/^/gm, "  "));
  }
  const widths = HEADINGS.map((_, column) =>
    Math.max(...lines.map((line) => (typeof line === "string" ? 0 : (line[column] ?? "").length))),
  );
  return lines
    .map((line) => (typeof line === "string" ? line : pad(line, widths)))
    .join("\n")
    .concat("\n");
}

function cells(row: Figure): readonly string[] {
  const target = row.target === null ? "" : `<= ${number(row.target.atMost)}`;
  return [
    `  ${row.subject}`,
    `${number(row.value)} ${row.unit}`.trimEnd(),
    number(Math.min(...row.raw)),
    number(Math.max(...row.raw)),
    target,
    verdict(row),
    row.note,
  ];
}

function pad(line: readonly string[], widths: readonly number[]): string {
  return line
    .map((cell, column) =>
      column === 0 || column >= 5 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0),
    )
    .join("  ")
    .trimEnd();
}

function number(value: number): string {
  if (!Number.isFinite(value)) return "-";
  if (Math.abs(value) >= 1000) return String(Math.round(value));
  return value.toFixed(Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : 2);
}

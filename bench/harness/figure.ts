// What a case reports: figures, each with its raw values and, where the project has set itself one, a target.
import { median } from "./statistics.ts";

export interface Figure {
  /** What was measured, for example "agent" or "agent / Envoy". */
  readonly subject: string;
  readonly unit: string;
  /** Every run, in order. The table shows the median, the file keeps them all. */
  readonly raw: readonly number[];
  readonly value: number;
  readonly target: Target | null;
  readonly note: string;
}

export interface Target {
  /** The value must not be above it. */
  readonly atMost: number;
}

/** Something that could not be measured, and how to make it measurable. */
export interface Missing {
  readonly subject: string;
  readonly missing: string;
}

export type Row = Figure | Missing;

export interface CaseReport {
  readonly title: string;
  readonly rows: readonly Row[];
  /** Printed as it is beneath the rows. */
  readonly text?: string;
}

export function figure(
  subject: string,
  unit: string,
  raw: readonly number[],
  options: { readonly target?: number; readonly note?: string; readonly value?: number } = {},
): Figure {
  return {
    subject,
    unit,
    raw,
    value: options.value ?? median(raw),
    target: options.target === undefined ? null : { atMost: options.target },
    note: options.note ?? "",
  };
}

export type Verdict = "pass" | "short" | "-" | "missing";

export function verdict(row: Row): Verdict {
  if ("missing" in row) return "missing";
  if (row.target === null) return "-";
  return row.value <= row.target.atMost ? "pass" : "short";
}

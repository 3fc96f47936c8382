// Cases that are a script of their own (bench/NAME.ts). With --json a script prints its figures as a JSON array in its
// last line; one that knows no --json has what it prints shown beneath the table's title.
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { figure, type CaseReport, type Row } from "../harness/figure.ts";
import { LOAD_CORE, runPinned } from "../harness/managed-process.ts";
import type { BenchCase } from "./context.ts";

/** What such a script prints with --json. */
interface PrintedFigure {
  readonly subject: string;
  readonly unit: string;
  readonly raw: readonly number[];
  readonly value?: number;
  readonly target?: number;
  readonly note?: string;
}

export function scriptCase(name: string, file: string, summary: string): BenchCase {
  const path = fileURLToPath(new URL(`../${file}`, import.meta.url));
  return {
    name,
    summary,
    async run(): Promise<CaseReport> {
      const title = `${name}: ${summary}`;
      if (!existsSync(path)) return { title, rows: [{ subject: file, missing: "no such script in this checkout" }] };
      const printed = await runPinned(LOAD_CORE, process.execPath, [path, "--json"]);
      const rows = readFigures(printed);
      return rows === null ? { title, rows: [], text: printed.trimEnd() } : { title, rows };
    },
  };
}

/** Null when the last line is not a JSON array: the script prints for people only. */
function readFigures(printed: string): Row[] | null {
  const line = printed.trim().split("\n").at(-1) ?? "";
  if (!line.startsWith("[")) return null;
  const figures = JSON.parse(line) as readonly PrintedFigure[];
  return figures.map(({ subject, unit, raw, ...options }) => figure(subject, unit, raw, options));
}

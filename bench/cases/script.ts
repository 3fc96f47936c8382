// Cases that are a script of their own (bench/NAME.ts): run with --json, they print one report as their last line.
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
      return { title, rows: readFigures(file, printed) };
    },
  };
}

function readFigures(file: string, printed: string): Row[] {
  const line = printed.trim().split("\n").at(-1) ?? "";
  let figures: readonly PrintedFigure[];
  try {
    figures = JSON.parse(line) as readonly PrintedFigure[];
  } catch {
    throw new Error(`${file} --json must print a JSON array of figures as its last line, not: ${line.slice(0, 200)}`);
  }
  return figures.map(({ subject, unit, raw, ...options }) => figure(subject, unit, raw, options));
}

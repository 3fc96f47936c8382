// The live table as lines of text: one heading per rule, one line per backend and per mirror, cut to the terminal's width and height.
// Pure: no escape codes but bold and dim, and none of those without `color`.
import type { LiveBackend, LiveMirror, LiveRoute, LiveRule } from "./live-routes.ts";

export interface TableOptions {
  readonly width: number;
  readonly height: number;
  readonly color: boolean;
}

interface Column {
  readonly title: string;
  /** Columns with a higher number go first when the terminal is narrow. */
  readonly importance: number;
  readonly text: (row: TableRow) => string;
}

/** A backend has no copies and a mirror no share: what a row does not have is shown as "-". */
type TableRow = { readonly backend: string } & Partial<LiveBackend> & Partial<LiveMirror>;

const columns: readonly Column[] = [
  {
    title: "target",
    importance: 0,
    text: ({ weight, target }) => shown(target, (share) => `${weight} (${percent(share)})`),
  },
  { title: "share", importance: 0, text: ({ share }) => shown(share, percent) },
  { title: "requests", importance: 1, text: ({ requests }) => shown(requests, String) },
  {
    title: "req/s",
    importance: 1,
    text: ({ requestsPerSecond }) => shown(requestsPerSecond, (rate) => rate.toFixed(1)),
  },
  { title: "p50", importance: 3, text: ({ p50Ms }) => shown(p50Ms, milliseconds) },
  { title: "p99", importance: 2, text: ({ p99Ms }) => shown(p99Ms, milliseconds) },
  { title: "errors", importance: 1, text: ({ errors }) => shown(errors, String) },
  { title: "mirrored", importance: 4, text: ({ mirrored }) => shown(mirrored, String) },
  { title: "dropped", importance: 4, text: ({ dropped }) => shown(dropped, String) },
];

const gap = "  ";
const indent = "  ";

/** No line is longer than `width`, and there are at most `height` of them. */
export function renderTable(routes: readonly LiveRoute[], options: TableOptions): readonly string[] {
  const style = styler(options.color);
  const all = routes.flatMap(({ rules }) => rules.flatMap(rowsOf));
  const nameWidth = Math.max(7, ...all.map(({ backend }) => backend.length));
  const fitting = fitColumns(all, nameWidth, options.width);
  const cut = (text: string): string => truncate(text, options.width);
  const header = [indent + "backend".padEnd(nameWidth), ...fitting.map(({ title, width }) => title.padStart(width))];
  const lines: string[] = [style.dim(cut(header.join(gap)))];
  for (const { route, rules } of routes) {
    for (const rule of rules) {
      lines.push(style.bold(cut(`${route} rule ${rule.rule}  ${rule.matches}`)));
      for (const row of rowsOf(rule)) {
        const cells = [indent + row.backend.padEnd(nameWidth)];
        cells.push(...fitting.map(({ text, width }) => text(row).padStart(width)));
        lines.push(cut(cells.join(gap)));
      }
    }
  }
  if (routes.length === 0) {
    lines.push(cut(`${indent}no HTTPRoute yet`));
  }
  if (lines.length > options.height) {
    const hidden = lines.length - options.height + 1;
    return [...lines.slice(0, Math.max(0, options.height - 1)), style.dim(cut(`${indent}... ${hidden} more lines`))];
  }
  return lines;
}

function rowsOf(rule: LiveRule): readonly TableRow[] {
  return [...rule.backends, ...rule.mirrors.map((mirror) => ({ ...mirror, backend: `mirror ${mirror.backend}` }))];
}

/** Cut to `width` characters, the last one an ellipsis where something is missing. */
export function truncate(text: string, width: number): string {
  return text.length <= width ? text : `${text.slice(0, Math.max(0, width - 1))}…`;
}

function fitColumns(
  rows: readonly TableRow[],
  nameWidth: number,
  width: number,
): readonly (Column & { readonly width: number })[] {
  let fitting = columns.map((column) => ({
    ...column,
    width: Math.max(column.title.length, ...rows.map((row) => column.text(row).length)),
  }));
  const needed = (): number =>
    indent.length + nameWidth + fitting.reduce((sum, column) => sum + gap.length + column.width, 0);
  for (let importance = 4; importance > 0 && needed() > width; importance--) {
    fitting = fitting.filter((column) => column.importance < importance);
  }
  return fitting;
}

function percent(share: number): string {
  const text = (share * 100).toFixed(1);
  return `${text.endsWith(".0") ? text.slice(0, -2) : text}%`;
}

function milliseconds(value: number): string {
  return `${value.toFixed(value < 10 ? 1 : 0)}ms`;
}

function shown(value: number | null | undefined, text: (value: number) => string): string {
  return value === null || value === undefined ? "-" : text(value);
}

function styler(color: boolean): { bold(text: string): string; dim(text: string): string } {
  return color
    ? { bold: (text) => `\u001B[1m${text}\u001B[22m`, dim: (text) => `\u001B[2m${text}\u001B[22m` }
    : { bold: (text) => text, dim: (text) => text };
}

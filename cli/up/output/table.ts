// The live table as lines of text: one heading per rule, one line per backend, cut to the terminal's width and height.
// Pure: no escape codes but bold and dim, and none of those without `color`.
import type { LiveBackend, LiveRoute } from "./live-routes.ts";

export interface TableOptions {
  readonly width: number;
  readonly height: number;
  readonly color: boolean;
}

interface Column {
  readonly title: string;
  /** Columns with a higher number go first when the terminal is narrow. */
  readonly importance: number;
  readonly text: (backend: LiveBackend) => string;
}

const columns: readonly Column[] = [
  { title: "target", importance: 0, text: ({ weight, target }) => `${weight} (${percent(target)})` },
  { title: "share", importance: 0, text: ({ share }) => (share === null ? "-" : percent(share)) },
  { title: "requests", importance: 1, text: ({ requests }) => String(requests) },
  { title: "req/s", importance: 1, text: ({ requestsPerSecond }) => requestsPerSecond.toFixed(1) },
  { title: "p50", importance: 3, text: ({ p50Ms }) => milliseconds(p50Ms) },
  { title: "p99", importance: 2, text: ({ p99Ms }) => milliseconds(p99Ms) },
  { title: "errors", importance: 1, text: ({ errors }) => String(errors) },
  { title: "mirrored", importance: 4, text: ({ mirrored }) => String(mirrored) },
  { title: "dropped", importance: 4, text: ({ mirrorsDropped }) => String(mirrorsDropped) },
];

const gap = "  ";
const indent = "  ";

/** No line is longer than `width`, and there are at most `height` of them. */
export function renderTable(routes: readonly LiveRoute[], options: TableOptions): readonly string[] {
  const style = styler(options.color);
  const backends = routes.flatMap(({ rules }) => rules.flatMap((rule) => rule.backends));
  const nameWidth = Math.max(7, ...backends.map(({ backend }) => backend.length));
  const shown = fitColumns(backends, nameWidth, options.width);
  const cut = (text: string): string => truncate(text, options.width);
  const header = [indent + "backend".padEnd(nameWidth), ...shown.map(({ title, width }) => title.padStart(width))];
  const lines: string[] = [style.dim(cut(header.join(gap)))];
  for (const { route, rules } of routes) {
    for (const { rule, matches, mirrors, backends } of rules) {
      const mirror = mirrors.length === 0 ? "" : `  mirrored to ${mirrors.join(", ")}`;
      lines.push(style.bold(cut(`${route} rule ${rule}  ${matches}${mirror}`)));
      for (const backend of backends) {
        const cells = [indent + backend.backend.padEnd(nameWidth)];
        cells.push(...shown.map(({ text, width }) => text(backend).padStart(width)));
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

/** Cut to `width` characters, the last one an ellipsis where something is missing. */
export function truncate(text: string, width: number): string {
  return text.length <= width ? text : `${text.slice(0, Math.max(0, width - 1))}…`;
}

function fitColumns(
  backends: readonly LiveBackend[],
  nameWidth: number,
  width: number,
): readonly (Column & { readonly width: number })[] {
  let shown = columns.map((column) => ({
    ...column,
    width: Math.max(column.title.length, ...backends.map((backend) => column.text(backend).length)),
  }));
  const needed = (): number =>
    indent.length + nameWidth + shown.reduce((sum, column) => sum + gap.length + column.width, 0);
  for (let importance = 4; importance > 0 && needed() > width; importance--) {
    shown = shown.filter((column) => column.importance < importance);
  }
  return shown;
}

function percent(share: number): string {
  const text = (share * 100).toFixed(1);
  return `${text.endsWith(".0") ? text.slice(0, -2) : text}%`;
}

function milliseconds(value: number | null): string {
  return value === null ? "-" : `${value.toFixed(value < 10 ? 1 : 0)}ms`;
}

function styler(color: boolean): { bold(text: string): string; dim(text: string): string } {
  return color
    ? { bold: (text) => `\u001B[1m${text}\u001B[22m`, dim: (text) => `\u001B[2m${text}\u001B[22m` }
    : { bold: (text) => text, dim: (text) => text };
}

// The project's pages as the tests read them: which there are, their fenced blocks with the comment above, their tables.
import { readFileSync, readdirSync } from "node:fs";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";

export const root = fileURLToPath(new URL("../..", import.meta.url));

const skipped = new Set(["node_modules", "dist", ".git", ".heddle", "results"]);

/** Every *.md of the project, as paths below its root. */
export function pages(folder = root): readonly string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return skipped.has(entry.name) ? [] : pages(path);
    return entry.name.endsWith(".md") ? [relative(root, path)] : [];
  });
}

export function read(path: string): string {
  return readFileSync(join(root, path), "utf8");
}

export interface Block {
  readonly language: string;
  readonly lines: readonly string[];
  /** First line of the block in its page, from 1. */
  readonly line: number;
  /** Text of an HTML comment on the line above; "". */
  readonly comment: string;
  /** Nothing but empty lines between the block before and this one. */
  readonly follows: boolean;
}

/** The fenced blocks of a page, in order. */
export function blocksOf(text: string): readonly Block[] {
  const lines = text.split("\n");
  const blocks: Block[] = [];
  let follows = false;
  let comment = "";
  for (let index = 0; index < lines.length; index++) {
    const fence = /^```(\w*)$/.exec(lines[index] ?? "");
    if (fence === null) {
      comment = /^<!-- (.*) -->$/.exec(lines[index] ?? "")?.[1] ?? "";
      if (lines[index] !== "" && comment === "") follows = false;
      continue;
    }
    const end = lines.indexOf("```", index + 1);
    if (end < 0) throw new Error(`line ${index + 1}: a block that never ends`);
    blocks.push({ language: fence[1] ?? "", lines: lines.slice(index + 1, end), line: index + 2, comment, follows });
    follows = true;
    comment = "";
    index = end;
  }
  return blocks;
}

/** Text without its fenced blocks. */
export function proseOf(text: string): string {
  return text.replaceAll(/^```[^]*?^```$/gm, "");
}

/** Rows of every table under a heading, cells trimmed; the heading's own row and the ruler are left out. */
export function tableUnder(text: string, heading: string): readonly (readonly string[])[] {
  const start = text.search(new RegExp(`^#+ ${heading}$`, "m"));
  if (start < 0) throw new Error(`no heading "${heading}"`);
  const after = text.slice(text.indexOf("\n", start));
  const end = after.search(/^#+ /m);
  const rows = (end < 0 ? after : after.slice(0, end)).split("\n").filter((line) => line.startsWith("|"));
  return rows
    .filter((_, index) => !/^\|[-| ]+\|$/.test(rows[index] ?? "") && !/^\|[-| ]+\|$/.test(rows[index + 1] ?? ""))
    .map((row) =>
      row
        .slice(1, -1)
        .split(/(?<!\\)\|/)
        .map((cell) => cell.trim().replaceAll("\\|", "|")),
    );
}

/** The text between the first pair of backticks. */
export function code(cell: string | undefined): string {
  return /`([^`]+)`/.exec(cell ?? "")?.[1] ?? "";
}

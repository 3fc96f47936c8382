// Text of a file -> plain values with positions. Owns YAML's hostile corners: alias bombs, cycles, depth, size,
// duplicate keys. Knows nothing of Kubernetes; manifest.ts makes objects of the values.
import { isAlias, isMap, isScalar, isSeq, LineCounter, parseAllDocuments } from "yaml";
import type { Node, Pair } from "yaml";
import { maxDocumentBytes, maxDocumentNodes, maxDocumentTokens, maxNesting } from "./limits.ts";
import type { FieldPath } from "./field-path.ts";

/** From 1, counted from the beginning of the chunk's text. */
export interface Position {
  readonly line: number;
  readonly column: number;
}

export interface TextProblem extends Position {
  readonly severity: "error" | "warning";
  readonly message: string;
}

export interface YamlDocument {
  /** Maps and lists without null values, as the API server prunes them; never cyclic, never shared. */
  readonly value: unknown;
  readonly position: Position;
  /** Where a field stands; of a missing one, where the nearest map around it begins. */
  positionOf(path: FieldPath): Position;
}

/** A run of lines that is parsed alone: one document, or a whole file that uses YAML directives. */
export interface Chunk {
  readonly text: string;
  /** Line of the file that the text begins on, from 0. */
  readonly lineOffset: number;
}

/**
 * Cuts a file at its document markers, so that an edit makes only the edited document be parsed again. A line that
 * begins with `---` ends a document wherever it stands, quoted and block scalars included (YAML 1.2, c-forbidden).
 */
export function splitDocuments(text: string): readonly Chunk[] {
  const body = text.codePointAt(0) === 0xfe_ff ? text.slice(1) : text;
  if (/^%/m.test(body)) return [{ text: body, lineOffset: 0 }];
  const chunks: Chunk[] = [];
  const marker = /^---(?=\s|$)/gm;
  let begin = 0;
  let line = 0;
  const add = (end: number): void => {
    const part = body.slice(begin, end);
    if (part.trim() !== "") chunks.push({ text: part, lineOffset: line });
    for (let at = part.indexOf("\n"); at !== -1; at = part.indexOf("\n", at + 1)) line += 1;
    begin = end;
  };
  for (const found of body.matchAll(marker)) if (found.index > begin) add(found.index);
  add(body.length);
  return chunks;
}

/**
 * Parses one chunk. Never throws; a chunk with an error has no documents. kubectl reads YAML 1.1, where `on` is true and
 * 0644 is 420: whoever prints what was read for kubectl must read it so.
 */
export function parseChunk(
  text: string,
  version: "1.1" | "1.2" = "1.2",
): { documents: readonly YamlDocument[]; problems: readonly TextProblem[] } {
  const costly = costProblem(text);
  if (costly !== null) return { documents: [], problems: [costly] };
  const lines = new LineCounter();
  const positionAt = (offset: number): Position => {
    const found = lines.linePos(offset);
    return { line: Math.max(1, found.line), column: Math.max(1, found.col) };
  };
  const documents: YamlDocument[] = [];
  const problems: TextProblem[] = [];
  const report = (severity: "error" | "warning", message: string, at: Position): void => {
    problems.push({ severity, message: shortMessage(message), ...at });
  };
  try {
    // The library compares each key with every other one; duplicates are looked for below instead.
    const parsed = parseAllDocuments(text, {
      lineCounter: lines,
      version,
      // JSON has no times.
      customTags: (tags) => tags.filter((tag) => tag !== "timestamp" && !isTimestamp(tag)),
      prettyErrors: false,
      merge: true,
      uniqueKeys: false,
      logLevel: "error",
    });
    for (const document of parsed) {
      // What follows the first few is mostly their echo.
      for (const error of document.errors.slice(0, 3)) report("error", error.message, positionAt(error.pos[0]));
      for (const warning of document.warnings) report("warning", warning.message, positionAt(warning.pos[0]));
      const contents = document.contents;
      if (document.errors.length > 0 || contents === null) continue;
      checkNodes(contents, 0, (message, offset) => report("error", message, positionAt(offset)));
      if (problems.some((problem) => problem.severity === "error")) continue;
      const value = withoutNulls(document.toJS({ maxAliasCount: 100 }));
      const position = positionAt(offsetOf(contents));
      documents.push({ value, position, positionOf: (path) => positionAt(findOffset(contents, path)) });
    }
  } catch (error) {
    // Deep recursion or an alias bomb: the text is refused as a whole.
    const message = error instanceof RangeError ? "nested too deeply" : error instanceof Error ? error.message : "";
    report("error", message, { line: 1, column: 1 });
  }
  const broken = problems.some((problem) => problem.severity === "error");
  return { documents: broken ? [] : documents, problems };
}

function isTimestamp(tag: unknown): boolean {
  return typeof tag === "object" && tag !== null && "tag" in tag && tag.tag === "tag:yaml.org,2002:timestamp";
}

function shortMessage(message: string): string {
  const line = message.split("\n", 1)[0] ?? "";
  if (line.startsWith("Maximum call stack")) return "nested too deeply";
  return line.length > 200 ? `${line.slice(0, 197)}...` : line;
}

/**
 * Text that would cost the parser seconds or its stack is refused unseen. Its time grows with the number of tokens,
 * and every token but plain text has one of these characters.
 */
function costProblem(text: string): TextProblem | null {
  const refuse = (message: string, line = 1): TextProblem => ({ severity: "error", message, line, column: 1 });
  if (text.length > maxDocumentBytes) return refuse(`a document of more than ${maxDocumentBytes} characters`);
  let open = 0;
  let tokens = 0;
  let line = 1;
  for (let at = 0; at < text.length; at++) {
    switch (text.charCodeAt(at)) {
      case 0x0a:
        line += 1;
        tokens += 1;
        break;
      case 0x5b: // [
      case 0x7b: // {
        open += 1;
        tokens += 1;
        break;
      case 0x5d: // ]
      case 0x7d: // }
        if (open > 0) open -= 1;
        tokens += 1;
        break;
      case 0x21: // !
      case 0x26: // &
      case 0x2a: // *
      case 0x2c: // ,
      case 0x2d: // -
      case 0x3a: // :
      case 0x3f: // ?
        tokens += 1;
        break;
      default:
    }
    if (open > maxNesting * 4) return refuse("nested too deeply", line);
    if (tokens > maxDocumentTokens) return refuse(`more than ${maxDocumentTokens} tokens in a document`, line);
  }
  return null;
}

/** Duplicate keys, keys that JSON does not have, and depth. */
function checkNodes(node: unknown, depth: number, report: (message: string, offset: number) => void): void {
  if (isMap(node)) {
    if (depth > maxNesting) return report(`nested more than ${maxNesting} deep`, offsetOf(node));
    const seen = new Set<string>();
    for (const pair of node.items) {
      if (!isScalar(pair.key)) return report("keys must be plain strings", offsetOf(node));
      const key = String(pair.key.value);
      if (seen.has(key) && key !== "<<") report(`duplicate key ${JSON.stringify(key)}`, offsetOf(pair.key));
      seen.add(key);
      checkNodes(pair.value, depth + 1, report);
    }
  } else if (isSeq(node)) {
    if (depth > maxNesting) return report(`nested more than ${maxNesting} deep`, offsetOf(node));
    for (const item of node.items) checkNodes(item, depth + 1, report);
  }
}

function offsetOf(node: Node | null): number {
  return node?.range?.[0] ?? 0;
}

function findOffset(root: Node | null, path: FieldPath): number {
  let node: unknown = root;
  let offset = offsetOf(root);
  for (const part of path) {
    if (isMap(node)) {
      const pair: Pair | undefined = node.items.find(
        (item) => isScalar(item.key) && String(item.key.value) === String(part),
      );
      if (pair === undefined) return offset;
      if (isScalar(pair.key)) offset = offsetOf(pair.key);
      node = pair.value;
    } else if (isSeq(node) && typeof part === "number") {
      node = node.items[part];
      if (isMap(node) || isSeq(node) || isScalar(node) || isAlias(node)) offset = offsetOf(node);
    } else return offset;
  }
  return offset;
}

/** Copies, so that aliases share nothing; counts, so that what aliases multiply stays bounded. */
function withoutNulls(root: unknown): unknown {
  let nodes = 0;
  const copy = (value: unknown, depth: number): unknown => {
    nodes += 1;
    if (nodes > maxDocumentNodes) throw new Error(`more than ${maxDocumentNodes} values in a document`);
    if (depth > maxNesting) throw new Error(`nested more than ${maxNesting} deep`);
    if (Array.isArray(value)) return value.map((item) => copy(item, depth + 1));
    if (typeof value === "number" && !Number.isFinite(value)) throw new Error("a number that JSON does not have");
    if (typeof value !== "object" || value === null) return value;
    if (Object.getPrototypeOf(value) !== Object.prototype) throw new Error("a type that JSON does not have");
    const copied: Record<string, unknown> = {};
    for (const [key, item] of Object.entries(value)) {
      if (item === null || item === undefined) continue;
      const inner = copy(item, depth + 1);
      // A key such as __proto__ must become a field like any other.
      if (key in copied) Object.defineProperty(copied, key, { value: inner, enumerable: true, configurable: true });
      else copied[key] = inner;
    }
    return copied;
  };
  return copy(root, 0);
}

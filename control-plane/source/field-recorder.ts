// Which fields of an object a validator looked at. The published validators ignore fields they do not know, and do
// not list those they do; but they read every field they know of, so what was never read is unknown.
import type { FieldPath } from "./field-path.ts";

export interface UnknownField {
  readonly path: FieldPath;
  /** The field's siblings that the validator does know, for "did you mean". */
  readonly known: readonly string[];
}

interface Visit {
  readonly target: Record<string, unknown>;
  readonly path: FieldPath;
  readonly read: Set<string>;
}

/** Runs `validate` on a view of `root` and says what it left unread, outermost fields only. */
export function findUnreadFields(root: object, validate: (view: unknown) => void): readonly UnknownField[] {
  const visits = new Map<object, Visit>();
  const views = new Map<object, unknown>();
  const view = (value: unknown, path: FieldPath): unknown => {
    if (typeof value !== "object" || value === null) return value;
    const existing = views.get(value);
    if (existing !== undefined) return existing;
    const isList = Array.isArray(value);
    const read = new Set<string>();
    if (!isList) visits.set(value, { target: value as Record<string, unknown>, path, read });
    const made: unknown = new Proxy(value, {
      get(target, key, receiver) {
        const item: unknown = Reflect.get(target, key, receiver);
        if (typeof key !== "string") return item;
        if (!isList) read.add(key);
        const part = isList && /^\d+$/.test(key) ? Number(key) : key;
        return typeof item === "object" ? view(item, [...path, part]) : item;
      },
    });
    views.set(value, made);
    return made;
  };
  validate(view(root, []));
  const unknown: UnknownField[] = [];
  for (const { target, path, read } of visits.values())
    for (const key of Object.keys(target)) if (!read.has(key)) unknown.push({ path: [...path, key], known: [...read] });
  return unknown;
}

/** The nearest of `candidates`, when it is near enough to be what was meant. */
export function nearestName(name: string, candidates: readonly string[]): string | undefined {
  let best: string | undefined;
  let bestDistance = Math.max(1, Math.floor(name.length / 3)) + 1;
  if (name.length > 64) return undefined;
  for (const candidate of candidates) {
    const distance = editDistance(name.toLowerCase(), candidate.toLowerCase());
    if (distance < bestDistance) [best, bestDistance] = [candidate, distance];
  }
  return best;
}

function editDistance(left: string, right: string): number {
  let previous = Array.from({ length: right.length + 1 }, (_, index) => index);
  for (let row = 1; row <= left.length; row++) {
    const current = [row];
    for (let column = 1; column <= right.length; column++) {
      const substituted = (previous[column - 1] ?? 0) + (left[row - 1] === right[column - 1] ? 0 : 1);
      current.push(Math.min(substituted, (previous[column] ?? 0) + 1, (current[column - 1] ?? 0) + 1));
    }
    previous = current;
  }
  return previous[right.length] ?? 0;
}

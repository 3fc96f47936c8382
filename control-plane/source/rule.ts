// The form of the hand-written rules, and their evaluation: what the API server checks beyond the published schemas
// (CEL rules, list keys, enumerations and limits that the schemas leave out). The tables are gateway-api-rules.ts,
// gateway-rules.ts and core-rules.ts.
import type { FieldPath } from "./field-path.ts";
import type { KnownKind } from "./kinds.ts";
import type { Violation } from "./schemas.ts";

/** A place below the value that a rule looks at, and what was expected there. */
export interface Fault {
  readonly at: FieldPath;
  readonly message: string;
}

export interface Rule {
  /** Stable, for tests. */
  readonly id: string;
  readonly kinds: readonly KnownKind[];
  /**
   * The published definitions let it through, so a cluster may hold it. Translation answers for what breaks it: with a
   * condition, at the one listener or rule. Files are refused, since they can be.
   */
  readonly isLeftToTranslation?: true;
  /** Where it applies: field names joined by dots, "[]" after a list for each of its items. */
  readonly places: readonly string[];
  /** The faults of one value; the value obeys the schema and is never undefined. */
  readonly check: (value: Fields) => readonly Fault[];
}

/** A map of a manifest whose shape a schema has checked, not TypeScript. */
export type Fields = Readonly<Record<string, unknown>>;

/** Checks one manifest, which obeys its schema, against every rule of its kind. */
export function checkRules(rules: readonly Rule[], kind: KnownKind, manifest: Fields): readonly Violation[] {
  const violations: Violation[] = [];
  for (const rule of rules) {
    if (!rule.kinds.includes(kind)) continue;
    for (const place of rule.places)
      visitPlace(manifest, place === "" ? [] : place.split("."), [], (value, path) => {
        for (const { at, message } of rule.check(value))
          violations.push({ severity: "error", path: [...path, ...at], message });
      });
  }
  return violations;
}

function visitPlace(
  value: unknown,
  place: readonly string[],
  path: FieldPath,
  visit: (value: Fields, path: FieldPath) => void,
): void {
  const [head, ...rest] = place;
  if (head === undefined) {
    // Lists are visited as they are: rules over a whole list read it with items().
    if (typeof value === "object" && value !== null) visit(value as Fields, path);
    return;
  }
  if (typeof value !== "object" || value === null) return;
  const name = head.endsWith("[]") ? head.slice(0, -2) : head;
  const inner = (value as Fields)[name];
  if (name === head) visitPlace(inner, rest, [...path, name], visit);
  else items(inner).forEach((item, index) => visitPlace(item, rest, [...path, name, index], visit));
}

/** The items of a list; none of anything else. */
export function items(value: unknown): readonly Fields[] {
  return Array.isArray(value) ? (value as readonly Fields[]) : [];
}

/** The text of a field, or the default where it is absent. */
export function text(value: unknown, absent = ""): string {
  return typeof value === "string" ? value : absent;
}

/** As schemas count: an emoji is one. */
export function characterCount(value: string): number {
  let count = 0;
  for (const _ of value) count += 1;
  return count;
}

/** No fault. */
export const holds: readonly Fault[] = [];

/** One fault at a field of the value, or at the value itself when `at` is empty. */
export function fault(message: string, ...at: FieldPath): readonly Fault[] {
  return [{ at, message }];
}

/** Faults for every item whose key was there before. */
export function duplicates(list: unknown, keyOf: (item: Fields) => string | undefined, what: string): readonly Fault[] {
  const first = new Map<string, number>();
  return items(list).flatMap((item, index) => {
    const key = keyOf(item);
    if (key === undefined) return [];
    const earlier = first.get(key);
    if (earlier === undefined) {
      first.set(key, index);
      return [];
    }
    return [{ at: [index], message: `${what} of item ${earlier} again` }];
  });
}

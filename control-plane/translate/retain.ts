// Keeps identities: a value that was computed again and came out the same is replaced by the one from last time, so
// that everything downstream (encoding, hashing, pushing) can compare by reference. Knows nothing of the values.

/** Structural equality of plain data: primitives, arrays, plain objects and Maps. */
export function deepEqual(left: unknown, right: unknown): boolean {
  if (left === right) return true;
  if (typeof left !== "object" || typeof right !== "object" || left === null || right === null) return false;
  if (Array.isArray(left)) {
    if (!Array.isArray(right) || left.length !== right.length) return false;
    for (let index = 0; index < left.length; index++) if (!deepEqual(left[index], right[index])) return false;
    return true;
  }
  if (Array.isArray(right)) return false;
  if (left instanceof Map) {
    if (!(right instanceof Map) || left.size !== right.size) return false;
    for (const [key, value] of left) if (!right.has(key) || !deepEqual(value, right.get(key))) return false;
    return true;
  }
  const keys = Object.keys(left);
  if (keys.length !== Object.keys(right).length) return false;
  const a = left as Record<string, unknown>;
  const b = right as Record<string, unknown>;
  for (const key of keys) if (!Object.hasOwn(b, key) || !deepEqual(a[key], b[key])) return false;
  return true;
}

/** `previous` when it equals `next`, else `next`. */
export function retain<T>(previous: T | undefined, next: T): T {
  return previous !== undefined && deepEqual(previous, next) ? previous : next;
}

/** True when both arrays hold the very same elements in the same order. */
export function sameElements<T>(left: readonly T[], right: readonly T[]): boolean {
  if (left.length !== right.length) return false;
  for (let index = 0; index < left.length; index++) if (left[index] !== right[index]) return false;
  return true;
}

/** `previous` when it holds the very same values under the same keys, else `next`. */
export function sameMap<V>(previous: ReadonlyMap<string, V>, next: ReadonlyMap<string, V>): ReadonlyMap<string, V> {
  if (previous === next || previous.size !== next.size) return next;
  for (const [key, value] of next) if (previous.get(key) !== value) return next;
  return previous;
}

/**
 * Groups values by a key. A group whose elements are the very same as in `previous` keeps its array, so that
 * dependents can compare groups by reference; the whole map, when all of them do.
 */
export function groupBy<T>(
  values: Iterable<T>,
  keyOf: (value: T) => string,
  previous: ReadonlyMap<string, readonly T[]>,
): ReadonlyMap<string, readonly T[]> {
  const groups = new Map<string, readonly T[]>();
  for (const value of values) {
    const key = keyOf(value);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [value]);
    else (group as T[]).push(value);
  }
  for (const [key, group] of groups) {
    const before = previous.get(key);
    if (before !== undefined && sameElements(before, group)) groups.set(key, before);
  }
  return sameMap(previous, groups);
}

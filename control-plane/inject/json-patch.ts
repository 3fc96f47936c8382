// The JSON Patch (RFC 6902) that turns one JSON value into another, as small as makes it readable: unchanged parts are
// not touched, so that what injection does not know reaches the API server as it was written. Pure.
import { isDeepStrictEqual } from "node:util";

export type PatchOperation =
  | { readonly op: "add" | "replace"; readonly path: string; readonly value: unknown }
  | { readonly op: "remove"; readonly path: string };

type Fields = Readonly<Record<string, unknown>>;

/** Operations in order; none when the values are equal. */
export function diff(before: unknown, after: unknown, path = ""): readonly PatchOperation[] {
  // What injection did not touch is the very same object.
  if (before === after) return [];
  if (isFields(before) && isFields(after)) return diffFields(before, after, path);
  if (Array.isArray(before) && Array.isArray(after)) {
    return diffLists(before, after, path) ?? [{ op: "replace", path, value: after }];
  }
  return isDeepStrictEqual(before, after) ? [] : [{ op: "replace", path, value: after }];
}

function diffFields(before: Fields, after: Fields, path: string): readonly PatchOperation[] {
  const operations: PatchOperation[] = [];
  for (const name of Object.keys(before)) {
    if (!Object.hasOwn(after, name)) operations.push({ op: "remove", path: `${path}/${escape(name)}` });
  }
  for (const [name, value] of Object.entries(after)) {
    const at = `${path}/${escape(name)}`;
    if (Object.hasOwn(before, name)) operations.push(...diff(before[name], value, at));
    else operations.push({ op: "add", path: at, value });
  }
  return operations;
}

/** Lists of which one only has more items than the other; null for any other two. Items are the same by name. */
function diffLists(before: readonly unknown[], after: readonly unknown[], path: string): PatchOperation[] | null {
  const operations: PatchOperation[] = [];
  let next = 0;
  for (const [index, value] of after.entries()) {
    const old = before[next];
    if (next < before.length && isSame(old, value)) {
      operations.push(...diff(old, value, `${path}/${index}`));
      next += 1;
    } else {
      operations.push({ op: "add", path: `${path}/${index}`, value });
    }
  }
  return next === before.length ? operations : null;
}

function isSame(before: unknown, after: unknown): boolean {
  return isFields(before) && isFields(after) && typeof before["name"] === "string"
    ? before["name"] === after["name"]
    : isDeepStrictEqual(before, after);
}

function isFields(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** RFC 6901 section 3. */
function escape(name: string): string {
  return name.replaceAll("~", "~0").replaceAll("/", "~1");
}

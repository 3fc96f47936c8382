// The way to a field inside an object, as validators, rules and positions share it.

/** Keys of maps and indexes of lists, outermost first. */
export type FieldPath = readonly (string | number)[];

/** Written as people write it: spec.rules[0].matches, metadata.labels["a.b/c"]. */
export function formatFieldPath(path: FieldPath): string {
  let text = "";
  for (const part of path) {
    if (typeof part === "number") text += `[${part}]`;
    else if (/^[A-Za-z_][\w-]*$/.test(part)) text += text === "" ? part : `.${part}`;
    else text += `[${JSON.stringify(part)}]`;
  }
  return text;
}

/** A value in a message: short, on one line, strings quoted. */
export function describeValue(value: unknown): string {
  if (Array.isArray(value)) return `a list of ${value.length}`;
  if (typeof value === "object" && value !== null) return "a map";
  const text = JSON.stringify(value) ?? "nothing";
  return text.length > 80 ? `${text.slice(0, 77)}...` : text;
}

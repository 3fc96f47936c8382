// Our containers and volumes over those of a former injection: what others added since (the API server's defaults, a
// mount of another webhook, a LimitRange's limits) stays, what is ours is as it should be. Pure.

type Fields = Readonly<Record<string, unknown>>;

/** What tells the items of a list apart, by the list's field; other lists are replaced whole. */
const keys: Readonly<Record<string, string>> = { env: "name", ports: "containerPort", volumeMounts: "mountPath" };

/** `ours` over `present`; a field that only `present` has stays. */
export function overlay(present: unknown, ours: unknown, field = ""): unknown {
  if (isFields(present) && isFields(ours)) {
    const merged: Record<string, unknown> = { ...present };
    for (const [name, value] of Object.entries(ours)) merged[name] = overlay(present[name], value, name);
    return merged;
  }
  const key = keys[field];
  if (key === undefined || !Array.isArray(present) || !Array.isArray(ours)) return ours;
  const keyOf = (item: unknown): unknown => (isFields(item) ? item[key] : undefined);
  const ourItem = (item: unknown): unknown => ours.find((candidate) => keyOf(candidate) === keyOf(item));
  const kept = present.map((item) => {
    const own = ourItem(item);
    return own === undefined ? item : overlay(item, own);
  });
  const known = new Set(present.map(keyOf));
  return [...kept, ...ours.filter((item) => !known.has(keyOf(item)))];
}

function isFields(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

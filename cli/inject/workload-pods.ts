// Where pods stand in Kubernetes objects: a Pod itself, or the template of what makes pods. Owns the kinds and the way in
// and back out; what happens to a pod is the caller's.

type Fields = Readonly<Record<string, unknown>>;

/** Kind -> the fields that lead to what has metadata and spec of a pod. */
const pathsToPods: Readonly<Record<string, readonly string[]>> = {
  Pod: [],
  PodTemplate: ["template"],
  ReplicationController: ["spec", "template"],
  ReplicaSet: ["spec", "template"],
  Deployment: ["spec", "template"],
  StatefulSet: ["spec", "template"],
  DaemonSet: ["spec", "template"],
  Job: ["spec", "template"],
  CronJob: ["spec", "jobTemplate", "spec", "template"],
};

export interface FoundPod {
  /** Kind/name of the object that it stands in. */
  readonly object: string;
  /** Of the object; null when it names none. */
  readonly namespace: string | null;
  /** As it stands there, of unknown shape. */
  readonly pod: unknown;
}

/**
 * The object with every pod replaced by what `change` returns for it; lists are walked. The very same object comes back
 * when no pod is in it or none was changed.
 */
export function changePods(object: unknown, change: (found: FoundPod) => unknown): unknown {
  if (!isFields(object)) return object;
  const { kind, items } = object;
  if (typeof kind !== "string") return object;
  if (kind.endsWith("List") && Array.isArray(items)) {
    const changed = items.map((item: unknown) => changePods(item, change));
    return changed.every((item, index) => item === items[index]) ? object : { ...object, items: changed };
  }
  const path = Object.hasOwn(pathsToPods, kind) ? pathsToPods[kind] : undefined;
  if (path === undefined) return object;
  const metadata = isFields(object["metadata"]) ? object["metadata"] : {};
  const given = metadata["name"] ?? metadata["generateName"];
  const name = typeof given === "string" ? given : "";
  const namespace = typeof metadata["namespace"] === "string" ? metadata["namespace"] : null;
  return changeAt(object, path, (pod) => change({ object: `${kind}/${name}`, namespace, pod }));
}

function changeAt(value: unknown, [field, ...rest]: readonly string[], change: (value: unknown) => unknown): unknown {
  if (field === undefined) return change(value);
  const parent = isFields(value) ? value : {};
  const changed = changeAt(parent[field], rest, change);
  return changed === parent[field] ? value : { ...parent, [field]: changed };
}

function isFields(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

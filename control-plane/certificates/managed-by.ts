// The labels that tell one installation's objects from others of the same name (the API's recommended labels): Heddle's,
// and of the control plane in that namespace, so that two in one cluster leave each other's alone.

/** Labels of the objects that the control plane in `namespace` makes. */
export function ownLabels(namespace: string): Readonly<Record<string, string>> {
  return { "app.kubernetes.io/managed-by": "heddle", "app.kubernetes.io/instance": namespace };
}

/** Whether an object with `labels` was made by the control plane in `namespace`. */
export function isOwn(labels: Readonly<Record<string, string>>, namespace: string): boolean {
  return Object.entries(ownLabels(namespace)).every(([name, value]) => labels[name] === value);
}

// The labels that tell one installation's objects from others of the same name (the API's recommended labels): Heddle's,
// and of the control plane in that namespace, so that two in one cluster leave each other's alone.

const managedBy = "app.kubernetes.io/managed-by";
const instance = "app.kubernetes.io/instance";

/** Labels of the objects that the control plane in `namespace` makes. */
export function ownLabels(namespace: string): Readonly<Record<string, string>> {
  return { [managedBy]: "heddle", [instance]: namespace };
}

/** Whether an object with `labels` is Heddle's and of no control plane in particular: somebody took that label off. */
export function isUnclaimed(labels: Readonly<Record<string, string>>): boolean {
  return labels[managedBy] === "heddle" && labels[instance] === undefined;
}

/** Whether an object with `labels` was made by the control plane in `namespace`. */
export function isOwn(labels: Readonly<Record<string, string>>, namespace: string): boolean {
  return Object.entries(ownLabels(namespace)).every(([name, value]) => labels[name] === value);
}

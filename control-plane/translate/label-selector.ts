// Kubernetes label selectors, as allowedRoutes.namespaces.selector uses them.
import type { LabelSelector, Namespace } from "../source/cluster-state.ts";

const namespaceNameLabel = "kubernetes.io/metadata.name";

/** Whether every requirement holds. An operator that is not known holds for nothing. */
export function matchesSelector(selector: LabelSelector, labels: Readonly<Record<string, string>>): boolean {
  for (const [key, value] of Object.entries(selector.matchLabels)) if (labelOf(labels, key) !== value) return false;
  return selector.matchExpressions.every(({ key, operator, values }) => {
    const value = labelOf(labels, key);
    switch (operator) {
      case "In":
        return value !== undefined && values.includes(value);
      case "NotIn":
        return value === undefined || !values.includes(value);
      case "Exists":
        return value !== undefined;
      case "DoesNotExist":
        return value === undefined;
      default:
        return false;
    }
  });
}

/** Labels of a namespace with the one that the API server always adds, also where no Namespace object is given. */
export function namespaceLabels(name: string, namespace: Namespace | undefined): Readonly<Record<string, string>> {
  return { ...namespace?.meta.labels, [namespaceNameLabel]: name };
}

function labelOf(labels: Readonly<Record<string, string>>, key: string): string | undefined {
  return Object.hasOwn(labels, key) ? labels[key] : undefined;
}

// Kubernetes label selectors, as allowedRoutes.namespaces.selector uses them.
import { quote } from "../../proto/resource-rules.ts";
import type { LabelSelector, Namespace } from "../source/cluster-state.ts";

const labelPrefix = /^[a-z0-9](?:[-a-z0-9]*[a-z0-9])?(?:\.[a-z0-9](?:[-a-z0-9]*[a-z0-9])?)*$/;
const labelText = /^[A-Za-z0-9](?:[-A-Za-z0-9_.]*[A-Za-z0-9])?$/;
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

/**
 * Why a selector selects nothing, whatever the labels are; null when it may select something. The API server does not
 * judge those inside of Gateways; the rules are those by which it judges its own.
 */
export function selectorFault({ matchLabels, matchExpressions }: LabelSelector): string | null {
  for (const [key, value] of Object.entries(matchLabels)) {
    const fault = keyFault(key) ?? valueFault(key, value);
    if (fault !== null) return fault;
  }
  for (const { key, operator, values } of matchExpressions) {
    const takesValues = operator === "In" || operator === "NotIn";
    if (!takesValues && operator !== "Exists" && operator !== "DoesNotExist")
      return `operator ${JSON.stringify(operator)} is none of In, NotIn, Exists and DoesNotExist`;
    if (takesValues !== values.length > 0) return `operator ${operator} ${takesValues ? "needs" : "takes no"} values`;
    const fault = [keyFault(key), ...values.map((value) => valueFault(key, value))].find((each) => each !== null);
    if (fault !== undefined) return fault;
  }
  return null;
}

function keyFault(key: string): string | null {
  const name = key.slice(key.indexOf("/") + 1);
  const prefix = key.slice(0, -name.length - 1);
  const isKey =
    name !== "" && isLabelText(name) && (name === key || (prefix.length <= 253 && labelPrefix.test(prefix)));
  return isKey ? null : `${quote(key)} is no label key`;
}

function valueFault(key: string, value: string): string | null {
  return value === "" || isLabelText(value) ? null : `${quote(value)} is no value that label ${key} can have`;
}

function isLabelText(text: string): boolean {
  return text.length <= 63 && labelText.test(text);
}

/** Labels of a namespace with the one that the API server always adds, also where no Namespace object is given. */
export function namespaceLabels(name: string, namespace: Namespace | undefined): Readonly<Record<string, string>> {
  return { ...namespace?.meta.labels, [namespaceNameLabel]: name };
}

function labelOf(labels: Readonly<Record<string, string>>, key: string): string | undefined {
  return Object.hasOwn(labels, key) ? labels[key] : undefined;
}

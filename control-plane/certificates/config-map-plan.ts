// What has to happen to the ConfigMaps "heddle-ca" so that every wanted namespace holds the bundle. Pure. One of ours in
// a namespace that is not wanted any more is kept right and not deleted: pods that started there still read it. One of
// somebody else's is never written to.
import type { V1ConfigMap } from "@kubernetes/client-node";
import { caConfigMapKey, caConfigMapName } from "../../proto/kubernetes.ts";
import { managedByLabel, managedByLabels, managedByValue } from "./managed-by.ts";

export type ConfigMapAction =
  | { readonly kind: "create" | "replace"; readonly namespace: string; readonly body: V1ConfigMap }
  | { readonly kind: "foreign"; readonly namespace: string };

/** The actions, none when all is as it should be; `existing` are the ConfigMaps of that name in any namespace. */
export function planConfigMaps(
  wanted: ReadonlySet<string>,
  existing: readonly V1ConfigMap[],
  bundle: string,
): readonly ConfigMapAction[] {
  const actions: ConfigMapAction[] = [];
  const missing = new Set(wanted);
  for (const found of existing) {
    const namespace = found.metadata?.namespace ?? "";
    missing.delete(namespace);
    if (found.metadata?.labels?.[managedByLabel] !== managedByValue) {
      if (wanted.has(namespace)) actions.push({ kind: "foreign", namespace });
    } else if (!isRight(found, bundle)) {
      actions.push({ kind: "replace", namespace, body: configMap(namespace, bundle, found) });
    }
  }
  for (const namespace of missing)
    actions.push({ kind: "create", namespace, body: configMap(namespace, bundle, null) });
  return actions;
}

function isRight({ data, binaryData }: V1ConfigMap, bundle: string): boolean {
  const keys = Object.keys(data ?? {});
  return keys.length === 1 && data?.[caConfigMapKey] === bundle && Object.keys(binaryData ?? {}).length === 0;
}

/** Labels and annotations that others put on ours stay. */
function configMap(namespace: string, bundle: string, previous: V1ConfigMap | null): V1ConfigMap {
  const { labels, annotations, resourceVersion } = previous?.metadata ?? {};
  return {
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: {
      name: caConfigMapName,
      namespace,
      labels: { ...labels, ...managedByLabels },
      ...(annotations !== undefined && { annotations }),
      ...(resourceVersion !== undefined && { resourceVersion }),
    },
    data: { [caConfigMapKey]: bundle },
  };
}

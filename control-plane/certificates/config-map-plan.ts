// What has to happen to the ConfigMaps "heddle-ca" so that every wanted namespace holds the bundle. Pure. One of ours in
// a namespace that is not wanted any more is kept right and not deleted: pods that started there still read it. One of
// somebody else's is never written to.
import type { V1ConfigMap } from "@kubernetes/client-node";
import { caConfigMapKey, caConfigMapName } from "../../proto/kubernetes.ts";
import type { ApiObject } from "../kubernetes/object-store.ts";
import { isOwn, isUnclaimed, ownLabels } from "./managed-by.ts";

/** What matters of a ConfigMap of that name. */
export interface HeldConfigMap {
  readonly namespace: string;
  readonly resourceVersion: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  /** What its key holds; null for none. */
  readonly bundle: string | null;
  /** It holds other keys besides. */
  readonly hasMore: boolean;
}

export type ConfigMapAction =
  | { readonly kind: "create" | "replace"; readonly namespace: string; readonly body: V1ConfigMap }
  | { readonly kind: "foreign"; readonly namespace: string };

/** Narrows an object of the API to what the plan looks at. */
export function heldConfigMap({ metadata, data, binaryData }: ApiObject): HeldConfigMap {
  const entries = { ...Object(binaryData), ...Object(data) } as Record<string, unknown>;
  const bundle = entries[caConfigMapKey];
  return {
    namespace: metadata.namespace ?? "",
    resourceVersion: metadata.resourceVersion ?? "",
    labels: metadata.labels ?? {},
    annotations: metadata.annotations ?? {},
    bundle: typeof bundle === "string" ? bundle : null,
    hasMore: Object.keys(entries).some((key) => key !== caConfigMapKey),
  };
}

/**
 * The actions, none when all is as it should be; `existing` are the ConfigMaps of that name in any namespace, `instance` is the
 * control plane's own namespace.
 */
export function planConfigMaps(
  wanted: ReadonlySet<string>,
  existing: Iterable<HeldConfigMap>,
  bundle: string,
  instance: string,
): readonly ConfigMapAction[] {
  const actions: ConfigMapAction[] = [];
  const missing = new Set(wanted);
  for (const held of existing) {
    const { namespace } = held;
    missing.delete(namespace);
    const isOurs = isOwn(held.labels, instance);
    const isTaken = !isOurs && wanted.has(namespace) && isUnclaimed(held.labels);
    if (!isOurs && !isTaken) {
      if (wanted.has(namespace)) actions.push({ kind: "foreign", namespace });
    } else if (isTaken || held.bundle !== bundle || held.hasMore) {
      actions.push({ kind: "replace", namespace, body: configMap(namespace, bundle, instance, held) });
    }
  }
  for (const namespace of missing) {
    actions.push({ kind: "create", namespace, body: configMap(namespace, bundle, instance, null) });
  }
  return actions;
}

/** Labels and annotations that others put on ours stay. */
function configMap(namespace: string, bundle: string, instance: string, previous: HeldConfigMap | null): V1ConfigMap {
  return {
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: {
      name: caConfigMapName,
      namespace,
      labels: { ...previous?.labels, ...ownLabels(instance) },
      ...(previous !== null && { annotations: previous.annotations, resourceVersion: previous.resourceVersion }),
    },
    data: { [caConfigMapKey]: bundle },
  };
}

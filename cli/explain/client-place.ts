// Who asks, on a cluster: --from names a namespace, a pod in -n, or namespace/pod. A pod without our sidecar is worth a
// word: its calls never see a route.
import { containerNames } from "../../proto/kubernetes.ts";
import type { ClusterState } from "../../control-plane/source/cluster-state.ts";
import type { ListedObject } from "../cluster/load-cluster.ts";
import { CommandFailure } from "../failure.ts";

export interface ClientPlace {
  readonly namespace: string;
  /** "" when a namespace was named. */
  readonly pod: string;
  /** False for a pod without the sidecar; true where no pod was named. */
  readonly hasSidecar: boolean;
}

interface PodSpec {
  readonly containers?: readonly { readonly name: string }[];
  readonly initContainers?: readonly { readonly name: string }[];
}

/** Throws a CommandFailure when `from` is neither a pod nor a namespace. Pure. */
export function findClient(
  state: Pick<ClusterState, "namespaces">,
  pods: readonly ListedObject[],
  from: string | undefined,
  defaultNamespace: string,
): ClientPlace {
  if (from === undefined) {
    return { namespace: defaultNamespace, pod: "", hasSidecar: true };
  }
  // "pod/NAME" is what `kubectl get pods -o name` prints.
  const [first = "", second] = from.replace(/^pods?\//, "").split("/");
  const [namespace, name] = second === undefined ? [defaultNamespace, first] : [first, second];
  const pod = pods.find(({ metadata }) => metadata.namespace === namespace && metadata.name === name);
  if (pod !== undefined) {
    return { namespace, pod: name, hasSidecar: hasSidecar(pod) };
  }
  if (second === undefined && state.namespaces.has(first)) {
    return { namespace: first, pod: "", hasSidecar: true };
  }
  throw new CommandFailure(
    second === undefined
      ? `--from ${from}: no pod of that name in namespace ${namespace}, and no such namespace`
      : `--from ${from}: no such pod`,
  );
}

/** A native sidecar is an init container, a classic one a container. */
export function hasSidecar({ spec }: Pick<ListedObject, "spec">): boolean {
  const { containers = [], initContainers = [] } = (spec ?? {}) as PodSpec;
  return [...containers, ...initContainers].some(({ name }) => name === containerNames.proxy);
}

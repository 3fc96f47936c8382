// A namespace whose pods get sidecars: labelled, with the authority's ConfigMap in it, and known as such to admission,
// so that the first pod that is created there is injected and starts without waiting for its volumes.
import { caConfigMapName, containerNames, labels } from "../../../proto/kubernetes.ts";
import { kubectl, tryKubectl } from "./kubectl.ts";
import { waitFor } from "./wait-for.ts";

/** Waits until pods created in the namespace, which has the label, are injected. */
export async function injectionInForce(namespace: string): Promise<void> {
  // Admission looks at a copy of the namespaces, which follows shortly.
  await waitFor(`pods of ${namespace} are injected`, async () => {
    const { stdout } = await tryKubectl(["create", "--dry-run=server", "-o", "json", "-f", "-"], {
      stdin: JSON.stringify({
        apiVersion: "v1",
        kind: "Pod",
        metadata: { name: "never-created", namespace },
        spec: { containers: [{ name: "app", image: "example.com/none" }] },
      }),
    });
    return stdout.includes(containerNames.proxy);
  });
  await waitFor(`ConfigMap ${caConfigMapName} is in ${namespace}`, async () => {
    const { code } = await tryKubectl(["-n", namespace, "get", "configmap", caConfigMapName]);
    return code === 0;
  });
}

/** Labels the namespace and waits until that is in force. */
export async function enableInjection(namespace: string): Promise<void> {
  await kubectl(["label", "namespace", namespace, `${labels.namespaceInjection}=enabled`]);
  await injectionInForce(namespace);
}

/** kubectl apply of objects, in the namespace. */
export async function applyObjects(namespace: string, ...items: readonly object[]): Promise<void> {
  const stdin = JSON.stringify({ apiVersion: "v1", kind: "List", items });
  await kubectl(["-n", namespace, "apply", "-f", "-"], { stdin });
}

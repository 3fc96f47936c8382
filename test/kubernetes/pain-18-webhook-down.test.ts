// The webhook is away, for as short a time as it takes to see what that means: the control plane is scaled to nothing and
// back. Runs alone: meanwhile no pod of a labelled namespace can be created in the whole cluster.
import test from "ava";
import { containerNames, labels, systemNamespace } from "../../proto/kubernetes.ts";
import { injectionInForce } from "./support/injected-namespace.ts";
import { type CommandResult, kubectl, tryKubectl } from "./support/kubectl.ts";
import { Scenario } from "./support/scenario.ts";
import { waitFor } from "./support/wait-for.ts";

const labelled = Scenario.use(test, ["on"], [`${labels.namespaceInjection}=enabled`]);
const plain = Scenario.use(test, ["off"]);
const deployment = "deployment/heddle-control-plane";
const inSystem = ["-n", systemNamespace];

/** Creates a pod for a try: admission decides as of a real one. `label` is its own. */
function tryPod(namespace: string, label?: string): Promise<CommandResult> {
  return tryKubectl(["create", "--dry-run=server", "-o", "json", "-f", "-"], {
    stdin: JSON.stringify({
      apiVersion: "v1",
      kind: "Pod",
      metadata: { name: "web", namespace, labels: label === undefined ? {} : { [labels.podInject]: label } },
      spec: { containers: [{ name: "app", image: "example.com/none" }] },
    }),
  });
}

test("18 webhook down: labelled pods get a clear error, others and heddle-system itself still start", async (t) => {
  const [on, off] = [labelled.namespace("on"), plain.namespace("off")];
  await injectionInForce(on);
  const replicas = await kubectl(["get", ...inSystem, deployment, "-o", "jsonpath={.spec.replicas}"]);
  const startedMs = performance.now();
  try {
    await kubectl(["scale", ...inSystem, deployment, "--replicas=0"]);
    const refused = await waitFor("the webhook is away", async () => {
      const result = await tryPod(on);
      return result.code !== 0 && result;
    });
    t.regex(refused.stderr, /failed calling webhook "namespace\.injection\.heddle\.dev"/);
    for (const bare of [await tryPod(off), await tryPod(on, "false")]) {
      t.is(bare.code, 0, bare.stderr);
      t.false(bare.stdout.includes(containerNames.proxy));
    }
    const optedIn = await tryPod(off, "true");
    t.not(optedIn.code, 0);
    t.regex(optedIn.stderr, /failed calling webhook "pod\.injection\.heddle\.dev"/);
  } finally {
    await kubectl(["scale", ...inSystem, deployment, `--replicas=${replicas}`]);
    await kubectl(["rollout", "status", ...inSystem, deployment, "--timeout=120s"], { deadlineMs: 130_000 });
  }
  await injectionInForce(on);
  t.log(`away and back in ${Math.round(performance.now() - startedMs)} ms`);
});

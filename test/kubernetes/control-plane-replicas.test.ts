// Two replicas of the control plane under load: one killed without a word, its pod gone with it, and a rollout. Agents
// are with the other replica at once, another one leads soon, and nobody who sends requests notices anything.
import { spawn } from "node:child_process";
import test from "ava";
import { systemNamespace } from "../../proto/kubernetes.ts";
import { DisturbedMesh } from "./support/disturbed-mesh.ts";
import { kubectl, tryKubectl } from "./support/kubectl.ts";
import { killReplica, lease, readyReplicas, Replica, startKiller } from "./support/replicas.ts";
import { waitFor } from "./support/wait-for.ts";

const mesh = DisturbedMesh.use(test, 3);
const { namespace } = mesh;
const deployment = "deployment/heddle-control-plane";
const reconnectedWithinMs = 2000;
const ledWithinMs = 15_000;
const inForceWithinMs = 1000;

test.serial.before("what kills", () => startKiller(namespace));

test.serial("agents spread over both replicas", async (t) => {
  const counts = await mesh.spread();
  t.log(counts);
  t.is(Object.keys(counts).length, 2);
  t.false(Object.values(counts).includes(0));
});

/** Milliseconds since `sinceMs` (Date.now()) until every agent is with the survivor. */
async function reconnected(survivor: Replica, pods: readonly string[], sinceMs: number): Promise<number> {
  return waitFor(
    `${pods.length} agents are with ${survivor.name}`,
    async () => {
      const held = await survivor.agents(namespace);
      return pods.every((pod) => held.has(pod)) && Date.now() - sinceMs;
    },
    { deadlineMs: 20_000, pollMs: 10 },
  );
}

for (const [what, isPodDeleted] of [
  ["the leader's process is killed", false],
  ["the leader's process is killed and its pod is gone", true],
] as const) {
  test.serial(`${what}: its agents are with the other replica in 2 s, and no request fails`, async (t) => {
    await mesh.underLoad(t, async () => {
      await mesh.spread();
      const { holder: victim } = await lease();
      const survivorName = (await readyReplicas()).find((name) => name !== victim);
      t.truthy(survivorName);
      const survivor = await Replica.open(survivorName!);
      t.teardown(() => survivor.close());
      const pods = await mesh.agentPods();
      const held = await survivor.agents(namespace);
      const moved = pods.filter((pod) => !held.has(pod)).length;
      t.true(moved > 0, "it has agents");
      const killedMs = await killReplica(namespace, victim);
      if (isPodDeleted) {
        void tryKubectl(["-n", systemNamespace, "delete", "pod", victim, "--force", "--grace-period=0"]);
      }
      const tookMs = await reconnected(survivor, pods, killedMs);
      t.log(`${moved} of ${pods.length} agents moved in ${tookMs} ms`);
      t.true(tookMs <= reconnectedWithinMs, `${tookMs} ms`);

      const actsMs = await mesh.patchActs();
      t.log(`a route acts ${Math.round(actsMs)} ms after kubectl`);
      t.true(actsMs <= inForceWithinMs, `${actsMs} ms`);

      const ledMs = await waitFor("there is a leader", async () => {
        const { holder, renewedMs } = await lease();
        return (isPodDeleted ? holder !== victim : renewedMs > killedMs) && Date.now() - killedMs;
      });
      t.log(`led again after ${ledMs} ms`);
      t.true(ledMs <= ledWithinMs, `${ledMs} ms`);
      await waitFor("the route's status", () => mesh.statusIsNew(), { deadlineMs: 5000 });
    });
  });
}

/** The Gateway's condition as it changes. */
function watchProgrammed(): { readonly seen: () => readonly string[]; readonly close: () => void } {
  const path = 'jsonpath={.status.conditions[?(@.type=="Programmed")].status}{"\\n"}';
  const child = spawn("kubectl", ["-n", namespace, "get", "gateway", "edge", "--watch", "-o", path], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  let text = "";
  child.stdout.setEncoding("utf8").on("data", (part: string) => (text += part));
  return { seen: () => text.trim().split("\n"), close: () => void child.kill() };
}

test.serial(
  "a rollout of the control plane: no request fails, agents are back, the Gateway stays programmed",
  async (t) => {
    const watch = watchProgrammed();
    t.teardown(() => watch.close());
    await mesh.underLoad(t, async () => {
      const before = await readyReplicas();
      const startedMs = performance.now();
      await kubectl(["-n", systemNamespace, "rollout", "restart", deployment]);
      await kubectl(["-n", systemNamespace, "rollout", "status", deployment, "--timeout=90s"], { deadlineMs: 95_000 });
      await waitFor("both are new", async () => {
        const now = await readyReplicas();
        return now.length === 2 && now.every((name) => !before.includes(name));
      });
      t.log(`rolled out in ${Math.round(performance.now() - startedMs)} ms`);
      t.log("all agents are back", await mesh.allConnected());
      // The last replica to go took its agents along: what the new leader thinks of the Gateway is told by now.
      await waitFor("a leader", async () => (await readyReplicas()).includes((await lease()).holder));
      await mesh.patchActs();
      await waitFor("the route's status", () => mesh.statusIsNew(), { deadlineMs: 15_000 });
    });
    t.log("Programmed:", watch.seen());
    t.true(watch.seen().length > 0);
    t.true(
      watch.seen().every((value) => value === "True"),
      watch.seen().join(" "),
    );
  },
);

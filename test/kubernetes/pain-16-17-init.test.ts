// Init containers beside capture: those of the user have the network in both modes, and capture that runs again, also
// after runs that were cut off, leaves the same rules and a pod that works.
import test from "ava";
import { agentPorts, annotations } from "../../proto/kubernetes.ts";
import { parsePrometheusText } from "../support/prometheus-text.ts";
import { rolledOut } from "./support/gateway.ts";
import { applyObjects, injectionInForce } from "./support/injected-namespace.ts";
import { kubectl } from "./support/kubectl.ts";
import { nodeApp } from "./support/node-app.ts";
import { programContainer, programsConfigMap, programVolume, service, testImage } from "./support/programs.ts";
import { Scenario } from "./support/scenario.ts";

const scenario = Scenario.use(test, ["init"], ["heddle.dev/injection=enabled"]);
const namespace = scenario.namespace("init");
const inNamespace = ["-n", namespace];
const program = "/programs/dial.ts";

/** Runs dial.ts to its end: a container fails, and is started again, when nobody answers. */
const calls = (name: string): object => ({
  ...programContainer(name, "dial.ts"),
  command: ["node", program, "http://server/"],
});

function pod(name: string, sidecar: string, initContainers: readonly object[]): object {
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name, labels: { app: name }, annotations: { [annotations.sidecar]: sidecar } },
    spec: {
      terminationGracePeriodSeconds: 1,
      initContainers,
      containers: [programContainer("app", "hop.ts")],
      volumes: [programVolume],
    },
  };
}

async function isReady(name: string): Promise<void> {
  await kubectl([...inNamespace, "wait", `pod/${name}`, "--for=condition=Ready", "--timeout=90s"], {
    deadlineMs: 100_000,
  });
}

const log = (name: string, container: string): Promise<string> =>
  kubectl([...inNamespace, "logs", name, "-c", container]);

async function restarts(name: string): Promise<string> {
  const path = "jsonpath={.status.initContainerStatuses[*].restartCount} {.status.containerStatuses[*].restartCount}";
  return kubectl([...inNamespace, "get", "pod", name, "-o", path]);
}

/** What the pod's agent counted of requests that left through it. */
async function sent(name: string): Promise<number> {
  const page = `/api/v1/namespaces/${namespace}/pods/${name}:${agentPorts.health}/proxy/metrics`;
  const family = parsePrometheusText(await kubectl(["get", "--raw", page])).get("http_requests_total");
  return (family?.samples ?? []).reduce((sum, sample) => sum + sample.value, 0);
}

test.serial.before("a server", async () => {
  await injectionInForce(namespace);
  await applyObjects(
    namespace,
    await programsConfigMap(),
    nodeApp({ name: "server", app: "server", version: "v1", program: "hop.ts" }),
    service("server", { app: "server" }),
  );
  await rolledOut(namespace, "server");
});

for (const [sidecar, throughTheMesh] of [
  ["native", 1],
  ["classic", 0],
] as const) {
  const where = throughTheMesh === 1 ? "through the mesh" : "as if there were no mesh";
  test(`16 ${sidecar}: the user's init container calls a Service, ${where}; so does the application`, async (t) => {
    await applyObjects(namespace, pod(sidecar, sidecar, [calls("first")]));
    await isReady(sidecar);
    t.like(JSON.parse(await log(sidecar, "first")), [{ status: 200 }]);
    t.regex(await restarts(sidecar), /^[0 ]+$/);
    t.is(await sent(sidecar), throughTheMesh);
    await kubectl([...inNamespace, "exec", sidecar, "-c", "app", "--", "node", program, "http://server/"]);
    t.is(await sent(sidecar), throughTheMesh + 1);
  });
}

test("17 capture run again, and after runs that were killed, leaves the same rules, and the pod works", async (t) => {
  const asCapture = (name: string, script: string): object => ({
    name,
    image: testImage,
    imagePullPolicy: "IfNotPresent",
    command: ["sh", "-c", script],
    securityContext: {
      runAsUser: 0,
      allowPrivilegeEscalation: false,
      capabilities: { drop: ["ALL"], add: ["NET_ADMIN", "NET_RAW"] },
    },
  });
  // Without the packet counts and dates.
  const rules = "for save in iptables-save ip6tables-save; do $save -t nat | grep '^-A'; done; true";
  const killed = "for delay in 0.1 0.2 0.3 0.4; do heddle capture & sleep $delay; kill -9 $!; wait $!; done";
  await applyObjects(
    namespace,
    pod("again", "native", [
      asCapture("rules-once", rules),
      asCapture("twice", "heddle capture"),
      asCapture("rules-twice", rules),
      asCapture("killed", `${killed}; heddle capture`),
      asCapture("rules-killed", rules),
      calls("calls"),
    ]),
  );
  await isReady("again");
  const once = await log("again", "rules-once");
  t.regex(once, /-A HEDDLE_OUTPUT/);
  t.is(await log("again", "rules-twice"), once);
  t.is(await log("again", "rules-killed"), once);
  t.regex(await log("again", "twice"), /IPv4 captured/);
  t.like(JSON.parse(await log("again", "calls")), [{ status: 200 }]);
  t.is(await sent("again"), 1);
  t.regex(await restarts("again"), /^[0 ]+$/);
});

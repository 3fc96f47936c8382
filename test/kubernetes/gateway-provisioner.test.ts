// The provisioner against a real API server: what it makes, repairs, leaves alone and deletes. The Gateways are of a class
// of its own, so that an installed control plane has no part in it; whether their pods serve is gateways.test.ts's.
import { randomBytes } from "node:crypto";
import test from "ava";
import {
  GatewayProvisioner,
  type GatewayProvisionerOptions,
} from "../../control-plane/gateways/gateway-provisioner.ts";
import { loadKubeConfig } from "../../control-plane/kubernetes/client.ts";
import type { ClusterState, Gateway, GatewayListener } from "../../control-plane/source/cluster-state.ts";
import { makeGateway, makeListener, makeMeta, makeState } from "../support/cluster-objects.ts";
import type { Test } from "../support/test-context.ts";
import { kubectl, tryKubectl } from "./support/kubectl.ts";
import { waitFor } from "./support/wait-for.ts";

const suffix = randomBytes(3).toString("hex");
const namespace = `gw-provisioner-${suffix}`;
const gatewayClass = `gw-${suffix}`;
const controllerName = `heddle.test/${suffix}`;

test.before("namespace", async () => {
  await kubectl(["create", "namespace", namespace]);
});
test.after.always("delete namespace", async () => {
  await tryKubectl(["delete", "namespace", namespace, "--wait=false"]);
});

interface GatewayShape {
  readonly listeners?: readonly GatewayListener[];
  readonly infrastructure?: Gateway["infrastructure"];
  readonly gatewayClassName?: string;
}

/** Creates or changes the Gateway in the cluster, and gives it as a source would. */
async function applyGateway(name: string, shape: GatewayShape = {}): Promise<Gateway> {
  const gateway: Gateway = {
    ...makeGateway(`${namespace}/${name}`, ...(shape.listeners ?? [])),
    gatewayClassName: shape.gatewayClassName ?? gatewayClass,
    ...(shape.infrastructure && { infrastructure: shape.infrastructure }),
  };
  await apply({
    apiVersion: "gateway.networking.k8s.io/v1",
    kind: "Gateway",
    metadata: { namespace, name },
    spec: {
      gatewayClassName: gateway.gatewayClassName,
      listeners: gateway.listeners.map(({ name, port, protocol }) => ({ name, port, protocol })),
      ...(gateway.infrastructure && { infrastructure: gateway.infrastructure }),
    },
  });
  return gateway;
}

async function apply(object: unknown): Promise<void> {
  await kubectl(["apply", "-f", "-"], { stdin: JSON.stringify(object) });
}

function stateOf(...gateways: readonly Gateway[]): ClusterState {
  return makeState({ kind: "GatewayClass", meta: makeMeta(gatewayClass), controllerName }, ...gateways);
}

interface Run {
  readonly provisioner: GatewayProvisioner;
  /** Log lines: "message object". */
  readonly lines: string[];
  changes: number;
}

function run(t: Test, options: Partial<GatewayProvisionerOptions> = {}): Run {
  const lines: string[] = [];
  const log = (fields: Readonly<Record<string, unknown>>, message: string): void => {
    const { object = fields["problem"] ?? fields["error"] } = fields;
    lines.push(`${message} ${JSON.stringify(object)}`);
  };
  const running: Run = {
    lines,
    changes: 0,
    provisioner: new GatewayProvisioner({
      kubeConfig: loadKubeConfig(process.env),
      isLeader: () => true,
      controllerName,
      settings: {
        image: "docker.io/heddle/heddle:dev",
        imagePullPolicy: "IfNotPresent",
        controlPlaneAddress: "heddle-control-plane.heddle-system.svc:15012",
        otlpEndpoint: "",
        traceSampling: "1",
        bindAddress: "0.0.0.0",
      },
      logger: { debug() {}, info: log, warn: log, error: log },
      onChange: () => (running.changes += 1),
      ...options,
    }),
  };
  running.provisioner.start();
  t.teardown(() => running.provisioner.close());
  return running;
}

/** Names of what is labelled as the Gateway's, as "kind/name". */
async function objectsOf(gateway: string): Promise<readonly string[]> {
  const selector = `gateway.networking.k8s.io/gateway-name=${gateway},app.kubernetes.io/managed-by=heddle`;
  const kinds = "serviceaccount,service,deployment,poddisruptionbudget";
  const names = await kubectl(["-n", namespace, "get", kinds, "-l", selector, "-o", "name"]);
  return names
    .split("\n")
    .filter((name) => name !== "")
    .toSorted();
}

function get(object: string, path: string): Promise<string> {
  return kubectl(["-n", namespace, "get", object, "-o", `jsonpath=${path}`]);
}

test("a Gateway gets its objects and the Service's address; nothing is applied twice; deleting the Gateway removes all", async (t) => {
  const gateway = await applyGateway("whole");
  const { provisioner, lines } = run(t);
  t.deepEqual(provisioner.addressesOf(`${namespace}/whole`), []);
  provisioner.reconcile(stateOf(gateway));
  const name = `whole-${gatewayClass}`;
  await waitFor("the address", () => provisioner.addressesOf(`${namespace}/whole`).length > 0);
  await waitFor("the objects", async () => (await objectsOf("whole")).length === 3);
  t.deepEqual(await objectsOf("whole"), [`deployment.apps/${name}`, `service/${name}`, `serviceaccount/${name}`]);
  const clusterIp = await get(`service/${name}`, "{.spec.clusterIP}");
  t.deepEqual(provisioner.addressesOf(`${namespace}/whole`), [{ type: "IPAddress", value: clusterIp }]);
  t.is(await get(`service/${name}`, "{.spec.type}"), "LoadBalancer");

  // A load balancer's own address takes its place.
  const ingress = JSON.stringify({ status: { loadBalancer: { ingress: [{ ip: "192.0.2.7" }] } } });
  await kubectl(["-n", namespace, "patch", "service", name, "--subresource=status", "--type=merge", "-p", ingress]);
  await waitFor("the new address", () => provisioner.addressesOf(`${namespace}/whole`)[0]?.value === "192.0.2.7");

  // The same again, and another replica that begins to lead: nothing differs, so nothing is written.
  const versions = (): Promise<readonly string[]> =>
    Promise.all(["service", "serviceaccount"].map((kind) => get(`${kind}/${name}`, "{.metadata.resourceVersion}")));
  const before = await versions();
  provisioner.reconcile(stateOf({ ...gateway }));
  const successor = run(t);
  successor.provisioner.reconcile(stateOf(gateway));
  await waitFor("the successor", () => successor.lines.length === 3);
  t.deepEqual(await versions(), before);
  t.is(lines.length, 3, lines.join("\n"));
  t.true(lines.every((line) => line.startsWith("object applied ")));
  await successor.provisioner.close();

  await kubectl(["-n", namespace, "delete", "gateway", "whole"]);
  provisioner.reconcile(stateOf());
  await waitFor("the end of all", async () => (await objectsOf("whole")).length === 0);
  t.is(lines.length, 3, lines.join("\n"));
});

test("a listener changes the Service alone: the Deployment's generation stays", async (t) => {
  const gateway = await applyGateway("listeners");
  const { provisioner } = run(t);
  provisioner.reconcile(stateOf(gateway));
  const name = `listeners-${gatewayClass}`;
  await waitFor("the objects", async () => (await objectsOf("listeners")).length === 3);
  const generation = await get(`deployment/${name}`, "{.metadata.generation}");
  const more = [makeListener(), makeListener({ name: "more", port: 8080 })];
  provisioner.reconcile(stateOf(await applyGateway("listeners", { listeners: more })));
  const ports = (): Promise<string> => get(`service/${name}`, "{range .spec.ports[*]}{.port}:{.targetPort} {end}");
  await waitFor("the port", async () => (await ports()) === "80:64080 8080:8080 ");
  provisioner.reconcile(stateOf(await applyGateway("listeners")));
  await waitFor("the port's end", async () => (await ports()) === "80:64080 ");
  t.is(await get(`deployment/${name}`, "{.metadata.generation}"), generation);
});

test("what others change or delete is set back; what they add stays", async (t) => {
  const gateway = await applyGateway("repair");
  const { provisioner, lines } = run(t);
  provisioner.reconcile(stateOf(gateway));
  const name = `repair-${gatewayClass}`;
  await waitFor("the objects", async () => (await objectsOf("repair")).length === 3);
  const kubectlIn = (...rest: readonly string[]): Promise<string> => kubectl(["-n", namespace, ...rest]);
  await kubectlIn("set", "image", `deployment/${name}`, "heddle-proxy=example.com/other:1");
  await kubectlIn("scale", `deployment/${name}`, "--replicas=2");
  await kubectlIn("annotate", `service/${name}`, "example.com/note=kept");
  await kubectlIn("label", `service/${name}`, "app.kubernetes.io/managed-by-");
  await kubectlIn("delete", "serviceaccount", name);
  const image = "{.spec.template.spec.containers[0].image}";
  await waitFor("the image", async () => (await get(`deployment/${name}`, image)) === "docker.io/heddle/heddle:dev");
  await waitFor("all objects", async () => (await objectsOf("repair")).length === 3);
  t.is(await get(`deployment/${name}`, "{.spec.replicas}"), "2");
  t.is(await get(`service/${name}`, "{.metadata.annotations.example\\.com/note}"), "kept");
  t.true(lines.some((line) => line.startsWith("object repaired ")));
});

test("parameters of a ConfigMap: applied as they are edited; a bad one changes nothing and is named", async (t) => {
  const configMap = (data: Readonly<Record<string, string>>): Promise<void> =>
    apply({ apiVersion: "v1", kind: "ConfigMap", metadata: { namespace, name: "parameters" }, data });
  const infrastructure = {
    labels: { team: "web" },
    annotations: { "example.com/a": "b" },
    parametersRef: { group: "", kind: "ConfigMap", name: "parameters" },
  };
  const gateway = await applyGateway("tuned", { infrastructure });
  const key = `${namespace}/tuned`;
  const name = `tuned-${gatewayClass}`;
  const { provisioner } = run(t);
  provisioner.reconcile(stateOf(gateway));
  await waitFor("the missing ConfigMap", () => provisioner.parameterErrors().has(key));
  t.is(provisioner.parameterErrors().get(key), `ConfigMap ${namespace}/parameters does not exist`);
  t.deepEqual(await objectsOf("tuned"), []);

  await configMap({ replicas: "2", serviceType: "ClusterIP", memoryLimit: "256Mi" });
  await waitFor("the objects", async () => (await objectsOf("tuned")).length === 4);
  t.false(provisioner.parameterErrors().has(key));
  t.is(await get(`service/${name}`, "{.spec.type}"), "ClusterIP");
  t.is(await get(`deployment/${name}`, "{.spec.replicas}"), "2");
  const limit = "{.spec.template.spec.containers[0].resources.limits.memory}";
  t.is(await get(`deployment/${name}`, limit), "256Mi");
  for (const object of [`service/${name}`, `deployment/${name}`, `serviceaccount/${name}`]) {
    t.is(await get(object, "{.metadata.labels.team} {.metadata.annotations.example\\.com/a}"), "web b");
  }

  await configMap({ replicas: "many", memoryLimit: "1Gi" });
  await waitFor("the error", () => provisioner.parameterErrors().has(key));
  t.regex(provisioner.parameterErrors().get(key) ?? "", /ConfigMap .*\/parameters: replicas must be .*"many"/);
  t.is(await get(`deployment/${name}`, limit), "256Mi");

  await configMap({});
  await waitFor("the PodDisruptionBudget's end", async () => (await objectsOf("tuned")).length === 3);
  t.is(await get(`service/${name}`, "{.spec.type}"), "LoadBalancer");
});

test("an object of the same name that is somebody else's is not touched, and named", async (t) => {
  const name = `foreign-${gatewayClass}`;
  await kubectl(["-n", namespace, "create", "service", "clusterip", name, "--tcp=1:1"]);
  const gateway = await applyGateway("foreign");
  const { provisioner } = run(t);
  provisioner.reconcile(stateOf(gateway));
  const key = `${namespace}/foreign`;
  await waitFor("the problem", () => provisioner.problems().has(key));
  t.like(provisioner.problems().get(key), { reason: "Invalid" });
  t.regex(
    provisioner.problems().get(key)?.message ?? "",
    new RegExp(`^Service ${namespace}/${name} exists and is not`),
  );
  t.is(await get(`service/${name}`, "{.spec.ports[*].port}"), "1");
  t.deepEqual(provisioner.addressesOf(key), []);

  await kubectl(["-n", namespace, "delete", "service", name]);
  await waitFor("the end of the problem", () => !provisioner.problems().has(key), { deadlineMs: 90_000 });
  t.is((await objectsOf("foreign")).length, 3);
});

test("a Gateway of another class loses its objects; one whose GatewayClass is gone keeps them", async (t) => {
  const gateway = await applyGateway("moved");
  const { provisioner } = run(t);
  provisioner.reconcile(stateOf(gateway));
  await waitFor("the objects", async () => (await objectsOf("moved")).length === 3);
  provisioner.reconcile({ ...stateOf(gateway), gatewayClasses: new Map() });
  provisioner.reconcile(stateOf(await applyGateway("moved", { gatewayClassName: "somebody-else" })));
  await waitFor("the objects' end", async () => (await objectsOf("moved")).length === 0);
  t.pass();
});

test("only the leader writes; every replica knows the addresses", async (t) => {
  const gateway = await applyGateway("led");
  let isLeader = false;
  const { provisioner } = run(t, { isLeader: () => isLeader });
  const leader = run(t, { isLeader: () => true });
  provisioner.reconcile(stateOf(gateway));
  leader.provisioner.reconcile(stateOf(gateway));
  await waitFor("the address", () => provisioner.addressesOf(`${namespace}/led`).length > 0);
  await leader.provisioner.close();
  await kubectl(["-n", namespace, "delete", "serviceaccount", `led-${gatewayClass}`]);
  t.is((await objectsOf("led")).length, 2);
  isLeader = true;
  provisioner.wake();
  await waitFor("the ServiceAccount", async () => (await objectsOf("led")).length === 3);
});

test("a Gateway that is deleted and made again gets new objects", async (t) => {
  const gateway = await applyGateway("again");
  const { provisioner } = run(t);
  provisioner.reconcile(stateOf(gateway));
  const name = `again-${gatewayClass}`;
  await waitFor("the objects", async () => (await objectsOf("again")).length === 3);
  await kubectl(["-n", namespace, "delete", "gateway", "again"]);
  provisioner.reconcile(stateOf(await applyGateway("again")));
  const uid = await get("gateway/again", "{.metadata.uid}");
  const owners = async (): Promise<string> =>
    (
      await Promise.all(
        ["service", "deployment", "serviceaccount"].map((kind) =>
          get(`${kind}/${name}`, "{.metadata.ownerReferences[*].uid}"),
        ),
      )
    ).join(" ");
  await waitFor("the new owner", async () => (await owners()) === `${uid} ${uid} ${uid}`, { deadlineMs: 90_000 });
  t.false(provisioner.problems().has(`${namespace}/again`));
});

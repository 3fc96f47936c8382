// The cluster source on a real API server, with exactly the rights it needs: what kubectl applies is in the state within
// a second, what nobody reads changes nothing.
import { KubeConfig } from "@kubernetes/client-node";
import test from "ava";
import { loadKubeConfig } from "../../control-plane/kubernetes/client.ts";
import type { ClusterState } from "../../control-plane/source/cluster-state.ts";
import { KubernetesSource } from "../../control-plane/source/kubernetes-source.ts";
import { formatProblem } from "../../control-plane/source/source.ts";
import { kubectl } from "./support/kubectl.ts";
import { waitFor } from "./support/wait-for.ts";

const namespace = `source-${process.pid}-${Date.now().toString(36)}`;
const noticedMs = 1000;

/** All that the source asks of the API server: two verbs. */
const rights = [
  ["", "namespaces,services,pods"],
  ["discovery.k8s.io", "endpointslices"],
  ["gateway.networking.k8s.io", "gatewayclasses,gateways,httproutes,referencegrants"],
  ["apiextensions.k8s.io", "customresourcedefinitions"],
] as const;

const states: ClusterState[] = [];
let source: KubernetesSource;

function apply(...objects: readonly object[]): Promise<string> {
  const list = { apiVersion: "v1", kind: "List", items: objects };
  return kubectl(["apply", "-f", "-"], { stdin: JSON.stringify(list) });
}

function accounts(): object[] {
  const metadata = { name: namespace };
  return [
    { apiVersion: "v1", kind: "Namespace", metadata },
    { apiVersion: "v1", kind: "ServiceAccount", metadata: { name: "reader", namespace } },
    {
      apiVersion: "rbac.authorization.k8s.io/v1",
      kind: "ClusterRole",
      metadata,
      rules: rights.map(([group, resources]) => ({
        apiGroups: [group],
        resources: resources.split(","),
        verbs: ["list", "watch"],
      })),
    },
    {
      apiVersion: "rbac.authorization.k8s.io/v1",
      kind: "ClusterRoleBinding",
      metadata,
      roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: namespace },
      subjects: [{ kind: "ServiceAccount", name: "reader", namespace }],
    },
  ];
}

function service(name: string, annotations: Readonly<Record<string, string>> = {}): object {
  return {
    apiVersion: "v1",
    kind: "Service",
    metadata: { name, namespace, annotations },
    spec: { ports: [{ name: "http", port: 80, targetPort: 8080 }] },
  };
}

function route(weight: number): object {
  return {
    apiVersion: "gateway.networking.k8s.io/v1",
    kind: "HTTPRoute",
    metadata: { name: "canary", namespace },
    spec: {
      parentRefs: [{ group: "", kind: "Service", name: "task-api", port: 80 }],
      rules: [
        {
          backendRefs: [
            { name: "stable", port: 80, weight: 100 - weight },
            { name: "canary", port: 80, weight },
          ],
        },
      ],
    },
  };
}

function canaryWeight(): number | undefined {
  return source.current()?.httpRoutes.get(`${namespace}/canary`)?.rules[0]?.backendRefs[1]?.weight;
}

test.before(async () => {
  await apply(...accounts());
  const admin = loadKubeConfig(process.env);
  const token = (await kubectl(["create", "token", "reader", "-n", namespace])).trim();
  const kubeConfig = new KubeConfig();
  kubeConfig.loadFromClusterAndUser(admin.getCurrentCluster()!, { name: "reader", token });
  source = new KubernetesSource({ kubeConfig });
  source.onChange((state) => states.push(state));
  await source.start();
});

test.after.always(async () => {
  await source?.close();
  await kubectl(["delete", "namespace", namespace, "--wait=false", "--ignore-not-found"]);
  await kubectl(["delete", "clusterrole,clusterrolebinding", namespace, "--ignore-not-found"]);
});

test.serial("the rights listed are all it needs", (t) => {
  t.not(source.current(), null);
  t.deepEqual(
    source
      .problems()
      .filter(({ severity }) => severity === "error")
      .map(formatProblem),
    [],
  );
  t.is(source.current()!.namespaces.get(namespace)!.meta.labels["kubernetes.io/metadata.name"], namespace);
  t.true(source.current()!.services.has("default/kubernetes"));
});

test.serial("an HTTPRoute that is applied, patched and deleted is known within a second", async (t) => {
  const deadline = { deadlineMs: noticedMs, pollMs: 2 };
  const measure = async (what: string, command: () => Promise<string>, holds: () => boolean): Promise<void> => {
    await command();
    const doneMs = performance.now();
    await waitFor(what, holds, deadline);
    t.log(`${what}: ${Math.round(performance.now() - doneMs)} ms after kubectl ended`);
  };
  await measure(
    "services",
    () => apply(service("task-api"), service("stable"), service("canary")),
    () => ["task-api", "stable", "canary"].every((name) => source.current()!.services.has(`${namespace}/${name}`)),
  );
  await measure(
    "apply",
    () => apply(route(10)),
    () => canaryWeight() === 10,
  );
  const before = source.current()!.httpRoutes.get(`${namespace}/canary`)!;
  const patch = JSON.stringify([{ op: "replace", path: "/spec/rules/0/backendRefs/1/weight", value: 50 }]);
  await measure(
    "patch",
    () => kubectl(["patch", "httproute", "canary", "-n", namespace, "--type=json", "-p", patch]),
    () => canaryWeight() === 50,
  );
  const after = source.current()!.httpRoutes.get(`${namespace}/canary`)!;
  t.is(after.meta.generation, before.meta.generation + 1);
  t.is(after.meta.creationTimestampMs, before.meta.creationTimestampMs);
  await measure(
    "delete",
    () => kubectl(["delete", "httproute", "canary", "-n", namespace]),
    () => canaryWeight() === undefined,
  );
});

test.serial("what is written beside the fields that are read keeps every object as it is", async (t) => {
  await apply(service("noisy"));
  const read = (): unknown => source.current()!.services.get(`${namespace}/noisy`);
  await waitFor("the Service", () => read() !== undefined);
  const before = read();
  await kubectl(["annotate", "service", "noisy", "-n", namespace, "example.com/heartbeat=1"]);
  // Events of one kind are in order: with the later one, the earlier one has been seen.
  await apply(service("later"));
  await waitFor("the later Service", () => source.current()!.services.has(`${namespace}/later`));
  t.is(read(), before);
});

test.serial("EndpointSlices without endpoints or ports are read", async (t) => {
  const slice = {
    apiVersion: "discovery.k8s.io/v1",
    kind: "EndpointSlice",
    metadata: { name: "empty", namespace, labels: { "kubernetes.io/service-name": "task-api" } },
    addressType: "IPv4",
    ports: null,
    endpoints: [],
  };
  await kubectl(["create", "-f", "-"], { stdin: JSON.stringify(slice) });
  const found = await waitFor("the slice", () => source.current()!.endpointSlices.get(`${namespace}/empty`));
  t.deepEqual([found.serviceName, found.ports, found.endpoints], ["task-api", [], []]);
});

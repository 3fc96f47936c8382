// What the control plane needs of the cluster and of its agents: a definition that goes missing is named, the other
// routes go on, and it is picked up when it is back; agents a minor version ahead are served, those who show a wrong
// token are refused and counted.
import { status } from "@grpc/grpc-js";
import test, { type ExecutionContext } from "ava";
import { caConfigMapName, controlPlaneHost, controlPlanePorts, systemNamespace } from "../../proto/kubernetes.ts";
import { RawAgent, type RawAgentOptions } from "../protocol/raw-agent.ts";
import { DisturbedMesh } from "./support/disturbed-mesh.ts";
import { heddle } from "./support/heddle.ts";
import { applyObjects } from "./support/injected-namespace.ts";
import { kubectl, kubectlJson, tryKubectl } from "./support/kubectl.ts";
import { forwardPort } from "./support/reach.ts";
import { readyReplicas, Replica, withReplicas } from "./support/replicas.ts";
import { waitFor } from "./support/wait-for.ts";

const mesh = DisturbedMesh.use(test);
const { namespace } = mesh;
const definition = "referencegrants.gateway.networking.k8s.io";

interface Stored {
  readonly metadata: Readonly<Record<string, unknown>>;
}

/** What can be created again of an object that was read. */
function fresh({ metadata, ...rest }: Stored): object {
  const { name, namespace: place, labels, annotations } = metadata;
  const { status: _status, ...object } = rest as Readonly<Record<string, unknown>>;
  return { ...object, metadata: { name, ...(place !== undefined && { namespace: place }), labels, annotations } };
}

test.serial(
  "a missing CustomResourceDefinition is named, the rest goes on, and it is picked up when it is back",
  async (t) => {
    const saved = fresh(await kubectlJson<Stored>("get", "crd", definition));
    const grants = (await kubectlJson<{ items: readonly Stored[] }>("get", "referencegrants", "--all-namespaces"))
      .items;
    const before = (await readyReplicas()).toSorted();
    const restore = async (): Promise<void> => {
      const apply = ["apply", "--server-side", "--force-conflicts", "-f", "-"];
      await kubectl(apply, { stdin: JSON.stringify(saved) });
      await kubectl(["wait", `crd/${definition}`, "--for=condition=Established", "--timeout=30s"]);
      for (const grant of grants) await tryKubectl(["create", "-f", "-"], { stdin: JSON.stringify(fresh(grant)) });
    };
    const named = (replicas: readonly Replica[]): Promise<readonly boolean[]> =>
      Promise.all(
        replicas.map(async (replica) =>
          (await replica.problems()).some((line) => line.includes(`${definition} is not`)),
        ),
      );
    await mesh.underLoad(t, () =>
      withReplicas(async (replicas) => {
        try {
          await kubectl(["delete", "crd", definition, "--timeout=20s"]);
          const deletedMs = performance.now();
          await waitFor("every replica names it", async () => (await named(replicas)).every(Boolean), {
            deadlineMs: 15_000,
          });
          t.log(`named after ${Math.round(performance.now() - deletedMs)} ms`);
          const actsMs = await mesh.patchActs();
          t.log(`a route acts ${Math.round(actsMs)} ms after kubectl`);
          await waitFor("the route's status", () => mesh.statusIsNew(), { deadlineMs: 10_000 });
          const { stdout } = await heddle("check", "-n", namespace);
          t.regex(stdout, new RegExp(`[×‼] ${definition}`));
        } finally {
          await restore();
        }
        const restoredMs = performance.now();
        await waitFor("no replica misses it", async () => (await named(replicas)).every((isNamed) => !isNamed), {
          deadlineMs: 40_000,
        });
        t.log(`picked up after ${Math.round(performance.now() - restoredMs)} ms`);
      }),
    );
    t.deepEqual((await readyReplicas()).toSorted(), before, "nothing was restarted");
  },
);

test.serial("a grant that comes after its definition came back is honoured", async (t) => {
  const other = `${namespace}-other`;
  t.teardown(() => kubectl(["delete", "namespace", other, "--wait=false"]));
  await kubectl(["create", "namespace", other]);
  await applyObjects(other, {
    apiVersion: "v1",
    kind: "Service",
    metadata: { name: "theirs" },
    spec: { ports: [{ port: 80 }] },
  });
  const metadata = { name: "across" };
  await applyObjects(namespace, {
    apiVersion: "gateway.networking.k8s.io/v1",
    kind: "HTTPRoute",
    metadata,
    spec: {
      parentRefs: [{ name: "edge" }],
      hostnames: ["across.test"],
      rules: [{ backendRefs: [{ name: "theirs", namespace: other, port: 80 }] }],
    },
  });
  const resolved = async (): Promise<string> =>
    kubectl([
      "-n",
      namespace,
      "get",
      "httproute",
      "across",
      "-o",
      'jsonpath={.status.parents[0].conditions[?(@.type=="ResolvedRefs")].reason}',
    ]);
  await waitFor("it is not permitted", async () => (await resolved()) === "RefNotPermitted", { deadlineMs: 15_000 });
  await applyObjects(other, {
    apiVersion: "gateway.networking.k8s.io/v1beta1",
    kind: "ReferenceGrant",
    metadata,
    spec: {
      from: [{ group: "gateway.networking.k8s.io", kind: "HTTPRoute", namespace }],
      to: [{ group: "", kind: "Service" }],
    },
  });
  await waitFor("it is permitted", async () => (await resolved()) === "ResolvedRefs", { deadlineMs: 15_000 });
  t.pass();
});

/** Opens streams to one replica as an agent of the server's pod would, and to that replica's metrics. */
async function asServer(t: ExecutionContext) {
  const [name] = await readyReplicas();
  const replica = await Replica.open(name!);
  const way = await forwardPort(systemNamespace, `pod/${name}`, controlPlanePorts.discovery);
  const agents: RawAgent[] = [];
  t.teardown(async () => {
    for (const agent of agents) agent.close();
    await Promise.all([way.close(), replica.close()]);
  });
  const path = "jsonpath={.items[0].metadata.name}";
  const pod = await kubectl(["-n", namespace, "get", "pods", "-l", "app=server", "-o", path]);
  const ca = await kubectl(["-n", namespace, "get", "configmap", caConfigMapName, "-o", "jsonpath={.data.ca\\.crt}"]);
  const bound = [`--bound-object-kind=Pod`, `--bound-object-name=${pod}`];
  const token = async (audience: string): Promise<string> =>
    (await kubectl(["-n", namespace, "create", "token", "default", `--audience=${audience}`, ...bound])).trim();
  const connect = (authorization: string | undefined, options: RawAgentOptions = {}): RawAgent => {
    const identity = authorization === undefined ? {} : { authorization };
    const agent = RawAgent.connect(way.port, {
      ca,
      serverName: controlPlaneHost,
      namespace,
      pod,
      ...identity,
      ...options,
    });
    agents.push(agent);
    return agent;
  };
  return { replica, token, connect };
}

test.serial("tokens that are wrong are refused with the reason, and counted where Prometheus looks", async (t) => {
  const { replica, token, connect } = await asServer(t);
  const good = await token("heddle");
  const cases: readonly (readonly [string, string | undefined, RawAgentOptions, status])[] = [
    ["missing token", undefined, {}, status.UNAUTHENTICATED],
    ["wrong audience", `Bearer ${await token("somebody-else")}`, {}, status.UNAUTHENTICATED],
    ["rejected token", `Bearer ${good.slice(0, -6)}AAAAAA`, {}, status.UNAUTHENTICATED],
    ["other pod", `Bearer ${good}`, { pod: "another" }, status.PERMISSION_DENIED],
  ];
  for (const [reason, authorization, options, code] of cases) {
    const before = await replica.refused(reason);
    const end = await connect(authorization, options).end();
    t.is(end.code, code, `${reason}: ${end.details}`);
    t.is(await replica.refused(reason), before + 1, reason);
  }
  await connect(`Bearer ${good}`).expectAck();
});

test.serial(
  "an agent whose protocol is a minor version ahead is served, one of two is told both versions",
  async (t) => {
    const { token, connect } = await asServer(t);
    const authorization = `Bearer ${await token("heddle")}`;
    await connect(authorization, { protocolVersion: "1.1" }).expectAck();
    const end = await connect(authorization, { protocolVersion: "1.2" }).end();
    t.is(end.code, status.FAILED_PRECONDITION);
    t.regex(end.details, /1\.2.*1\.0|1\.0.*1\.2/);
  },
);

// Statuses on a real API server: what the sink writes, what it leaves alone, and what it does not write at all. The
// objects are of a GatewayClass and a controller name that belong to this test only.
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { KubeConfig } from "@kubernetes/client-node";
import test, { type ExecutionContext } from "ava";
import { silentLogger } from "../../control-plane/discovery/logger.ts";
import { KubernetesStatusSink } from "../../control-plane/status/kubernetes-sink.ts";
import type { StatusObject } from "../../control-plane/status/status-object.ts";
import { until } from "../support/until.ts";

// Of this run alone: a sink takes its entries from every route in the cluster that is not its own any more.
const runName = `${process.pid}-${Date.now().toString(36)}`;
const controllerName = `status.heddle.dev/test-${runName}`;
const className = `status-test-${runName}`;
const namespace = `status-${runName}`;
const api = "gateway.networking.k8s.io/v1";

const run = promisify(execFile);

async function kubectl(...args: string[]): Promise<string> {
  return (await run("kubectl", args, { maxBuffer: 1 << 24 })).stdout;
}

async function apply(...objects: object[]): Promise<void> {
  const child = execFile("kubectl", ["apply", "-f", "-"]);
  const ended = new Promise<void>((resolve, reject) => {
    let errors = "";
    child.stderr?.on("data", (text: string) => (errors += text));
    child.on("exit", (code) => (code === 0 ? resolve() : reject(new Error(errors))));
  });
  child.stdin?.end(objects.map((object) => JSON.stringify(object)).join("\n---\n"));
  await ended;
}

interface Found {
  readonly metadata: { readonly generation: number; readonly resourceVersion: string; readonly uid: string };
  readonly status: {
    readonly conditions?: readonly {
      readonly type: string;
      readonly status: string;
      readonly observedGeneration: number;
    }[];
    readonly parents?: readonly { readonly controllerName: string; readonly conditions: readonly object[] }[];
    readonly supportedFeatures?: readonly object[];
    readonly addresses?: readonly object[];
  };
}

async function get(kind: string, name: string): Promise<Found> {
  return JSON.parse(await kubectl("get", kind, name, "-n", namespace, "-o", "json")) as Found;
}

/** Asks the cluster until the answer is yes. */
async function eventually(ask: () => Promise<boolean>, deadlineMs = 10_000): Promise<void> {
  const startedMs = performance.now();
  while (!(await ask())) {
    if (performance.now() - startedMs > deadlineMs) throw new Error(`not within ${deadlineMs} ms: ${ask.toString()}`);
  }
}

const gatewayManifest = {
  apiVersion: api,
  kind: "Gateway",
  metadata: { name: "gw", namespace },
  spec: { gatewayClassName: className, listeners: [{ name: "http", port: 80, protocol: "HTTP" }] },
};
const routeManifest = (name: string, ...parents: string[]): object => ({
  apiVersion: api,
  kind: "HTTPRoute",
  metadata: { name, namespace },
  spec: { parentRefs: parents.map((parent) => ({ name: parent })), rules: [{}] },
});

const condition = (type: string, generation: number, status = "True"): object => ({
  type,
  status,
  reason: type,
  message: "as tested",
  observedGeneration: generation,
  lastTransitionTime: new Date().toISOString().replace(/\.\d+Z$/, "Z"),
});
const parentEntry = (controller: string, parent: string, generation: number, status = "True"): object => ({
  parentRef: { group: "gateway.networking.k8s.io", kind: "Gateway", namespace, name: parent },
  controllerName: controller,
  conditions: [condition("Accepted", generation, status), condition("ResolvedRefs", generation)],
});

/** What one translation would say of `found`. */
function routeStatus(name: string, found: Found, parents: readonly string[], status = "True"): StatusObject {
  const { generation, uid } = found.metadata;
  const entries = parents.map((parent) => parentEntry(controllerName, parent, generation, status));
  return { kind: "HTTPRoute", namespace, name, generation, uid, status: { parents: entries } };
}
function gatewayStatus({ metadata: { generation, uid } }: Found): StatusObject {
  const conditions = [condition("Accepted", generation), condition("Programmed", generation)];
  const listener = {
    name: "http",
    supportedKinds: [{ group: "gateway.networking.k8s.io", kind: "HTTPRoute" }],
    attachedRoutes: 1,
    conditions,
  };
  const addresses = [{ type: "IPAddress", value: "10.96.7.7" }];
  return {
    kind: "Gateway",
    namespace,
    name: "gw",
    generation,
    uid,
    status: { addresses, conditions, listeners: [listener] },
  };
}
function classStatus({ metadata: { generation, uid } }: Found): StatusObject {
  const supportedFeatures = [{ name: "Gateway" }, { name: "HTTPRoute" }];
  const status = { conditions: [condition("Accepted", generation)], supportedFeatures };
  return { kind: "GatewayClass", namespace: "", name: className, generation, uid, status };
}

const kubeConfig = new KubeConfig();

function startSink(
  t: ExecutionContext,
  { leads }: { leads: boolean },
): { sink: KubernetesStatusSink; lead: (leads: boolean) => void } {
  let isLeader = leads;
  const warn = (fields: object, message: string): void => t.log(message, fields);
  const logger = { ...silentLogger, warn, error: warn };
  const sink = new KubernetesStatusSink({ kubeConfig, controllerName, isLeader: () => isLeader, logger });
  t.teardown(() => sink.close());
  if (leads) sink.leadershipChanged(true);
  return {
    sink,
    lead: (value) => {
      isLeader = value;
      sink.leadershipChanged(value);
    },
  };
}

/** Adds an entry as another controller would. */
async function writeForeign(name: string): Promise<void> {
  const { metadata, status } = await get("httproute", name);
  const parents = [
    parentEntry("other.example/controller", "other-gw", metadata.generation),
    ...(status?.parents ?? []),
  ];
  const patch = JSON.stringify({ status: { parents } });
  await kubectl("patch", "httproute", name, "-n", namespace, "--subresource=status", "--type=merge", "-p", patch);
}

const controllersOf = async (name: string): Promise<string> =>
  ((await get("httproute", name)).status?.parents ?? []).map((parent) => parent.controllerName).join();

test.before(async () => {
  kubeConfig.loadFromDefault();
  await kubectl("create", "namespace", namespace);
  await apply(
    { apiVersion: api, kind: "GatewayClass", metadata: { name: className }, spec: { controllerName } },
    gatewayManifest,
    // Another controller's: nobody else in the cluster has a say about it.
    {
      ...gatewayManifest,
      metadata: { name: "other-gw", namespace },
      spec: { ...gatewayManifest.spec, gatewayClassName: "other" },
    },
  );
});

test.after.always(async () => {
  await kubectl("delete", "namespace", namespace, "--wait=false", "--ignore-not-found");
  await kubectl("delete", "gatewayclass", className, "--ignore-not-found");
});

test.serial("GatewayClass, Gateway and route get their status; the same again writes nothing", async (t) => {
  await apply(routeManifest("written", "gw"));
  const found = [await get("gatewayclass", className), await get("gateway", "gw"), await get("httproute", "written")];
  const objects = (): StatusObject[] => [
    classStatus(found[0]!),
    gatewayStatus(found[1]!),
    routeStatus("written", found[2]!, ["gw"]),
  ];
  const { sink } = startSink(t, { leads: true });
  sink.write(objects());
  await eventually(async () => (await controllersOf("written")) === controllerName);
  await until(() => sink.queueLength === 0);
  t.is(sink.counts.writes, 3);
  const written = await get("gateway", "gw");
  t.deepEqual(written.status.addresses, [{ type: "IPAddress", value: "10.96.7.7" }]);
  t.deepEqual(
    written.status.conditions?.map(({ type, status, observedGeneration }) => `${type}=${status}@${observedGeneration}`),
    ["Accepted=True@1", "Programmed=True@1"],
  );
  t.deepEqual((await get("gatewayclass", className)).status.supportedFeatures, [
    { name: "Gateway" },
    { name: "HTTPRoute" },
  ]);

  // The same content in new objects with new times: another life, another leader.
  const versions = async (): Promise<string[]> =>
    Promise.all(
      [get("gatewayclass", className), get("gateway", "gw"), get("httproute", "written")].map(
        async (object) => (await object).metadata.resourceVersion,
      ),
    );
  const before = await versions();
  sink.write(objects());
  const successor = startSink(t, { leads: true }).sink;
  successor.write(objects());
  await successor.close();
  await until(() => sink.queueLength === 0);
  t.deepEqual(await versions(), before);
  t.is(sink.counts.writes, 3);
});

test.serial("another controller's entry stays; ours goes with the route that is not ours any more", async (t) => {
  await apply(routeManifest("shared", "gw", "other-gw"));
  await writeForeign("shared");
  const foreign = (await get("httproute", "shared")).status.parents?.[0];
  const { sink } = startSink(t, { leads: true });
  sink.write([routeStatus("shared", await get("httproute", "shared"), ["gw"])]);
  await eventually(async () => (await controllersOf("shared")) === `other.example/controller,${controllerName}`);
  t.deepEqual((await get("httproute", "shared")).status.parents?.[0], foreign);
  sink.write([]);
  await eventually(async () => (await controllersOf("shared")) === "other.example/controller");
  t.deepEqual((await get("httproute", "shared")).status.parents, [foreign]);
});

test.serial("after a restart, entries of ours on routes that have left us are found and removed", async (t) => {
  await apply(routeManifest("left", "gw"));
  const first = startSink(t, { leads: true });
  first.sink.write([routeStatus("left", await get("httproute", "left"), ["gw"])]);
  await eventually(async () => (await controllersOf("left")) === controllerName);
  await first.sink.close();
  const second = startSink(t, { leads: true });
  second.sink.write([]);
  await eventually(async () => (await controllersOf("left")) === "");
  await until(() => second.sink.queueLength === 0);
  t.is(second.sink.counts.failures, 0);
});

test.serial("who does not lead writes nothing; who takes over writes what differs", async (t) => {
  await apply(routeManifest("taken", "gw"));
  const found = await get("httproute", "taken");
  const a = startSink(t, { leads: true });
  const b = startSink(t, { leads: false });
  a.sink.write([routeStatus("taken", found, ["gw"])]);
  b.sink.write([routeStatus("taken", found, ["gw"])]);
  await eventually(async () => (await controllersOf("taken")) === controllerName);
  a.lead(false);
  a.sink.write([routeStatus("taken", found, ["gw"], "False")]);
  b.sink.write([routeStatus("taken", found, ["gw"], "False")]);
  t.is(b.sink.queueLength + b.sink.counts.writes, 0);
  t.is(a.sink.queueLength, 0);
  const before = (await get("httproute", "taken")).metadata.resourceVersion;
  await a.sink.close();
  t.is((await get("httproute", "taken")).metadata.resourceVersion, before);
  b.lead(true);
  const accepted = async (): Promise<unknown> => {
    const conditions = (await get("httproute", "taken")).status.parents?.[0]?.conditions as { status: string }[];
    return conditions[0]!.status;
  };
  await eventually(async () => (await accepted()) === "False");
  t.is(b.sink.counts.writes, 1);
});

test.serial("a route that is deleted and made anew under its name gets its status again", async (t) => {
  await apply(routeManifest("again", "gw"));
  const { sink } = startSink(t, { leads: true });
  sink.write([routeStatus("again", await get("httproute", "again"), ["gw"])]);
  await eventually(async () => (await controllersOf("again")) === controllerName);
  await kubectl("delete", "httproute", "again", "-n", namespace);
  await apply(routeManifest("again", "gw"));
  sink.write([routeStatus("again", await get("httproute", "again"), ["gw"])]);
  await eventually(async () => (await controllersOf("again")) === controllerName);
  t.pass();
});

test.serial("two writers of one route at the same time lose nothing of each other's", async (t) => {
  await apply(routeManifest("contended", "gw", "other-gw"));
  const { sink } = startSink(t, { leads: true });
  const found = await get("httproute", "contended");
  sink.write([routeStatus("contended", found, ["gw"])]);
  await eventually(async () => (await controllersOf("contended")) === controllerName);
  await writeForeign("contended");
  const edits = (async () => {
    for (let index = 0; index < 5; index++) {
      await kubectl("annotate", "httproute", "contended", "-n", namespace, `edit=${index}`, "--overwrite");
    }
  })();
  for (let index = 0; index < 40; index++) {
    sink.write([routeStatus("contended", found, ["gw"], index % 2 === 0 ? "False" : "True")]);
    await until(() => sink.queueLength === 0);
  }
  await edits;
  t.is(await controllersOf("contended"), `other.example/controller,${controllerName}`);
  t.is(sink.counts.failures, 0);
  t.true(sink.counts.writes >= 40, `${sink.counts.writes} writes, ${sink.counts.conflicts} conflicts`);
});

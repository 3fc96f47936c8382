// How much memory a large cluster takes: 10,000 Pods as kubelets and controllers write them, 2,000 Services, 5,000
// endpoints, the whole control plane as a process of its own.
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import test from "ava";
import type { ApiObject } from "../../control-plane/kubernetes/object-store.ts";
import { ApiServer } from "./kubernetes-api-server.ts";

const gateway = "/apis/gateway.networking.k8s.io/v1";
const services = "/api/v1/services";
const slices = "/apis/discovery.k8s.io/v1/endpointslices";
const pods = "/api/v1/pods";
const namespaces = "/api/v1/namespaces";
const others = ["gatewayclasses", "gateways", "httproutes", "referencegrants"].map((plural) => `${gateway}/${plural}`);

const maxMegabytes = 300;
/** What is listed is garbage a moment later: a young generation that grows with it would stay as large. */
const flags = ["--max-semi-space-size=8"];

interface Report {
  readonly pods: number;
  readonly services: number;
  readonly endpointSlices: number;
  readonly residentMegabytes: number;
  readonly peakMegabytes: number;
}

function metadata(kind: string, index: number, labels: Readonly<Record<string, string>>): ApiObject["metadata"] {
  const given = {
    namespace: `team-${index % 50}`,
    name: `${kind}-${index}`,
    uid: `00000000-0000-4000-8000-${String(index).padStart(12, "0")}`,
    creationTimestamp: "2026-01-02T03:04:05Z",
    labels,
    annotations: { "kubectl.kubernetes.io/last-applied-configuration": "{".repeat(800) },
    // About as long as what servers keep of who wrote which field.
    managedFields: [{ manager: "kubelet", fieldsV1: { f: "f:status ".repeat(200) } }],
  };
  return given;
}

function pod(index: number, restarts = 0): ApiObject {
  const address = `10.${index >> 16}.${(index >> 8) & 255}.${index & 255}`;
  const labels = { app: `app-${index % 2000}`, version: "stable", "pod-template-hash": "5d59d67564" };
  return {
    metadata: metadata("pod", index, labels),
    spec: {
      serviceAccountName: "default",
      nodeName: `node-${index % 200}`,
      volumes: [{ name: "token", projected: { sources: [{ serviceAccountToken: { path: "token" } }] } }],
      containers: [
        {
          name: "app",
          image: "registry.example.com/team/application:1.2.3",
          env: Array.from({ length: 10 }, (_, at) => ({
            name: `VARIABLE_${at}`,
            value: "some value of the application",
          })),
          ports: [{ name: "http", containerPort: 8080, protocol: "TCP" }],
          readinessProbe: { httpGet: { path: "/healthz", port: 8080 } },
        },
      ],
    },
    status: {
      phase: "Running",
      podIP: address,
      podIPs: [{ ip: address }],
      conditions: ["Initialized", "Ready", "ContainersReady", "PodScheduled"].map((type) => ({ type, status: "True" })),
      containerStatuses: [{ name: "app", restartCount: restarts, imageID: "sha256:".padEnd(71, "a") }],
    },
  };
}

function service(index: number): ApiObject {
  return {
    metadata: metadata("app", index, { app: `app-${index}` }),
    spec: {
      clusterIP: `10.96.${index >> 8}.${index & 255}`,
      clusterIPs: [`10.96.${index >> 8}.${index & 255}`],
      selector: { app: `app-${index}` },
      ports: [{ name: "http", port: 80, targetPort: 8080, protocol: "TCP" }],
    },
  };
}

function slice(index: number): ApiObject {
  const members = [index, index + 2000, ...(index < 1000 ? [index + 4000] : [])];
  return {
    metadata: metadata("app-slice", index, { "kubernetes.io/service-name": `app-${index}` }),
    addressType: "IPv4",
    ports: [{ name: "http", port: 8080, protocol: "TCP" }],
    endpoints: members.map((at) => ({
      addresses: [`10.${at >> 16}.${(at >> 8) & 255}.${at & 255}`],
      conditions: { ready: true, serving: true, terminating: false },
      targetRef: { kind: "Pod", namespace: `team-${at % 50}`, name: `pod-${at}` },
      nodeName: `node-${at % 200}`,
    })),
  };
}

test(`10,000 Pods and 2,000 Services take at most ${maxMegabytes} MB`, async (t) => {
  t.timeout(60_000);
  const server = new ApiServer([...others, services, slices, pods, namespaces]);
  server.put(pods, ...Array.from({ length: 10_000 }, (_, index) => pod(index)));
  server.put(services, ...Array.from({ length: 2000 }, (_, index) => service(index)));
  server.put(slices, ...Array.from({ length: 2000 }, (_, index) => slice(index)));
  server.put(namespaces, ...Array.from({ length: 50 }, (_, index) => ({ metadata: { name: `team-${index}` } })));
  await server.start();
  t.teardown(() => server.stop());
  const program = fileURLToPath(new URL("kubernetes-memory-process.ts", import.meta.url));
  const address = server.kubeConfig.getCurrentCluster()!.server;
  const child = spawn(process.execPath, [...flags, program, address], { stdio: ["pipe", "pipe", "inherit"] });
  t.teardown(() => child.kill());
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]();
  const next = async (): Promise<Report> => JSON.parse(String((await lines.next()).value)) as Report;

  const first = await next();
  t.like(first, { pods: 10_000, services: 2000, endpointSlices: 2000 });
  // A rollout of a fifth of the cluster, and a restart of every watch with it.
  for (let index = 0; index < 2000; index++) server.remove(pods, pod(index));
  server.put(pods, ...Array.from({ length: 2000 }, (_, index) => pod(10_000 + index)));
  server.compact(pods);
  server.cut(pods);
  server.put(pods, pod(12_000));
  let last = first;
  while (last.pods !== 10_001) {
    child.stdin.write("\n");
    last = await next();
  }
  t.log(JSON.stringify(first), JSON.stringify(last));
  t.true(last.residentMegabytes <= maxMegabytes, JSON.stringify(last));
  t.true(last.peakMegabytes <= maxMegabytes, JSON.stringify(last));
});

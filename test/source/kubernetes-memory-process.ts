// A control plane of a cluster as a process of its own, for kubernetes-memory.test.ts: the API server's address as
// argument; on stdout one line of JSON once what it serves has the number of Services asked for, and one for each line
// of stdin.
import { createInterface } from "node:readline";
import { KubeConfig } from "@kubernetes/client-node";
import { ControlPlane } from "../../control-plane/control-plane.ts";
import { limitHeapGrowth } from "../../control-plane/heap-growth.ts";
import { KubernetesSource } from "../../control-plane/source/kubernetes-source.ts";
import { until } from "../support/until.ts";

limitHeapGrowth();
const kubeConfig = new KubeConfig();
const server = process.argv[2] ?? "";
kubeConfig.loadFromClusterAndUser({ name: "test", server, skipTLSVerify: true }, { name: "test" });
const source = new KubernetesSource({ kubeConfig });
const controlPlane = new ControlPlane({ source });
await controlPlane.start();
await until(() => controlPlane.isCurrent && controlPlane.discovery.snapshot !== null);

function report(): void {
  const state = source.current();
  const megabyte = 1024 * 1024;
  const line = {
    pods: state?.pods.size,
    services: state?.services.size,
    endpointSlices: state?.endpointSlices.size,
    residentMegabytes: Math.round(process.memoryUsage().rss / megabyte),
    peakMegabytes: Math.round(process.resourceUsage().maxRSS / 1024),
    heapMegabytes: Math.round(process.memoryUsage().heapUsed / megabyte),
    cpuSeconds: Math.round(process.cpuUsage().user / 1e5) / 10,
  };
  process.stdout.write(`${JSON.stringify(line)}\n`);
}

report();
createInterface(process.stdin).on("line", report);
process.stdin.on("end", () => {
  void controlPlane.close();
});

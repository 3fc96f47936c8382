// Pods to workloads: what the sidecar beside a pod is told of it, namely the name and version it reports and the ports
// it takes requests for.
import type { InboundPort, Workload } from "../../proto/messages.ts";
import type { Pod } from "../source/cluster-state.ts";
import { workloadVersionOf } from "./endpoints.ts";

const inboundPortAnnotation = "local.heddle.dev/inbound-port";
const applicationPortAnnotation = "local.heddle.dev/application-port";
const loopback = "127.0.0.1";
const serviceNameLabels = ["app.kubernetes.io/name", "app"];

/** Null for a pod that has run to its end. */
export function translatePod(pod: Pod): Workload | null {
  if (pod.phase === "Succeeded" || pod.phase === "Failed") return null;
  return {
    serviceName: serviceNameOf(pod),
    workloadVersion: workloadVersionOf(pod.meta.labels),
    inboundPorts: localPorts(pod) ?? containerPorts(pod),
  };
}

/** Versions of one application share its label, which their Deployments' names do not: so labels come first. */
function serviceNameOf(pod: Pod): string {
  for (const label of serviceNameLabels) {
    const name = Object.hasOwn(pod.meta.labels, label) ? pod.meta.labels[label] : undefined;
    if (name !== undefined && name !== "") return name;
  }
  const owner = pod.owner.slice(pod.owner.indexOf("/") + 1);
  return owner === "" ? pod.meta.name : owner;
}

/** On one machine the process and its sidecar share an address and therefore differ in port, by annotation. */
function localPorts(pod: Pod): InboundPort[] | null {
  const port = portNumber(pod.meta.annotations[inboundPortAnnotation]);
  const applicationPort = portNumber(pod.meta.annotations[applicationPortAnnotation]);
  if (port === null || applicationPort === null) return null;
  return [{ port, applicationAddress: loopback, applicationPort, protocol: "DETECT" }];
}

function containerPorts(pod: Pod): InboundPort[] {
  const applicationAddress = pod.podIps[0];
  if (applicationAddress === undefined) return [];
  const numbers = pod.containers.flatMap(({ ports }) =>
    ports.filter(({ protocol }) => protocol === "TCP").map(({ containerPort }) => containerPort),
  );
  return [...new Set(numbers)]
    .sort((left, right) => left - right)
    .map((port) => ({ port, applicationAddress, applicationPort: port, protocol: "DETECT" }));
}

function portNumber(text: string | undefined): number | null {
  if (text === undefined || !/^[0-9]{1,5}$/.test(text)) return null;
  const port = Number(text);
  return port >= 1 && port <= 65_535 ? port : null;
}

// Whether a pod gets a sidecar. Owns the vetoes, in the order that they are asked, each with a word that logs, metrics
// and Events carry; and what a pod must not ask for. That nothing is left to do is found out by inject.ts. Pure.
//
//   1 system-namespace  heddle-system, kube-system, kube-public, kube-node-lease
//   2 opted-out         pod label heddle.dev/inject is "false"
//   3 host-network      its network is the node's: capture would take the node's connections
//   4 windows           capture is Linux's
//   5 already-injected  nothing to change: see inject.ts
//
// That the namespace or the pod asks for injection is the webhook's selectors' to see, with the labels of that moment.
import {
  agentPorts,
  annotations,
  containerNames,
  labels,
  proxyUserId,
  systemNamespace,
} from "../../proto/kubernetes.ts";
import { injectLabel, injectedProxy, ownContainers } from "./injected-pod.ts";
import { readPodOptions } from "./options.ts";
import type { Container, Pod } from "./pod.ts";
import { earlierProbes, lostProbe } from "./probes.ts";
import type { InjectionSettings } from "./settings.ts";
import { volumeNames } from "./template.ts";

export type SkipReason = "system-namespace" | "opted-out" | "host-network" | "windows" | "already-injected";

/** Sentences for people, after "not injected: ". */
export const skipMessages: Readonly<Record<SkipReason, string>> = {
  "system-namespace": "pods of system namespaces never are",
  "opted-out": `the pod has the label ${labels.podInject}=false`,
  "host-network": "the pod uses the node's network (hostNetwork), where capture would take the node's connections",
  windows: "the pod is for Windows, and capture is Linux's",
  "already-injected": `the pod has its sidecar already (annotation ${annotations.injected})`,
};

export type Decision =
  | { readonly kind: "inject" }
  | { readonly kind: "skip"; readonly reason: SkipReason }
  | { readonly kind: "reject"; readonly reason: RejectReason; readonly message: string };

export type RejectReason = "proxy-user" | "name-taken" | "port-taken" | "lost-probe" | "wrong-annotation";

const systemNamespaces: ReadonlySet<string> = new Set([
  systemNamespace,
  "kube-system",
  "kube-public",
  "kube-node-lease",
]);

/** Never throws for a pod that `readPod` gave. `namespace` is where it is going. */
export function decide(pod: Pod, namespace: string, settings: InjectionSettings): Decision {
  const reason = veto(pod, namespace);
  if (reason !== null) return { kind: "skip", reason };
  return (
    refuseProxyUser(pod) ??
    refuseNames(pod) ??
    refusePorts(pod) ??
    refuseLostProbes(pod) ??
    refuseAnnotations(pod, settings) ?? { kind: "inject" }
  );
}

function veto(pod: Pod, namespace: string): SkipReason | null {
  if (systemNamespaces.has(namespace)) return "system-namespace";
  if (injectLabel(pod) === "false") return "opted-out";
  if (pod.spec.hostNetwork === true) return "host-network";
  if (pod.spec.os?.name === "windows") return "windows";
  return null;
}

type Rejection = Extract<Decision, { kind: "reject" }>;

/** Capture tells the proxy's own connections by their user: an application's of the same user would pass by the mesh. */
function refuseProxyUser(pod: Pod): Rejection | null {
  const reject = (who: string): Rejection => ({
    kind: "reject",
    reason: "proxy-user",
    message: `${who} asks for user ${proxyUserId} (securityContext.runAsUser), which is the proxy's: choose another`,
  });
  if (pod.spec.securityContext?.runAsUser === proxyUserId) return reject("the pod");
  const asking = allOwn(pod).find(({ securityContext }) => securityContext?.runAsUser === proxyUserId);
  return asking === undefined ? null : reject(`container ${asking.name ?? ""}`);
}

function refuseNames(pod: Pod): Rejection | null {
  if (injectedProxy(pod) !== undefined) return null;
  const reject = (what: string): Rejection => ({
    kind: "reject",
    reason: "name-taken",
    message: `${what} has a name that is the sidecar's: choose another`,
  });
  const reserved = Object.values<string>(containerNames);
  const container = [...pod.spec.containers, ...(pod.spec.initContainers ?? [])].find(({ name }) =>
    reserved.includes(name ?? ""),
  );
  if (container !== undefined) return reject(`container ${container.name ?? ""}`);
  const volume = pod.spec.volumes?.find(({ name }) => Object.values<string>(volumeNames).includes(name));
  return volume === undefined ? null : reject(`volume ${volume.name}`);
}

function refusePorts(pod: Pod): Rejection | null {
  const reserved: readonly number[] = Object.values(agentPorts);
  for (const container of allOwn(pod)) {
    const taken = container.ports?.find(
      ({ containerPort, protocol }) => reserved.includes(containerPort) && (protocol ?? "TCP") === "TCP",
    );
    if (taken !== undefined) {
      return {
        kind: "reject",
        reason: "port-taken",
        message: `container ${container.name ?? ""} declares port ${taken.containerPort}, which is the sidecar's (${reserved.join(", ")}): choose another`,
      };
    }
  }
  return null;
}

/** A pod copied out of the cluster without its annotation or its proxy: the probes that it began with are gone. */
function refuseLostProbes(pod: Pod): Rejection | null {
  const lost = lostProbe(allOwn(pod), earlierProbes(injectedProxy(pod)) ?? {});
  if (lost === null) return null;
  return {
    kind: "reject",
    reason: "lost-probe",
    message: `${lost}: asks the sidecar's port ${agentPorts.health}; write the application's own probe`,
  };
}

function refuseAnnotations(pod: Pod, settings: InjectionSettings): Rejection | null {
  const { errors } = readPodOptions(pod, settings);
  return errors.length === 0 ? null : { kind: "reject", reason: "wrong-annotation", message: errors.join("; ") };
}

function allOwn(pod: Pod): readonly Container[] {
  const { containers, initContainers } = ownContainers(pod);
  return [...containers, ...initContainers];
}

// Who sees what: which names a node may subscribe to, what a subscription name stands for in a snapshot, and the
// closure of a resource. Pure; what an agent holds or refused is not considered here but in effective-set.ts.
import type { Answer, Node } from "../../proto/messages.ts";
import { resourceKey, type ResourceKey, type SnapshotResource } from "./resource.ts";
import type { Snapshot } from "./snapshot.ts";

/** The node fields that decide what it may see. */
export type NodeScope = Pick<Node, "namespace" | "pod" | "labels" | "mode">;

/** On the pods of a Gateway: the name of the Gateway (Gateway API, GEP-1762). */
export const gatewayNameLabel = "gateway.networking.k8s.io/gateway-name";

/** What a subscription name stands for in one snapshot, before anything is withheld. */
export interface Resolution {
  /** FOUND or NOT_FOUND. */
  readonly answer: Answer;
  /** Keys of its listeners and workload. */
  readonly roots: readonly ResourceKey[];
}

/**
 * Null when the node may subscribe to `name`, else why not. A gateway may ask for its own Gateway: one of its
 * namespace, and the one its gateway-name label says when it has that label. A sidecar may ask for every frontend and
 * for its own workload.
 */
export function subscriptionRefusal(node: NodeScope, name: string): string | null {
  if (node.mode === "GATEWAY") {
    if (!name.startsWith("gateway:")) return `a gateway may subscribe to its own Gateway only, not to "${name}"`;
    const label = node.labels[gatewayNameLabel];
    const own = label === undefined ? `gateway:${node.namespace}/` : `gateway:${node.namespace}/${label}`;
    const allowed = label === undefined ? name.startsWith(own) : name === own;
    return allowed ? null : `"${name}" is not the Gateway of this node ("${own}")`;
  }
  if (name.startsWith("frontend:")) return null;
  const own = `workload:${node.namespace}/${node.pod}`;
  return name === own ? null : `a sidecar may subscribe to frontends and to "${own}" only, not to "${name}"`;
}

const resolutions = new WeakMap<Snapshot, Map<string, Map<string, Resolution>>>();

/**
 * What `name` stands for to a node. A name that cannot be read stands for nothing: its traffic passes through.
 * Computed once per snapshot for all nodes of a namespace; bounded by what is subscribed to, and gone with the snapshot.
 */
export function resolveSubscription(snapshot: Snapshot, node: NodeScope, name: string): Resolution {
  let byNamespace = resolutions.get(snapshot);
  if (byNamespace === undefined) resolutions.set(snapshot, (byNamespace = new Map()));
  let byName = byNamespace.get(node.namespace);
  if (byName === undefined) byNamespace.set(node.namespace, (byName = new Map()));
  let resolution = byName.get(name);
  if (resolution === undefined) byName.set(name, (resolution = resolve(snapshot, node.namespace, name)));
  return resolution;
}

function resolve(snapshot: Snapshot, namespace: string, name: string): Resolution {
  const colon = name.indexOf(":");
  const kind = name.slice(0, colon);
  const rest = name.slice(colon + 1);
  if (kind === "frontend") {
    const listener = frontendListener(snapshot, namespace, rest);
    if (listener !== null) return found(name, [listener], "");
  } else if (kind === "gateway") {
    const listeners = snapshot.gateways.get(rest);
    if (listeners !== undefined) return found(name, listeners, "");
  } else if (kind === "workload" && snapshot.resources.has(resourceKey("WORKLOAD", rest))) {
    return found(name, [], rest);
  }
  return { answer: { subscription: name, state: "NOT_FOUND", listeners: [], workload: "" }, roots: [] };
}

function found(name: string, listeners: readonly string[], workload: string): Resolution {
  const answer: Answer = { subscription: name, state: "FOUND", listeners: [...listeners], workload };
  return { answer, roots: rootsOf(answer) };
}

/** Keys of what an answer stands for. */
export function rootsOf({ listeners, workload }: Answer): readonly ResourceKey[] {
  const roots = listeners.map((listener) => resourceKey("LISTENER", listener));
  if (workload !== "") roots.push(resourceKey("WORKLOAD", workload));
  return roots;
}

function frontendListener(snapshot: Snapshot, namespace: string, hostAndPort: string): string | null {
  for (const candidate of frontendCandidates(hostAndPort, namespace)) {
    const frontend = snapshot.frontends.get(candidate);
    if (frontend !== undefined) return frontend.consumerListeners.get(namespace) ?? frontend.listener;
  }
  return null;
}

/**
 * The keys of Translation.frontends that "host:port" may mean to a client in `namespace`: an address is itself; a DNS
 * name is "service", "service.namespace", "service.namespace.svc" or "service.namespace.svc.cluster.local", in any
 * case, with or without the final dot.
 */
export function frontendCandidates(hostAndPort: string, namespace: string): readonly string[] {
  const colon = hostAndPort.lastIndexOf(":");
  const port = hostAndPort.slice(colon + 1);
  let host = hostAndPort.slice(0, Math.max(colon, 0)).toLowerCase();
  if (host === "" || !/^[1-9]\d{0,4}$/.test(port)) return [];
  if (host.startsWith("[") && host.endsWith("]")) host = host.slice(1, -1);
  if (host.includes(":")) return addressCandidates(host, port);
  if (/^\d+\.\d+\.\d+\.\d+$/.test(host)) return [`${host}:${port}`];
  if (host.endsWith(".")) host = host.slice(0, -1);
  const [service = "", owner = namespace, svc = "svc", ...domain] = host.split(".");
  const suffix = domain.join(".");
  if (service === "" || owner === "" || svc !== "svc" || (suffix !== "" && suffix !== "cluster.local")) return [];
  return [`${service}.${owner}:${port}`];
}

/** An IPv6 address may be written in many ways; the index has the canonical one, with or without brackets. */
function addressCandidates(address: string, port: string): readonly string[] {
  const forms = new Set([address]);
  if (URL.canParse(`http://[${address}]/`)) forms.add(new URL(`http://[${address}]/`).hostname.slice(1, -1));
  return [...forms].flatMap((form) => [`[${form}]:${port}`, `${form}:${port}`]);
}

const closures = new WeakMap<Snapshot, Map<ResourceKey, readonly SnapshotResource[]>>();

/**
 * `root` and everything it refers to, each once; empty when it does not exist. Every subscriber of a root shares one
 * computation per snapshot; the memory goes with the snapshot.
 */
export function closureOf(snapshot: Snapshot, root: ResourceKey): readonly SnapshotResource[] {
  let bySnapshot = closures.get(snapshot);
  if (bySnapshot === undefined) closures.set(snapshot, (bySnapshot = new Map()));
  const known = bySnapshot.get(root);
  if (known !== undefined) return known;
  const seen = new Set<ResourceKey>();
  const closure: SnapshotResource[] = [];
  const pending = [root];
  for (let key = pending.pop(); key !== undefined; key = pending.pop()) {
    const resource = snapshot.resources.get(key);
    if (resource === undefined || seen.has(key)) continue;
    seen.add(key);
    closure.push(resource);
    pending.push(...resource.dependencies);
  }
  bySnapshot.set(root, closure);
  return closure;
}

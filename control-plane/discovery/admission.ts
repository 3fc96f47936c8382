// Whether what an agent says may be acted on: the checks of Hello and of subscriptions, each with the status and the
// words that the agent gets. Pure; a message that is refused changes nothing.
import { status } from "@grpc/grpc-js";
import { isCompatibleProtocol, protocolVersion } from "../../proto/discovery.ts";
import type { Hello, Node } from "../../proto/messages.ts";
import { subscriptionRefusal } from "../snapshot/scope.ts";
import { gatewayRefusal, nodeRefusal, type Caller, type Refusal } from "./authorize.ts";
import type { DiscoveryLimits } from "./limits.ts";

const maxNodeFieldLength = 512;
const maxLabels = 256;

export type HelloResult =
  | { readonly ok: true; readonly node: Node }
  | { readonly ok: false; readonly refusal: Refusal };

/** The node that says Hello, or why it may not. `caller` is null where nobody is asked who they are. */
export function admitHello(hello: Hello, limits: DiscoveryLimits, caller: Caller | null): HelloResult {
  if (!isCompatibleProtocol(hello.protocolVersion)) {
    return refuse(
      status.FAILED_PRECONDITION,
      `this control plane speaks protocol ${protocolVersion} and accepts one minor behind or ahead; ` +
        `the agent speaks ${quote(hello.protocolVersion)}`,
    );
  }
  const node = hello.node;
  if (node === null) return refuse(status.INVALID_ARGUMENT, "Hello has no node");
  const fault = nodeFault(node);
  if (fault !== null) return refuse(status.INVALID_ARGUMENT, fault);
  const refusal =
    (caller === null ? null : nodeRefusal(caller, node)) ??
    refuseSubscriptions(node, hello.subscriptions, new Set(), limits, caller);
  return refusal === null ? { ok: true, node } : { ok: false, refusal };
}

/** Why `added` may not be subscribed to besides `subscriptions`, or null when it may. */
export function refuseSubscriptions(
  node: Node,
  added: readonly string[],
  subscriptions: ReadonlySet<string>,
  limits: DiscoveryLimits,
  caller: Caller | null,
): Refusal | null {
  const fresh = new Set<string>();
  for (const name of added) {
    if (name.length > limits.maxNameLength) {
      const details = `a subscription name of ${name.length} characters: at most ${limits.maxNameLength} are accepted`;
      return { code: status.RESOURCE_EXHAUSTED, details };
    }
    if (!subscriptions.has(name)) fresh.add(name);
    const reason = subscriptionRefusal(node, name);
    if (reason !== null) return { code: status.PERMISSION_DENIED, details: reason };
    const refusal = caller === null ? null : gatewayRefusal(caller, name);
    if (refusal !== null) return refusal;
  }
  if (subscriptions.size + fresh.size <= limits.maxSubscriptionsPerStream) return null;
  return {
    code: status.RESOURCE_EXHAUSTED,
    details: `more than ${limits.maxSubscriptionsPerStream} subscriptions on one stream`,
  };
}

function nodeFault(node: Node): string | null {
  if (node.mode !== "SIDECAR" && node.mode !== "GATEWAY") return `the node's mode ${quote(node.mode)} is unknown`;
  if (node.id === "") return "the node has no id";
  if (node.namespace === "") return "the node has no namespace";
  const labels = Object.entries(node.labels);
  if (labels.length > maxLabels) return `the node has ${labels.length} labels: at most ${maxLabels} are accepted`;
  const fields = [node.id, node.namespace, node.pod, node.agentVersion, ...labels.flat()];
  const isTooLong = fields.some((field) => field.length > maxNodeFieldLength);
  return isTooLong ? `a field of the node is longer than ${maxNodeFieldLength} characters` : null;
}

function refuse(code: status, details: string): HelloResult {
  return { ok: false, refusal: { code, details } };
}

function quote(value: unknown): string {
  return JSON.stringify(String(value).slice(0, 64));
}

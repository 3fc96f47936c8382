// What an authenticated agent may say of itself and ask for: it is the pod that its token was made for, and a gateway
// gets its Gateway only with that Gateway's ServiceAccount. Pure. Which names a node's mode allows at all is
// snapshot/scope.ts's.
import { status } from "@grpc/grpc-js";
import type { Node } from "../../proto/messages.ts";
import type { AuthenticationFailure, Identity } from "./authenticate.ts";

/** Why a stream ends: a gRPC status code and its message. */
export interface Refusal {
  readonly code: status;
  readonly details: string;
  /** Set when the agent is not who or what it should be: how that is counted. */
  readonly failure?: AuthenticationFailure;
}

/** The agent at the other end of a stream, as far as its token tells. */
export interface Caller {
  readonly identity: Identity;
  /** Name of the ServiceAccount of Gateway "namespace/name", or undefined when no such Gateway of ours is known. */
  readonly gatewayServiceAccount: (gateway: string) => string | undefined;
}

/** Null when `node` is the pod of the caller's token, else why not. */
export function nodeRefusal({ identity }: Caller, node: Pick<Node, "namespace" | "pod">): Refusal | null {
  if (node.namespace === identity.namespace && node.pod === identity.pod) return null;
  const details =
    `the token is of pod "${identity.namespace}/${identity.pod}", ` +
    `the agent says that it is "${node.namespace.slice(0, 253)}/${node.pod.slice(0, 253)}"`;
  return { code: status.PERMISSION_DENIED, details, failure: "other pod" };
}

/**
 * Null when the caller may have the Gateway of subscription `name` (or `name` is of another kind), else why not. A
 * Gateway that is not known is UNAVAILABLE: another replica may have heard of it first.
 */
export function gatewayRefusal({ identity, gatewayServiceAccount }: Caller, name: string): Refusal | null {
  if (!name.startsWith("gateway:")) return null;
  const gateway = name.slice("gateway:".length);
  const expected = gatewayServiceAccount(gateway);
  if (expected === undefined) {
    return { code: status.UNAVAILABLE, details: `no Gateway "${gateway}" of this control plane is known here yet` };
  }
  if (gateway.startsWith(`${identity.namespace}/`) && expected === identity.serviceAccount) return null;
  const details =
    `Gateway "${gateway}" is for ServiceAccount "${expected}" of its namespace, ` +
    `the token is of "${identity.namespace}/${identity.serviceAccount}"`;
  return { code: status.PERMISSION_DENIED, details, failure: "other gateway" };
}

// An agent's reading of a snapshot: the bytes decoded and compiled as after a response of the stream.
import { applyResponse, emptyResourceSet } from "../../agent/discovery/resource-set.ts";
import { SplitRegistry } from "../../agent/routing/split-registry.ts";
import { compile } from "../../agent/snapshot/compile.ts";
import type { CompiledSnapshot } from "../../agent/snapshot/compiled.ts";
import type { Snapshot } from "../../control-plane/snapshot/snapshot.ts";

/** Subscribed to one Gateway ("namespace/name"). Throws with every reason for which an agent would refuse it. */
export function asGatewayAgent(snapshot: Snapshot, gateway: string): CompiledSnapshot {
  return receive(snapshot, "gateway", new Map([[`gateway:${gateway}`, snapshot.gateways.get(gateway) ?? []]]));
}

/** Subscribed to every frontend, as a client in `namespace`. Throws as above. */
export function asSidecar(snapshot: Snapshot, namespace: string): CompiledSnapshot {
  const subscriptions = [...snapshot.frontends].map(([name, { listener, consumerListeners }]) => {
    return [`frontend:${name}`, [consumerListeners.get(namespace) ?? listener]] as const;
  });
  return receive(snapshot, "sidecar", new Map(subscriptions));
}

function receive(
  snapshot: Snapshot,
  mode: "gateway" | "sidecar",
  listeners: ReadonlyMap<string, readonly string[]>,
): CompiledSnapshot {
  const response = {
    generation: snapshot.generation,
    nonce: "1",
    resources: [...snapshot.resources.values()].map(({ wire }) => wire),
    removedResources: [],
    answers: [...listeners].map(([subscription, names]) => {
      return { subscription, state: "FOUND" as const, listeners: [...names], workload: "" };
    }),
  };
  const received = applyResponse(emptyResourceSet, response, () => true);
  if (!received.ok) throw new Error(JSON.stringify(received.errors));
  const compiled = compile(received.resources, { splits: new SplitRegistry(() => 0), previous: null, mode });
  if ("errors" in compiled) throw new Error(JSON.stringify(compiled.errors));
  return compiled.snapshot;
}

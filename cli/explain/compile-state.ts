// What an agent would hold of a ClusterState: translated, sent, decoded and compiled by the very code that does it
// between control plane and agent, only without the socket.
import { applyResponse, emptyResourceSet } from "../../agent/discovery/resource-set.ts";
import { SplitRegistry } from "../../agent/routing/split-registry.ts";
import { compile } from "../../agent/snapshot/compile.ts";
import type { CompiledSnapshot } from "../../agent/snapshot/compiled.ts";
import { SnapshotBuilder, type Snapshot } from "../../control-plane/snapshot/snapshot.ts";
import { Subscriber } from "../../control-plane/snapshot/subscriber.ts";
import type { ClusterState } from "../../control-plane/source/cluster-state.ts";
import type { Node } from "../../proto/messages.ts";
import { CommandFailure } from "../failure.ts";
import { translateState } from "../folder/controller.ts";

/** The snapshot that the control plane would serve. Throws a CommandFailure when it would refuse to. */
export function snapshotOf(state: ClusterState): Snapshot {
  const result = new SnapshotBuilder({ epoch: "explain" }).build(translateState(state));
  if (!result.ok) {
    throw new CommandFailure(`the translation contradicts itself: ${result.faults.join("; ")}`);
  }
  return result.snapshot;
}

/** Compiled for an agent that subscribes to `subscription`; a sidecar asks from inside `namespace`. */
export function compileFor(
  snapshot: Snapshot,
  mode: "gateway" | "sidecar",
  namespace: string,
  subscription: string,
): CompiledSnapshot {
  const node: Node = {
    id: "explain",
    namespace,
    pod: "explain",
    labels: {},
    mode: mode === "gateway" ? "GATEWAY" : "SIDECAR",
    agentVersion: "",
  };
  const response = new Subscriber(node, { subscriptions: [subscription], knownResources: [] }, snapshot).next(snapshot);
  if (response === null) {
    throw new CommandFailure("the control plane would not answer");
  }
  const applied = applyResponse(emptyResourceSet, response, () => true);
  if (!applied.ok) {
    throw new CommandFailure(`an agent would refuse this: ${applied.errors.map(({ reason }) => reason).join("; ")}`);
  }
  // Explaining draws nothing, so nothing random is needed.
  const compiled = compile(applied.resources, { splits: new SplitRegistry(() => 0), previous: null, mode });
  if (!("snapshot" in compiled)) {
    throw new CommandFailure(`an agent would refuse this: ${compiled.errors.map(({ reason }) => reason).join("; ")}`);
  }
  return compiled.snapshot;
}

// Which listeners a described request could arrive at, and what each does with it. Pure over a ClusterState. A URL means
// a frontend when its authority names a Service as seen from a namespace, else every Gateway listener on its port.
import { describedRequest, type RequestDescription } from "../../agent/routing/described-request.ts";
import { explain, type Explanation } from "../../agent/routing/explain.ts";
import type { ClusterState } from "../../control-plane/source/cluster-state.ts";
import { CommandFailure, UsageError } from "../failure.ts";
import { ourGateways } from "../folder/controller.ts";
import { localPortOf } from "../up/agents/local-ports.ts";
import { compileFor, snapshotOf } from "./compile-state.ts";

export interface ExplainedListener {
  /** "Gateway task-api/task-api-gateway port 80" or "Service frontend task-api-stable:8000". */
  readonly place: string;
  /** "namespace/name"; absent for a Service frontend. */
  readonly gateway?: string;
  /** Null: no listener there takes the request's host, 404. */
  readonly explanation: Explanation | null;
}

export interface ExplainOptions {
  /** Only this Gateway, "namespace/name". */
  readonly gateway?: string;
  /** Namespace of the client inside the mesh. */
  readonly from: string;
  /** Gateways are reached where `heddle up` binds their ports, too. */
  readonly isLocal: boolean;
}

/** At least one entry. Throws a UsageError for a bad URL and a CommandFailure when nothing listens there. */
export function explainRequest(
  state: ClusterState,
  description: RequestDescription,
  options: ExplainOptions,
): readonly ExplainedListener[] {
  const request = readRequest(description);
  const port = Number(new URL(description.url).port || "80");
  const snapshot = snapshotOf(state);

  const dialled = `${new URL(description.url).hostname}:${port}`;
  if (options.gateway === undefined) {
    const name = `frontend:${dialled}`;
    const frontend = compileFor(snapshot, "sidecar", options.from, name).frontends.get(dialled);
    if (frontend?.listener !== null && frontend?.listener !== undefined) {
      return [{ place: `Service frontend ${dialled}`, explanation: explain(frontend.listener, request) }];
    }
  }

  const found: ExplainedListener[] = [];
  for (const [name, { meta }] of ourGateways(state)) {
    if (options.gateway !== undefined && options.gateway !== name) {
      continue;
    }
    const compiled = compileFor(snapshot, "gateway", meta.namespace, `gateway:${name}`);
    for (const gatewayPort of compiled.gatewayPorts.values()) {
      if (port === gatewayPort.port || (options.isLocal && port === localPortOf(gatewayPort.port))) {
        const listener = gatewayPort.listenerFor(request.host);
        const place = `Gateway ${name} port ${gatewayPort.port}`;
        found.push({ place, gateway: name, explanation: listener === null ? null : explain(listener, request) });
      }
    }
  }
  if (found.length === 0) {
    throw new CommandFailure(nothingThere(state, dialled, options));
  }
  return found;
}

function readRequest(description: RequestDescription): ReturnType<typeof describedRequest> {
  try {
    return describedRequest(description);
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}

function nothingThere(state: ClusterState, dialled: string, { gateway, from, isLocal }: ExplainOptions): string {
  const gateways = [...ourGateways(state)].map(([name, { listeners }]) => {
    const ports = listeners.map(({ port }) => (isLocal ? `${port} (here ${localPortOf(port)})` : port)).join(", ");
    return `${name} on ${ports}`;
  });
  const known = gateways.length === 0 ? "there is no Gateway of class heddle" : `Gateways: ${gateways.join("; ")}`;
  return gateway === undefined
    ? `nothing listens at ${dialled}: no Service of that name and port as seen from namespace ${from}; ${known}`
    : `Gateway ${gateway} has no such listener; ${known}`;
}

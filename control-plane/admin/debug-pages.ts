// The debug pages as plain values; the server writes them as JSON. Nothing here changes anything.
import { closureOf, resolveSubscription } from "../snapshot/scope.ts";
import type { SnapshotResource } from "../snapshot/resource.ts";
import type { Snapshot } from "../snapshot/snapshot.ts";
import type { AdminView } from "./view.ts";

/** A page's answer: a value, or why there is none. */
export type Page =
  | { readonly ok: true; readonly value: unknown }
  | { readonly ok: false; readonly status: number; readonly message: string };

/** Every connected agent: what it was sent, what it acknowledged, what it refused. */
export function agentsPage({ discovery, version }: AdminView): Page {
  const agents = discovery.connectedAgents().map(({ withheld, connectedAtMs, lastNack, ...agent }) => ({
    ...agent,
    connectedAt: new Date(connectedAtMs).toISOString(),
    lastNack: lastNack === null ? null : { ...lastNack, at: new Date(lastNack.atMs).toISOString() },
    withheld: Object.fromEntries(withheld),
  }));
  return { ok: true, value: { version, generation: discovery.snapshot?.generation ?? "", agents } };
}

/**
 * The snapshot that is served: all of it, what one connected agent asked for (`agent`, a node id), or what one name
 * stands for (`subscription`; with `namespace`, as a client there would see it).
 */
export function snapshotPage(view: AdminView, query: URLSearchParams): Page {
  const { snapshot } = view.discovery;
  if (snapshot === null) return { ok: false, status: 503, message: "no snapshot yet" };
  const agentId = query.get("agent");
  const subscription = query.get("subscription");
  if (agentId !== null) {
    const agent = view.discovery.connectedAgents().find(({ node }) => node.id === agentId);
    if (agent === undefined) return { ok: false, status: 404, message: `no agent ${agentId} is connected` };
    const names = agent.subscriptions.map((name) => [name, describeName(snapshot, agent.node, name)] as const);
    const { sentGeneration, acknowledgedGeneration } = agent;
    const withheld = Object.fromEntries(agent.withheld);
    return {
      ok: true,
      value: {
        generation: snapshot.generation,
        sentGeneration,
        acknowledgedGeneration,
        withheld,
        subscriptions: Object.fromEntries(names),
      },
    };
  }
  if (subscription !== null) {
    const namespace = query.get("namespace") ?? "default";
    const node = { namespace, pod: "", labels: {}, mode: "SIDECAR" } as const;
    return { ok: true, value: { generation: snapshot.generation, ...describeName(snapshot, node, subscription) } };
  }
  return {
    ok: true,
    value: {
      generation: snapshot.generation,
      gateways: Object.fromEntries(snapshot.gateways),
      frontends: Object.fromEntries(
        [...snapshot.frontends].map(([name, { listener, consumerListeners }]) => [
          name,
          { listener, consumerListeners: Object.fromEntries(consumerListeners) },
        ]),
      ),
      resources: [...snapshot.resources.values()].map(describeResource),
    },
  };
}

/** The statuses of every object of ours. */
export function statusPage({ statuses }: AdminView): Page {
  return { ok: true, value: { objects: statuses() } };
}

/** What agents reported, summed per rule, backend and workload version. */
export function statsPage({ discovery }: AdminView): Page {
  return { ok: true, value: { series: discovery.stats(), ...discovery.statsLosses } };
}

/** Mistakes in what the source reads now. */
export function problemsPage({ problems }: AdminView): Page {
  return { ok: true, value: { problems: problems() } };
}

function describeName(
  snapshot: Snapshot,
  node: Parameters<typeof resolveSubscription>[1],
  name: string,
): {
  readonly found: boolean;
  readonly listeners: readonly string[];
  readonly workload: string;
  readonly resources: readonly unknown[];
} {
  const { answer, roots } = resolveSubscription(snapshot, node, name);
  const { listeners, workload } = answer;
  const resources = new Set(roots.flatMap((root) => closureOf(snapshot, root)));
  return { found: answer.state === "FOUND", listeners, workload, resources: [...resources].map(describeResource) };
}

function describeResource({ type, name, version, body }: SnapshotResource): unknown {
  return { type, name, version, body };
}

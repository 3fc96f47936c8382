// `heddle get` on a cluster: objects and statuses from the API server, live shares and agents from every replica of the
// control plane. Without the right or the replicas for the latter, routes are shown without shares.
import type { ClusterClient } from "../cluster/client.ts";
import { kindsNamed, loadKinds } from "../cluster/load-cluster.ts";
import { askReplicas } from "../cluster/replicas.ts";
import { sumStats, type StatsPage } from "../cluster/summed-stats.ts";
import { CommandFailure } from "../failure.ts";
import { LiveRoutes } from "../up/output/live-routes.ts";
import { replicaAgentRows, type AgentsPage } from "./agents-of-replicas.ts";
import { gatewayStatuses, routeStatuses } from "./cluster-statuses.ts";
import { gatewayRows, routeRows } from "./rows.ts";

export interface ClusterRows {
  readonly rows: readonly Readonly<Record<string, string | number>>[];
  /** What could not be asked, for stderr. */
  readonly notes: readonly string[];
}

/** `namespace` undefined is all of them. Throws a CommandFailure. */
export async function rowsFromCluster(
  client: ClusterClient,
  what: "routes" | "gateways" | "agents",
  namespace: string | undefined,
): Promise<ClusterRows> {
  switch (what) {
    case "routes": {
      return rowsOfRoutes(client, namespace);
    }
    case "gateways": {
      const { state, objects, problems } = await loadKinds(client, kindsNamed("GatewayClass", "Gateway"), namespace);
      const statuses = gatewayStatuses(state, objects.get("Gateway") ?? []);
      return { rows: gatewayRows(statuses, []), notes: problems.map(({ message }) => message) };
    }
    case "agents": {
      return { rows: replicaAgentRows(await askReplicas<AgentsPage>(client, "/debug/agents"), namespace), notes: [] };
    }
  }
}

async function rowsOfRoutes(client: ClusterClient, namespace: string | undefined): Promise<ClusterRows> {
  const [{ state, objects, problems }, stats] = await Promise.all([
    loadKinds(client, kindsNamed("HTTPRoute"), namespace),
    readStats(client),
  ]);
  const live = new LiveRoutes().update(state, sumStats(stats.pages), 0);
  return {
    rows: routeRows(routeStatuses(objects.get("HTTPRoute") ?? []), live),
    notes: [...problems.map(({ message }) => message), ...stats.notes],
  };
}

async function readStats(
  client: ClusterClient,
): Promise<{ readonly pages: readonly StatsPage[]; readonly notes: readonly string[] }> {
  try {
    const answers = await askReplicas<StatsPage>(client, "/debug/stats");
    return {
      pages: answers.flatMap((answer) => (answer.ok ? [answer.page] : [])),
      notes: answers.flatMap((answer) =>
        answer.ok ? [] : [`replica ${answer.pod} does not answer, its counts are missing: ${answer.reason}`],
      ),
    };
  } catch (error) {
    if (!(error instanceof CommandFailure)) {
      throw error;
    }
    return { pages: [], notes: [`no live shares: ${error.message}`] };
  }
}

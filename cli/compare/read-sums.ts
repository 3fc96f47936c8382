// Where the counts of `heddle compare` come from: every replica of the control plane of a cluster, or the control plane
// of a running `heddle up`. Both give a function that reads the sums as they stand when it is called.
import { join, resolve } from "node:path";
import type { ClusterState, HttpRoute } from "../../control-plane/source/cluster-state.ts";
import type { ClusterClient } from "../cluster/client.ts";
import { kindsNamed, loadKinds } from "../cluster/load-cluster.ts";
import { askReplicas } from "../cluster/replicas.ts";
import type { StatsPage } from "../cluster/summed-stats.ts";
import { CommandFailure } from "../failure.ts";
import { assertFolder, loadFolder } from "../folder/load-folder.ts";
import { fetchState } from "../up/state-server.ts";
import type { Reading } from "./version-counts.ts";

export interface Sums {
  readonly reading: Reading;
  /** Replicas that did not answer: name and why. */
  readonly silent: ReadonlyMap<string, string>;
}

export interface Measured {
  /** "namespace/name". */
  readonly route: string;
  /** "namespace/name" of the Services that it names, in its own order. */
  readonly backends: readonly string[];
  readonly read: () => Promise<Sums>;
}

/** Throws a CommandFailure when there is no such route. */
export async function measuredOnCluster(client: ClusterClient, namespace: string, name: string): Promise<Measured> {
  const { state } = await loadKinds(client, kindsNamed("HTTPRoute"), namespace);
  const { route, backends } = findRoute(state, namespace, name);
  const read = async (): Promise<Sums> => {
    const answers = await askReplicas<StatsPage>(client, "/debug/stats");
    const reading = new Map(
      answers.flatMap((answer) => (answer.ok ? [[answer.pod, answer.page.series] as const] : [])),
    );
    const silent = new Map(answers.flatMap((answer) => (answer.ok ? [] : [[answer.pod, answer.reason] as const])));
    if (reading.size === 0) {
      throw new CommandFailure(`no replica of the control plane answers: ${[...silent.values()].join("; ")}`);
    }
    return { reading, silent };
  };
  return { route, backends, read };
}

/** Throws a CommandFailure when no `heddle up` runs there, or there is no such route. */
export async function measuredInFolder(folder: string, namespace: string | undefined, name: string): Promise<Measured> {
  assertFolder(folder);
  const running = await fetchState(join(resolve(folder), ".heddle"));
  if (running === null) {
    throw new CommandFailure(`no heddle up runs on ${folder}; start it with: heddle up ${folder}`);
  }
  const { state } = await loadFolder(folder);
  const { route, backends } = findRoute(state ?? { httpRoutes: new Map() }, namespace, name);
  const read = async (): Promise<Sums> => {
    try {
      const response = await fetch(`${running.controlPlaneAdmin}/debug/stats`, { signal: AbortSignal.timeout(5000) });
      const { series } = (await response.json()) as StatsPage;
      return { reading: new Map([["heddle up", series]]), silent: new Map() };
    } catch (error) {
      throw new CommandFailure(`the control plane of heddle up does not answer: ${String(error)}`);
    }
  };
  return { route, backends, read };
}

/** Without a namespace the only route of that name in any. */
function findRoute(
  { httpRoutes }: Pick<ClusterState, "httpRoutes">,
  namespace: string | undefined,
  name: string,
): Pick<Measured, "route" | "backends"> {
  const found = [...httpRoutes].filter(
    ([, { meta }]) => meta.name === name && (namespace === undefined || meta.namespace === namespace),
  );
  const [only, another] = found;
  if (only === undefined || another !== undefined) {
    const known = [...httpRoutes.keys()].join(", ") || "none";
    const where = namespace === undefined ? "" : ` in namespace ${namespace}`;
    throw new CommandFailure(
      only === undefined
        ? `no HTTPRoute ${name}${where}; there are: ${known}`
        : `more than one HTTPRoute ${name}: choose with -n`,
    );
  }
  return { route: only[0], backends: backendsOf(only[1]) };
}

/** Rules that split come first: their order says which version the others are held against. */
function backendsOf({ rules }: HttpRoute): readonly string[] {
  const splits = rules.filter(({ backendRefs }) => backendRefs.length > 1);
  const names = [...splits, ...rules].flatMap(({ backendRefs }) =>
    backendRefs.map((ref) => `${ref.namespace}/${ref.name}`),
  );
  return [...new Set(names)];
}

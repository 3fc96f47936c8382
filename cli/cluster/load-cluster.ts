// The objects of a cluster, listed once: the same converters as every other source, so that what a command explains is
// what the control plane would translate. A kind that the server does not have is a problem, not a failure.
import { buildClusterState } from "../../control-plane/source/build-cluster-state.ts";
import type { ClusterState } from "../../control-plane/source/cluster-state.ts";
import { apiVersionOf, knownKinds, type KindInfo } from "../../control-plane/source/kinds.ts";
import type { Manifest } from "../../control-plane/source/manifest.ts";
import { ObjectLedger } from "../../control-plane/source/object-ledger.ts";
import type { Problem } from "../../control-plane/source/source.ts";
import { ApiFailure } from "./api-failure.ts";
import type { ApiObject, ClusterClient } from "./client.ts";

export interface LoadedCluster {
  readonly state: ClusterState;
  /** Kinds that the server does not have, and one problem for each. */
  readonly missing: ReadonlySet<KindInfo["kind"]>;
  readonly problems: readonly Problem[];
  /** As listed, for what a ClusterState does not keep: statuses. */
  readonly objects: ReadonlyMap<KindInfo["kind"], readonly ListedObject[]>;
}

export interface ListedObject extends ApiObject {
  readonly spec?: Readonly<Record<string, unknown>>;
  readonly status?: Readonly<Record<string, unknown>>;
}

/** Where a kind is listed: in one namespace, or everywhere. */
export function listPath({ kind, group, versions, namespaced }: KindInfo, namespace?: string): string {
  const root = group === "" ? `/api/${versions[0]}` : `/apis/${group}/${versions[0]}`;
  const plural = kind === "GatewayClass" ? "gatewayclasses" : `${kind.toLowerCase()}s`;
  return `${root}${namespaced && namespace !== undefined ? `/namespaces/${namespace}` : ""}/${plural}`;
}

/** Lists the whole cluster. Throws an ApiFailure that names the right that is missing. */
export function loadCluster(client: ClusterClient): Promise<LoadedCluster> {
  return loadKinds(client, knownKinds);
}

/** Lists some kinds, in one namespace when one is given. Throws an ApiFailure that names the right that is missing. */
export async function loadKinds(
  client: ClusterClient,
  kinds: readonly KindInfo[],
  namespace?: string,
): Promise<LoadedCluster> {
  const missing: KindInfo[] = [];
  const lists = await Promise.all(
    kinds.map(async (info) => {
      try {
        return { info, items: await client.list<ListedObject>(listPath(info, namespace)) };
      } catch (error) {
        if (!(error instanceof ApiFailure) || error.kind !== "missing" || info.group === "") {
          throw error;
        }
        missing.push(info);
        return { info, items: [] };
      }
    }),
  );
  return {
    state: stateOf(lists),
    missing: new Set(missing.map(({ kind }) => kind)),
    problems: missing.map(missingKind),
    objects: new Map(lists.map(({ info, items }) => [info.kind, items])),
  };
}

/** The kinds of these names. */
export function kindsNamed(...names: readonly KindInfo["kind"][]): readonly KindInfo[] {
  return knownKinds.filter(({ kind }) => names.includes(kind));
}

function stateOf(lists: readonly { readonly info: KindInfo; readonly items: readonly ListedObject[] }[]): ClusterState {
  const manifests = new Map<string, { readonly manifest: Manifest; readonly namespace: string }>();
  for (const { info, items } of lists) {
    for (const item of items) {
      const { name, namespace = "" } = item.metadata;
      // Items of a list do not say what they are.
      const fields = { ...item, apiVersion: apiVersionOf(info), kind: info.kind };
      const manifest: Manifest = { info, namespace, name, fields, position: { line: 0, column: 0 } };
      manifests.set(`${info.kind} ${namespace}/${name}`, { manifest, namespace });
    }
  }
  return buildClusterState(new ObjectLedger(Date.now).accept(manifests), null);
}

function missingKind(info: KindInfo): Problem {
  return {
    severity: "error",
    file: "cluster",
    line: 0,
    column: 0,
    object: "",
    field: "",
    message: `the API server has no ${apiVersionOf(info)} ${info.kind}: install the Gateway API CRDs, v1.5 or newer, standard channel`,
  };
}

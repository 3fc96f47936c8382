// The calls behind statuses on Kubernetes: list, read, and replace a status. Knows paths and answers, not what a status
// should say. A status is replaced by PUT on the subresource with the resourceVersion that was read: the API server
// answers 409 when the object changed since, plainly apart from 422 for what it does not accept, which a JSON patch with
// a failed test also gets; and lists such as status.parents are replaced as a whole either way.
import { CustomObjectsApi, type KubeConfig } from "@kubernetes/client-node";
import { gatewayGroup } from "../translate/conditions.ts";
import { ApiConnections } from "../kubernetes/api-connections.ts";
import { isStatus } from "../kubernetes/api-refusal.ts";
import type { StatusObject } from "./status-object.ts";

export interface StatusTarget {
  readonly kind: StatusObject["kind"];
  /** Empty for a GatewayClass. */
  readonly namespace: string;
  readonly name: string;
}

/** An object as the cluster has it; its status is whatever is there. */
export interface ClusterObject extends StatusTarget {
  readonly uid: string;
  readonly resourceVersion: string;
  readonly generation: number;
  readonly status: Readonly<Record<string, unknown>>;
}

export interface StatusApi {
  /** All objects of a kind, in pages; none when the cluster does not know the kind. */
  list(kind: StatusObject["kind"], signal: AbortSignal): AsyncIterable<readonly ClusterObject[]>;
  /** Null when there is none. */
  read(target: StatusTarget, signal: AbortSignal): Promise<ClusterObject | null>;
  /** "conflict" when the object is another than the one that was read, or gone. */
  replaceStatus(
    current: ClusterObject,
    status: Readonly<Record<string, unknown>>,
    signal: AbortSignal,
  ): Promise<"written" | "conflict">;
  close(): void;
}

/** Plural names in the API. */
const plurals = { GatewayClass: "gatewayclasses", Gateway: "gateways", HTTPRoute: "httproutes" } as const;

/** Every kind whose status is written. */
export const statusKinds: readonly StatusObject["kind"][] = ["GatewayClass", "Gateway", "HTTPRoute"];

const version = "v1";
const pageSize = 500;

/** Needs `get` and `list` on gatewayclasses, gateways and httproutes, and `update` on their `/status`. */
export class KubernetesStatusApi implements StatusApi {
  readonly #api: CustomObjectsApi;
  readonly #connections = new ApiConnections(() => performance.now());

  constructor(kubeConfig: KubeConfig) {
    this.#api = kubeConfig.makeApiClient(CustomObjectsApi);
  }

  async *list(kind: StatusObject["kind"], signal: AbortSignal): AsyncGenerator<readonly ClusterObject[]> {
    let token: string | undefined;
    do {
      const page = await orMissing(
        this.#api.listClusterCustomObject(
          {
            group: gatewayGroup,
            version,
            plural: plurals[kind],
            limit: pageSize,
            ...(token !== undefined && { _continue: token }),
          },
          this.#connections.options(signal),
        ),
      );
      if (page === null) return;
      const { items = [], metadata } = page as {
        readonly items?: readonly unknown[];
        readonly metadata?: { readonly continue?: string };
      };
      yield items.map((item) => toClusterObject(kind, item));
      token = metadata?.continue;
    } while (token !== undefined && token !== "");
  }

  async read(target: StatusTarget, signal: AbortSignal): Promise<ClusterObject | null> {
    const { kind, namespace, name } = target;
    const where = { group: gatewayGroup, version, plural: plurals[kind], name };
    const options = this.#connections.options(signal);
    const object: unknown = await orMissing(
      kind === "GatewayClass"
        ? this.#api.getClusterCustomObject(where, options)
        : this.#api.getNamespacedCustomObject({ ...where, namespace }, options),
    );
    return object === null ? null : toClusterObject(kind, object);
  }

  async replaceStatus(
    current: ClusterObject,
    status: Readonly<Record<string, unknown>>,
    signal: AbortSignal,
  ): Promise<"written" | "conflict"> {
    const { kind, namespace, name, uid, resourceVersion } = current;
    // Of metadata and spec the API server takes nothing here; they need not be sent.
    const body = {
      apiVersion: `${gatewayGroup}/${version}`,
      kind,
      metadata: { name, uid, resourceVersion, ...(kind !== "GatewayClass" && { namespace }) },
      status,
    };
    const where = { group: gatewayGroup, version, plural: plurals[kind], name, body };
    const options = this.#connections.options(signal);
    try {
      await (kind === "GatewayClass"
        ? this.#api.replaceClusterCustomObjectStatus(where, options)
        : this.#api.replaceNamespacedCustomObjectStatus({ ...where, namespace }, options));
      return "written";
    } catch (error) {
      if (isStatus(error, 404, 409)) return "conflict";
      throw error;
    }
  }

  close(): void {
    this.#connections.close();
  }
}

async function orMissing<Result>(call: Promise<Result>): Promise<Result | null> {
  try {
    return await call;
  } catch (error) {
    if (isStatus(error, 404)) return null;
    throw error;
  }
}

interface Manifest {
  readonly metadata?: {
    readonly namespace?: string;
    readonly name?: string;
    readonly uid?: string;
    readonly resourceVersion?: string;
    readonly generation?: number;
  };
  readonly status?: Readonly<Record<string, unknown>>;
}

function toClusterObject(kind: StatusObject["kind"], object: unknown): ClusterObject {
  const { metadata = {}, status = {} } = object as Manifest;
  const { namespace = "", name = "", uid = "", resourceVersion = "", generation = 0 } = metadata;
  return { kind, namespace, name, uid, resourceVersion, generation, status };
}

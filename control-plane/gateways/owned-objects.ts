// The objects that gateways are made of, as the API server has them: watched by label, remembered as little as
// reconciling needs; written by server-side apply. Knows nothing of what they should be.
import {
  type KubeConfig,
  type KubernetesObject,
  KubernetesObjectApi,
  PatchStrategy,
  type ResponseContext,
} from "@kubernetes/client-node";
import { createHash } from "node:crypto";
import { labels } from "../../proto/kubernetes.ts";
import type { Clock } from "../discovery/clock.ts";
import type { Logger } from "../discovery/logger.ts";
import { isStatus } from "../kubernetes/api-refusal.ts";
import { ListWatch } from "../kubernetes/list-watch.ts";
import type { ApiObject } from "../kubernetes/object-store.ts";
import { apiCall } from "./api-call.ts";
import {
  type ManagedKind,
  type ManagedObject,
  managedBy,
  managedByLabel,
  type OwnerReference,
} from "./gateway-objects.ts";

/** What is kept of an object. */
export interface OwnedObject {
  readonly kind: ManagedKind;
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  readonly version: bigint;
  /** Of everything but status: differs after any edit, whoever made it. */
  readonly fingerprint: string;
  readonly owner: OwnerReference | undefined;
  readonly labels: Readonly<Record<string, string>>;
  readonly isBeingDeleted: boolean;
  /** Of a Service: what its load balancer answers at, else its cluster addresses. */
  readonly addresses: readonly GatewayAddress[];
}

export interface GatewayAddress {
  readonly type: "IPAddress" | "Hostname";
  readonly value: string;
}

const kinds: Readonly<Record<ManagedKind, { readonly apiVersion: string; readonly path: string }>> = {
  ServiceAccount: { apiVersion: "v1", path: "/api/v1/serviceaccounts" },
  Service: { apiVersion: "v1", path: "/api/v1/services" },
  Deployment: { apiVersion: "apps/v1", path: "/apis/apps/v1/deployments" },
  PodDisruptionBudget: { apiVersion: "policy/v1", path: "/apis/policy/v1/poddisruptionbudgets" },
};

const fieldManager = "heddle";

export interface OwnedObjectsOptions {
  readonly kubeConfig: KubeConfig;
  readonly clock: Clock;
  readonly logger: Logger;
  /** An object appeared, changed in what is kept of it, or went. */
  readonly onChange: (before: OwnedObject | undefined, now: OwnedObject | undefined) => void;
  /** Everything that there is, is known. */
  readonly onSynced: () => void;
}

/** Answers as they came, with every field: as watches show them, so that fingerprints of both can be compared. */
class PlainObjectApi extends KubernetesObjectApi {
  protected override processResponse<T extends KubernetesObject>(response: ResponseContext): Promise<T> {
    return super.processResponse<T>(response, "any");
  }
}

export class OwnedObjects {
  readonly #options: OwnedObjectsOptions;
  readonly #api: KubernetesObjectApi;
  readonly #watches: ReadonlyMap<ManagedKind, ListWatch<OwnedObject>>;
  /** By objectKey: what `onChange` was last told. Bounded by the cluster's Gateways. */
  readonly #told = new Map<string, OwnedObject>();

  constructor(options: OwnedObjectsOptions) {
    this.#options = options;
    this.#api = options.kubeConfig.makeApiClient(PlainObjectApi);
    this.#watches = new Map(
      (Object.keys(kinds) as readonly ManagedKind[]).map((kind) => [kind, this.#watch(kind)] as const),
    );
  }

  get isSynced(): boolean {
    return [...this.#watches.values()].every(({ isSynced }) => isSynced);
  }

  start(): void {
    for (const watch of this.#watches.values()) watch.start();
  }

  async close(): Promise<void> {
    await Promise.all([...this.#watches.values()].map((watch) => watch.close()));
  }

  /** Every object that is labelled as ours. */
  *all(): Iterable<OwnedObject> {
    for (const watch of this.#watches.values()) yield* watch.objects.values();
  }

  get(kind: ManagedKind, namespace: string, name: string): OwnedObject | undefined {
    return this.#watches.get(kind)?.objects.get(`${namespace}/${name}`);
  }

  /** What the API server has under that name, labelled as ours or not; undefined when nothing. Throws what the API server answers. */
  async read({ apiVersion, kind, metadata }: ManagedObject): Promise<OwnedObject | undefined> {
    const { namespace, name } = metadata;
    try {
      const request = this.#api.read({ apiVersion, kind, metadata: { namespace, name } });
      return toOwned(kind, (await apiCall(request, this.#options.clock)) as unknown as ApiObject);
    } catch (error) {
      if (isStatus(error, 404)) return undefined;
      throw error;
    }
  }

  /**
   * Server-side apply; resolves with the object as it is then. `over` is the object that may be changed;
   * without one it must not exist, or have none of our fields. Throws what the API server answers: 409 when it is another one by now.
   */
  async apply(object: ManagedObject, over: OwnedObject | undefined): Promise<OwnedObject> {
    const metadata = { ...object.metadata, ...(over && { uid: over.uid }) };
    const manifest = { ...object, metadata } as unknown as KubernetesObject;
    const isForced = over !== undefined;
    const strategy = PatchStrategy.ServerSideApply;
    const request = this.#api.patch(manifest, undefined, undefined, fieldManager, isForced, strategy);
    return toOwned(object.kind, (await apiCall(request, this.#options.clock)) as unknown as ApiObject);
  }

  /** Deletes exactly that object; one that is gone already is well. Pods of a Deployment drain. Throws what the API server answers. */
  async remove({ kind, namespace, name, uid }: OwnedObject): Promise<void> {
    const header = { apiVersion: kinds[kind].apiVersion, kind, metadata: { namespace, name } };
    const exactly = { propagationPolicy: "Background", preconditions: { uid } };
    const request = this.#api.delete(header, undefined, undefined, undefined, undefined, undefined, exactly);
    try {
      await apiCall(request, this.#options.clock);
    } catch (error) {
      // 409: another object has the name by now.
      if (!isStatus(error, 404, 409)) throw error;
    }
  }

  #watch(kind: ManagedKind): ListWatch<OwnedObject> {
    const { kubeConfig, clock, logger, onSynced } = this.#options;
    return new ListWatch<OwnedObject>({
      kubeConfig,
      path: kinds[kind].path,
      labelSelector: `${managedByLabel}=${managedBy},${labels.gatewayName}`,
      keep: (object) => toOwned(kind, object),
      onChange: (keys) => this.#tell(kind, keys),
      onSynced: () => {
        if (this.isSynced) onSynced();
      },
      clock,
      logger,
    });
  }

  #tell(kind: ManagedKind, keys: readonly string[]): void {
    for (const key of keys) {
      const told = `${kind}/${key}`;
      const before = this.#told.get(told);
      const now = this.#watches.get(kind)?.objects.get(key);
      if (now === undefined) this.#told.delete(told);
      else this.#told.set(told, now);
      this.#options.onChange(before, now);
    }
  }
}

export function objectKey({ kind, namespace, name }: Pick<OwnedObject, "kind" | "namespace" | "name">): string {
  return `${kind}/${namespace}/${name}`;
}

/** Hash of any value, whatever the order of its keys. */
export function fingerprintOf(value: unknown): string {
  const text = JSON.stringify(value, (_key, part: unknown) =>
    typeof part === "object" && part !== null && !Array.isArray(part)
      ? Object.fromEntries(Object.entries(part).toSorted(([one], [other]) => (one < other ? -1 : 1)))
      : part,
  );
  return createHash("sha256")
    .update(text ?? "")
    .digest("base64url")
    .slice(0, 22);
}

/** Versions of one object only grow (KEP-5504). */
function versionOf(text: string | undefined): bigint {
  return /^\d+$/.test(text ?? "") ? BigInt(text ?? 0) : 0n;
}

interface OwnedMetadata {
  readonly ownerReferences?: readonly OwnerReference[];
  readonly deletionTimestamp?: unknown;
}

function toOwned(kind: ManagedKind, raw: ApiObject): OwnedObject {
  const { status: _status, metadata: _metadata, apiVersion: _apiVersion, kind: _kind, ...rest } = raw;
  const { namespace = "", name, uid = "", labels: given = {}, resourceVersion } = raw.metadata;
  const { ownerReferences = [], deletionTimestamp } = raw.metadata as OwnedMetadata;
  const annotations = Object.entries(raw.metadata.annotations ?? {}).filter(
    // The Deployment's own controller counts there.
    ([annotation]) => !annotation.startsWith("deployment.kubernetes.io/"),
  );
  return {
    kind,
    namespace,
    name,
    uid,
    version: versionOf(resourceVersion),
    fingerprint: fingerprintOf({ given, annotations: Object.fromEntries(annotations), ownerReferences, rest }),
    owner: ownerReferences.find(({ controller }) => controller === true),
    labels: given,
    isBeingDeleted: deletionTimestamp !== undefined,
    addresses: kind === "Service" ? addressesOf(raw as unknown as ServiceFields) : [],
  };
}

interface ServiceFields {
  readonly spec?: { readonly clusterIP?: string; readonly clusterIPs?: readonly string[] };
  readonly status?: {
    readonly loadBalancer?: { readonly ingress?: readonly { readonly ip?: string; readonly hostname?: string }[] };
  };
}

/** At most 16, which is what status.addresses holds. */
function addressesOf({ spec, status }: ServiceFields): readonly GatewayAddress[] {
  const assigned = (status?.loadBalancer?.ingress ?? []).flatMap(({ ip, hostname }): readonly GatewayAddress[] =>
    ip ? [{ type: "IPAddress", value: ip }] : hostname ? [{ type: "Hostname", value: hostname }] : [],
  );
  const clusterIps = spec?.clusterIPs ?? (spec?.clusterIP === undefined ? [] : [spec.clusterIP]);
  const internal = clusterIps
    .filter((value) => value !== "" && value !== "None")
    .map((value): GatewayAddress => ({ type: "IPAddress", value }));
  return (assigned.length > 0 ? assigned : internal).slice(0, 16);
}

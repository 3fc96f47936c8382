// The objects that gateways are made of, as the API server holds them: seen through a label, remembered as little as
// reconciling needs, written by server-side apply. Knows nothing of what they should be.
import { type KubeConfig, type KubernetesObject, KubernetesObjectApi, PatchStrategy } from "@kubernetes/client-node";
import { createHash } from "node:crypto";
import { labels } from "../../proto/kubernetes.ts";
import type { Clock } from "../discovery/clock.ts";
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

/** An answer of the API server that is no success, or none at all (code 0). */
export class ApiError extends Error {
  readonly code: number;

  constructor(code: number, message: string) {
    super(message);
    this.code = code;
  }
}

const apiVersions: Readonly<Record<ManagedKind, string>> = {
  ServiceAccount: "v1",
  Service: "v1",
  Deployment: "apps/v1",
  PodDisruptionBudget: "policy/v1",
};
const kinds = Object.keys(apiVersions) as readonly ManagedKind[];

const fieldManager = "heddle";
const requestTimeoutMs = 15_000;
const relistMs = 5000;
const pageSize = 500;

interface RawObject extends KubernetesObject {
  readonly spec?: { readonly clusterIP?: string; readonly clusterIPs?: readonly string[] };
  readonly status?: {
    readonly loadBalancer?: { readonly ingress?: readonly { readonly ip?: string; readonly hostname?: string }[] };
  };
}

export interface OwnedObjectsOptions {
  readonly kubeConfig: KubeConfig;
  readonly clock: Clock;
  /** An object appeared, changed or went. Not called for what `apply` and `remove` did. */
  readonly onChange: (before: OwnedObject | undefined, now: OwnedObject | undefined) => void;
  /** The first list is complete. */
  readonly onSynced: () => void;
  readonly onError: (error: ApiError) => void;
}

export class OwnedObjects {
  readonly #options: OwnedObjectsOptions;
  readonly #api: KubernetesObjectApi;
  /** By objectKey. Bounded by the cluster's Gateways. */
  #objects = new Map<string, OwnedObject>();
  #isSynced = false;
  #cancel: () => void = () => undefined;
  #closed = false;
  /** Counts what was written here: a list that was asked for before may not know of it. */
  #writes = 0;
  #round: Promise<void> = Promise.resolve();

  constructor(options: OwnedObjectsOptions) {
    this.#options = options;
    this.#api = KubernetesObjectApi.makeApiClient(options.kubeConfig);
  }

  /** Whether `all` has everything that there is. */
  get isSynced(): boolean {
    return this.#isSynced;
  }

  start(): void {
    this.#round = this.#relist().finally(() => {
      if (!this.#closed) this.#cancel = this.#options.clock.schedule(relistMs, () => this.start());
    });
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#cancel();
    await this.#round;
  }

  all(): Iterable<OwnedObject> {
    return this.#objects.values();
  }

  get(kind: ManagedKind, namespace: string, name: string): OwnedObject | undefined {
    return this.#objects.get(objectKey({ kind, namespace, name }));
  }

  /** What the API server has under that name, ours or not; undefined when nothing. Throws ApiError. */
  async read(header: ManagedObject): Promise<OwnedObject | undefined> {
    try {
      const { apiVersion, kind, metadata } = header;
      const { namespace, name } = metadata;
      const raw = await this.#request(this.#api.read({ apiVersion, kind, metadata: { namespace, name } }));
      return toOwned(header.kind, raw);
    } catch (error) {
      if (error instanceof ApiError && error.code === 404) return undefined;
      throw error;
    }
  }

  /**
   * Server-side apply. `over` is the object that it may change; without one it must not exist, or have none of our fields.
   * Throws ApiError: 409 when the object is another one by now.
   */
  async apply(object: ManagedObject, over: OwnedObject | undefined): Promise<OwnedObject> {
    const manifest = {
      ...object,
      metadata: { ...object.metadata, ...(over && { uid: over.uid }) },
    } as unknown as KubernetesObject;
    const raw = await this.#request(
      this.#api.patch(manifest, undefined, undefined, fieldManager, over !== undefined, PatchStrategy.ServerSideApply),
    );
    const applied = toOwned(object.kind, raw);
    this.#writes++;
    this.#objects.set(objectKey(applied), applied);
    return applied;
  }

  /** Deletes exactly that object; one that is gone already is well. Pods of a Deployment drain. Throws ApiError. */
  async remove({ kind, namespace, name, uid }: OwnedObject): Promise<void> {
    try {
      await this.#request(
        this.#api.delete(
          { apiVersion: apiVersions[kind], kind, metadata: { namespace, name } },
          undefined,
          undefined,
          undefined,
          undefined,
          "Background",
          { preconditions: { uid } },
        ),
      );
    } catch (error) {
      // 409: another object has the name by now.
      if (!(error instanceof ApiError) || (error.code !== 404 && error.code !== 409)) throw error;
    }
    this.#writes++;
    this.#objects.delete(objectKey({ kind, namespace, name }));
  }

  async #relist(): Promise<void> {
    try {
      const writes = this.#writes;
      const found = new Map<string, OwnedObject>();
      for (const kind of kinds) for (const owned of await this.#list(kind)) found.set(objectKey(owned), owned);
      if (this.#closed || writes !== this.#writes) return;
      const before = this.#objects;
      this.#objects = found;
      const isFirst = !this.#isSynced;
      this.#isSynced = true;
      for (const [key, now] of found) {
        const then = before.get(key);
        if (then === undefined || !isSame(then, now)) this.#options.onChange(then, now);
      }
      for (const [key, then] of before) if (!found.has(key)) this.#options.onChange(then, undefined);
      if (isFirst) this.#options.onSynced();
    } catch (error) {
      if (!this.#closed) this.#options.onError(error as ApiError);
    }
  }

  async #list(kind: ManagedKind): Promise<readonly OwnedObject[]> {
    const owned: OwnedObject[] = [];
    let next: string | undefined;
    do {
      const page = await this.#request(
        this.#api.list<RawObject>(
          apiVersions[kind],
          kind,
          undefined,
          undefined,
          undefined,
          undefined,
          undefined,
          `${managedByLabel}=${managedBy},${labels.gatewayName}`,
          pageSize,
          next,
        ),
      );
      for (const raw of page.items) owned.push(toOwned(kind, raw));
      next = page.metadata?._continue;
    } while (next !== undefined && next !== "");
    return owned;
  }

  #request<Answer>(answer: Promise<Answer>): Promise<Answer> {
    return apiRequest(answer, this.#options.clock);
  }
}

/** `answer`, with every failure an ApiError that says in one sentence what the API server said. */
export async function apiRequest<Answer>(answer: Promise<Answer>, clock: Clock): Promise<Answer> {
  let cancel = (): void => undefined;
  const timeout = new Promise<never>((_resolve, reject) => {
    cancel = clock.schedule(requestTimeoutMs, () => reject(new ApiError(0, "the API server did not answer in time")));
  });
  try {
    return await Promise.race([answer, timeout]);
  } catch (error) {
    if (error instanceof ApiError) throw error;
    const { code, body } = error as { readonly code?: unknown; readonly body?: unknown };
    if (typeof code !== "number") throw new ApiError(0, error instanceof Error ? error.message : String(error));
    throw new ApiError(code, messageOf(body) ?? `the API server answered ${code}`);
  } finally {
    cancel();
  }
}

export function objectKey({ kind, namespace, name }: Pick<OwnedObject, "kind" | "namespace" | "name">): string {
  return `${kind}/${namespace}/${name}`;
}

function messageOf(body: unknown): string | undefined {
  let status = body;
  try {
    if (typeof body === "string") status = JSON.parse(body);
  } catch {
    return (body as string).slice(0, 500);
  }
  const message = (status as { readonly message?: unknown } | null)?.message;
  return typeof message === "string" ? message.slice(0, 500) : undefined;
}

function toOwned(kind: ManagedKind, raw: RawObject): OwnedObject {
  const {
    namespace = "",
    name = "",
    uid = "",
    ownerReferences = [],
    deletionTimestamp,
    ...metadata
  } = raw.metadata ?? {};
  const { status: _status, metadata: _metadata, apiVersion: _apiVersion, kind: _kind, ...rest } = raw;
  const annotations = Object.entries(metadata.annotations ?? {}).filter(
    // The Deployment's own controller counts there.
    ([annotation]) => !annotation.startsWith("deployment.kubernetes.io/"),
  );
  const seen = { labels: metadata.labels ?? {}, annotations: Object.fromEntries(annotations), ownerReferences, rest };
  return {
    kind,
    namespace,
    name,
    uid,
    fingerprint: fingerprintOf(seen),
    owner: ownerReferences.find(({ controller }) => controller === true),
    labels: metadata.labels ?? {},
    isBeingDeleted: deletionTimestamp !== undefined,
    addresses: kind === "Service" ? addressesOf(raw) : [],
  };
}

/** At most 16, which is what status.addresses holds. */
function addressesOf({ spec, status }: RawObject): readonly GatewayAddress[] {
  const assigned = (status?.loadBalancer?.ingress ?? []).flatMap(({ ip, hostname }): readonly GatewayAddress[] =>
    ip !== undefined ? [{ type: "IPAddress", value: ip }] : hostname ? [{ type: "Hostname", value: hostname }] : [],
  );
  const clusterIps = spec?.clusterIPs ?? (spec?.clusterIP === undefined ? [] : [spec.clusterIP]);
  const internal = clusterIps
    .filter((value) => value !== "" && value !== "None")
    .map((value): GatewayAddress => ({ type: "IPAddress", value }));
  return (assigned.length > 0 ? assigned : internal).slice(0, 16);
}

/** Hash of any value, whatever the order of its keys. */
export function fingerprintOf(value: unknown): string {
  const text = JSON.stringify(value, (_key, part: unknown) =>
    typeof part === "object" && part !== null && !Array.isArray(part)
      ? Object.fromEntries(Object.entries(part).toSorted(([one], [other]) => (one < other ? -1 : 1)))
      : part,
  );
  return createHash("sha256").update(text).digest("base64url").slice(0, 22);
}

function isSame(one: OwnedObject, other: OwnedObject): boolean {
  return (
    one.uid === other.uid &&
    one.fingerprint === other.fingerprint &&
    one.isBeingDeleted === other.isBeingDeleted &&
    fingerprintOf(one.addresses) === fingerprintOf(other.addresses)
  );
}

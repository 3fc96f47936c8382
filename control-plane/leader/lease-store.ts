// The one Lease object of an election, read and written with optimistic concurrency: a write names the version that it
// replaces, and the API server refuses it when there is a newer one. Whose turn it is, is leader-election.ts's.
import { CoordinationV1Api, type KubeConfig, type V1Lease, V1MicroTime } from "@kubernetes/client-node";
import { ApiConnections } from "../kubernetes/api-connections.ts";
import { isStatus } from "../kubernetes/api-refusal.ts";

/** What an election keeps in its Lease. */
export interface Lease {
  /** Identity of the holder; empty when it was given back. */
  readonly holder: string;
  /** How long others must see the Lease unchanged before they may take it. */
  readonly durationMs: number;
  /** Milliseconds since 1970 by the holder's clock, for people: no decision rests on them. */
  readonly acquiredAtMs: number;
  readonly renewedAtMs: number;
  /** How often the holder changed. */
  readonly transitions: number;
}

export interface StoredLease {
  readonly lease: Lease;
  /** Opaque; another one after every write, whoever wrote. */
  readonly version: string;
}

export interface LeaseStore {
  /** Null when there is no Lease yet. Rejects when the API server cannot say. */
  read(signal: AbortSignal): Promise<StoredLease | null>;
  /**
   * Replaces exactly `version`, or creates when it is null. Null when somebody else was faster. After a rejection it
   * is not known whether the write counts.
   */
  write(lease: Lease, version: string | null, signal: AbortSignal): Promise<StoredLease | null>;
  /** Ends its connections. */
  close(): void;
}

/** A coordination.k8s.io/v1 Lease. Needs `get`, `create` and `update` on leases of its namespace. */
export class KubernetesLeaseStore implements LeaseStore {
  readonly #api: CoordinationV1Api;
  readonly #connections = new ApiConnections(() => performance.now());
  readonly #namespace: string;
  readonly #name: string;

  constructor(kubeConfig: KubeConfig, namespace: string, name: string) {
    this.#api = kubeConfig.makeApiClient(CoordinationV1Api);
    this.#namespace = namespace;
    this.#name = name;
  }

  async read(signal: AbortSignal): Promise<StoredLease | null> {
    try {
      const object = await this.#api.readNamespacedLease(
        { namespace: this.#namespace, name: this.#name },
        this.#connections.options(signal),
      );
      return fromObject(object);
    } catch (error) {
      if (isStatus(error, 404)) return null;
      throw error;
    }
  }

  async write(lease: Lease, version: string | null, signal: AbortSignal): Promise<StoredLease | null> {
    const namespace = this.#namespace;
    const name = this.#name;
    const body = toObject(lease, namespace, name, version);
    const options = this.#connections.options(signal);
    try {
      const object =
        version === null
          ? await this.#api.createNamespacedLease({ namespace, body }, options)
          : await this.#api.replaceNamespacedLease({ namespace, name, body }, options);
      return fromObject(object);
    } catch (error) {
      // 404: the Lease that was to be replaced is gone; the next read finds none.
      if (isStatus(error, 409) || (isStatus(error, 404) && version !== null)) return null;
      throw error;
    }
  }

  close(): void {
    this.#connections.close();
  }
}

function fromObject({ metadata, spec }: V1Lease): StoredLease {
  return {
    lease: {
      holder: spec?.holderIdentity ?? "",
      durationMs: (spec?.leaseDurationSeconds ?? 0) * 1000,
      acquiredAtMs: timeMs(spec?.acquireTime),
      renewedAtMs: timeMs(spec?.renewTime),
      transitions: spec?.leaseTransitions ?? 0,
    },
    version: metadata?.resourceVersion ?? "",
  };
}

/** The client says that it is a Date; what it gives is the text that the API server sent. */
function timeMs(time: unknown): number {
  return time === undefined || time === null ? 0 : new Date(time as string | Date).getTime() || 0;
}

function toObject(lease: Lease, namespace: string, name: string, version: string | null): V1Lease {
  return {
    apiVersion: "coordination.k8s.io/v1",
    kind: "Lease",
    metadata: { namespace, name, ...(version !== null && { resourceVersion: version }) },
    spec: {
      holderIdentity: lease.holder,
      leaseDurationSeconds: Math.ceil(lease.durationMs / 1000),
      acquireTime: new V1MicroTime(lease.acquiredAtMs),
      renewTime: new V1MicroTime(lease.renewedAtMs),
      leaseTransitions: lease.transitions,
    },
  };
}

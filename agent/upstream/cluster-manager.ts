// Live state of clusters and endpoints: connection pools, requests in flight, ejections. It outlives snapshots: an
// endpoint that is in the old and the new one keeps its state. Owns reconciliation; picking is load-balancer.ts.
//
//   endpoint: healthy --connect failure--> ejected (1 s, doubling to 60 s) --time passes--> probing
//             probing --connect--> healthy      probing --connect failure--> ejected (twice as long)
//   The last endpoint of a cluster is never left out: when all are ejected, all are tried.
import type { CompiledCluster, CompiledEndpoint } from "../snapshot/compiled.ts";
import type { Deadlines } from "../transport/deadlines.ts";
import type { PoolOptions } from "./connection-pool.ts";
import { ConnectionPool } from "./connection-pool.ts";
import type { UpstreamMetrics } from "./upstream-metrics.ts";
import { watchClusters } from "./upstream-metrics.ts";

export interface ClusterManagerOptions {
  readonly now: () => number;
  readonly deadlines: Deadlines;
  readonly pool: PoolOptions;
  readonly mirrorPool: PoolOptions;
  readonly metrics: UpstreamMetrics;
}

const firstEjectionMs = 1000;
const maxEjectionMs = 60_000;

/** Clusters made for destinations outside the snapshot; the least recently used goes when there are more. */
const maxPassthroughClusters = 1024;

export class EndpointState {
  readonly address: string;
  readonly port: number;
  readonly key: string;
  readonly pool: ConnectionPool;
  readonly mirrorPool: ConnectionPool;
  workloadVersion: string;
  pod: string;
  /** Requests in flight, mirror copies not counted. */
  activeRequests = 0;
  ejectedUntilMs = 0;
  /** Ejections in a row since the last connection that stood. */
  ejections = 0;

  constructor(endpoint: CompiledEndpoint, options: ClusterManagerOptions, localAddress: string | undefined) {
    this.address = endpoint.address;
    this.port = endpoint.port;
    this.key = endpoint.key;
    this.workloadVersion = endpoint.workloadVersion;
    this.pod = endpoint.pod;
    const target = { address: endpoint.address, port: endpoint.port, localAddress };
    const { metrics } = options;
    const overflows = metrics.upstreamOverflows.with("connections");
    const observer = {
      onConnected: () => {
        metrics.upstreamConnectionsTotal.value++;
        this.ejections = 0;
        this.ejectedUntilMs = 0;
      },
      onOverflow: () => {
        overflows.value++;
      },
      onConnectFailed: () => {
        metrics.upstreamConnectFailures.value++;
        // Dials that were under way together fail together: the first has ejected it, the others say nothing new.
        if (options.now() < this.ejectedUntilMs) return;
        const ejectionMs = Math.min(firstEjectionMs * 2 ** this.ejections, maxEjectionMs);
        this.ejections++;
        metrics.ejections.value++;
        this.ejectedUntilMs = options.now() + ejectionMs;
      },
    };
    this.pool = new ConnectionPool(target, options.pool, options, observer);
    this.mirrorPool = new ConnectionPool(target, options.mirrorPool, options, observer);
  }

  close(): void {
    this.pool.close();
    this.mirrorPool.close();
  }
}

export class ClusterState {
  /** Replays that its requests have earned; see proxy/replay.ts. */
  replayCredit = 0;
  /** Mirror copies under way to any endpoint of it. */
  activeCopies = 0;
  readonly name: string;
  source: CompiledCluster;
  endpoints: readonly EndpointState[];

  constructor(source: CompiledCluster, endpoints: readonly EndpointState[]) {
    this.name = source.name;
    this.source = source;
    this.endpoints = endpoints;
  }
}

export class ClusterManager {
  readonly #options: ClusterManagerOptions;
  readonly #clusters = new Map<string, ClusterState>();
  /** Least recently used first. */
  readonly #passthrough = new Map<string, ClusterState>();

  constructor(options: ClusterManagerOptions) {
    this.#options = options;
    watchClusters(options.metrics, () => this.all(), options.now);
  }

  /** Follows a new snapshot. Unchanged clusters, compared by identity, cost one lookup. */
  reconcile(clusters: ReadonlyMap<string, CompiledCluster>): void {
    for (const [name, state] of this.#clusters) {
      if (clusters.has(name)) continue;
      for (const endpoint of state.endpoints) endpoint.close();
      this.#clusters.delete(name);
    }
    for (const cluster of clusters.values()) {
      const state = this.#clusters.get(cluster.name);
      if (state === undefined) this.#clusters.set(cluster.name, this.#create(cluster, undefined));
      else if (state.source !== cluster) this.#update(state, cluster);
    }
  }

  /** The live state of a cluster of any snapshot that is still in use; made anew when it has been removed since. */
  stateOf(cluster: CompiledCluster): ClusterState {
    const state = this.#clusters.get(cluster.name);
    if (state !== undefined) return state;
    return this.passthrough(`removed ${cluster.name}`, () => cluster);
  }

  /** The cluster of a destination that no snapshot describes, made on first use. */
  passthrough(key: string, create: () => CompiledCluster, localAddress?: string): ClusterState {
    const known = this.#passthrough.get(key);
    if (known !== undefined) {
      this.#passthrough.delete(key);
      this.#passthrough.set(key, known);
      return known;
    }
    const state = this.#create(create(), localAddress);
    this.#passthrough.set(key, state);
    if (this.#passthrough.size > maxPassthroughClusters) {
      for (const [oldest, oldState] of this.#passthrough) {
        for (const endpoint of oldState.endpoints) endpoint.close();
        this.#passthrough.delete(oldest);
        break;
      }
    }
    return state;
  }

  *all(): Iterable<ClusterState> {
    yield* this.#clusters.values();
    yield* this.#passthrough.values();
  }

  close(): void {
    for (const cluster of this.all()) for (const endpoint of cluster.endpoints) endpoint.close();
  }

  #create(cluster: CompiledCluster, localAddress: string | undefined): ClusterState {
    return new ClusterState(
      cluster,
      cluster.endpoints.map((endpoint) => new EndpointState(endpoint, this.#options, localAddress)),
    );
  }

  #update(state: ClusterState, cluster: CompiledCluster): void {
    const known = new Map(state.endpoints.map((endpoint) => [endpoint.key, endpoint]));
    state.endpoints = cluster.endpoints.map((endpoint) => {
      const kept = known.get(endpoint.key);
      if (kept === undefined) return new EndpointState(endpoint, this.#options, undefined);
      known.delete(endpoint.key);
      kept.workloadVersion = endpoint.workloadVersion;
      kept.pod = endpoint.pod;
      return kept;
    });
    state.source = cluster;
    for (const removed of known.values()) removed.close();
  }
}

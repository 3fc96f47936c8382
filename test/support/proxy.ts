// The data path of an agent in this process: real listener, real sockets, a snapshot written by hand.
import { Listener } from "../../agent/listener/listener.ts";
import { GatewayDirection } from "../../agent/proxy/direction.ts";
import type { ProxyContext } from "../../agent/proxy/proxy-context.ts";
import { defaultMirrorLimits } from "../../agent/proxy/proxy-context.ts";
import { SplitRegistry } from "../../agent/routing/split-registry.ts";
import { compile } from "../../agent/snapshot/compile.ts";
import { SnapshotStore } from "../../agent/snapshot/store.ts";
import { AgentMetrics } from "../../agent/telemetry/agent-metrics.ts";
import { WallClock } from "../../agent/telemetry/wall-clock.ts";
import { Deadlines } from "../../agent/transport/deadlines.ts";
import { ClusterManager } from "../../agent/upstream/cluster-manager.ts";
import type { PoolOptions } from "../../agent/upstream/connection-pool.ts";
import { defaultPoolOptions } from "../../agent/upstream/connection-pool.ts";
import type { SetDescription } from "./resources.ts";
import { resourceSet } from "./resources.ts";
import type { Test } from "./test-context.ts";

export interface TestProxy {
  readonly port: number;
  readonly context: ProxyContext;
  readonly listener: Listener;
  /** Compiles and swaps; throws when the set is refused. */
  configure(description: SetDescription): void;
  close(): void;
}

export interface TestProxyOptions extends Partial<ProxyContext> {
  readonly pool?: Partial<PoolOptions>;
  readonly maxConnections?: number;
}

/** A gateway on a free port of 127.0.0.1 that serves the described route. */
export async function startProxy(description: SetDescription, options: TestProxyOptions = {}): Promise<TestProxy> {
  const { pool, maxConnections, ...overrides } = options;
  const now = overrides.now ?? (() => performance.now());
  const deadlines = new Deadlines(now);
  const metrics = new AgentMetrics(() => Date.now());
  const clusters = new ClusterManager({
    metrics,
    now,
    deadlines,
    pool: { ...defaultPoolOptions, ...pool },
    mirrorPool: { ...defaultPoolOptions, ...pool },
  });
  const store = new SnapshotStore();
  const splits = new SplitRegistry(Math.random);
  const context: ProxyContext = {
    now,
    wallClock: new WallClock(Date.now, performance.timeOrigin),
    random: Math.random,
    store,
    clusters,
    deadlines,
    metrics,
    traces: null,
    tracing: null,
    accessLog: null,
    mirrorLimits: defaultMirrorLimits,
    ...overrides,
  };
  const configure = (next: SetDescription): void => {
    const result = compile(resourceSet(next), { splits, previous: store.current(), mode: "gateway" });
    if ("errors" in result) throw new Error(JSON.stringify(result.errors));
    store.swap(result.snapshot);
    clusters.reconcile(result.snapshot.clusters);
    context.metrics.requests.adopt(result.snapshot.resources);
  };
  configure(description);
  const direction = new GatewayDirection(80);
  const listener = new Listener({
    name: "gateway",
    context,
    maxConnections: maxConnections ?? 1000,
    accept: (_stream, decide) => {
      decide({ direction, relayTo: null, serverMayTalkFirst: false });
    },
  });
  const port = await listener.listen("127.0.0.1", 0);
  return {
    port,
    context,
    listener,
    configure,
    close: () => {
      listener.close();
      clusters.close();
      deadlines.close();
    },
  };
}

/** As startProxy, closed when the test ends. */
export async function proxyFor(
  t: Test,
  description: SetDescription,
  options: TestProxyOptions = {},
): Promise<TestProxy> {
  const proxy = await startProxy(description, options);
  t.teardown(() => {
    proxy.close();
  });
  return proxy;
}

// A sidecar's two listeners in this process: real sockets, a snapshot written by hand, and a control plane that answers
// when the test says so. Captured connections are made by `captured`, a listener of the outbound kind whose destination
// the test gives in place of the kernel.
import { Listener } from "../../agent/listener/listener.ts";
import { SidecarListeners } from "../../agent/listener/sidecar-listeners.ts";
import type { FrontendResolver } from "../../agent/proxy/direction.ts";
import { InboundDirection, OutboundDirection } from "../../agent/proxy/direction.ts";
import type { ProxyContext } from "../../agent/proxy/proxy-context.ts";
import { defaultMirrorLimits } from "../../agent/proxy/proxy-context.ts";
import { SplitRegistry } from "../../agent/routing/split-registry.ts";
import { compile } from "../../agent/snapshot/compile.ts";
import type { CompiledFrontend } from "../../agent/snapshot/compiled.ts";
import type { InboundPort } from "../../agent/snapshot/resources.ts";
import { SnapshotStore } from "../../agent/snapshot/store.ts";
import { AgentMetrics } from "../../agent/telemetry/agent-metrics.ts";
import { WallClock } from "../../agent/telemetry/wall-clock.ts";
import { Deadlines } from "../../agent/transport/deadlines.ts";
import { ClusterManager } from "../../agent/upstream/cluster-manager.ts";
import { defaultPoolOptions } from "../../agent/upstream/connection-pool.ts";
import type { SetDescription } from "./resources.ts";
import { resourceSet } from "./resources.ts";
import type { Test } from "./test-context.ts";

/** Keeps every question until the test answers it from the snapshot, or lets it time out. */
export class HeldResolver implements FrontendResolver {
  readonly asked: string[] = [];
  readonly touched: string[] = [];
  readonly own = new Set<string>();
  readonly #waiting: { readonly frontend: string; readonly done: (frontend: CompiledFrontend | null) => void }[] = [];
  readonly #store: SnapshotStore;

  constructor(store: SnapshotStore) {
    this.#store = store;
  }

  touch(frontend: string): void {
    this.touched.push(frontend);
  }

  resolve(frontend: string, done: (frontend: CompiledFrontend | null) => void): void {
    this.asked.push(frontend);
    this.#waiting.push({ frontend, done });
  }

  isOwn(host: string, port: number): boolean {
    return this.own.has(`${host}:${port}`);
  }

  /** Answers everything that waits from the snapshot in use; what it does not have is told that no answer came. */
  answer(): void {
    for (const { frontend, done } of this.#waiting.splice(0)) {
      done(this.#store.current().frontends.get(frontend) ?? null);
    }
  }
}

/** Nothing but the workload's own port, and the application behind it. */
export function inboundOnly(inboundPort: InboundPort): SetDescription {
  const workload = { serviceName: "shop", workloadVersion: "v1", inboundPorts: [inboundPort] };
  return { rules: [], clusters: {}, frontend: "other:80", workload };
}

export interface TestSidecar {
  readonly outbound: number;
  readonly inbound: number;
  readonly context: ProxyContext;
  readonly listeners: SidecarListeners;
  readonly resolver: HeldResolver;
  configure(description: SetDescription): void;
  /** The port of a listener whose connections were redirected from `destination`, a frontend of the snapshot. */
  captured(destination: { readonly address: string; readonly port: number }): Promise<number>;
  /** The port of a listener whose connections were redirected from `destination`; it dials from `localAddress`. */
  capturedInbound(
    destination: { readonly address: string; readonly port: number },
    localAddress: string,
  ): Promise<number>;
}

/** A sidecar on free ports of `host`, 127.0.0.1 by default, closed when the test ends. */
export async function sidecarFor(
  t: Test,
  describe: SetDescription | ((inboundPort: number) => SetDescription),
  options: { readonly capture?: boolean; readonly host?: string } = {},
): Promise<TestSidecar> {
  const now = (): number => performance.now();
  const deadlines = new Deadlines(now);
  const metrics = new AgentMetrics(() => Date.now());
  const pool = defaultPoolOptions;
  const clusters = new ClusterManager({ now, deadlines, pool, mirrorPool: pool, metrics });
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
  };
  const configure = (description: SetDescription): void => {
    const result = compile(resourceSet(description), { splits, previous: store.current(), mode: "sidecar" });
    if ("errors" in result) throw new Error(JSON.stringify(result.errors));
    store.swap(result.snapshot);
    clusters.reconcile(result.snapshot.clusters);
    context.metrics.requests.adopt(result.snapshot.resources);
  };
  const resolver = new HeldResolver(store);
  const listeners = new SidecarListeners({
    context,
    resolver,
    capture: options.capture ?? false,
    maxConnections: 1000,
  });
  const host = options.host ?? "127.0.0.1";
  const outbound = await listeners.outbound.listen(host, 0);
  const inbound = await listeners.inbound.listen(host, 0);
  configure(typeof describe === "function" ? describe(inbound) : describe);
  const more: Listener[] = [];
  const captured: TestSidecar["captured"] = (destination) => {
    const listener = new Listener({
      name: "outbound",
      context,
      maxConnections: 1000,
      accept: (_stream, decide) => {
        const key = `${destination.address}:${destination.port}`;
        const direction = new OutboundDirection(resolver, key);
        const decideBy = (known: CompiledFrontend | null): void => {
          const relayAll = known === null || known.state === "not-found";
          decide({ direction, relayTo: destination, serverMayTalkFirst: true, relayAll });
        };
        const known = store.current().frontends.get(key);
        if (known === undefined) resolver.resolve(key, decideBy);
        else decideBy(known);
      },
    });
    more.push(listener);
    return listener.listen("127.0.0.1", 0);
  };
  const capturedInbound: TestSidecar["capturedInbound"] = ({ address, port }, localAddress) => {
    const direction = new InboundDirection(port, { address, localAddress });
    const relayTo = { address, port, localAddress };
    const listener = new Listener({
      name: "inbound",
      context,
      maxConnections: 1000,
      accept: (_stream, decide) => decide({ direction, relayTo, serverMayTalkFirst: true, relayAll: false }),
    });
    more.push(listener);
    return listener.listen("127.0.0.1", 0);
  };
  t.teardown(() => {
    for (const listener of [listeners.outbound, listeners.inbound, ...more]) listener.close();
    clusters.close();
    deadlines.close();
  });
  return { outbound, inbound, context, listeners, resolver, configure, captured, capturedInbound };
}

// A discovery server on a free port with a clock that tests move, and the agents that a test connects to it. Everything
// is closed when the test ends, whatever its result.
import type { ExecutionContext } from "ava";
import { DiscoveryServer } from "../../control-plane/discovery/server.ts";
import type { DiscoveryServerOptions } from "../../control-plane/discovery/server.ts";
import type { Clock } from "../../control-plane/discovery/clock.ts";
import { Mesh } from "./mesh.ts";
import { RawAgent, type RawAgentOptions } from "./raw-agent.ts";

/** Time that passes only by advance(). */
export class ManualClock {
  #nowMs = 0;
  #timers: { atMs: number; run: () => void }[] = [];

  monotonicMs(): number {
    return this.#nowMs;
  }

  wallMs(): number {
    return this.#nowMs;
  }

  schedule(delayMs: number, run: () => void): () => void {
    const timer = { atMs: this.#nowMs + delayMs, run };
    this.#timers.push(timer);
    return () => {
      this.#timers = this.#timers.filter((other) => other !== timer);
    };
  }

  get pendingCount(): number {
    return this.#timers.length;
  }

  /** Moves time, running what comes due on the way, in order. */
  advance(ms: number): void {
    const endMs = this.#nowMs + ms;
    for (;;) {
      const due = this.#timers.filter((timer) => timer.atMs <= endMs).sort((a, b) => a.atMs - b.atMs)[0];
      if (due === undefined) break;
      this.#timers = this.#timers.filter((timer) => timer !== due);
      this.#nowMs = Math.max(this.#nowMs, due.atMs);
      due.run();
    }
    this.#nowMs = endMs;
  }
}

export interface Fixture {
  readonly server: DiscoveryServer;
  readonly port: number;
  readonly mesh: Mesh;
  readonly clock: ManualClock;
  /** Publishes the mesh as it is now. */
  readonly publish: () => void;
  readonly connect: (options?: RawAgentOptions) => RawAgent;
  /** A stream on which nothing was said yet. */
  readonly open: () => RawAgent;
}

/** A running server; `mesh` is published unless it is null. */
export async function startFixture(
  t: ExecutionContext,
  mesh: Mesh | null,
  options: DiscoveryServerOptions = {},
): Promise<Fixture> {
  const clock = new ManualClock();
  const server = new DiscoveryServer({
    clock: { ...bound(clock), ...options.clock },
    ...options,
  });
  const port = await server.start();
  const agents: RawAgent[] = [];
  const track = (agent: RawAgent): RawAgent => {
    agents.push(agent);
    return agent;
  };
  t.teardown(async () => {
    for (const agent of agents) agent.close();
    const closed = server.close(0);
    clock.advance(1);
    await closed;
  });
  const used = mesh ?? new Mesh();
  const fixture: Fixture = {
    server,
    port,
    mesh: used,
    clock,
    publish: () => server.publish(used.snapshot()),
    connect: (agentOptions) => track(RawAgent.connect(port, agentOptions)),
    open: () => track(new RawAgent(port)),
  };
  if (mesh !== null) fixture.publish();
  return fixture;
}

function bound(clock: ManualClock): Clock {
  return {
    monotonicMs: () => clock.monotonicMs(),
    wallMs: () => clock.wallMs(),
    schedule: (delayMs, run) => clock.schedule(delayMs, run),
  };
}

/** Polls until `isDone`, at most 5 s. */
export async function until(isDone: () => boolean, what: string): Promise<void> {
  const giveUpAtMs = performance.now() + 5000;
  while (!isDone()) {
    if (performance.now() > giveUpAtMs) throw new Error(`waited 5 s for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

// The agents beside injected pods: started before their application, stopped after it. A replica sees its sidecar as
// two ports; restarts keep them.
import type { Sidecar } from "../workload/replica.ts";
import type { SidecarPod } from "../workload/runner.ts";
import type { AgentProcess } from "./agent-process.ts";

export interface SidecarsOptions {
  startAgent(pod: SidecarPod): AgentProcess;
}

export class Sidecars {
  readonly #options: SidecarsOptions;
  /** Running agents; one per injected pod. */
  readonly #agents = new Set<AgentProcess>();

  constructor(options: SidecarsOptions) {
    this.#options = options;
  }

  start(pod: SidecarPod): Sidecar {
    const agent = this.#options.startAgent(pod);
    this.#agents.add(agent);
    return {
      ready: agent.whenReady(),
      stop: async (graceMs) => {
        await agent.stop(graceMs);
        this.#agents.delete(agent);
      },
    };
  }

  agents(): readonly AgentProcess[] {
    return [...this.#agents];
  }
}

// First dials: asks the control plane about a destination that the snapshot does not know, and answers from the snapshot
// once its answer is applied. Knows the agent's own addresses, so that nobody is sent round in a circle.
import { networkInterfaces } from "node:os";
import type { DiscoveryClient } from "./discovery/client.ts";
import type { FrontendResolver } from "./proxy/direction.ts";
import type { CompiledFrontend } from "./snapshot/compiled.ts";
import type { SnapshotStore } from "./snapshot/store.ts";

/** How long a first dial waits for its answer before it is passed through. */
const firstDialTimeoutMs = 1000;

const maxUnanswered = 10_000;

export class DiscoveryFrontendResolver implements FrontendResolver {
  readonly #client: DiscoveryClient;
  readonly #store: SnapshotStore;
  readonly #ownPorts = new Set<number>();
  readonly #ownHosts: ReadonlySet<string>;
  /** Waited for in vain while there was no stream. */
  readonly #unanswered = new Set<string>();

  constructor(client: DiscoveryClient, store: SnapshotStore) {
    this.#client = client;
    this.#store = store;
    const addresses = Object.values(networkInterfaces()).flatMap((entries) => entries ?? []);
    this.#ownHosts = new Set(["localhost", "127.0.0.1", "::1", ...addresses.map(({ address }) => address)]);
  }

  addOwnPort(port: number): void {
    this.#ownPorts.add(port);
  }

  isOwn(host: string, port: number): boolean {
    return this.#ownPorts.has(port) && this.#ownHosts.has(host);
  }

  touch(frontend: string): void {
    this.#client.touch(frontend);
  }

  resolve(frontend: string, done: (frontend: CompiledFrontend | null) => void): void {
    void this.#resolve(frontend, done);
  }

  async #resolve(frontend: string, done: (frontend: CompiledFrontend | null) => void): Promise<void> {
    const { state } = this.#client.status();
    if (state === "streaming") this.#unanswered.clear();
    // Without a control plane one wait for each destination is enough: what passes through must not crawl.
    const timeoutMs = this.#unanswered.has(frontend) ? 0 : firstDialTimeoutMs;
    const answer = await this.#client.waitForAnswer(`frontend:${frontend}`, timeoutMs);
    if (answer === null && this.#client.status().state !== "streaming" && this.#unanswered.size < maxUnanswered) {
      this.#unanswered.add(frontend);
    }
    done(this.#store.current().frontends.get(frontend) ?? null);
  }
}

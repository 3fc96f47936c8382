// The one reference to the snapshot that new requests begin with. A request takes it once and keeps it to its end;
// whoever must follow swaps (listeners, pools, telemetry) subscribes here.
import type { CompiledSnapshot } from "./compiled.ts";

export type SwapListener = (next: CompiledSnapshot, previous: CompiledSnapshot) => void;

/** What an agent holds before its first answer: generation "" and nothing in it. */
export const emptySnapshot: CompiledSnapshot = {
  generation: "",
  resources: {
    generation: "",
    listeners: new Map(),
    routeConfigurations: new Map(),
    routes: new Map(),
    clusters: new Map(),
    endpoints: new Map(),
    workloads: new Map(),
    answers: new Map(),
  },
  gatewayPorts: new Map(),
  frontends: new Map(),
  workload: null,
  clusters: new Map(),
};

export class SnapshotStore {
  #current: CompiledSnapshot = emptySnapshot;
  readonly #listeners = new Set<SwapListener>();

  current(): CompiledSnapshot {
    return this.#current;
  }

  /** New requests see `next` from here on; then the subscribers are called, in the order they came. */
  swap(next: CompiledSnapshot): void {
    const previous = this.#current;
    this.#current = next;
    for (const listener of this.#listeners) listener(next, previous);
  }

  /** Calls `listener`, which must not throw, after each swap, until the returned function is called. */
  onSwap(listener: SwapListener): () => void {
    // A wrapper of its own per subscription: the same function may subscribe twice.
    const subscription: SwapListener = (next, previous) => listener(next, previous);
    this.#listeners.add(subscription);
    return () => {
      this.#listeners.delete(subscription);
    };
  }
}

// Another source with objects of the program's own laid over it: the Pods, EndpointSlices and Namespaces of local
// processes, which no file holds. Both change at once or one at a time; listeners always see one whole state.
import { type ClusterObject, buildClusterState, objectsOf } from "./build-cluster-state.ts";
import type { ClusterState } from "./cluster-state.ts";
import type { Problem, ProblemListener, Source, StateListener, StateOrigin } from "./source.ts";

export class OverlaySource implements Source {
  readonly #inner: Source;
  readonly #now: () => number;
  readonly #stateListeners = new Set<StateListener>();
  #overlay: readonly ClusterObject[] = [];
  #state: ClusterState | null = null;

  constructor(inner: Source, now: () => number = Date.now) {
    this.#inner = inner;
    this.#now = now;
    inner.onChange((_, origin) => this.#update(origin));
  }

  start(): Promise<void> {
    return this.#inner.start();
  }

  /**
   * Replaces the whole overlay. An object of the inner source with the same kind and name wins over it. Objects that
   * did not change must be the same objects as before, so that what was made of them is kept.
   */
  setOverlay(objects: readonly ClusterObject[]): void {
    this.#overlay = objects;
    this.#update({ cause: "overlay", changedAtMs: this.#now() });
  }

  /** Null until the inner source has a state, whatever the overlay holds. */
  current(): ClusterState | null {
    return this.#state;
  }

  problems(): readonly Problem[] {
    return this.#inner.problems();
  }

  onChange(listener: StateListener): () => void {
    this.#stateListeners.add(listener);
    return () => this.#stateListeners.delete(listener);
  }

  onProblem(listener: ProblemListener): () => void {
    return this.#inner.onProblem(listener);
  }

  close(): Promise<void> {
    this.#stateListeners.clear();
    return this.#inner.close();
  }

  #update(origin: StateOrigin): void {
    const inner = this.#inner.current();
    if (inner === null) return;
    const state = buildClusterState([...objectsOf(inner), ...this.#overlay], this.#state);
    if (state === this.#state) return;
    this.#state = state;
    for (const listener of this.#stateListeners) listener(state, origin);
  }
}

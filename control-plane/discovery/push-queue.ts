// The streams that a publish concerns, waiting for their turn. A stream is in it at most once, so changes merge; a
// few are served per turn of the event loop, so that what agents send is read between pushes and never waits for all
// of them. Bounded by the number of streams.

export interface PushQueueOptions<Item> {
  readonly push: (item: Item) => void;
  /** How many are served before I/O gets its turn. */
  readonly batchSize?: number;
}

export class PushQueue<Item> {
  readonly #push: (item: Item) => void;
  readonly #batchSize: number;
  readonly #waiting = new Set<Item>();
  #turn: NodeJS.Immediate | null = null;

  constructor(options: PushQueueOptions<Item>) {
    this.#push = options.push;
    this.#batchSize = options.batchSize ?? 32;
  }

  get size(): number {
    return this.#waiting.size;
  }

  /** Puts the item at the end, unless it waits already. */
  enqueue(item: Item): void {
    this.#waiting.add(item);
    this.#turn ??= setImmediate(() => this.#serve());
  }

  delete(item: Item): void {
    this.#waiting.delete(item);
  }

  /** Forgets everything that waits. */
  close(): void {
    this.#waiting.clear();
    if (this.#turn !== null) clearImmediate(this.#turn);
    this.#turn = null;
  }

  #serve(): void {
    this.#turn = null;
    let served = 0;
    for (const item of this.#waiting) {
      if (served === this.#batchSize) break;
      served += 1;
      this.#waiting.delete(item);
      this.#push(item);
    }
    if (this.#waiting.size > 0) this.#turn ??= setImmediate(() => this.#serve());
  }
}

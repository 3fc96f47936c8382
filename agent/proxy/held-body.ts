// The first bytes of a request's body, kept while no upstream connection stands and for one replay. Bounded by one read:
// whoever holds stops reading, so the rest stays with the client.

const nothing = Buffer.alloc(0);

export class HeldBody {
  #bytes: Buffer = nothing;
  #whole = true;

  /** What is held; empty when there is nothing. */
  get bytes(): Buffer {
    return this.#bytes;
  }

  /** Everything that has arrived is held. */
  get whole(): boolean {
    return this.#whole;
  }

  keep(bytes: Buffer, start: number, end: number): void {
    this.#bytes = end === start ? nothing : Buffer.copyBytesFrom(bytes, start, end - start);
  }

  append(bytes: Buffer, start: number, end: number): void {
    this.#bytes = Buffer.concat([this.#bytes, bytes.subarray(start, end)]);
  }

  /** Something has passed that is not held. */
  miss(): void {
    this.#whole = false;
  }

  reset(): void {
    this.#bytes = nothing;
    this.#whole = true;
  }
}

// Relays a connection as bytes, both ways, with backpressure and half-close. Owns both sockets from the moment it gets
// them; knows nothing of what they say.
import type { ByteReader } from "../transport/byte-stream.ts";
import { ByteStream } from "../transport/byte-stream.ts";

export interface RelayTarget {
  readonly address: string;
  readonly port: number;
  readonly localAddress?: string | undefined;
}

/** Longer than an application may expect: what is relayed must not fail where it would not have failed without us. */
const connectTimeoutMs = 10_000;

/** Who dialled for a client that may still turn out to want something else. */
export interface RelayDialOwner {
  /** The destination has something for the client, be it its end: join, or abandon, before this returns. */
  onSpoke(): void;
  /** There is no connection. Nothing more comes. */
  onFailed(): void;
}

/** A connection to a destination, under way or made: joined to a client, at once or later, or abandoned. */
export class RelayDial implements ByteReader {
  readonly #server: ByteStream;
  readonly #late: NodeJS.Timeout;
  readonly #owner: RelayDialOwner | null;
  #connected = false;
  #client: ByteStream | null = null;
  #abandoned = false;
  #onClosed: (() => void) | null = null;

  /** Without an owner it has to be joined at once. */
  constructor(target: RelayTarget, owner: RelayDialOwner | null = null) {
    this.#owner = owner;
    this.#late = setTimeout(() => {
      this.#client?.reset();
      this.#server.reset();
    }, connectTimeoutMs);
    this.#server = ByteStream.dial(target, this, () => {
      clearTimeout(this.#late);
      this.#connected = true;
      this.#server.keepAlive();
      this.#client?.resume();
    });
  }

  /**
   * Bytes that have come from the client already, valid during the call, are sent first. Calls `onClosed` once, when both
   * sides are gone. False: the client is not read until the dial is through.
   */
  join(client: ByteStream, first: Buffer, onClosed: () => void): boolean {
    let open = 2;
    this.#onClosed = (): void => {
      if (--open === 0) onClosed();
    };
    this.#client = client;
    // Either side may be silent for hours and be well; for the other, we are the peer, and we do not die with it.
    client.keepAlive();
    // Before the dial is through, because an end of the client may come before that too.
    if (first.length > 0) this.#server.writeOwned(Buffer.copyBytesFrom(first));
    client.reader = new ClientSide(this.#server, this.#onClosed);
    if (!this.#connected) client.pause();
    return this.#connected;
  }

  /** The client wants something else. */
  abandon(): void {
    this.#abandoned = true;
    clearTimeout(this.#late);
    this.#server.destroy();
  }

  /** The client that is joined, at the latest now. */
  #speak(): ByteStream | null {
    if (this.#client === null && !this.#abandoned) this.#owner?.onSpoke();
    return this.#client;
  }

  onBytes(bytes: Buffer, start: number, end: number): boolean {
    return this.#speak()?.writeBytes(bytes, start, end) ?? false;
  }

  onEnd(): void {
    this.#speak()?.end();
  }

  onDrain(): void {
    this.#client?.resume();
  }

  onClose(error: Error | null): void {
    clearTimeout(this.#late);
    if (!this.#connected && this.#client === null) {
      if (!this.#abandoned) this.#owner?.onFailed();
      return;
    }
    const client = this.#speak();
    if (error === null) client?.finish();
    else client?.reset();
    this.#onClosed?.();
  }
}

class ClientSide implements ByteReader {
  readonly #server: ByteStream;
  readonly #closed: () => void;

  constructor(server: ByteStream, closed: () => void) {
    this.#server = server;
    this.#closed = closed;
  }

  onBytes(bytes: Buffer, start: number, end: number): boolean {
    return this.#server.writeBytes(bytes, start, end);
  }

  onEnd(): void {
    this.#server.end();
  }

  onDrain(): void {
    this.#server.resume();
  }

  onClose(error: Error | null): void {
    if (error === null) this.#server.finish();
    else this.#server.reset();
    this.#closed();
  }
}

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

/** Bytes that have come from the client already, valid during the call, are sent first. Calls `onClosed` once, when both sides are gone. */
export function relay(client: ByteStream, first: Buffer, target: RelayTarget, onClosed: () => void): void {
  let open = 2;
  const kept = Buffer.copyBytesFrom(first);
  const closed = (): void => {
    if (--open === 0) onClosed();
  };
  const late = setTimeout(() => {
    client.reset();
    server.destroy();
  }, connectTimeoutMs);
  const connecting = new Side(
    () => client,
    () => {
      clearTimeout(late);
      closed();
    },
  );
  const server: ByteStream = ByteStream.dial(target, connecting, () => {
    clearTimeout(late);
    client.resume();
  });
  // Before the dial is through, because an end of the client may come before that too.
  if (kept.length > 0) server.writeOwned(kept);
  client.reader = new Side(() => server, closed);
  client.pause();
}

class Side implements ByteReader {
  readonly #other: () => ByteStream;
  readonly #closed: () => void;

  constructor(other: () => ByteStream, closed: () => void) {
    this.#other = other;
    this.#closed = closed;
  }

  onBytes(bytes: Buffer, start: number, end: number): boolean {
    return this.#other().writeBytes(bytes, start, end);
  }

  onEnd(): void {
    this.#other().end();
  }

  onDrain(): void {
    this.#other().resume();
  }

  onClose(error: Error | null): void {
    const other = this.#other();
    if (error === null) other.finish();
    else other.reset();
    this.#closed();
  }
}

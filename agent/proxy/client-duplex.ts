// The client's side of an upgrade: our socket as the stream that http2-proxy pipes, and what is left of the connection after
// it. When the tunnel is gone the client still has time to take what waits for it. Owns no routing and no heads.
import { Duplex } from "node:stream";
import { defaultDownstreamTimeouts } from "../http1/downstream-options.ts";
import type { ByteReader, ByteStream } from "../transport/byte-stream.ts";
import type { Deadlined, Deadlines } from "../transport/deadlines.ts";

export class ClientDuplex extends Duplex implements ByteReader, Deadlined {
  /** Beside the stream's own 'drain', for who writes to the socket directly. */
  onDrained: (() => void) | null = null;
  deadlineMs = Infinity;
  readonly #stream: ByteStream;
  #deadlines: Deadlines | null = null;
  #written: ((error?: Error | null) => void) | null = null;
  #skip = false;

  constructor(stream: ByteStream) {
    super({ allowHalfOpen: true });
    this.#stream = stream;
    // http2-proxy stops listening when it is done, and the client may reset its connection after that.
    this.on("error", () => undefined);
  }

  /** The tunnel is gone: the connection closes once the client has taken what was written, or its time is over. */
  leave(deadlines: Deadlines, nowMs: number): void {
    this.destroy();
    this.#stream.finish();
    if (this.#stream.closed) return;
    this.deadlineMs = nowMs + defaultDownstreamTimeouts.stallTimeoutMs;
    this.#deadlines = deadlines;
    deadlines.add(this);
    // What it still says is thrown away: unread, it would cost the client the last bytes.
    this.#stream.resume();
  }

  onDeadline(): void {
    this.deadlineMs = Infinity;
    this.#stream.reset();
  }

  /** The next write is dropped: a head that the caller has written already. */
  skipNextWrite(): void {
    this.#skip = true;
  }

  onBytes(bytes: Buffer, start: number, end: number): boolean {
    return this.destroyed || this.push(Buffer.copyBytesFrom(bytes, start, end - start));
  }

  onEnd(): void {
    this.push(null);
  }

  onDrain(): void {
    const written = this.#written;
    this.#written = null;
    written?.();
    this.onDrained?.();
  }

  onClose(error: Error | null): void {
    this.#deadlines?.delete(this);
    this.destroy(error ?? undefined);
  }

  setTimeout(): this {
    return this;
  }

  setNoDelay(): this {
    return this;
  }

  setKeepAlive(enable?: boolean): this {
    this.#stream.socket.setKeepAlive(enable, 0);
    return this;
  }

  override _read(): void {
    this.#stream.resume();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, callback: (error?: Error | null) => void): void {
    if (this.#skip) {
      this.#skip = false;
      callback();
    } else if (this.#stream.writeOwned(chunk)) {
      callback();
    } else {
      this.#written = callback;
    }
  }

  override _final(callback: (error?: Error | null) => void): void {
    this.#stream.end();
    callback();
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    callback(error);
  }
}

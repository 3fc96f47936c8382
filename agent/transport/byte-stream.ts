// One TCP connection as bytes in and text or bytes out. Owns the socket, its read buffer, pausing and closing; knows
// nothing of HTTP. Reading goes through `onread` into one buffer that all connections share, because the bytes are
// consumed before the callback returns: no buffer is allocated per read or per connection.
import net from "node:net";
import { latin1 } from "./latin1.ts";

/** Who reads a ByteStream. Calls never overlap; onClose is last and comes exactly once. */
export interface ByteReader {
  /** The bytes are valid only during the call. False stops reading until resume(). */
  onBytes(bytes: Buffer, start: number, end: number): boolean;
  /** The peer will send no more; writing may go on. */
  onEnd(): void;
  /** What was refused by writeText or writeBytes has been handed to the kernel. */
  onDrain(): void;
  onClose(error: Error | null): void;
}

/** A raw accepted TCP handle, as node:net hands it to a server. Opaque here. */
export type TcpHandle = object;

const readBuffer = Buffer.allocUnsafeSlow(64 * 1024);

/** Above this size bytes are copied into a Buffer of their own; below, a one-byte string is cheaper than one. */
const maxTextCopyBytes = 16 * 1024;

/** Silence after which a peer is probed; Node probes ten times, a second apart, before it gives the connection up. */
const keepAliveIdleMs = 60_000;

/** Buffers that carried a large write and are free again: 4 MiB at most, what is more is left to the collector. */
const freeBuffers: Buffer[] = [];
const maxFreeBuffers = 64;

interface SocketInternals {
  new (options: {
    handle?: TcpHandle;
    allowHalfOpen: boolean;
    onread: { buffer: Uint8Array; callback: (count: number, buffer: Uint8Array) => boolean };
  }): net.Socket;
}

/** `handle` is accepted by the constructor but not declared in the published types. */
const Socket = net.Socket as unknown as SocketInternals;

export class ByteStream {
  readonly socket: net.Socket;
  reader: ByteReader;
  /** Large writes that the kernel has not taken whole, oldest first. */
  readonly #writing: Buffer[] = [];
  #closed = false;
  #error: Error | null = null;

  private constructor(reader: ByteReader, handle: TcpHandle | null) {
    this.reader = reader;
    const onread = {
      buffer: readBuffer,
      callback: (count: number): boolean => this.reader.onBytes(readBuffer, 0, count),
    };
    this.socket =
      handle === null
        ? new Socket({ allowHalfOpen: true, onread })
        : new Socket({ handle, allowHalfOpen: true, onread });
    this.socket.on("end", this.#onEnd);
    this.socket.on("drain", this.#onDrain);
    this.socket.on("error", this.#onError);
    this.socket.on("close", this.#onClose);
  }

  /** Takes over a handle that a listening server accepted; reading starts at once. */
  static accepted(handle: TcpHandle, reader: ByteReader): ByteStream {
    const stream = new ByteStream(reader, handle);
    stream.socket.setNoDelay(true);
    return stream;
  }

  /**
   * Dials. `onConnect` comes once when the connection stands; a failure comes as onClose with the error.
   * `localAddress` is the source address to bind, for dials that capture rules must leave alone.
   */
  static dial(
    target: { readonly address: string; readonly port: number; readonly localAddress?: string | undefined },
    reader: ByteReader,
    onConnect: () => void,
  ): ByteStream {
    const stream = new ByteStream(reader, null);
    // Not among the options below: a socket that exists already does not look for it there.
    stream.socket.setNoDelay(true);
    const options: net.TcpNetConnectOpts = { host: target.address, port: target.port };
    if (target.localAddress !== undefined) options.localAddress = target.localAddress;
    stream.socket.connect(options);
    stream.socket.once("connect", onConnect);
    return stream;
  }

  get closed(): boolean {
    return this.#closed || this.socket.destroyed;
  }

  /** Bytes accepted for writing that the kernel has not taken yet. */
  get pendingBytes(): number {
    return this.socket.writableLength;
  }

  /** Writes a one-byte-per-character string. False: wait for onDrain before writing more. */
  writeText(text: string): boolean {
    return this.socket.write(text, "latin1");
  }

  /** Writes a copy of the bytes. False: wait for onDrain before writing more. */
  writeBytes(bytes: Buffer, start: number, end: number): boolean {
    if (end - start <= maxTextCopyBytes) return this.writeText(latin1(bytes, start, end));
    if (end - start > readBuffer.length) return this.socket.write(Buffer.copyBytesFrom(bytes, start, end - start));
    const buffer = freeBuffers.pop() ?? Buffer.allocUnsafeSlow(readBuffer.length);
    bytes.copy(buffer, 0, start, end);
    this.#writing.push(buffer);
    return this.socket.write(buffer.subarray(0, end - start), this.#onWritten);
  }

  /** Writes bytes that the caller will not change any more. False: wait for onDrain before writing more. */
  writeOwned(bytes: Buffer): boolean {
    return this.socket.write(bytes);
  }

  /** Ends the connection, as an error, when its peer has gone without a word and nothing is written that would show it. */
  keepAlive(): void {
    this.socket.setKeepAlive(true, keepAliveIdleMs);
  }

  pause(): void {
    this.socket.pause();
  }

  resume(): void {
    this.socket.resume();
  }

  /** No more will be written; what was written is still delivered. */
  end(): void {
    if (!this.closed) this.socket.end();
  }

  /** Closes as soon as what was written is delivered, whatever the peer still sends. */
  finish(): void {
    this.socket.destroySoon();
  }

  /** Closes at once and drops what was not written. */
  destroy(): void {
    this.socket.destroy();
  }

  /** Closes at once with a TCP reset, so that the peer cannot take the message for complete. */
  reset(): void {
    if (this.closed) return;
    const { socket } = this;
    // libuv refuses to reset a handle that is being shut down, and the handle would never close. One that connects would
    // be reset only once it has: there is nobody yet to whom a reset says anything.
    if (socket.connecting || (socket.writableEnded && !socket.writableFinished)) socket.destroy();
    else socket.resetAndDestroy();
  }

  readonly #onWritten = (error?: Error | null): void => {
    const buffer = this.#writing.shift();
    // After a failed write the kernel may still hold on to the buffer.
    if (buffer === undefined || error) return;
    if (freeBuffers.length < maxFreeBuffers) freeBuffers.push(buffer);
  };

  readonly #onEnd = (): void => {
    this.reader.onEnd();
  };

  readonly #onDrain = (): void => {
    this.reader.onDrain();
  };

  readonly #onError = (error: Error): void => {
    this.#error = error;
  };

  readonly #onClose = (): void => {
    this.#closed = true;
    this.reader.onClose(this.#error);
  };
}

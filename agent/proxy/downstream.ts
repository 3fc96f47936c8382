// What an exchange needs of whoever sent the request: the protocol adapter implements it (http1/downstream-connection.ts).
import type { ChunkSink } from "../http1/chunked-scanner.ts";
import type { MessageHead } from "../http1/message-head.ts";
import type { ByteReader, ByteStream } from "../transport/byte-stream.ts";

/** As a ChunkSink it takes dechunked data, for a client that cannot read chunks. */
export interface Downstream extends ChunkSink {
  readonly stream: ByteStream;
  /** The request's head, valid until completeResponse. */
  readonly head: MessageHead;
  readonly remoteAddress: string;
  readonly remotePort: number;
  /** No further request may follow this one: the client says so, it cannot, or the listener drains. */
  readonly mustClose: boolean;
  /** Writing should wait for onResponseDrain. */
  readonly congested: boolean;
  /** Writes head text or a whole small response. False: congested. */
  send(text: string): boolean;
  /** Writes response body bytes. False: congested. */
  sendBody(bytes: Buffer, start: number, end: number): boolean;
  /** Undoes a false from start or onRequestBody. */
  resumeRequest(): void;
  /** Hands everything that comes from the client from now on to another reader; null takes it back. */
  upgrade(reader: ByteReader | null): void;
  /** Bytes that followed the request and have been read already. */
  takeKept(): Buffer;
  /** The response is out; `close` when the connection cannot carry another. The next request may start inside. */
  completeResponse(close: boolean): void;
  /** A response that began cannot be ended: the client must see that. */
  reset(): void;
}

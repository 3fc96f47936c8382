// What a downstream connection is given: whom it hands requests to, its time limits, and whom it tells of its end.
import type { LocalReplyReason } from "../proxy/local-reply.ts";
import type { Deadlines } from "../transport/deadlines.ts";
import type { DownstreamConnection } from "./downstream-connection.ts";

/** The exchange, as the connection sees it. False from the first two: stop reading until resumeRequest(). */
export interface RequestHandler {
  start(bytes: Buffer, bodyStart: number, bodyEnd: number, complete: boolean): boolean;
  onRequestBody(bytes: Buffer, start: number, end: number, complete: boolean): boolean;
  onRequestAborted(): void;
  /** The rest of the request's body cannot be read, or does not come; `detail` may say more, "" for nothing. */
  onRequestRefused(reason: LocalReplyReason, detail: string): void;
  onResponseDrain(): void;
}

export interface DownstreamOptions {
  readonly deadlines: Deadlines;
  readonly now: () => number;
  /** From the first byte of a head, or from the accept, to its end. */
  readonly headTimeoutMs: number;
  /** Between two requests. */
  readonly idleTimeoutMs: number;
  /** Without a byte of a body that the client could send, or of its response; without one taken of a response that waits. */
  readonly stallTimeoutMs: number;
  /** Whether the listener drains: no further request on this connection. */
  readonly draining: () => boolean;
  /** Whether its idle connections have been ended: so is what becomes idle from now on. */
  readonly idleEnded: () => boolean;
  /** A request that cannot be read, for the reason that `detail` names. */
  readonly onProtocolError: (detail: string) => void;
  /** An answer that the connection made without its handler. */
  readonly onLocalReply: (reason: LocalReplyReason) => void;
  /** Exactly once. */
  readonly onClosed: (connection: DownstreamConnection) => void;
}

export const defaultDownstreamTimeouts = { headTimeoutMs: 10_000, idleTimeoutMs: 75_000, stallTimeoutMs: 60_000 };

// Whether a failed attempt may be made again, and what the client is told when not. One function decides, from the
// failure, the method and what is known of the request's body. Pure.
import type { UpstreamFailure } from "../upstream/upstream-connection.ts";
import type { LocalReplyReason } from "./local-reply.ts";

export interface Attempt {
  readonly method: string;
  /** Replays made already. */
  readonly replays: number;
  /** The whole request has arrived, and all of its body, if it has one, is still held. */
  readonly heldWhole: boolean;
}

/**
 * One replay, never more: after a connect failure any method, because nothing was sent; after the reset of a reused
 * connection before any response byte, idempotent methods whose whole body is still held (RFC 9112 section 9.3.1).
 */
export function mayReplay(failure: UpstreamFailure, attempt: Attempt): boolean {
  if (attempt.replays > 0) return false;
  switch (failure.kind) {
    case "connect-failed":
    case "connect-timeout":
      return true;
    case "reset":
      return failure.reused && attempt.heldWhole && isIdempotent(attempt.method);
    case "overflow":
    case "bad-response":
      return false;
  }
}

/** RFC 9110 section 9.2.2. */
export function isIdempotent(method: string): boolean {
  switch (method) {
    case "GET":
    case "HEAD":
    case "OPTIONS":
    case "PUT":
    case "DELETE":
    case "TRACE":
      return true;
    default:
      return false;
  }
}

/** What a failure before any response byte is answered with. */
export function replyToFailure(failure: UpstreamFailure): LocalReplyReason {
  switch (failure.kind) {
    case "connect-failed":
      return "connect_failed";
    case "connect-timeout":
      return "connect_timeout";
    case "overflow":
      return "upstream_overflow";
    case "reset":
      return "upstream_reset";
    case "bad-response":
      return "bad_response";
  }
}

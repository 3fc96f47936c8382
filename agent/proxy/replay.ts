// Whether a failed attempt may be made again, and what the client is told when not. One function decides, from the
// failure, the method and what is known of the request's body. Pure.
//
// An application that ends is known to its own agent before anybody else: while the news is under way, requests still
// come to a pod whose application refuses them. Its agent has no other endpoint; the caller's agent has. So the answer of
// the former says in a header what the failure was, and the latter treats it as a failure of its own.
import type { MessageHead } from "../http1/message-head.ts";
import type { Replay } from "../telemetry/spans.ts";
import type { UpstreamFailure } from "../upstream/upstream-connection.ts";
import type { Direction } from "./direction.ts";
import type { LocalReplyReason } from "./local-reply.ts";
import type { RequestFacts } from "./request-facts.ts";

/** From the agent beside the application to the caller's: "any", nothing was delivered; "idempotent", nobody knows. */
export const replayHeader = "heddle-replay";

export interface Attempt {
  readonly method: string;
  /** Replays made already. */
  readonly replays: number;
  /** The whole request has arrived, and all of its body, if it has one, is still held. */
  readonly heldWhole: boolean;
  /** The backend has another endpoint. */
  readonly elsewhere: boolean;
  /** Replays that the backend's requests have earned, for what may have been delivered. */
  readonly credit: number;
}

/** The attempt that a request has made, from what is known of it. */
export function attemptOf(facts: RequestFacts, method: string, heldWhole: boolean): Attempt {
  const credit = facts.clusterState?.replayCredit ?? 0;
  return { method, replays: facts.replays.length, heldWhole, elsewhere: mayGoElsewhere(facts), credit };
}

/** Whether the request's backend has another endpoint. */
export function mayGoElsewhere({ clusterState }: RequestFacts): boolean {
  return clusterState !== null && clusterState.endpoints.length > 1;
}

/** A request earns its backend a fifth of a replay, so that one which fails is asked at most a fifth more. */
const creditOfRequest = 0.2;
const maxCredit = 100;

/** A backend's credit after a first attempt, or after a replay. */
export function creditAfter(credit: number, isReplay: boolean): number {
  return isReplay ? Math.max(0, credit - 1) : Math.min(maxCredit, credit + creditOfRequest);
}

/**
 * One replay, never more: after a connect failure any method, because nothing was sent; after the reset of a connection
 * before any response byte, idempotent methods whose whole body is still held (RFC 9112 section 9.3.1): always when it
 * had served before, as its peer may have closed it meanwhile; elsewhere and on credit when it was new.
 */
export function mayReplay(failure: UpstreamFailure, attempt: Attempt): boolean {
  if (attempt.replays > 0) return false;
  switch (failure.kind) {
    case "connect-failed":
    case "connect-timeout":
      return true;
    case "reset":
      return (
        attempt.heldWhole &&
        isIdempotent(attempt.method) &&
        (failure.reused || (failure.unanswered === true && attempt.elsewhere && attempt.credit >= 1))
      );
    case "overflow":
    case "bad-response":
      return false;
  }
}

/**
 * As mayReplay, after an answer with heddle-replay; why, or null for no. Believed only where an agent says it: with the
 * status and the reason that replayHintOf and replyToFailure give, never in an application's own answer. "any" takes no
 * credit: nothing reached an application, so none is asked more, and while one of two endpoints ends, half of all
 * requests come back so, which a fifth could not carry. One replay is the bound.
 */
export function replayAfterAnswer(
  head: Pick<MessageHead, "statusCode" | "header">,
  attempt: Attempt,
): Replay["reason"] | null {
  if (attempt.replays > 0 || !attempt.heldWhole || !attempt.elsewhere) return null;
  const reason = head.header("heddle-reason");
  switch (head.header(replayHeader) ?? "") {
    case "any":
      return head.statusCode === 503 && (reason === "connect_failed" || reason === "connect_timeout")
        ? "connect-failure"
        : null;
    case "idempotent":
      return head.statusCode === 502 &&
        reason === "upstream_reset" &&
        isIdempotent(attempt.method) &&
        attempt.credit >= 1
        ? "reset"
        : null;
    default:
      return null;
  }
}

/** What the agent beside the application says to the caller's about the failure; "" for nothing, and for other agents. */
export function replayHintOf(failure: UpstreamFailure, direction: Direction["name"]): string {
  if (direction !== "inbound") return "";
  switch (failure.kind) {
    case "connect-failed":
    case "connect-timeout":
      return "any";
    case "reset":
      return failure.unanswered === true ? "idempotent" : "";
    case "overflow":
    case "bad-response":
      return "";
  }
}

/** What the client is told beyond the reason. Whoever calls a gateway may be anybody: addresses of pods are not theirs. */
export function detailOf(failure: UpstreamFailure, direction: Direction["name"]): string | undefined {
  return direction === "gateway" ? undefined : failure.message;
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

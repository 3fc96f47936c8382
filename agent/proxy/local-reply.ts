// Answers that the proxy makes itself: one table from a stable reason to a status and a sentence. Nothing else in the
// agent chooses a status. The reason travels in the header `heddle-reason`, so that a client can tell an answer of the
// mesh from one of the application; names are never changed once released.
import type { Refusal } from "../http1/refusal.ts";
import { replayHeader } from "./replay.ts";

interface LocalReply {
  readonly status: number;
  readonly phrase: string;
  readonly text: string;
}

const localReplies = {
  bad_request: { status: 400, phrase: "Bad Request", text: "the request cannot be read" },
  request_timeout: { status: 408, phrase: "Request Timeout", text: "the request did not arrive in time" },
  target_too_long: { status: 414, phrase: "URI Too Long", text: "the request target is too long" },
  head_too_large: { status: 431, phrase: "Request Header Fields Too Large", text: "the request head is too large" },
  unsupported_version: { status: 505, phrase: "HTTP Version Not Supported", text: "use HTTP/1.1 or HTTP/1.0" },
  unsupported_method: { status: 501, phrase: "Not Implemented", text: "the method is not supported here" },
  not_ready: { status: 503, phrase: "Service Unavailable", text: "no configuration has arrived yet" },
  no_listener: { status: 404, phrase: "Not Found", text: "no listener serves this host" },
  no_route: { status: 404, phrase: "Not Found", text: "no route matches this request" },
  unsupported_rule: {
    status: 500,
    phrase: "Internal Server Error",
    text: "the route's rule uses what is not supported",
  },
  no_backend: { status: 500, phrase: "Internal Server Error", text: "the route's rule has no backend to send to" },
  invalid_backend: { status: 500, phrase: "Internal Server Error", text: "the route's backend is invalid" },
  frontend_withheld: { status: 503, phrase: "Service Unavailable", text: "the service's configuration was refused" },
  unknown_destination: {
    status: 503,
    phrase: "Service Unavailable",
    text: "the destination could not be resolved in time",
  },
  no_endpoint: { status: 503, phrase: "Service Unavailable", text: "the backend has no ready endpoint" },
  connect_failed: { status: 503, phrase: "Service Unavailable", text: "the endpoint refused the connection" },
  connect_timeout: { status: 503, phrase: "Service Unavailable", text: "the endpoint did not accept in time" },
  upstream_overflow: { status: 503, phrase: "Service Unavailable", text: "too many connections to the endpoint" },
  upstream_reset: { status: 502, phrase: "Bad Gateway", text: "the endpoint closed the connection before answering" },
  bad_response: { status: 502, phrase: "Bad Gateway", text: "the endpoint's answer cannot be read" },
  unsupported_protocol: { status: 502, phrase: "Bad Gateway", text: "the backend's protocol is not supported" },
  loop: { status: 508, phrase: "Loop Detected", text: "the destination is this proxy itself" },
} as const satisfies Record<string, LocalReply>;

export type LocalReplyReason = keyof typeof localReplies;

export const localReplyReasons = Object.keys(localReplies) as readonly LocalReplyReason[];

/** Status of a reason. */
export function localReplyStatus(reason: LocalReplyReason): number {
  return localReplies[reason].status;
}

/**
 * The whole reply as bytes-to-be (latin1). `detail` says more than the reason's sentence, on one line, "" for nothing;
 * `connection` is the value of the Connection header, "" for none; `replay` that of heddle-replay. A HEAD request gets
 * the same head without the body.
 */
export function renderLocalReply(
  reason: LocalReplyReason,
  options: {
    readonly detail?: string | undefined;
    readonly connection: string;
    readonly withoutBody: boolean;
    readonly replay?: string;
  },
): string {
  const { status, phrase, text } = localReplies[reason];
  const detail = options.detail ? ` (${options.detail.replaceAll(/[^ -~]/g, "?").slice(0, 200)})` : "";
  const body = `heddle: ${text}${detail}\n`;
  return (
    `HTTP/1.1 ${status} ${phrase}\r\n` +
    `Content-Type: text/plain; charset=utf-8\r\n` +
    `Content-Length: ${body.length}\r\n` +
    `heddle-reason: ${reason}\r\n` +
    (options.replay ? `${replayHeader}: ${options.replay}\r\n` : "") +
    (options.connection === "" ? "" : `Connection: ${options.connection}\r\n`) +
    `\r\n` +
    (options.withoutBody ? "" : body)
  );
}

/** The local reply for a refusal of the request parser. */
export function reasonOfRefusal({ status, reason }: Refusal): LocalReplyReason {
  if (reason === "unknown_method") return "unsupported_method";
  switch (status) {
    case 414:
      return "target_too_long";
    case 431:
      return "head_too_large";
    case 505:
      return "unsupported_version";
    default:
      return "bad_request";
  }
}

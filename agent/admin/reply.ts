// Answers of the agent's own HTTP servers, and the pages that both of them have.
import type { IncomingMessage, ServerResponse } from "node:http";

export interface Reply {
  readonly status: number;
  readonly type: string;
  readonly body: string;
}

/** Who connects and says nothing is given up soon: probes must find room. */
export const connectionLimits = { headersTimeout: 3000, requestTimeout: 5000, connectionsCheckingInterval: 1000 };
export const maxConnections = 100;

export function text(status: number, body: string): Reply {
  return { status, type: "text/plain; charset=utf-8", body: `${body}\n` };
}

/** `notReady` is the reason, "" for ready. */
export function readiness(notReady: string): Reply {
  return notReady === "" ? text(200, "ok") : text(503, notReady);
}

/** Metrics in the text format of Prometheus. */
export function exposition(body: string): Reply {
  return { status: 200, type: "text/plain; version=0.0.4; charset=utf-8", body };
}

export function send({ method }: IncomingMessage, response: ServerResponse, reply: Reply): void {
  response.writeHead(reply.status, { "content-type": reply.type, "content-length": Buffer.byteLength(reply.body) });
  response.end(method === "HEAD" ? undefined : reply.body);
}

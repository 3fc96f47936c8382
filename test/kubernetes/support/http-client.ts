// Requests of the cluster tests: one answer whole, or many counted by what they said.
import { type Agent, request } from "node:http";
import type { Address } from "./reach.ts";

const requestTimeoutMs = 30_000;

export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: string;
}

export interface RequestOptions {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  /** A new connection without one. */
  readonly agent?: Agent;
}

/** One request; rejects when the connection fails or nothing is answered in 30 seconds. */
export function send(address: Address, path: string, options: RequestOptions = {}): Promise<Answer> {
  const { method = "GET", headers = {}, body = "", agent } = options;
  const { host, port } = address;
  return new Promise((resolve, reject) => {
    const length = body === "" ? {} : { "content-length": String(Buffer.byteLength(body)) };
    const outgoing = request(
      {
        host,
        port,
        path,
        method,
        headers: { ...length, ...headers },
        agent: agent ?? false,
        timeout: requestTimeoutMs,
      },
      (response) => {
        let text = "";
        response.setEncoding("utf8");
        response.on("data", (part: string) => (text += part));
        response.on("error", reject);
        response.on("end", () => {
          resolve({ status: response.statusCode ?? 0, headers: response.headers, body: text });
        });
      },
    );
    outgoing.on("timeout", () => outgoing.destroy(new Error(`${path}: no answer in ${requestTimeoutMs} ms`)));
    outgoing.on("error", reject);
    outgoing.end(body);
  });
}

/** How often each answer, through `key`, came back of `count` requests, one after the other. */
export async function tally(
  count: number,
  ask: () => Promise<Answer>,
  key: (answer: Answer) => string,
): Promise<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (let index = 0; index < count; index++) {
    const name = key(await ask());
    counts[name] = (counts[name] ?? 0) + 1;
  }
  return counts;
}

/** The body of a 200; anything else says its status and reason, so that it spoils a tally visibly. */
export function text({ status, headers, body }: Answer): string {
  return status === 200 ? body.trim() : `status ${status} ${String(headers["heddle-reason"] ?? "")}`.trim();
}

/** `jq -r '.version'` of a 200. */
export function version(answer: Answer): string {
  return answer.status === 200 ? (JSON.parse(answer.body) as { version: string }).version : text(answer);
}

// The demo's client: plain HTTP requests on keep-alive connections, one after the other, as a shell loop of curl would.
import { Agent, request } from "node:http";

export interface DemoResponse {
  readonly status: number;
  readonly body: string;
}

export interface RequestOptions {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

const timeoutMs = 5000;

export class DemoClient {
  readonly #agent = new Agent({ keepAlive: true });
  readonly #port: number;

  constructor(port: number) {
    this.#port = port;
  }

  /** Rejects when there is no answer in five seconds. */
  send(path: string, options: RequestOptions = {}): Promise<DemoResponse> {
    const { method = "GET", headers = {}, body = "" } = options;
    return new Promise((resolve, reject) => {
      const outgoing = request(
        {
          host: "127.0.0.1",
          port: this.#port,
          path,
          method,
          agent: this.#agent,
          headers: body === "" ? headers : { ...headers, "content-length": Buffer.byteLength(body) },
          signal: AbortSignal.timeout(timeoutMs),
        },
        (response) => {
          let text = "";
          response.setEncoding("utf8");
          response.on("data", (chunk: string) => (text += chunk));
          response.on("end", () => resolve({ status: response.statusCode ?? 0, body: text }));
          response.on("error", reject);
        },
      );
      outgoing.on("error", reject);
      outgoing.end(body);
    });
  }

  /** How often each version answered `count` requests; anything but a 200 with a version counts as "failed". */
  async countVersions(
    count: number,
    path: string,
    options: RequestOptions = {},
  ): Promise<Readonly<Record<string, number>>> {
    const counts: Record<string, number> = {};
    for (let index = 0; index < count; index++) {
      const version = versionOf(await this.send(path, options));
      counts[version] = (counts[version] ?? 0) + 1;
    }
    return counts;
  }

  close(): void {
    this.#agent.destroy();
  }
}

export function versionOf({ status, body }: DemoResponse): string {
  if (status !== 200) {
    return "failed";
  }
  try {
    const answer: unknown = JSON.parse(body);
    const version = typeof answer === "object" && answer !== null && "version" in answer ? answer.version : undefined;
    return typeof version === "string" ? version : "failed";
  } catch {
    return "failed";
  }
}

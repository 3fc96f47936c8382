// One service of a chain: says which version it is and which trace headers reached it, and calls NEXT first when it has
// one. It copies trace headers to that call as docs/tracing.md asks of an application; header x-copy names fewer of them.
// Imports nothing of the project: it runs in pods, see support/node-app.ts.
import { createServer, get, type IncomingHttpHeaders } from "node:http";

/** What a hop answers. */
export interface HopAnswer {
  readonly version: string;
  readonly headers: Readonly<Record<string, string>>;
  /** Null where the chain ends. */
  readonly next: HopAnswer | null;
}

const w3c = ["traceparent", "tracestate"];
const b3Single = ["b3"];
const b3Multi = ["x-b3-traceid", "x-b3-spanid", "x-b3-sampled", "x-b3-flags"];
const all = [...w3c, ...b3Single, ...b3Multi];
const copies: Readonly<Record<string, readonly string[]>> = {
  all,
  none: [],
  w3c,
  "b3-single": b3Single,
  "b3-multi": b3Multi,
};

function pick(headers: IncomingHttpHeaders, names: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    names.flatMap((name) => {
      const value = headers[name];
      return typeof value === "string" ? [[name, value]] : [];
    }),
  );
}

function ask(url: string, headers: Readonly<Record<string, string>>): Promise<HopAnswer> {
  return new Promise((resolve, reject) => {
    const outgoing = get(url, { headers, agent: false }, (response) => {
      let text = "";
      response.setEncoding("utf8").on("data", (part: string) => (text += part));
      response.on("error", reject);
      response.on("end", () => {
        if (response.statusCode === 200) resolve(JSON.parse(text) as HopAnswer);
        else reject(new Error(`${url}: ${response.statusCode} ${text}`));
      });
    });
    outgoing.on("error", reject);
  });
}

function main(): void {
  const { NEXT: next = "", VERSION: version = "" } = process.env;
  const server = createServer((request, response) => {
    const names = copies[String(request.headers["x-copy"] ?? "all")] ?? all;
    const asked = next === "" || request.url === "/ready" ? null : ask(next, pick(request.headers, names));
    Promise.resolve(asked).then(
      (answer) => {
        const headers = pick(request.headers, all);
        response.end(JSON.stringify({ version, headers, next: answer } satisfies HopAnswer));
      },
      (error: unknown) => {
        response.statusCode = 502;
        response.end(String(error));
      },
    );
  });
  server.listen(8080);
  process.on("SIGTERM", () => process.exit(0));
}

if (import.meta.main) main();

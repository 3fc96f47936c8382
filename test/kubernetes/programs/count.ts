// A client that counts answers: requests one after the other, each on a connection of its own, once the route is in
// force. Prints how often each version, or error, answered.
import { request } from "node:http";
import { inForce } from "./in-force.ts";
import { addressOf, input } from "./input.ts";

export interface CountInput {
  readonly host: string;
  readonly port: number;
  readonly path: string;
  readonly count: number;
  readonly method?: string;
  readonly body?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Waited for first; see markRule. */
  readonly mark?: string;
}

const { host: name, port, path, count, method = "GET", body = "", headers = {}, mark } = input() as CountInput;

const host = await addressOf(name);

function ask(): Promise<string> {
  return new Promise((resolve) => {
    const length = body === "" ? {} : { "content-length": String(Buffer.byteLength(body)) };
    const options = {
      host,
      port,
      path,
      method,
      headers: { host: name, ...length, ...headers },
      agent: false,
      timeout: 10_000,
    };
    const outgoing = request(options, (response) => {
      let text = "";
      response.setEncoding("utf8");
      response.on("data", (part: string) => (text += part));
      response.on("error", () => resolve("cut short"));
      response.on("end", () => {
        const reason = String(response.headers["heddle-reason"] ?? "");
        resolve(response.statusCode === 200 ? text : `status ${response.statusCode} ${reason}`.trim());
      });
    });
    outgoing.on("timeout", () => outgoing.destroy(new Error("no answer in time")));
    outgoing.on("error", (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    outgoing.end(body);
  });
}

if (mark !== undefined) await inForce(host, port, mark);
const counts: Record<string, number> = {};
for (let index = 0; index < count; index++) {
  const answer = await ask();
  counts[answer] = (counts[answer] ?? 0) + 1;
}
console.log(JSON.stringify(counts));

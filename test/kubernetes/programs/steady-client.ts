// A steady load: requests at a rate, whether or not earlier ones were answered, for a while. Prints how often each body
// of a 200, status or error came.
import { Agent, get } from "node:http";
import { inForce } from "./in-force.ts";
import { addressOf, input, sleep } from "./input.ts";

export interface SteadyInput {
  readonly host: string;
  readonly port: number;
  /** Requests per second. */
  readonly rate: number;
  readonly seconds: number;
  /** Waited for first; see markRule. */
  readonly mark: string;
}

const { host, port, rate, seconds, mark } = input() as SteadyInput;
const address = await addressOf(host);
const agent = new Agent({ keepAlive: true });
const outcomes: Record<string, number> = {};

function ask(): Promise<void> {
  return new Promise((resolve) => {
    const settle = (outcome: string): void => {
      outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
      resolve();
    };
    const outgoing = get({ host: address, port, path: "/", agent, timeout: 10_000 }, (response) => {
      let text = "";
      response.setEncoding("utf8");
      response.on("data", (part: string) => (text += part));
      response.on("error", () => settle("cut short"));
      response.on("end", () => {
        const reason = String(response.headers["heddle-reason"] ?? "");
        settle(response.statusCode === 200 ? text : `status ${response.statusCode} ${reason}`.trim());
      });
    });
    outgoing.on("timeout", () => outgoing.destroy(new Error("no answer in time")));
    outgoing.on("error", (error: NodeJS.ErrnoException) => settle(error.code ?? error.message));
  });
}

await inForce(address, port, mark);
const startedMs = performance.now();
const asked: Promise<void>[] = [];
while (performance.now() - startedMs < seconds * 1000) {
  const due = ((performance.now() - startedMs) * rate) / 1000;
  while (asked.length < due) asked.push(ask());
  await sleep(4);
}
await Promise.all(asked);
console.log(JSON.stringify(outcomes));
process.exit(0);

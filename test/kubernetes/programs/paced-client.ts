// Connections in parallel that each ask something, wait about as long as their server keeps idle connections, and ask
// again. Every other request is a POST whose body has no stated length: nobody may send that twice.
import { Agent, request } from "node:http";
import { addressOf, input, sleep } from "./input.ts";

export interface PacedInput {
  readonly host: string;
  readonly ports: readonly number[];
  /** For each port. */
  readonly connections: number;
  readonly rounds: number;
  readonly gapMs: readonly [least: number, most: number];
}

const { host, ports, connections, rounds, gapMs } = input() as PacedInput;
const address = await addressOf(host);
const outcomes: Record<string, number> = {};

function ask(agent: Agent, port: number, method: string): Promise<string> {
  return new Promise((resolve) => {
    const outgoing = request({ host: address, port, method, agent, path: "/", timeout: 10_000 }, (response) => {
      response.resume();
      response.on("error", () => resolve("cut short"));
      response.on("end", () => {
        const reason = String(response.headers["heddle-reason"] ?? "");
        resolve(`${response.statusCode} ${reason}`.trim());
      });
    });
    outgoing.on("timeout", () => outgoing.destroy(new Error("no answer in time")));
    outgoing.on("error", (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    if (method === "POST") outgoing.write("some");
    outgoing.end();
  });
}

async function connection(port: number, gapOf: (round: number) => number): Promise<void> {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  for (let round = 0; round < rounds; round++) {
    if (round > 0) await sleep(gapOf(round));
    const outcome = await ask(agent, port, round % 2 === 0 ? "GET" : "POST");
    outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
  }
  agent.destroy();
}

const [least, most] = gapMs;
await Promise.all(
  ports.flatMap((port) =>
    // Spread over the gaps, so that each round tries many.
    Array.from({ length: connections }, (_, index) =>
      connection(port, (round) => least + (((index * 7 + round * 3) % connections) / connections) * (most - least)),
    ),
  ),
);
console.log(JSON.stringify(outcomes));

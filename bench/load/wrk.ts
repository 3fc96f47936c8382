// Closed-loop load with wrk: 32 keep-alive connections, as many requests as the proxy can take.
import { fileURLToPath } from "node:url";
import { LOAD_CORE, runPinned } from "../harness/managed-process.ts";

export const CONNECTIONS = 32;
const SCRIPT = fileURLToPath(new URL("mixed-routes.lua", import.meta.url));

export interface ClosedLoopResult {
  readonly requests: number;
  readonly requestsPerSecond: number;
}

/** Throws when any answer was not 2xx or a socket failed: a figure of failures is no figure. */
export async function closedLoop(port: number, seconds: number): Promise<ClosedLoopResult> {
  const url = `http://127.0.0.1:${port}/`;
  const output = await runPinned(LOAD_CORE, "wrk", ["-t1", `-c${CONNECTIONS}`, `-d${seconds}s`, "-s", SCRIPT, url]);
  const failures = /Non-2xx or 3xx responses: \d+|Socket errors: .*/.exec(output)?.[0];
  if (failures !== undefined) throw new Error(`port ${port}: ${failures}`);
  const requests = Number(/(\d+) requests in/.exec(output)?.[1]);
  const requestsPerSecond = Number(/Requests\/sec:\s+([\d.]+)/.exec(output)?.[1]);
  if (!(requests > 0)) throw new Error(`port ${port}: no requests were answered:\n${output}`);
  return { requests, requestsPerSecond };
}

// Open-loop load with h2load: a fixed rate whatever the proxy does, with the latency of each request.
import { readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { LOAD_CORE, runPinned } from "../harness/managed-process.ts";
import { percentile } from "../harness/statistics.ts";
import { CONNECTIONS } from "./wrk.ts";

export interface OpenLoopResult {
  readonly requestsPerSecond: number;
  readonly p50Microseconds: number;
  readonly p99Microseconds: number;
}

/** `folder` takes h2load's log of single requests, which is read and removed. */
export async function openLoop(
  port: number,
  requestsPerSecond: number,
  seconds: number,
  folder: string,
): Promise<OpenLoopResult> {
  const log = join(folder, `h2load-${port}.log`);
  const perConnection = Math.max(1, Math.round(requestsPerSecond / CONNECTIONS));
  const urls = Array.from({ length: 20 }, (_, route) => `http://127.0.0.1:${port}/svc${route}/items`);
  try {
    const output = await runPinned(LOAD_CORE, "h2load", [
      "--h1",
      `-c${CONNECTIONS}`,
      "-t1",
      "-D",
      String(seconds),
      "--rps",
      String(perConnection),
      `--log-file=${log}`,
      ...urls,
    ]);
    const failed = /requests: .* (\d+) failed, (\d+) errored, (\d+) timeout/.exec(output);
    if (failed === null || Number(failed[1]) + Number(failed[2]) + Number(failed[3]) > 0) {
      throw new Error(`port ${port}: requests failed under h2load:\n${output}`);
    }
    // Columns: start time in microseconds, status, latency in microseconds.
    const latencies: number[] = [];
    for (const line of readFileSync(log, "latin1").split("\n")) {
      const [, status, latency] = line.split("\t");
      if (status === undefined || latency === undefined) continue;
      if (!status.startsWith("2")) throw new Error(`port ${port}: answered ${status} under h2load`);
      latencies.push(Number(latency));
    }
    return {
      requestsPerSecond: latencies.length / seconds,
      p50Microseconds: percentile(latencies, 0.5),
      p99Microseconds: percentile(latencies, 0.99),
    };
  } finally {
    rmSync(log, { force: true });
  }
}

// What mirrored copies are judged by: the counts that the agent keeps of them, and targets that keep what they were sent
// and never behave.
import { once } from "node:events";
import type { Socket } from "node:net";
import { Worker } from "node:worker_threads";
import type { TestProxy } from "./proxy.ts";
import { parsePrometheusText, samplesOf } from "./prometheus-text.ts";
import type { RawServer } from "./raw-server.ts";
import { startRawServer } from "./raw-server.ts";
import type { Test } from "./test-context.ts";

export interface MirrorAccount {
  /** Sent whole. */
  readonly copies: number;
  /** Counts above 0 by reason. */
  readonly drops: Readonly<Record<string, number>>;
  /** Copies and drops: the requests that were to be mirrored. */
  readonly total: number;
}

/** As a scrape tells it, of one mirror or of all. */
export function mirrorAccount(proxy: TestProxy, backend?: string): MirrorAccount {
  const families = parsePrometheusText(proxy.context.metrics.registry.render());
  const of = (name: string) =>
    samplesOf(families, name).filter(({ labels }) => backend === undefined || labels["backend"] === backend);
  const copies = of("http_mirror_requests_total").reduce((sum, { value }) => sum + value, 0);
  const drops: Record<string, number> = {};
  let total = copies;
  for (const { labels, value } of of("http_mirror_drops_total")) {
    const reason = labels["reason"] ?? "";
    if (value > 0) drops[reason] = (drops[reason] ?? 0) + value;
    total += value;
  }
  return { copies, drops, total };
}

export interface RecordingTarget extends RawServer {
  /** What each connection brought, one character per byte, in the order of the connections. */
  readonly received: string[];
  /** How each connection ended: "" while it has not, then "end" or the error's code. */
  readonly endings: string[];
}

/** Keeps everything that it is sent; `onData` may answer, or do worse. */
export async function startRecordingTarget(
  t: Test,
  onData: (socket: Socket, received: string) => void = () => undefined,
): Promise<RecordingTarget> {
  const received: string[] = [];
  const endings: string[] = [];
  const server = await startRawServer(t, (socket) => {
    const index = received.push("") - 1;
    endings.push("");
    socket.setEncoding("latin1");
    socket.on("data", (text: string) => {
      received[index] += text;
      onData(socket, received[index] ?? "");
    });
    socket.on("end", () => {
      endings[index] = "end";
    });
    socket.on("error", (error: NodeJS.ErrnoException) => {
      endings[index] = error.code ?? "error";
    });
  });
  return { ...server, received, endings };
}

/**
 * A port that listens and whose program never accepts: the kernel finishes a handshake or two for it, and leaves the
 * others without an answer.
 */
export async function startStuckTarget(t: Test): Promise<number> {
  const worker = new Worker(
    `const { parentPort } = require("node:worker_threads");
    const server = require("node:net").createServer();
    server.listen({ host: "127.0.0.1", port: 0, backlog: 1 }, () => {
      parentPort.postMessage(server.address().port);
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
    });`,
    { eval: true },
  );
  t.teardown(async () => {
    await worker.terminate();
  });
  const [port] = (await once(worker, "message")) as [number];
  return port;
}

// Waits until a Service's route is in force for this pod, and its backends have endpoints. See markRule in
// support/mesh.ts.
import { get } from "node:http";
import { sleep } from "./input.ts";

const deadlineMs = 30_000;

/** The status of one GET on a connection of its own; 0 when none came. */
function statusOf(host: string, port: number, path: string): Promise<number> {
  return new Promise((resolve) => {
    get({ host, port, path, agent: false }, (response) => {
      response.resume().on("end", () => resolve(response.statusCode ?? 0));
    }).on("error", () => resolve(0));
  });
}

/** Rejects when the mark does not answer in time. Requests nothing else. */
export async function inForce(host: string, port: number, mark: string): Promise<void> {
  const lateMs = performance.now() + deadlineMs;
  for (;;) {
    const status = await statusOf(host, port, `/in-force/${mark}`);
    if (status === 500) return;
    if (performance.now() > lateMs) throw new Error(`${host}: mark ${mark} answers ${status} after ${deadlineMs} ms`);
    await sleep(20);
  }
}

// An end to waiting for a call of client-node's generic object API, which takes no signal.
import type { Clock } from "../discovery/clock.ts";

const callTimeoutMs = 15_000;

/** Resolves or rejects as `call` does; rejects after 15 seconds at the latest. */
export async function apiCall<Answer>(call: Promise<Answer>, clock: Clock): Promise<Answer> {
  let cancel = (): void => undefined;
  const timeout = new Promise<never>((_resolve, reject) => {
    cancel = clock.schedule(callTimeoutMs, () => reject(new Error("the API server did not answer in time")));
  });
  try {
    return await Promise.race([call, timeout]);
  } finally {
    cancel();
  }
}

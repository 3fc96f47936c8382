// One call of client-node to the API server: its failures in one form, and an end to waiting.
import type { Clock } from "../discovery/clock.ts";

/** An answer that is no success, or none at all (code 0). The message is the API server's own where it gave one. */
export class ApiFailure extends Error {
  readonly code: number;

  constructor(code: number, message: string) {
    super(message);
    this.name = "ApiFailure";
    this.code = code;
  }
}

const callTimeoutMs = 15_000;
const maxMessageLength = 500;

/** Resolves as `call` does; rejects with an ApiFailure, after 15 seconds at the latest. */
export async function apiCall<Answer>(call: Promise<Answer>, clock: Clock): Promise<Answer> {
  let cancel = (): void => undefined;
  const timeout = new Promise<never>((_resolve, reject) => {
    cancel = clock.schedule(callTimeoutMs, () => reject(new ApiFailure(0, "the API server did not answer in time")));
  });
  try {
    return await Promise.race([call, timeout]);
  } catch (error) {
    if (error instanceof ApiFailure) throw error;
    const { code, body } = error as { readonly code?: unknown; readonly body?: unknown };
    if (typeof code !== "number") throw new ApiFailure(0, error instanceof Error ? error.message : String(error));
    throw new ApiFailure(code, messageOf(body) ?? `the API server answered ${code}`);
  } finally {
    cancel();
  }
}

/** Of a Status object, parsed or not. */
function messageOf(body: unknown): string | undefined {
  let status = body;
  try {
    if (typeof body === "string") status = JSON.parse(body);
  } catch {
    return (body as string).slice(0, maxMessageLength);
  }
  const message = (status as { readonly message?: unknown } | null)?.message;
  return typeof message === "string" ? message.slice(0, maxMessageLength) : undefined;
}

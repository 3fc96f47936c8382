// Calls of this folder to the API server: each ends after a time, all share a connection that is kept. And what the
// API server's refusals mean: their code, and one line for the log.
import { ApiException, type ConfigurationOptions } from "@kubernetes/client-node";
import { ApiConnections } from "../kubernetes/api-connections.ts";

/** A call without an answer for this long has failed. */
const callTimeoutMs = 10_000;

export class ApiCalls {
  readonly #connections = new ApiConnections(() => performance.now());

  /** For one call, as its last argument. */
  options(): ConfigurationOptions {
    return this.#connections.options(AbortSignal.timeout(callTimeoutMs));
  }

  close(): void {
    this.#connections.close();
  }
}

/** Whether `error` is an answer of the API server with this HTTP status. */
export function isStatus(error: unknown, code: number): boolean {
  return error instanceof ApiException && error.code === code;
}

/** An error whose message is the API server's own (Status.message), short and the same every time. */
export function readableError(error: unknown): Error {
  if (!(error instanceof ApiException)) return error instanceof Error ? error : new Error(String(error));
  const message: unknown = Reflect.get(Object(parsed(error.body)), "message");
  return new Error(`${error.code}: ${typeof message === "string" ? message : "no message"}`, { cause: error });
}

function parsed(body: unknown): unknown {
  if (typeof body !== "string") return body;
  try {
    return JSON.parse(body);
  } catch {
    return null;
  }
}

// Options for calls to the API server that end after a time and share a connection that is kept. What a refusal means
// is api-refusal.ts's.
import type { ConfigurationOptions } from "@kubernetes/client-node";
import { ApiConnections } from "./api-connections.ts";

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

// What can go wrong between a ListWatch and the API server, and what it takes to mend it. Pure.
import { ApiError } from "./client.ts";

export interface Failure {
  /** 0 for connections. */
  readonly status: number;
  readonly message: string;
  /** Whether watching on from the last version cannot mend it: only a new list can. */
  readonly needsList: boolean;
}

/** An ERROR event of a watch. */
export class WatchError extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.name = "WatchError";
    this.status = status;
  }

  /** From the Status object in the event. */
  static fromStatus(fields: Readonly<Record<string, unknown>>): WatchError {
    const { code, reason, message } = fields;
    const said = [reason, message].filter((part) => typeof part === "string");
    return new WatchError(typeof code === "number" ? code : 500, said.join(": ") || "watch failed");
  }
}

/** Of anything that was thrown. */
export function describeFailure(error: unknown): Failure {
  const message = error instanceof Error ? error.message || error.name : String(error);
  if (error instanceof WatchError) return { status: error.status, message, needsList: true };
  // 400 and 504: the version is none that this server knows, as after a restore of its store.
  if (error instanceof ApiError)
    return { status: error.status, message, needsList: [400, 404, 410, 504].includes(error.status) };
  // A line that is no JSON, or too long: its event is lost.
  return { status: 0, message, needsList: error instanceof SyntaxError || error instanceof RangeError };
}

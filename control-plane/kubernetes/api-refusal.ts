// What a failed call of the Kubernetes client means: the API server's status, and its own words as one line. Calling,
// and what follows from a refusal, are the callers'.
import { ApiException } from "@kubernetes/client-node";

const maxMessageLength = 500;

/** Whether `error` is an answer of the API server with one of these HTTP statuses. */
export function isStatus(error: unknown, ...statuses: readonly number[]): boolean {
  return error instanceof ApiException && statuses.includes(error.code);
}

/** Whether nothing can be made because the namespace is being deleted. */
export function isNamespaceTerminating(error: unknown): boolean {
  return isStatus(error, 403) && readableError(error).message.includes("because it is being terminated");
}

/** An error whose message is the API server's own (Status.message), at most 500 characters, the same every time. */
export function readableError(error: unknown): Error {
  if (!(error instanceof ApiException)) return error instanceof Error ? error : new Error(String(error));
  const message: unknown = Reflect.get(Object(parsed(error.body)), "message");
  const words = typeof message === "string" ? message.slice(0, maxMessageLength) : "no message";
  return new Error(`${error.code}: ${words}`, { cause: error });
}

function parsed(body: unknown): unknown {
  if (typeof body !== "string") return body;
  try {
    return JSON.parse(body);
  } catch {
    return null;
  }
}

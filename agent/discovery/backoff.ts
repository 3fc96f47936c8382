// When to try again. Full jitter: anything from nothing to a limit that doubles with every failure, so that agents
// which lost the same control plane do not come back in step. The first few attempts come in quick succession: behind a
// Service's address each may meet another replica. And which gRPC statuses are worth trying again soon.
import { status } from "@grpc/grpc-js";

export interface BackoffOptions {
  readonly initialMs: number;
  readonly maxMs: number;
  /** In [0, 1). */
  readonly random: () => number;
}

/** Failures before the limit doubles. */
const quickAttempts = 3;

export class Backoff {
  readonly #options: BackoffOptions;
  #failures = 0;

  constructor(options: BackoffOptions) {
    this.#options = options;
  }

  /** Since the last reset. */
  get failures(): number {
    return this.#failures;
  }

  /** Delay before the next attempt. */
  nextDelayMs(): number {
    const { initialMs, maxMs, random } = this.#options;
    this.#failures += 1;
    const doublings = Math.min(Math.max(0, this.#failures - quickAttempts), 30);
    const limitMs = Math.min(maxMs, initialMs * 2 ** doublings);
    return random() * limitMs;
  }

  /** The control plane answered: the next failure is the first again. */
  reset(): void {
    this.#failures = 0;
  }
}

const finalStatuses: ReadonlySet<status> = new Set([
  status.INVALID_ARGUMENT,
  status.FAILED_PRECONDITION,
  status.PERMISSION_DENIED,
  status.UNIMPLEMENTED,
  status.OUT_OF_RANGE,
]);

/**
 * "final": the control plane understood and will say the same again; a person has to act, so it is asked again only
 * rarely. "transient": anything else, among them UNAUTHENTICATED, because tokens and certificates are renewed.
 */
export function classifyStatus(code: status): "transient" | "final" {
  return finalStatuses.has(code) ? "final" : "transient";
}

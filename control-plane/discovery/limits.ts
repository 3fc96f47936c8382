// What one agent, and all of them together, may cost the server. Beyond a limit a stream ends with RESOURCE_EXHAUSTED
// and says which limit; every other stream goes on.
import type { Clock } from "./clock.ts";

export interface DiscoveryLimits {
  readonly maxStreams: number;
  readonly maxSubscriptionsPerStream: number;
  /** Characters of a subscription name. */
  readonly maxNameLength: number;
  /** Sustained rate; twice as many may come at once. */
  readonly maxMessagesPerSecond: number;
  /** Of one message of an agent. */
  readonly maxMessageBytes: number;
  /** An agent that does not answer a response for this long is dropped. */
  readonly acknowledgeTimeoutMs: number;
  /** A stream that does not say Hello for this long is ended. */
  readonly helloTimeoutMs: number;
  /** Distinct (route, rule, backend, workload version) in the summed statistics. */
  readonly maxStatsSeries: number;
  /** An authenticated stream is ended in order after half of this to all of it: replicas even out, tokens are asked for. */
  readonly maxStreamAgeMs: number;
}

export const defaultLimits: DiscoveryLimits = {
  maxStreams: 10_000,
  maxSubscriptionsPerStream: 10_000,
  maxNameLength: 512,
  maxMessagesPerSecond: 500,
  maxMessageBytes: 16 * 1024 * 1024,
  acknowledgeTimeoutMs: 15_000,
  helloTimeoutMs: 10_000,
  maxStatsSeries: 20_000,
  maxStreamAgeMs: 1_800_000,
};

/** Counts what comes against a rate: a bucket of twice the rate, refilled continuously. */
export class RateLimit {
  readonly #perSecond: number;
  readonly #clock: Clock;
  #tokens: number;
  #filledAtMs: number;

  constructor(perSecond: number, clock: Clock) {
    this.#perSecond = perSecond;
    this.#clock = clock;
    this.#tokens = perSecond * 2;
    this.#filledAtMs = clock.monotonicMs();
  }

  /** Takes one; false when there is none left. */
  take(): boolean {
    const nowMs = this.#clock.monotonicMs();
    const refill = ((nowMs - this.#filledAtMs) / 1000) * this.#perSecond;
    this.#tokens = Math.min(this.#perSecond * 2, this.#tokens + refill);
    this.#filledAtMs = nowMs;
    if (this.#tokens < 1) return false;
    this.#tokens -= 1;
    return true;
  }
}

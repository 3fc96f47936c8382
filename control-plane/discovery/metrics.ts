// What the discovery server counts about itself. Plain numbers; exposition is admin's.
import type { AuthenticationFailure } from "./authenticate.ts";

/** Upper bounds of the delay from publish to acknowledgement, in milliseconds; one more bucket lies above. */
export const acknowledgeDelayBucketsMs: readonly number[] = [5, 10, 25, 50, 100, 250, 500, 1000, 5000, 15_000];

export class DiscoveryMetrics {
  streamsAccepted = 0;
  responsesSent = 0;
  /** In all responses together: a reconnecting agent is sent only what has changed. */
  resourcesSent = 0;
  acknowledged = 0;
  refused = 0;
  /** Acknowledgements with another nonce than that of the response in flight. */
  staleNonces = 0;
  /** Streams that this side ended, by gRPC status name. */
  readonly streamsEnded = new Map<string, number>();
  /** Streams refused because of their token, by reason: at most one entry per AuthenticationFailure. */
  readonly authenticationFailures = new Map<AuthenticationFailure, number>();
  /** From the publish that a response carries (the request, when it answers one) to its acknowledgement. */
  readonly acknowledgeDelay = acknowledgeDelayBucketsMs.map(() => 0).concat(0);
  acknowledgeDelaySumMs = 0;

  countEnded(statusName: string): void {
    this.streamsEnded.set(statusName, (this.streamsEnded.get(statusName) ?? 0) + 1);
  }

  countAuthenticationFailure(reason: AuthenticationFailure): void {
    this.authenticationFailures.set(reason, (this.authenticationFailures.get(reason) ?? 0) + 1);
  }

  observeAcknowledgeDelay(delayMs: number): void {
    const index = acknowledgeDelayBucketsMs.findIndex((bound) => delayMs <= bound);
    const bucket = index < 0 ? acknowledgeDelayBucketsMs.length : index;
    this.acknowledgeDelay[bucket] = (this.acknowledgeDelay[bucket] ?? 0) + 1;
    this.acknowledgeDelaySumMs += delayMs;
  }
}

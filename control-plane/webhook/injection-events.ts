// Why pods are not injected, as Kubernetes Events on what asks for them. Owns the queue: what is said once is not said
// again for a while, a burst is let through, what comes on top waits, and past the bound it is dropped and counted. The
// webhook never waits for any of it.
import { randomBytes } from "node:crypto";
import type { Clock } from "../discovery/clock.ts";
import { systemClock } from "../discovery/clock.ts";
import type { Logger } from "../discovery/logger.ts";
import type { ReviewOutcome } from "./admission-review.ts";
import type { WebhookMetrics } from "./metrics.ts";

/** core/v1 Event, as far as it is filled in. */
export interface InjectionEvent {
  readonly metadata: { readonly name: string; readonly namespace: string };
  readonly involvedObject: {
    readonly apiVersion: string;
    readonly kind: string;
    readonly name: string;
    readonly namespace: string;
    readonly uid?: string;
  };
  readonly type: "Normal" | "Warning";
  readonly reason: string;
  readonly message: string;
  readonly count: number;
  readonly firstTimestamp: Date;
  readonly lastTimestamp: Date;
  readonly source: { readonly component: string };
  readonly reportingComponent: string;
  readonly reportingInstance: string;
}

export interface InjectionEventsOptions {
  /** Writes one Event; rejects when the API server does not take it. */
  readonly write: (event: InjectionEvent) => Promise<void>;
  /** This replica's name. */
  readonly instance: string;
  readonly metrics: WebhookMetrics;
  readonly logger: Logger;
  readonly clock?: Clock;
}

/** Events that wait for their turn. */
const maxWaiting = 100;
/** Events that may be written at once, after some quiet. */
const maxBurst = 20;
/** Then one in this time. */
const intervalMs = 500;
/** The same is said of the same object once in this time. */
const repeatAfterMs = 600_000;
/** What was said of that many objects is remembered. */
const maxRemembered = 1000;

const component = "heddle-webhook";

export class InjectionEvents {
  readonly #options: InjectionEventsOptions;
  readonly #clock: Clock;
  readonly #waiting: InjectionEvent[] = [];
  /** What was said, and when; oldest first. */
  readonly #said = new Map<string, number>();
  #allowed = maxBurst;
  #allowedAtMs: number;
  #stopTimer: (() => void) | null = null;
  #closed = false;

  constructor(options: InjectionEventsOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#allowedAtMs = this.#clock.monotonicMs();
  }

  /** Says once in a while why pods of this owner, or this pod, are not injected. A pod without either name is nobody's. */
  skipped(outcome: ReviewOutcome): void {
    const involvedObject = objectOf(outcome);
    if (this.#closed || involvedObject === null) return;
    const key = JSON.stringify([involvedObject, outcome.reason]);
    if (!this.#isNews(key)) return;
    if (this.#waiting.length >= maxWaiting) {
      this.#options.metrics.eventsDropped += 1;
      this.#said.delete(key);
      return;
    }
    const now = new Date(this.#clock.wallMs());
    this.#waiting.push({
      metadata: {
        name: `${involvedObject.name.slice(0, 230)}.${randomBytes(8).toString("hex")}`,
        namespace: outcome.namespace,
      },
      involvedObject,
      type: outcome.reason === "opted-out" || outcome.reason === "already-injected" ? "Normal" : "Warning",
      reason: "SidecarNotInjected",
      message: `${outcome.message} (${outcome.reason})`.slice(0, 1000),
      count: 1,
      firstTimestamp: now,
      lastTimestamp: now,
      source: { component },
      reportingComponent: `heddle.dev/${component}`,
      reportingInstance: this.#options.instance,
    });
    this.#writeAllowed();
  }

  /** What waits is dropped. */
  close(): void {
    this.#closed = true;
    this.#stopTimer?.();
    this.#stopTimer = null;
    this.#waiting.length = 0;
  }

  #isNews(key: string): boolean {
    const nowMs = this.#clock.monotonicMs();
    const saidAtMs = this.#said.get(key);
    if (saidAtMs !== undefined && nowMs - saidAtMs < repeatAfterMs) return false;
    this.#said.delete(key);
    this.#said.set(key, nowMs);
    const oldest = this.#said.keys().next().value;
    if (this.#said.size > maxRemembered && oldest !== undefined) this.#said.delete(oldest);
    return true;
  }

  #writeAllowed(): void {
    const nowMs = this.#clock.monotonicMs();
    const earned = Math.floor((nowMs - this.#allowedAtMs) / intervalMs);
    this.#allowed = Math.min(maxBurst, this.#allowed + earned);
    this.#allowedAtMs = this.#allowed === maxBurst ? nowMs : this.#allowedAtMs + earned * intervalMs;
    while (this.#allowed > 0) {
      const event = this.#waiting.shift();
      if (event === undefined) break;
      this.#allowed -= 1;
      this.#write(event);
    }
    if (this.#waiting.length > 0) {
      this.#stopTimer ??= this.#clock.schedule(intervalMs, () => {
        this.#stopTimer = null;
        this.#writeAllowed();
      });
    }
  }

  #write(event: InjectionEvent): void {
    const { write, metrics, logger } = this.#options;
    write(event).then(
      () => {
        metrics.eventsWritten += 1;
      },
      (error: unknown) => {
        metrics.eventsDropped += 1;
        const { kind, name, namespace } = event.involvedObject;
        const about = error instanceof Error ? error.message : String(error);
        logger.warn({ object: `${kind} ${namespace}/${name}`, error: about.slice(0, 500) }, "cannot write an Event");
      },
    );
  }
}

/** What asks for the pod; a pod that nobody asks for and that has a name is told about itself, before it exists. */
function objectOf({
  owner,
  namespace,
  pod,
  cameInjected,
  reason,
}: ReviewOutcome): InjectionEvent["involvedObject"] | null {
  if (namespace === "" || (reason === "already-injected" && !cameInjected)) return null;
  if (owner !== null) {
    const { apiVersion, kind, name, uid } = owner;
    return { apiVersion, kind, name, namespace, uid };
  }
  return pod === "" || pod.endsWith("-") ? null : { apiVersion: "v1", kind: "Pod", name: pod, namespace };
}

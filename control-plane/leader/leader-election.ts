// Which replica leads: at most one at any moment, by a Lease that its holder renews. Safety rests on one clock only,
// each replica's own: a leader counts `renewDeadlineMs` from before it SENT its last successful renewal, another replica
// counts the longer lease duration from after it SAW that renewal, so the first has stepped down before the second may
// take over. What a leader does is its callers'; how a Lease is stored is lease-store.ts's.
//
//   state     | event                                        | next      | does
//   ----------+----------------------------------------------+-----------+----------------------------------------
//   following | Lease absent, given back, or ours            | following | writes it; the next line on success
//   following | Lease unchanged for its duration             | following | writes it; the next line on success
//   following | write succeeded, and in time                 | leading   | onChange(true)
//   following | Lease changed, write lost, API unreachable   | following | waits
//   leading   | renewal succeeded                            | leading   | moves its deadline
//   leading   | renewal failed, or result unknown            | leading   | tries again until the deadline
//   leading   | deadline, or another holder is seen          | following | onChange(false)
//   any       | close()                                      | closed    | onChange(false), then gives the Lease back
import type { KubeConfig } from "@kubernetes/client-node";
import { type Clock, systemClock } from "../discovery/clock.ts";
import { type Logger, silentLogger } from "../discovery/logger.ts";
import { KubernetesLeaseStore, type LeaseStore, type StoredLease } from "./lease-store.ts";

export interface ElectionTimes {
  /** How long others wait after the last renewal that they saw. */
  readonly leaseDurationMs: number;
  /** How long a leader leads after its last renewal; shorter by what clocks of two machines may run apart meanwhile. */
  readonly renewDeadlineMs: number;
  /** Between two renewals, and between two looks of a replica that follows. */
  readonly renewIntervalMs: number;
  /** After a failure. */
  readonly retryIntervalMs: number;
  /** The longest that one call may take. */
  readonly callTimeoutMs: number;
  /** The longest that close() takes. */
  readonly closeTimeoutMs: number;
}

/** Killed: a successor after at most 10 s and one look, 12 s. Closed: at its next look. */
export const defaultElectionTimes: ElectionTimes = {
  leaseDurationMs: 10_000,
  renewDeadlineMs: 7_000,
  renewIntervalMs: 2_000,
  retryIntervalMs: 500,
  callTimeoutMs: 2_500,
  closeTimeoutMs: 2_000,
};

export interface ElectionOptions {
  /** Unlike that of any other living process: the pod's name. */
  readonly identity: string;
  /** Told of every change, in order; must not throw. Work in flight when it says false is not waited for. */
  readonly onChange: (isLeader: boolean) => void;
  readonly clock?: Clock;
  readonly logger?: Logger;
  readonly times?: Partial<ElectionTimes>;
}

export interface LeaderElectionOptions extends ElectionOptions {
  readonly kubeConfig: KubeConfig;
  readonly namespace: string;
  readonly leaseName: string;
}

/** An election over any store of Leases. `LeaderElection` is the one over Kubernetes. */
export class Election {
  readonly #store: LeaseStore;
  readonly #identity: string;
  readonly #onChange: (isLeader: boolean) => void;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #times: ElectionTimes;
  readonly #ended = new AbortController();
  /** The newest Lease that was seen, and since when it is known to be unchanged. */
  #seen: { readonly stored: StoredLease; readonly sinceMs: number } | null = null;
  /** A write of ours that may count although no answer said so. */
  #mayHold = false;
  #leadsUntilMs = -Infinity;
  #isAnnounced = false;
  #cancelDeadline: () => void = () => undefined;
  #running: Promise<void> | null = null;
  #closed: Promise<void> | null = null;

  constructor(store: LeaseStore, options: ElectionOptions) {
    this.#store = store;
    this.#identity = options.identity;
    this.#onChange = options.onChange;
    this.#clock = options.clock ?? systemClock;
    this.#logger = options.logger ?? silentLogger;
    this.#times = { ...defaultElectionTimes, ...options.times };
  }

  /** Asks the clock, so that a process that was stopped for a while does not take itself for the leader. */
  get isLeader(): boolean {
    return this.#isAnnounced && this.#clock.monotonicMs() < this.#leadsUntilMs;
  }

  /** Returns at once; an API server that cannot be reached is tried again for as long as it takes. */
  start(): void {
    if (this.#closed === null) this.#running ??= this.#run();
  }

  /** Steps down at once and gives the Lease back, so that another replica need not wait for its end. */
  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    this.#stepDown("closing");
    this.#ended.abort();
    await this.#running;
    if (this.#mayHold) await this.#giveBack();
    this.#store.close();
  }

  async #run(): Promise<void> {
    while (!this.#ended.signal.aborted) {
      const startedMs = this.#clock.monotonicMs();
      let nextMs: number;
      try {
        nextMs = await this.#attempt(startedMs);
      } catch (error) {
        nextMs = this.#clock.monotonicMs() + this.#times.retryIntervalMs;
        if (!this.#ended.signal.aborted)
          this.#logger.warn({ error: describe(error), isLeader: this.isLeader }, "lease not read or written");
      }
      await this.#sleepUntil(nextMs);
    }
  }

  /** One look or one renewal. Returns when to do the next; rejects when a call failed. */
  async #attempt(startedMs: number): Promise<number> {
    const { renewIntervalMs, retryIntervalMs } = this.#times;
    const isRenewal = this.isLeader && this.#seen !== null;
    if (!isRenewal) {
      const stored = await this.#call((signal) => this.#store.read(signal));
      this.#observe(stored);
      const freeMs = this.#freeAtMs();
      const now = this.#clock.monotonicMs();
      if (freeMs > now) {
        this.#stepDown("another replica holds the lease");
        return Math.min(now + renewIntervalMs, freeMs);
      }
    }
    const sentMs = this.#clock.monotonicMs();
    const previous = this.#seen?.stored ?? null;
    this.#mayHold = true;
    const written = await this.#call((signal) =>
      this.#store.write(this.#nextLease(previous), previous?.version ?? null, signal),
    );
    if (written === null) {
      // Whoever wrote, this replica's picture is old; a leader leads on until it has seen who.
      this.#seen = null;
      return this.#clock.monotonicMs() + (isRenewal ? 0 : retryIntervalMs);
    }
    this.#observe(written);
    this.#lead(sentMs + this.#times.renewDeadlineMs);
    return startedMs + renewIntervalMs;
  }

  #observe(stored: StoredLease | null): void {
    if (stored === null) this.#seen = null;
    else if (this.#seen?.stored.version !== stored.version) this.#seen = { stored, sinceMs: this.#clock.monotonicMs() };
  }

  /** When this replica may write the Lease it saw. */
  #freeAtMs(): number {
    if (this.#seen === null) return -Infinity;
    const { stored, sinceMs } = this.#seen;
    const { holder, durationMs } = stored.lease;
    if (holder === "" || holder === this.#identity) return -Infinity;
    // A holder of another version may have promised less time than we wait, or more.
    return sinceMs + Math.max(durationMs, this.#times.leaseDurationMs);
  }

  #nextLease(previous: StoredLease | null): StoredLease["lease"] {
    const nowMs = this.#clock.wallMs();
    const isOurs = previous?.lease.holder === this.#identity;
    return {
      holder: this.#identity,
      durationMs: this.#times.leaseDurationMs,
      acquiredAtMs: isOurs ? previous.lease.acquiredAtMs : nowMs,
      renewedAtMs: nowMs,
      transitions: (previous?.lease.transitions ?? 0) + (isOurs || previous === null ? 0 : 1),
    };
  }

  #lead(untilMs: number): void {
    const leftMs = untilMs - this.#clock.monotonicMs();
    // The answer came too late to lead on it; the next attempt finds the Lease ours.
    if (leftMs <= 0 || this.#ended.signal.aborted) return;
    this.#leadsUntilMs = untilMs;
    this.#cancelDeadline();
    this.#cancelDeadline = this.#clock.schedule(leftMs, () => this.#stepDown("the lease could not be renewed in time"));
    if (this.#isAnnounced) return;
    this.#isAnnounced = true;
    this.#logger.info({ identity: this.#identity }, "leading");
    this.#onChange(true);
  }

  #stepDown(reason: string): void {
    this.#cancelDeadline();
    this.#leadsUntilMs = -Infinity;
    if (!this.#isAnnounced) return;
    this.#isAnnounced = false;
    this.#logger.info({ identity: this.#identity, reason }, "not leading any more");
    this.#onChange(false);
  }

  /** Best effort: when it fails, the others wait for the Lease's end. */
  async #giveBack(): Promise<void> {
    const timeout = new AbortController();
    const cancel = this.#clock.schedule(this.#times.closeTimeoutMs, () => timeout.abort());
    try {
      // A write that was cut off may still arrive and make the first of these lose.
      for (let attempt = 0; attempt < 3; attempt++) {
        const stored = await settled(this.#store.read(timeout.signal), timeout.signal);
        if (stored?.lease.holder !== this.#identity) return;
        const lease = { ...stored.lease, holder: "", durationMs: 1000, renewedAtMs: this.#clock.wallMs() };
        if ((await settled(this.#store.write(lease, stored.version, timeout.signal), timeout.signal)) !== null) return;
      }
    } catch (error) {
      this.#logger.warn({ error: describe(error) }, "lease not given back");
    } finally {
      cancel();
    }
  }

  /** With a deadline, and cut off by close(). */
  async #call<Result>(run: (signal: AbortSignal) => Promise<Result>): Promise<Result> {
    const timeout = new AbortController();
    const cancel = this.#clock.schedule(this.#times.callTimeoutMs, () => timeout.abort(new Error("call timed out")));
    const signal = AbortSignal.any([timeout.signal, this.#ended.signal]);
    try {
      return await settled(run(signal), signal);
    } finally {
      cancel();
    }
  }

  async #sleepUntil(atMs: number): Promise<void> {
    const { signal } = this.#ended;
    if (signal.aborted) return;
    await new Promise<void>((resolve) => {
      const end = (): void => {
        cancel();
        signal.removeEventListener("abort", end);
        resolve();
      };
      const cancel = this.#clock.schedule(Math.max(0, atMs - this.#clock.monotonicMs()), end);
      signal.addEventListener("abort", end);
    });
  }
}

/** The election of one Lease on Kubernetes. */
export class LeaderElection extends Election {
  constructor({ kubeConfig, namespace, leaseName, ...options }: LeaderElectionOptions) {
    super(new KubernetesLeaseStore(kubeConfig, namespace, leaseName), options);
  }
}

/** Rejects with the signal, whether or not the call obeys it. */
async function settled<Result>(call: Promise<Result>, signal: AbortSignal): Promise<Result> {
  signal.throwIfAborted();
  const aborted = Promise.withResolvers<never>();
  const abort = (): void => aborted.reject(signal.reason);
  signal.addEventListener("abort", abort);
  try {
    return await Promise.race([call, aborted.promise]);
  } finally {
    signal.removeEventListener("abort", abort);
  }
}

function describe(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

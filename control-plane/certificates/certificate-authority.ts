// The mesh's certificate authority as one replica sees it: reads the state that all replicas share, and, while this one
// leads, takes the steps that authority-plan.ts names, each written on the condition that nobody wrote in between. A
// state that was removed or cannot be read is made anew at once: that is how a leaked key is done away with; its
// certificate is trusted for half a minute more, in which every replica gets to show another. While the store cannot be
// reached, what was read last stays.
import { systemClock, type Clock } from "../discovery/clock.ts";
import { silentLogger, type Logger } from "../discovery/logger.ts";
import { makeAuthority } from "./authority.ts";
import {
  afterAction,
  bundleOf,
  defaultTerms,
  planAuthority,
  replacing,
  type AuthorityState,
  type CertificateTerms,
} from "./authority-plan.ts";
import type { DecodedAuthorities } from "./authority-secret.ts";
import { ReconcileLoop } from "./reconcile-loop.ts";

/** Where the state is kept, once for all replicas. */
export interface AuthorityStore {
  /** What stands there, with its version; null when nothing does. */
  read(): Promise<{ readonly content: DecodedAuthorities; readonly version: string } | null>;
  /** Replaces `version`, or creates when that is null. False when another replica wrote first. */
  write(state: AuthorityState, version: string | null): Promise<boolean>;
}

export interface CertificateAuthorityOptions {
  readonly store: AuthorityStore;
  readonly isLeader: () => boolean;
  /** Whether everybody who verifies by the bundle has been given `bundle`. */
  readonly isDistributed: (bundle: string) => boolean;
  readonly terms?: CertificateTerms;
  readonly clock?: Clock;
  readonly logger?: Logger;
  readonly pollIntervalMs?: number;
}

/** More steps than a state can need at once: a plan that never ends is a fault. */
const maxActionsAtOnce = 8;

export class CertificateAuthority {
  readonly #options: CertificateAuthorityOptions;
  readonly #terms: CertificateTerms;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #loop: ReconcileLoop;
  readonly #listeners = new Set<() => void>();
  #state: AuthorityState | null = null;
  #version: string | null = null;

  constructor(options: CertificateAuthorityOptions) {
    this.#options = options;
    this.#terms = options.terms ?? defaultTerms;
    this.#clock = options.clock ?? systemClock;
    this.#logger = options.logger ?? silentLogger;
    this.#loop = new ReconcileLoop({
      step: () => this.#reconcile(),
      intervalMs: options.pollIntervalMs ?? 10_000,
      retryMs: 2000,
      clock: this.#clock,
      onFailure: (reason) =>
        this.#logger.warn({ reason }, "no certificate authority yet, or not its newest; trying again"),
    });
  }

  /** Null until it was read or made. */
  get state(): AuthorityState | null {
    return this.#state;
  }

  /** Called after every change of the state; the returned function takes the listener away. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Reads, and acts when this replica leads; resolves when that was tried. The first call starts the polling. */
  refresh(): Promise<void> {
    return this.#loop.trigger();
  }

  close(): Promise<void> {
    return this.#loop.close();
  }

  async #reconcile(): Promise<void> {
    const { store, isLeader } = this.#options;
    const stored = await store.read();
    if (stored !== null && stored.version !== this.#version && stored.content.ok) {
      this.#adopt(stored.content.state, stored.version);
    }
    if (!isLeader()) {
      if (stored === null) throw new Error("there is none yet: the leader makes it");
      if (!stored.content.ok) throw new Error(stored.content.fault);
      return;
    }
    if (stored?.content.ok === false) {
      this.#logger.error({ reason: stored.content.fault }, "the certificate authority cannot be read: made anew");
    }
    const current = stored?.content.ok === true ? stored.content.state : null;
    const planned = await this.#plan(current);
    if (planned === current || planned === null) return;
    // The other replica's state, or this one with its version, is read at once.
    await store.write(planned, stored?.version ?? null);
    void this.#loop.trigger();
  }

  /** `current` after all that is to be done now. */
  async #plan(current: AuthorityState | null): Promise<AuthorityState | null> {
    let state = current;
    for (let step = 0; step < maxActionsAtOnce; step++) {
      const nowMs = this.#clock.wallMs();
      const isDistributed = state !== null && this.#options.isDistributed(bundleOf(state));
      const action = planAuthority(state, nowMs, isDistributed, this.#terms);
      if (action === null) return state;
      const fresh =
        action === "create" || action === "introduce" || state === null
          ? await makeAuthority(nowMs, this.#terms.authorityLifetimeMs)
          : state.signing;
      const removed = state === null ? this.#state?.signing : undefined;
      state = afterAction(state, action, fresh, nowMs, this.#terms);
      if (removed !== undefined) state = replacing(state, removed, nowMs, this.#terms);
      const signsUntil = new Date(state.signing.notAfterMs).toISOString();
      this.#logger.info({ action, signsUntil }, "certificate authority");
    }
    throw new Error("the plan of the certificate authority does not end");
  }

  #adopt(state: AuthorityState, version: string): void {
    this.#state = state;
    this.#version = version;
    for (const listener of this.#listeners) listener();
  }
}

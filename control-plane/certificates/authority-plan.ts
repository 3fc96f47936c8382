// Which authority signs, which are trusted, and what the leader does next. Pure: state and time in, an action out, and
// what the state is after it. A new authority is trusted everywhere before it signs, and the old one is trusted until
// nothing that it signed is valid any more, so that at no time a server shows what an agent cannot verify.
//
//   state                         | when                                               | action     | then
//   none, or all expired          | at once                                            | create     | signing
//   signing, not valid yet        | at once: the clock was ahead, and was set back     | create     | signing + retired
//   signing                       | 2/3 of its life are over                           | introduce  | signing + next
//   signing + next                | the bundle with next is everywhere                 | distribute | that time is noted
//   signing + next, distributed   | `settleMs` later                                   | promote    | signing + retired
//   signing + next                | signing ends within a serving certificate's life   | promote    | signing + retired
//   retired                       | all that it signed has expired                     | forget     | without it
import type { Authority } from "./authority.ts";

export interface AuthorityState {
  /** Signs serving certificates. */
  readonly signing: Authority;
  /** Trusted, and to sign later. */
  readonly next: { readonly authority: Authority; readonly distributedAtMs: number | null } | null;
  /** Certificates that are trusted and do not sign any more; their keys are gone. */
  readonly retired: readonly { readonly certificate: string; readonly untilMs: number }[];
}

export type AuthorityAction = "create" | "introduce" | "distribute" | "promote" | "forget";

/** Times in milliseconds. */
export interface CertificateTerms {
  readonly authorityLifetimeMs: number;
  readonly servingLifetimeMs: number;
  /** From the bundle's being everywhere to its newest authority's signing: the kubelet needs minutes to refresh files. */
  readonly settleMs: number;
  /** How long a replica that has not read the newest state may go on signing with the authority before. */
  readonly replicaLagMs: number;
  /** How long an authority stays trusted that was removed, until no replica shows what it signed. */
  readonly removedTrustMs: number;
}

const hourMs = 3_600_000;

export const defaultTerms: CertificateTerms = {
  authorityLifetimeMs: 365 * 24 * hourMs,
  servingLifetimeMs: 24 * hourMs,
  settleMs: hourMs,
  replicaLagMs: hourMs,
  removedTrustMs: 30_000,
};

/** Share of its life after which an authority is renewed. */
const renewalShare = 2 / 3;

/** What the leader does now, or null for nothing. `isDistributed`: the bundle of `state` is everywhere. */
export function planAuthority(
  state: AuthorityState | null,
  nowMs: number,
  isDistributed: boolean,
  terms: CertificateTerms,
): AuthorityAction | null {
  if (state === null) return "create";
  const { signing, next, retired } = state;
  if (signing.notBeforeMs > nowMs) return "create";
  if (next === null || next.authority.notAfterMs <= nowMs) {
    if (signing.notAfterMs <= nowMs) return "create";
    if (next !== null || nowMs >= renewalOf(signing)) return "introduce";
  } else {
    const isSettled = next.distributedAtMs !== null && nowMs >= next.distributedAtMs + terms.settleMs;
    if (isSettled || signing.notAfterMs - nowMs <= terms.servingLifetimeMs) return "promote";
    if (next.distributedAtMs === null && isDistributed) return "distribute";
  }
  return retired.some(({ untilMs }) => untilMs <= nowMs) ? "forget" : null;
}

/** `state` after `action`; `fresh` is a new authority, used by "create" and "introduce" only. */
export function afterAction(
  state: AuthorityState | null,
  action: AuthorityAction,
  fresh: Authority,
  nowMs: number,
  terms: CertificateTerms,
): AuthorityState {
  const created: AuthorityState = { signing: fresh, next: null, retired: [] };
  if (state === null) return created;
  const { signing, next, retired } = state;
  switch (action) {
    case "create":
      // One that is not valid by this clock may be by others'.
      return signing.notBeforeMs > nowMs ? replacing(created, signing, nowMs, terms) : created;
    case "introduce":
      return { signing, next: { authority: fresh, distributedAtMs: null }, retired };
    case "distribute":
      return next === null ? state : { signing, next: { ...next, distributedAtMs: nowMs }, retired };
    case "promote": {
      if (next === null) return state;
      const untilMs = Math.min(signing.notAfterMs, nowMs + terms.replicaLagMs + terms.servingLifetimeMs);
      const old = { certificate: signing.certificate, untilMs };
      return { signing: next.authority, next: null, retired: [...retired, old] };
    }
    case "forget":
      return { signing, next, retired: retired.filter(({ untilMs }) => untilMs > nowMs) };
  }
}

/** `created`, made because the state with `removed` is gone: its other replicas are about to learn of that. */
export function replacing(
  created: AuthorityState,
  removed: Authority,
  nowMs: number,
  { removedTrustMs }: CertificateTerms,
): AuthorityState {
  const untilMs = Math.min(removed.notAfterMs, nowMs + removedTrustMs);
  return { ...created, retired: [{ certificate: removed.certificate, untilMs }] };
}

/** What agents and the API server verify serving certificates by: PEM, the signing authority first. */
export function bundleOf({ signing, next, retired }: AuthorityState): string {
  return [signing, ...(next === null ? [] : [next.authority]), ...retired]
    .map(({ certificate }) => certificate)
    .join("");
}

function renewalOf({ notBeforeMs, notAfterMs }: Authority): number {
  return notBeforeMs + (notAfterMs - notBeforeMs) * renewalShare;
}

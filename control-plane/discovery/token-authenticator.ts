// Authenticates agents by projected ServiceAccount tokens: the API server is asked (TokenReview) whose a token is, and
// its answer is kept for a short time, by the hash of the token. Only a token for our audience that is bound to a pod
// is an agent's. When the API server cannot be asked, nobody is refused for good.
//
//   the token                               | is asked about      | answer kept for
//   no JWT, other audience, expired         | never               | -
//   answered a moment ago                   | no                  | as it was
//   being asked about                       | shares the question | -
//   anything else                           | yes, bounded        | good: 60 s or until it expires; bad: 10 s
import { createHash } from "node:crypto";
import type { V1TokenReviewStatus } from "@kubernetes/client-node";
import { tokenAudience } from "../../proto/kubernetes.ts";
import type { Authenticate, Authentication } from "./authenticate.ts";
import { systemClock, type Clock } from "./clock.ts";
import { silentLogger, type Logger } from "./logger.ts";
import { readClaims } from "./token-claims.ts";

/** Asks the API server about `token` for `audience`; rejects when it cannot be asked. See token-review.ts. */
export type ReviewToken = (token: string, audience: string) => Promise<V1TokenReviewStatus>;

export interface TokenAuthenticatorOptions {
  readonly review: ReviewToken;
  readonly clock?: Clock;
  readonly logger?: Logger;
}

const acceptedForMs = 60_000;
const refusedForMs = 10_000;
const maxKeptAnswers = 10_000;
/** Questions under way at once, and those that wait for their turn. */
const maxReviews = 32;
const maxWaitingReviews = 10_000;

interface KeptAnswer {
  readonly answer: Authentication;
  readonly untilMs: number;
}

const podName = "authentication.kubernetes.io/pod-name";

export class TokenAuthenticator {
  readonly #options: TokenAuthenticatorOptions;
  readonly #clock: Clock;
  readonly #logger: Logger;
  /** Oldest first. */
  readonly #kept = new Map<string, KeptAnswer>();
  readonly #asked = new Map<string, Promise<Authentication>>();
  readonly #waiting: (() => void)[] = [];
  #reviews = 0;
  #lastFailure = "";

  constructor(options: TokenAuthenticatorOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#logger = options.logger ?? silentLogger;
  }

  readonly authenticate: Authenticate = (token) => {
    const claims = readClaims(token, tokenAudience, this.#clock.wallMs());
    if (!claims.ok) return Promise.resolve(claims);
    const key = createHash("sha256").update(token).digest("base64");
    const kept = this.#kept.get(key);
    if (kept !== undefined && kept.untilMs > this.#clock.monotonicMs()) return Promise.resolve(kept.answer);
    let asked = this.#asked.get(key);
    if (asked === undefined) {
      if (this.#waiting.length >= maxWaitingReviews) return Promise.resolve(notVerified("too many agents at once"));
      asked = this.#ask(token, claims.expiresAtMs, key).finally(() => this.#asked.delete(key));
      this.#asked.set(key, asked);
    }
    return asked;
  };

  async #ask(token: string, expiresAtMs: number, key: string): Promise<Authentication> {
    if (this.#reviews >= maxReviews) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    else this.#reviews += 1;
    try {
      const answer = judge(await this.#options.review(token, tokenAudience), expiresAtMs);
      this.#lastFailure = "";
      this.#keep(key, answer, expiresAtMs - this.#clock.wallMs());
      return answer;
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      if (reason !== this.#lastFailure) this.#logger.error({ reason }, "the API server cannot check tokens");
      this.#lastFailure = reason;
      return notVerified("the Kubernetes API server did not answer");
    } finally {
      // Who waits takes this one's place.
      const next = this.#waiting.shift();
      if (next === undefined) this.#reviews -= 1;
      else next();
    }
  }

  #keep(key: string, answer: Authentication, lifeMs: number): void {
    const keepMs = answer.ok ? Math.min(acceptedForMs, lifeMs) : refusedForMs;
    this.#kept.delete(key);
    this.#kept.set(key, { answer, untilMs: this.#clock.monotonicMs() + keepMs });
    if (this.#kept.size <= maxKeptAnswers) return;
    const oldest = this.#kept.keys().next();
    if (oldest.done !== true) this.#kept.delete(oldest.value);
  }
}

function judge(status: V1TokenReviewStatus, expiresAtMs: number): Authentication {
  if (status.authenticated !== true) {
    const reason = `the API server does not accept the token: ${status.error ?? "it was not made here, or its pod is gone"}`;
    return { ok: false, failure: "rejected token", reason: reason.slice(0, 512) };
  }
  // An API server that knows nothing of audiences says none: then the token may be for anybody.
  if (status.audiences?.includes(tokenAudience) !== true) {
    return { ok: false, failure: "wrong audience", reason: `the token is not for audience "${tokenAudience}"` };
  }
  const [, namespace, serviceAccount] =
    /^system:serviceaccount:([^:]+):([^:]+)$/.exec(status.user?.username ?? "") ?? [];
  const pod = status.user?.extra?.[podName]?.[0];
  if (namespace === undefined || serviceAccount === undefined || pod === undefined) {
    return { ok: false, failure: "not a pod", reason: "the token is not bound to a pod: agents use a projected token" };
  }
  return { ok: true, namespace, serviceAccount, pod, expiresAtMs };
}

function notVerified(why: string): Authentication {
  return { ok: false, failure: "not verified", reason: `the token could not be checked: ${why}` };
}

// This replica's serving certificate: made in memory from the authority that signs, again when another one signs, and
// before it expires, at a moment of its own so that replicas do not renew in step. The key never leaves the process.
import { systemClock, type Clock } from "../discovery/clock.ts";
import { silentLogger, type Logger } from "../discovery/logger.ts";
import { issueServingCertificate, type ServingCertificate } from "./authority.ts";
import { defaultTerms, type CertificateTerms } from "./authority-plan.ts";
import type { CertificateAuthority } from "./certificate-authority.ts";
import { ReconcileLoop } from "./reconcile-loop.ts";

export interface ServingCertificateOptions {
  readonly authority: CertificateAuthority;
  /** DNS names that clients verify. */
  readonly hosts: readonly string[];
  /** Called with each new certificate. */
  readonly onCertificate: (certificate: ServingCertificate) => void;
  readonly terms?: CertificateTerms;
  readonly clock?: Clock;
  /** In [0, 1). */
  readonly random?: () => number;
  readonly logger?: Logger;
}

/** Share of its life after which a certificate is renewed, and up to how much more by chance. */
const renewalShare = 0.6;
const renewalJitter = 0.1;
/** How often it is looked whether it is time. */
const checksPerLife = 100;
/** While the old authority is trusted, clients get this long to be told of the new one before they are shown it. */
const handoverMs = 2000;

export class ServingCertificateRenewal {
  readonly #options: ServingCertificateOptions;
  readonly #terms: CertificateTerms;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #loop: ReconcileLoop;
  readonly #unsubscribe: () => void;
  #cancelHandover: () => void = () => {};
  #signedBy = "";
  #validFromMs = 0;
  #renewAtMs = 0;

  constructor(options: ServingCertificateOptions) {
    this.#options = options;
    this.#terms = options.terms ?? defaultTerms;
    this.#clock = options.clock ?? systemClock;
    this.#logger = options.logger ?? silentLogger;
    this.#loop = new ReconcileLoop({
      step: () => this.#renew(),
      intervalMs: this.#terms.servingLifetimeMs / checksPerLife,
      retryMs: Math.min(10_000, this.#terms.servingLifetimeMs / checksPerLife),
      clock: this.#clock,
      onFailure: (reason) => this.#logger.error({ reason }, "cannot make a serving certificate"),
    });
    this.#unsubscribe = options.authority.onChange(() => this.#onAuthority());
  }

  /** Makes one when it is time; resolves when that was tried. The first call starts the renewing. */
  refresh(): Promise<void> {
    return this.#loop.trigger();
  }

  close(): Promise<void> {
    this.#unsubscribe();
    this.#cancelHandover();
    return this.#loop.close();
  }

  #onAuthority(): void {
    this.#cancelHandover();
    const isTrusted = this.#options.authority.state?.retired.some(({ certificate }) => certificate === this.#signedBy);
    if (isTrusted === true) this.#cancelHandover = this.#clock.schedule(handoverMs, () => void this.#loop.trigger());
    else void this.#loop.trigger();
  }

  async #renew(): Promise<void> {
    const signing = this.#options.authority.state?.signing;
    const nowMs = this.#clock.wallMs();
    if (signing === undefined) return;
    // Before it is valid: the clock was ahead when it was made, and was set back.
    const isInForce = nowMs >= this.#validFromMs && nowMs < this.#renewAtMs;
    if (signing.certificate === this.#signedBy && isInForce) return;
    const { servingLifetimeMs } = this.#terms;
    const certificate = await issueServingCertificate(signing, this.#options.hosts, nowMs, servingLifetimeMs);
    const share = renewalShare + renewalJitter * (this.#options.random ?? Math.random)();
    this.#signedBy = signing.certificate;
    this.#validFromMs = certificate.notBeforeMs;
    this.#renewAtMs = nowMs + Math.max(0, certificate.notAfterMs - nowMs) * share;
    this.#logger.info({ validUntil: new Date(certificate.notAfterMs).toISOString() }, "serving certificate made");
    this.#options.onCertificate(certificate);
  }
}

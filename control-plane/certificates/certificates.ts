// The composition of this folder on a cluster: the shared authority, this replica's serving certificate, and the bundle
// in every place that verifies by it. Owns the order of start and close; every part's rules are the part's.
import { CoreV1Api, type KubeConfig } from "@kubernetes/client-node";
import { controlPlaneHost, systemNamespace, webhookServiceName } from "../../proto/kubernetes.ts";
import { RenewableServerCredentials } from "../discovery/credentials.ts";
import { systemClock, type Clock } from "../discovery/clock.ts";
import type { Logger } from "../discovery/logger.ts";
import { ApiCalls } from "../kubernetes/api-calls.ts";
import type { ServingCertificate } from "./authority.ts";
import { bundleOf, defaultTerms, type CertificateTerms } from "./authority-plan.ts";
import { CaConfigMaps } from "./ca-config-maps.ts";
import { CertificateAuthority } from "./certificate-authority.ts";
import { SecretStore } from "./secret-store.ts";
import { ServingCertificateRenewal } from "./serving-certificate.ts";
import { WebhookCaBundle } from "./webhook-ca-bundle.ts";

export interface CertificatesOptions {
  readonly kubeConfig: KubeConfig;
  /** Whether this replica makes, renews and distributes; the others only read. */
  readonly isLeader: () => boolean;
  /** Of the MutatingWebhookConfiguration; null when there is none. */
  readonly webhookConfiguration: string | null;
  /** Default: the control plane's. */
  readonly namespace?: string;
  /** Called with each new serving certificate, for servers besides discovery's. */
  readonly onServingCertificate?: (certificate: ServingCertificate) => void;
  readonly hosts?: readonly string[];
  readonly terms?: CertificateTerms;
  readonly clock?: Clock;
  readonly logger?: Logger;
}

/** What agents and the API server call the control plane. */
export const servingHosts: readonly string[] = [
  controlPlaneHost,
  `${webhookServiceName}.${systemNamespace}.svc`,
].flatMap((host) => [host, `${host}.cluster.local`]);

export class Certificates {
  /** For the discovery server; connections are closed until the first certificate. */
  readonly credentials = new RenewableServerCredentials();
  readonly authority: CertificateAuthority;
  readonly #configMaps: CaConfigMaps;
  readonly #webhook: WebhookCaBundle | null;
  readonly #serving: ServingCertificateRenewal;
  readonly #calls = new ApiCalls();
  #hasCertificate = false;

  constructor(options: CertificatesOptions) {
    const { kubeConfig, isLeader, webhookConfiguration } = options;
    const clock = options.clock ?? systemClock;
    const terms = options.terms ?? defaultTerms;
    const { namespace = systemNamespace } = options;
    const common = {
      kubeConfig,
      namespace,
      calls: this.#calls,
      isLeader,
      clock,
      terms,
      ...(options.logger && { logger: options.logger }),
    };
    this.#configMaps = new CaConfigMaps(common);
    this.#webhook =
      webhookConfiguration === null ? null : new WebhookCaBundle({ ...common, name: webhookConfiguration });
    this.authority = new CertificateAuthority({
      ...common,
      store: new SecretStore(kubeConfig.makeApiClient(CoreV1Api), this.#calls, namespace),
      isDistributed: (bundle) =>
        this.#configMaps.isDistributed(bundle) && (this.#webhook?.isDistributed(bundle) ?? true),
    });
    this.#serving = new ServingCertificateRenewal({
      ...common,
      authority: this.authority,
      hosts: options.hosts ?? servingHosts,
      onCertificate: (certificate) => {
        this.#hasCertificate = true;
        this.credentials.update(certificate);
        options.onServingCertificate?.(certificate);
      },
    });
    this.authority.onChange(() => {
      const { state } = this.authority;
      if (state === null) return;
      const bundle = bundleOf(state);
      this.#configMaps.setBundle(bundle);
      this.#webhook?.setBundle(bundle);
    });
  }

  /** False until servers have a certificate to show: part of being ready. */
  get isReady(): boolean {
    return this.#hasCertificate;
  }

  /** Resolves when everything was tried once; what failed is tried again by itself. */
  async start(): Promise<void> {
    this.#configMaps.start();
    this.#webhook?.start();
    await this.authority.refresh();
    await this.#serving.refresh();
  }

  /** The namespaces with agents: they get the bundle. Cheap when nothing changed. */
  setNamespaces(namespaces: readonly string[]): void {
    this.#configMaps.setNamespaces(namespaces);
  }

  /** Leadership was won or lost: acts at once, and a new leader first reads which bundle is in force. */
  leaderChanged(): void {
    void this.authority.refresh().then(() => Promise.all([this.#configMaps.refresh(), this.#webhook?.refresh()]));
  }

  async close(): Promise<void> {
    await Promise.all([
      this.#serving.close(),
      this.authority.close(),
      this.#configMaps.close(),
      this.#webhook?.close(),
    ]);
    this.#calls.close();
  }
}

// Keeps `caBundle` of every webhook of one MutatingWebhookConfiguration equal to the CA bundle, so that the API server
// can verify the webhook's certificate. Acts only while this replica leads; touches no other field. A configuration
// that does not exist (not installed, or being uninstalled) is not made.
import {
  PatchStrategy,
  setHeaderOptions,
  AdmissionregistrationV1Api,
  type KubeConfig,
  type V1MutatingWebhookConfiguration,
} from "@kubernetes/client-node";
import { ListWatch } from "../kubernetes/list-watch.ts";
import { systemClock, type Clock } from "../discovery/clock.ts";
import { silentLogger, type Logger } from "../discovery/logger.ts";
import type { ApiCalls } from "../kubernetes/api-calls.ts";
import { isStatus, readableError } from "../kubernetes/api-refusal.ts";
import { ReconcileLoop } from "./reconcile-loop.ts";

/** Edits are seen as they happen; this often it is looked all the same. */
const intervalMs = 60_000;

export interface WebhookCaBundleOptions {
  readonly kubeConfig: KubeConfig;
  readonly calls: ApiCalls;
  /** Of the MutatingWebhookConfiguration. */
  readonly name: string;
  readonly isLeader: () => boolean;
  readonly clock?: Clock;
  readonly logger?: Logger;
}

type JsonPatch = readonly { readonly op: "test" | "add"; readonly path: string; readonly value: unknown }[];

/** The patch (RFC 6902) that puts `bundle` (PEM) where it is missing, or null when nothing is to be done. */
export function caBundlePatch(found: V1MutatingWebhookConfiguration, bundle: string): JsonPatch | null {
  const value = Buffer.from(bundle).toString("base64");
  const changes = (found.webhooks ?? []).flatMap(({ clientConfig }, index) =>
    clientConfig.caBundle === value
      ? []
      : [{ op: "add" as const, path: `/webhooks/${index}/clientConfig/caBundle`, value }],
  );
  if (changes.length === 0) return null;
  // Entries are named by their position: it must still be the same object.
  return [{ op: "test", path: "/metadata/resourceVersion", value: found.metadata?.resourceVersion ?? "" }, ...changes];
}

export class WebhookCaBundle {
  readonly #options: WebhookCaBundleOptions;
  readonly #logger: Logger;
  readonly #api: AdmissionregistrationV1Api;
  readonly #watch: ListWatch<{ readonly version: string }>;
  readonly #loop: ReconcileLoop;
  #bundle: string | null = null;
  #distributed: string | null = null;

  constructor(options: WebhookCaBundleOptions) {
    this.#options = options;
    this.#logger = options.logger ?? silentLogger;
    this.#loop = new ReconcileLoop({
      step: () => this.#reconcile(),
      intervalMs,
      retryMs: 2000,
      clock: options.clock ?? systemClock,
      onFailure: (reason) =>
        this.#logger.error({ reason, webhook: options.name }, "cannot keep caBundle of the webhook"),
    });
    this.#api = options.kubeConfig.makeApiClient(AdmissionregistrationV1Api);
    this.#watch = new ListWatch({
      kubeConfig: options.kubeConfig,
      path: "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations",
      fieldSelector: `metadata.name=${options.name}`,
      metadataOnly: true,
      keep: ({ metadata }) => ({ version: metadata.resourceVersion ?? "" }),
      onChange: () => void this.refresh(),
      logger: this.#logger,
      ...(options.clock && { clock: options.clock }),
    });
  }

  start(): void {
    this.#watch.start();
    void this.refresh();
  }

  setBundle(bundle: string): void {
    this.#bundle = bundle;
    void this.refresh();
  }

  /** Whether the webhook had `bundle`, or did not exist, when last looked at. */
  isDistributed(bundle: string): boolean {
    return this.#distributed === bundle;
  }

  /** Looks and repairs; resolves when that was tried. */
  refresh(): Promise<void> {
    return this.#loop.trigger();
  }

  async close(): Promise<void> {
    await Promise.all([this.#watch.close(), this.#loop.close()]);
  }

  async #reconcile(): Promise<void> {
    const api = this.#api;
    const { calls, name, isLeader } = this.#options;
    const bundle = this.#bundle;
    this.#distributed = null;
    if (bundle === null || !isLeader()) return;
    try {
      const patch = caBundlePatch(await api.readMutatingWebhookConfiguration({ name }, calls.options()), bundle);
      if (patch !== null) {
        const headers = setHeaderOptions("Content-Type", PatchStrategy.JsonPatch, calls.options());
        await api.patchMutatingWebhookConfiguration({ name, body: patch }, headers);
        this.#logger.info({ webhook: name }, "caBundle of the webhook written");
      }
    } catch (error) {
      if (!isStatus(error, 404)) throw readableError(error);
    }
    this.#distributed = bundle;
  }
}

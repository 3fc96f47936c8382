// Writes Events to the API server. Owns the call and its time limit; which Events, and when, is injection-events.ts's.
import { ApiException, CoreV1Api, type KubeConfig } from "@kubernetes/client-node";
import { ApiConnections } from "../kubernetes/api-connections.ts";
import type { InjectionEvent } from "./injection-events.ts";

const callTimeoutMs = 10_000;

export class KubernetesEventWriter {
  readonly #api: CoreV1Api;
  readonly #connections = new ApiConnections(() => performance.now());

  constructor(kubeConfig: KubeConfig) {
    this.#api = kubeConfig.makeApiClient(CoreV1Api);
  }

  /** Rejects with the API server's own sentence when it refuses. */
  async write(event: InjectionEvent): Promise<void> {
    const options = this.#connections.options(AbortSignal.timeout(callTimeoutMs));
    try {
      await this.#api.createNamespacedEvent({ namespace: event.metadata.namespace, body: event }, options);
    } catch (error) {
      // The exception's own message holds headers and body.
      throw error instanceof ApiException ? new Error(`${error.code}: ${String(error.body)}`) : error;
    }
  }

  close(): void {
    this.#connections.close();
  }
}

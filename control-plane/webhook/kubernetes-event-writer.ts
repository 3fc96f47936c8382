// Writes Events to the API server. Owns the call; which Events, and when, is injection-events.ts's.
import { CoreV1Api, type KubeConfig } from "@kubernetes/client-node";
import { ApiCalls } from "../kubernetes/api-calls.ts";
import { readableError } from "../kubernetes/api-refusal.ts";
import type { InjectionEvent } from "./injection-events.ts";

export class KubernetesEventWriter {
  readonly #api: CoreV1Api;
  readonly #calls = new ApiCalls();

  constructor(kubeConfig: KubeConfig) {
    this.#api = kubeConfig.makeApiClient(CoreV1Api);
  }

  /** Rejects with the API server's own sentence when it refuses. */
  async write(event: InjectionEvent): Promise<void> {
    try {
      await this.#api.createNamespacedEvent(
        { namespace: event.metadata.namespace, body: event },
        this.#calls.options(),
      );
    } catch (error) {
      // The exception's own message holds headers and body.
      throw readableError(error);
    }
  }

  close(): void {
    this.#calls.close();
  }
}

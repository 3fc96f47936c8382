// The authorities' state in its Secret on a cluster: one object, written on the condition that nobody wrote in between,
// so that two replicas that start at once agree on one authority.
import type { CoreV1Api, V1Secret } from "@kubernetes/client-node";
import type { ApiCalls } from "../kubernetes/api-calls.ts";
import { isStatus, readableError } from "../kubernetes/api-refusal.ts";
import { authoritySecretName, decodeAuthorities, encodeAuthorities } from "./authority-secret.ts";
import type { AuthorityState } from "./authority-plan.ts";
import type { AuthorityStore } from "./certificate-authority.ts";
import { ownLabels } from "./managed-by.ts";

type SecretApi = Pick<CoreV1Api, "readNamespacedSecret" | "createNamespacedSecret" | "replaceNamespacedSecret">;

export class SecretStore implements AuthorityStore {
  readonly #api: SecretApi;
  readonly #calls: ApiCalls;
  readonly #namespace: string;

  constructor(api: SecretApi, calls: ApiCalls, namespace: string) {
    this.#api = api;
    this.#calls = calls;
    this.#namespace = namespace;
  }

  async read(): ReturnType<AuthorityStore["read"]> {
    let secret: V1Secret;
    try {
      const request = { name: authoritySecretName, namespace: this.#namespace };
      secret = await this.#api.readNamespacedSecret(request, this.#calls.options());
    } catch (error) {
      if (isStatus(error, 404)) return null;
      throw readableError(error);
    }
    return { content: decodeAuthorities(secret.data ?? {}), version: secret.metadata?.resourceVersion ?? "" };
  }

  async write(state: AuthorityState, version: string | null): Promise<boolean> {
    const namespace = this.#namespace;
    const body: V1Secret = {
      apiVersion: "v1",
      kind: "Secret",
      metadata: {
        name: authoritySecretName,
        namespace,
        labels: ownLabels(namespace),
        ...(version !== null && { resourceVersion: version }),
      },
      type: "Opaque",
      data: encodeAuthorities(state),
    };
    try {
      if (version === null) {
        await this.#api.createNamespacedSecret({ namespace, body }, this.#calls.options());
      } else {
        const request = { name: authoritySecretName, namespace, body };
        await this.#api.replaceNamespacedSecret(request, this.#calls.options());
      }
      return true;
    } catch (error) {
      // Gone, changed, or made by the other replica first.
      if (isStatus(error, 404, 409)) return false;
      throw readableError(error);
    }
  }
}

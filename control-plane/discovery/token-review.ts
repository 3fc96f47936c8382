// The question that authenticates agents on a cluster: one TokenReview (authentication.k8s.io/v1) for one token.
import { AuthenticationV1Api, type KubeConfig } from "@kubernetes/client-node";
import { ApiCalls } from "../kubernetes/api-calls.ts";
import { readableError } from "../kubernetes/api-refusal.ts";
import type { ReviewToken } from "./token-authenticator.ts";

/** Asks the API server of `kubeConfig`; who passes `calls` closes them, otherwise connections end when they are idle. */
export function tokenReview(kubeConfig: KubeConfig, calls: ApiCalls = new ApiCalls()): ReviewToken {
  const api = kubeConfig.makeApiClient(AuthenticationV1Api);
  return async (token, audience) => {
    const body = {
      apiVersion: "authentication.k8s.io/v1",
      kind: "TokenReview",
      spec: { token, audiences: [audience] },
    };
    try {
      const { status } = await api.createTokenReview({ body }, calls.options());
      return status ?? { authenticated: false };
    } catch (error) {
      throw readableError(error);
    }
  };
}

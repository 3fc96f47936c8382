// The version of the API server, asked until it answers.
import { type KubeConfig, VersionApi } from "@kubernetes/client-node";
import { setTimeout as sleep } from "node:timers/promises";
import type { Logger } from "../discovery/logger.ts";
import { ApiCalls } from "./api-calls.ts";
import { readableError } from "./api-refusal.ts";

const pauseMs = 1000;

/** Resolves with 36 for Kubernetes 1.36; asks every second, and says once why it must. Rejects when `signal` aborts. */
export async function readMinorVersion(kubeConfig: KubeConfig, logger: Logger, signal: AbortSignal): Promise<number> {
  const api = kubeConfig.makeApiClient(VersionApi);
  const calls = new ApiCalls();
  try {
    for (let attempt = 1; ; attempt++) {
      try {
        const { minor } = await api.getCode({}, calls.options());
        return Number.parseInt(minor, 10);
      } catch (error) {
        const fields = { error: readableError(error).message };
        if (attempt === 1) logger.warn(fields, "cannot read the API server's version; no pod is injected before that");
        await sleep(pauseMs, undefined, { signal });
      }
    }
  } finally {
    calls.close();
  }
}

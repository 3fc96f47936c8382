// Names of local pods: Deployment, hash of the pod template, ordinal, for example "task-api-canary-7f9c-1". The hash
// changes with anything that would run differently, and that change is what replaces replicas.
import { createHash } from "node:crypto";
import type { Deployment } from "../../../control-plane/source/cluster-state.ts";

/** How a Deployment says that it runs locally, on its pod template. */
export const commandAnnotation = "local.heddle.dev/command";

const hashLength = 4;

/** Four hexadecimal digits over everything of the template that a process or its endpoints depend on. */
export function templateHash(template: Deployment["template"], injected: boolean): string {
  const relevant = [
    injected,
    sortedEntries(template.labels),
    sortedEntries(template.annotations),
    template.serviceAccountName,
    template.containers,
  ];
  return createHash("sha256").update(JSON.stringify(relevant)).digest("hex").slice(0, hashLength);
}

/** `ordinal` counts from 1. */
export function podName(deploymentName: string, hash: string, ordinal: number): string {
  return `${deploymentName}-${hash}-${ordinal}`;
}

function sortedEntries(record: Readonly<Record<string, string>>): readonly [string, string][] {
  return Object.entries(record).sort(([a], [b]) => (a < b ? -1 : 1));
}

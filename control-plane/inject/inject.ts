// Injection of one pod: decision, options and patch together, for whoever has a pod and wants to know what to do. The
// webhook and `heddle inject` both call this and nothing else of the folder. Pure.
import { decide, type Decision } from "./decide.ts";
import { injectedPod } from "./injected-pod.ts";
import { diff, type PatchOperation } from "./json-patch.ts";
import { readPodOptions } from "./options.ts";
import { readPod, type Pod } from "./pod.ts";
import type { InjectionSettings } from "./settings.ts";

export type Injection =
  | {
      readonly kind: "inject";
      /** Never empty. */
      readonly patch: readonly PatchOperation[];
      /** The pod with the patch applied. */
      readonly pod: Pod;
      readonly warnings: readonly string[];
    }
  | Extract<Decision, { kind: "skip" }>
  | { readonly kind: "reject"; readonly reason: string; readonly message: string };

/** What to do with a pod of unknown shape. Never throws. */
export function inject(value: unknown, namespace: string, settings: InjectionSettings): Injection {
  const read = readPod(value);
  if ("problem" in read) return { kind: "reject", reason: "not-a-pod", message: `not a pod: ${read.problem}` };
  const { pod } = read;
  const decision = decide(pod, namespace, settings);
  if (decision.kind !== "inject") return decision;
  const { options, warnings } = readPodOptions(pod, settings);
  const injected = injectedPod(pod, settings, options);
  const operations = diff(pod, injected);
  if (operations.length === 0) return { kind: "skip", reason: "already-injected" };
  return { kind: "inject", patch: operations, pod: injected, warnings };
}

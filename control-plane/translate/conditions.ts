// Status conditions in the words of the Gateway API: how one is made, and the names that several files share.
import type { Condition } from "./translation.ts";

export const gatewayGroup = "gateway.networking.k8s.io";

/** The one route kind that is supported. */
export const httpRouteKind = { group: gatewayGroup, kind: "HTTPRoute" } as const;

/** A reason other than success, with a sentence for people. */
export interface Problem {
  readonly reason: string;
  readonly message: string;
}

/** A condition of the object whose metadata.generation is given. */
export function condition(
  type: string,
  status: "True" | "False",
  reason: string,
  message: string,
  observedGeneration: number,
): Condition {
  return { type, status, reason, message, observedGeneration };
}

/** "a, b and c". */
export function listOf(words: readonly string[]): string {
  if (words.length < 2) return words.join("");
  return `${words.slice(0, -1).join(", ")} and ${words[words.length - 1] ?? ""}`;
}

// What the discovery client is told when it is made, what it tells about itself, and its limits with their defaults.
import type { ChannelCredentials, status } from "@grpc/grpc-js";
import type { ResourceSet, ResourceType } from "../snapshot/resources.ts";
import type { Clock } from "./clock.ts";
import type { Logger } from "./logger.ts";

/** Who the agent says it is. */
export interface AgentNode {
  /** Unique per running agent. */
  readonly id: string;
  readonly namespace: string;
  readonly pod: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly mode: "sidecar" | "gateway";
  readonly agentVersion: string;
}

export type ApplyResult =
  | { readonly ok: true }
  /** Nothing was changed; why, by resource. */
  | {
      readonly ok: false;
      readonly errors: readonly { readonly type: ResourceType; readonly name: string; readonly reason: string }[];
    };

export interface DiscoveryClientOptions {
  /** "host:port" of each control plane; one is used at a time, a failure moves on to the next. */
  readonly addresses: readonly string[];
  readonly node: AgentNode;
  /** Compiles the set and swaps to it, or refuses it with nothing changed. Called for every response, synchronously. */
  readonly apply: (resources: ResourceSet) => ApplyResult;
  /** What the agent starts from, already in effect: the last good set. */
  readonly initial?: ResourceSet;
  readonly clock?: Clock;
  /** In [0, 1). */
  readonly random?: () => number;
  readonly logger?: Logger;
  /** Called for each attempt; when it throws, the attempt has failed for that reason. Default: no TLS. */
  readonly credentials?: () => ChannelCredentials;
  readonly keepalive?: { readonly timeMs: number; readonly timeoutMs: number };
  readonly limits?: Partial<DiscoveryClientLimits>;
}

export interface DiscoveryClientLimits {
  readonly maxNames: number;
  readonly maxNameLength: number;
  readonly maxWaiters: number;
  /** A dialled name unused for this long is unsubscribed. */
  readonly idleNameMs: number;
  /** For the first attempt; twice as long after each failure, up to `firstResponseTimeoutMs`. */
  readonly initialConnectTimeoutMs: number;
  readonly firstResponseTimeoutMs: number;
  readonly initialBackoffMs: number;
  readonly maxBackoffMs: number;
  /** Between attempts that a control plane refused with a final status. */
  readonly finalBackoffMs: number;
}

export const defaultClientLimits: DiscoveryClientLimits = {
  maxNames: 10_000,
  maxNameLength: 512,
  maxWaiters: 10_000,
  idleNameMs: 600_000,
  initialConnectTimeoutMs: 500,
  firstResponseTimeoutMs: 10_000,
  initialBackoffMs: 100,
  // So that agents are in step again within a second of the control plane's return.
  maxBackoffMs: 800,
  finalBackoffMs: 60_000,
};

export interface DiscoveryClientStatus {
  readonly state: "stopped" | "connecting" | "streaming" | "waiting";
  /** The control plane in use, or next in turn. */
  readonly address: string;
  readonly generation: string;
  readonly subscriptions: number;
  /** Streams on which a response was applied. */
  readonly connects: number;
  readonly applied: number;
  readonly refused: number;
  /** How the last attempt ended; null while the first goes on. */
  readonly lastEnd: { readonly code: status; readonly details: string } | null;
}

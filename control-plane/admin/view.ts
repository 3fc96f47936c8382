// What the admin pages may look at: the control plane's parts, read only.
import type { ControlPlaneMetrics } from "../metrics.ts";
import type { DiscoveryServer } from "../discovery/server.ts";
import type { Problem } from "../source/source.ts";
import type { WebhookMetrics } from "../webhook/metrics.ts";
import type { StatusObject } from "../status/status-object.ts";

export interface AdminView {
  /** Of this program. */
  readonly version: string;
  readonly discovery: Pick<
    DiscoveryServer,
    "snapshot" | "connectedAgents" | "stats" | "statsLosses" | "metrics" | "pushQueueLength"
  >;
  readonly metrics: ControlPlaneMetrics;
  readonly problems: () => readonly Problem[];
  readonly statuses: () => readonly StatusObject[];
  /** The first snapshot is served. */
  readonly isReady: () => boolean;
  /** "namespace/name" of Gateways that agents of this replica hold. */
  readonly programmed: () => ReadonlySet<string>;
  /** Null where there is no cluster. */
  readonly cluster: ClusterView | null;
}

/** What stands around the control plane on a cluster. */
export interface ClusterView {
  readonly isLeader: () => boolean;
  readonly injections: WebhookMetrics;
  readonly statuses: { readonly writes: number; readonly conflicts: number; readonly failures: number };
}

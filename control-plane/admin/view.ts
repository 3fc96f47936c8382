// What the admin pages may look at: the control plane's parts, read only.
import type { ControlPlaneMetrics } from "../metrics.ts";
import type { DiscoveryServer } from "../discovery/server.ts";
import type { Problem } from "../source/source.ts";
import type { StatusObject } from "../status/status-object.ts";

export interface AdminView {
  readonly discovery: Pick<
    DiscoveryServer,
    "snapshot" | "connectedAgents" | "stats" | "statsLosses" | "metrics" | "pushQueueLength"
  >;
  readonly metrics: ControlPlaneMetrics;
  readonly problems: () => readonly Problem[];
  readonly statuses: () => readonly StatusObject[];
  /** The first snapshot is served. */
  readonly isReady: () => boolean;
}

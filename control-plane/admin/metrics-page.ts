// /metrics: one sentence for each number.
import { acknowledgeDelayBucketsMs } from "../discovery/metrics.ts";
import { translationBucketsSeconds } from "../metrics.ts";
import { Exposition } from "./exposition.ts";
import type { AdminView, ClusterView } from "./view.ts";

/** The whole page, as Prometheus text. */
export function renderMetrics({ discovery, metrics, problems, isReady, cluster }: AdminView): string {
  const text = new Exposition();
  const { metrics: streams, statsLosses } = discovery;
  const agents = discovery.connectedAgents();
  const generation = Number(discovery.snapshot?.generation.split(".")[1] ?? 0);
  const behind = agents.filter(
    ({ acknowledgedGeneration }) => acknowledgedGeneration !== discovery.snapshot?.generation,
  );
  const found = { error: 0, warning: 0 };
  for (const { severity } of problems()) found[severity] += 1;

  text.gauge("heddle_control_plane_ready", "1 once the first snapshot is served.", isReady() ? 1 : 0);
  text.counter("heddle_source_updates_total", "States that the source published.", metrics.sourceUpdates);
  text.samples("heddle_source_problems", "Mistakes in what the source reads now.", "gauge", [
    [{ severity: "error" }, found.error],
    [{ severity: "warning" }, found.warning],
  ]);
  text.gauge(
    "heddle_source_last_edit_seconds",
    "From the first sign of the last edit to the publish that carries it.",
    metrics.lastEditSeconds,
  );
  text.histogram(
    "heddle_translation_duration_seconds",
    "Time of translating a state and making its snapshot.",
    translationBucketsSeconds,
    metrics.translation,
    metrics.translationSumSeconds,
  );
  text.counter(
    "heddle_translation_failures_total",
    "Translations that ended with an error; what was served stays.",
    metrics.translationFailures,
  );
  text.counter(
    "heddle_snapshot_inconsistent_total",
    "Snapshots not published because they contradicted themselves.",
    metrics.inconsistentSnapshots,
  );
  text.gauge("heddle_snapshot_generation", "Counter of the generation that is served.", generation);
  text.gauge("heddle_snapshot_resources", "Resources of the snapshot that is served.", metrics.resources);
  text.counter("heddle_snapshots_published_total", "Snapshots published.", metrics.snapshotsPublished);

  text.samples("heddle_agents_connected", "Agents with an open stream.", "gauge", [
    [{ mode: "gateway" }, agents.filter(({ node }) => node.mode === "GATEWAY").length],
    [{ mode: "sidecar" }, agents.filter(({ node }) => node.mode === "SIDECAR").length],
  ]);
  text.gauge(
    "heddle_agents_behind",
    "Connected agents that have not acknowledged the served generation.",
    behind.length,
  );
  text.gauge(
    "heddle_agents_refusing",
    "Connected agents that some resource is withheld from because they refused it.",
    agents.filter(({ withheld }) => withheld.size > 0).length,
  );
  text.gauge("heddle_push_queue_length", "Streams that wait for their push.", discovery.pushQueueLength);
  text.counter("heddle_streams_accepted_total", "Streams that agents opened.", streams.streamsAccepted);
  text.samples(
    "heddle_streams_ended_total",
    "Streams that the control plane ended, by gRPC status.",
    "counter",
    [...streams.streamsEnded].map(([status, count]) => [{ status }, count] as const),
  );
  text.samples(
    "heddle_control_plane_authentication_failures_total",
    "Streams refused because of their token, by reason.",
    "counter",
    [...streams.authenticationFailures].map(([reason, count]) => [{ reason }, count] as const),
  );
  text.counter("heddle_pushes_total", "Responses sent to agents.", streams.responsesSent);
  text.counter("heddle_pushed_resources_total", "Resources in responses sent to agents.", streams.resourcesSent);
  text.counter("heddle_acks_total", "Responses that agents acknowledged.", streams.acknowledged);
  text.counter("heddle_nacks_total", "Responses that agents refused.", streams.refused);
  text.counter("heddle_stale_nonces_total", "Answers to a response that was not in flight.", streams.staleNonces);
  text.histogram(
    "heddle_ack_delay_seconds",
    "From the publish that a response carries to its acknowledgement.",
    acknowledgeDelayBucketsMs.map((bound) => bound / 1000),
    streams.acknowledgeDelay,
    streams.acknowledgeDelaySumMs / 1000,
  );
  text.gauge("heddle_stats_series", "Series of agents' reports that are summed up.", discovery.stats().length);
  text.counter("heddle_stats_refused_total", "Entries of reports that could not be true.", statsLosses.refused);
  text.counter("heddle_stats_evicted_total", "Series that had to go at the limit.", statsLosses.evicted);
  if (cluster !== null) clusterMetrics(text, cluster);
  text.gauge("process_resident_memory_bytes", "Resident memory.", process.memoryUsage.rss());
  text.counter("process_cpu_seconds_total", "User and system CPU time.", cpuSeconds());
  return text.toString();
}

function clusterMetrics(text: Exposition, { isLeader, injections, statuses }: ClusterView): void {
  text.gauge("heddle_leader", "1 while this replica leads.", isLeader() ? 1 : 0);
  text.samples(
    "heddle_status_writes_total",
    "Statuses written to the cluster, by result.",
    "counter",
    (["writes", "conflicts", "failures"] as const).map((result) => [{ result }, statuses[result]] as const),
  );
  text.samples(
    "heddle_injections_total",
    "Pods that the webhook was asked about, by result and reason.",
    "counter",
    injections.injections(),
  );
  text.samples("heddle_injection_events_total", "Events about pods that were not injected, by result.", "counter", [
    [{ result: "written" }, injections.eventsWritten],
    [{ result: "dropped" }, injections.eventsDropped],
  ]);
}

function cpuSeconds(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}

// Which request series there are: routed requests by (route, rule, backend, workload version), what a pod receives by
// port, and mirrored copies in families of their own. Hands the data path a counter in two Map lookups, makes the zero
// series of everything the current snapshot can reach, and yields the deltas that are reported to the control plane.
import type { CompiledBackend, CompiledCluster, CompiledMirror } from "../snapshot/compiled.ts";
import type { ResourceSet } from "../snapshot/resources.ts";
import type { Counter, Family, MetricRegistry } from "./metric-registry.ts";
import type { RequestCounter, RequestSeries } from "./request-series.ts";
import { RequestFamily } from "./request-series.ts";
import { RuleStatsReport } from "./rule-stats.ts";
import type { RuleStats } from "./rule-stats.ts";

export type { RequestCounter } from "./request-series.ts";

/** The `version` of requests that no endpoint served: the backend was invalid or had none. */
export const unknownVersion = "unknown";

/** The part of a CompiledBackend that names its series. */
export type MeteredBackend = Pick<CompiledBackend, "displayName"> & { readonly rule: MeteredRule };
export type MeteredRule = Pick<CompiledBackend["rule"], "route" | "index">;

/** Why a request was not copied, or its copy not completed. */
export type MirrorDropReason =
  | "overflow"
  | "limit"
  | "no-endpoint"
  | "connect-failure"
  | "reset"
  | "timeout"
  | "client-abort"
  | "drain";

export interface RequestMetricsOptions {
  readonly registry: MetricRegistry;
  /** Monotonic or epoch, in milliseconds; only differences count. */
  readonly nowMs: () => number;
  /** Series per family; further ones share one labelled "overflow" per version. Default 2000. */
  readonly maxSeries?: number;
  /** How long a series that the current snapshot cannot reach is kept. Default 10 minutes. */
  readonly idleMs?: number;
}

const ruleLabels = ["version", "route", "rule", "backend"] as const;

export class RequestMetrics {
  readonly #requests: RequestFamily;
  readonly #inbound: RequestFamily;
  readonly #mirrors: RequestFamily;
  readonly #mirrorDrops: Family;
  readonly #report: RuleStatsReport;
  // Keyed by objects of a snapshot: dropped whole when another one is adopted, so they never outlive it for long.
  #byBackend = new Map<object, Map<string, RequestSeries>>();
  #byMirror = new Map<CompiledMirror, Map<string, RequestSeries>>();
  readonly #byPort = new Map<number, RequestSeries>();

  constructor(options: RequestMetricsOptions) {
    const { registry } = options;
    const family = (
      count: [name: string, help: string],
      duration: [name: string, help: string],
      labelNames: readonly string[],
    ): RequestFamily => {
      const made = new RequestFamily({
        countName: count[0],
        countHelp: count[1],
        durationName: duration[0],
        durationHelp: duration[1],
        labelNames,
        maxSeries: options.maxSeries ?? 2000,
        idleMs: options.idleMs ?? 600_000,
        nowMs: options.nowMs,
        onOverflow: () => {
          registry.countOverflow(count[0]);
        },
      });
      registry.register(made.names, made);
      return made;
    };
    this.#requests = family(
      [
        "http_requests_total",
        "Requests by the workload version that served them, counted where the backend was chosen.",
      ],
      [
        "http_request_duration_seconds",
        "From the request's first byte to the end of its response, by workload version.",
      ],
      ruleLabels,
    );
    this.#inbound = family(
      ["http_inbound_requests_total", "Requests that this pod received, by the port they were sent to."],
      [
        "http_inbound_request_duration_seconds",
        "From the first byte of a received request to the end of its response.",
      ],
      ["version", "port"],
    );
    this.#mirrors = family(
      ["http_mirror_requests_total", "Copies of requests that were sent whole, by the status that was thrown away."],
      ["http_mirror_request_duration_seconds", "From the start of a copy to the end of the response thrown away."],
      ruleLabels,
    );
    this.#mirrorDrops = registry.counterFamily(
      "http_mirror_drops_total",
      "Requests that were to be mirrored and were not copied whole, by reason.",
      ["route", "rule", "backend", "reason"],
    );
    this.#report = new RuleStatsReport(this.#requests, this.#mirrors);
  }

  /**
   * The counter of a drawn backend and of the version of the endpoint that served, unknownVersion when none did.
   * Ask once per request, when the version is known, and record at its end.
   */
  counter(backend: MeteredBackend, version: string): RequestCounter {
    const versions = this.#byBackend.get(backend);
    return versions?.get(version) ?? this.#addCounter(backend, backend.rule, backend.displayName, version);
  }

  /** The counter of a frontend that no route claims: route and rule are "". */
  clusterCounter(cluster: Pick<CompiledCluster, "name">, version: string): RequestCounter {
    const versions = this.#byBackend.get(cluster);
    return versions?.get(version) ?? this.#addCounter(cluster, null, cluster.name, version);
  }

  /** The counter of requests received on a port of this pod. */
  inbound(port: number, version: string): RequestCounter {
    const known = this.#byPort.get(port);
    if (known !== undefined && !known.retired && known.labelValues[0] === version) {
      return known;
    }
    const series = this.#inbound.with([version, String(port)]);
    this.#byPort.set(port, series);
    return series;
  }

  /** The counter of copies that were sent whole; status 0 when the mirror gave none. */
  mirrorCounter(rule: MeteredRule, mirror: CompiledMirror, version: string): RequestCounter {
    return entry(this.#byMirror, mirror, version, () =>
      this.#mirrors.with([version, rule.route, String(rule.index), mirror.displayName]),
    );
  }

  /** Counts a request that was not copied whole. Copies and drops together are the requests to be mirrored. */
  countMirrorDrop(rule: MeteredRule, mirror: Pick<CompiledMirror, "displayName">, reason: MirrorDropReason): void {
    this.#dropCounter(rule, mirror, reason).value++;
    this.#report.countMirrorDrop(rule.route, rule.index, mirror.displayName);
  }

  /** Makes the zero series of every (rule, backend, version) that a snapshot reaches, and lets others age. */
  adopt(resources: ResourceSet): void {
    this.#byBackend = new Map();
    this.#byMirror = new Map();
    this.#requests.forgetWants();
    this.#mirrors.forgetWants();
    for (const [route, { rules }] of resources.routes) {
      rules.forEach((rule, index) => {
        for (const backend of rule.backends) {
          this.#want(this.#requests, resources, route, index, backend);
          backend.mirrors.forEach((mirror) => {
            this.#want(this.#mirrors, resources, route, index, mirror);
          });
        }
        rule.mirrors.forEach((mirror) => {
          this.#want(this.#mirrors, resources, route, index, mirror);
        });
      });
    }
    for (const listener of resources.listeners.values()) {
      if (listener.cluster !== "") {
        for (const version of versionsOf(resources, listener.cluster)) {
          this.#requests.want([version, "", "", listener.cluster]);
        }
      }
    }
  }

  /** What happened since the last call, by rule, backend and version; entries without news are left out. */
  takeStats(): RuleStats[] {
    const stats = this.#report.take();
    // Also where nobody scrapes, series must not stay for ever.
    for (const family of [this.#requests, this.#inbound, this.#mirrors]) {
      family.sweep();
    }
    return stats;
  }

  #addCounter(key: object, rule: MeteredRule | null, displayName: string, version: string): RequestSeries {
    return entry(this.#byBackend, key, version, () =>
      this.#requests.with([version, rule?.route ?? "", rule === null ? "" : String(rule.index), displayName]),
    );
  }

  #dropCounter(rule: MeteredRule, mirror: Pick<CompiledMirror, "displayName">, reason: MirrorDropReason): Counter {
    return this.#mirrorDrops.with(rule.route, String(rule.index), mirror.displayName, reason);
  }

  #want(
    family: RequestFamily,
    resources: ResourceSet,
    route: string,
    rule: number,
    target: { readonly displayName: string; readonly cluster: string },
  ): void {
    for (const version of versionsOf(resources, target.cluster)) {
      family.want([version, route, String(rule), target.displayName]);
    }
  }
}

/** The workload versions that can serve a cluster now; unknownVersion when none can, so that its errors have a zero. */
function versionsOf(resources: ResourceSet, clusterName: string): ReadonlySet<string> {
  const cluster = resources.clusters.get(clusterName);
  const endpoints = resources.endpoints.get(clusterName)?.endpoints ?? [];
  const versions = new Set(
    endpoints.map(({ workloadVersion }) => workloadVersion || (cluster?.defaultWorkloadVersion ?? unknownVersion)),
  );
  return versions.size === 0 ? new Set([unknownVersion]) : versions;
}

function entry<Key>(
  byKey: Map<Key, Map<string, RequestSeries>>,
  key: Key,
  version: string,
  make: () => RequestSeries,
): RequestSeries {
  let versions = byKey.get(key);
  if (versions === undefined) {
    versions = new Map();
    byKey.set(key, versions);
  }
  let series = versions.get(version);
  if (series === undefined) {
    series = make();
    versions.set(version, series);
  }
  return series;
}

// What the live table and the JSON lines show: for every rule of every route its backends with target weight and what
// really happened. Pure but for its memory of earlier samples: shares and counts run since the rule's backends or
// weights last changed, rates and latencies over a sliding window.
import type {
  BackendReference,
  ClusterState,
  HttpRoute,
  HttpRouteRule,
} from "../../../control-plane/source/cluster-state.ts";
import { latencyQuantileMs } from "./latency-quantile.ts";

/** One summed series as the control plane keeps it. */
export interface StatsSum {
  readonly route: string;
  readonly rule: number;
  readonly backend: string;
  readonly workloadVersion: string;
  readonly statusClasses: readonly number[];
  readonly latencyBuckets: readonly number[];
  readonly mirrored: number;
  readonly mirrorsDropped: number;
}

export interface LiveRoute {
  /** "namespace/name". */
  readonly route: string;
  readonly rules: readonly LiveRule[];
}

export interface LiveRule {
  readonly rule: number;
  /** "/api/ x-beta-user=true", for people. */
  readonly matches: string;
  readonly mirrors: readonly LiveMirror[];
  readonly backends: readonly LiveBackend[];
}

/** A backend that gets copies of the rule's requests. */
export interface LiveMirror {
  /** "namespace/name:port". */
  readonly backend: string;
  readonly mirrored: number;
  readonly dropped: number;
}

export interface LiveBackend {
  /** "namespace/name:port". */
  readonly backend: string;
  readonly weight: number;
  /** Of the rule's weights, 0 to 1. */
  readonly target: number;
  /** Of the rule's requests since its last change; null before the first. */
  readonly share: number | null;
  readonly requests: number;
  readonly errors: number;
  readonly requestsPerSecond: number;
  readonly p50Ms: number | null;
  readonly p99Ms: number | null;
}

interface Counters {
  readonly requests: number;
  readonly errors: number;
  readonly mirrored: number;
  readonly mirrorsDropped: number;
  readonly latencyBuckets: readonly number[];
}

interface Counted {
  readonly backend: string;
  /** Since the rule's backends or weights changed. */
  readonly sinceChange: Counters;
  readonly inWindow: Counters;
}

interface Sample {
  readonly atMs: number;
  /** By route, rule and backend; workload versions added up. */
  readonly counters: ReadonlyMap<string, Counters>;
}

/** What a rule's counts start from, and the backends and weights that they belong to. */
interface Baseline {
  readonly shape: string;
  readonly counters: ReadonlyMap<string, Counters>;
}

const nothing: Counters = { requests: 0, errors: 0, mirrored: 0, mirrorsDropped: 0, latencyBuckets: [] };
/** However often the picture is asked for, a window holds a bounded number of samples. */
const minimumSpacingMs = 250;
const serverErrorClass = 4;
const noResponseClass = 5;

export class LiveRoutes {
  readonly #windowMs: number;
  /** Oldest first, at most the window's worth and one before it. */
  #samples: Sample[] = [];
  #baselines = new Map<string, Baseline>();

  constructor(windowMs = 10_000) {
    this.#windowMs = windowMs;
  }

  /** Takes the sums as they stand at `atMs` and returns the whole picture. */
  update(state: Pick<ClusterState, "httpRoutes">, sums: readonly StatsSum[], atMs: number): readonly LiveRoute[] {
    const sample: Sample = { atMs, counters: addUp(sums) };
    const [beforeLast, last] = this.#samples.slice(-2);
    if (beforeLast !== undefined && last !== undefined && last.atMs - beforeLast.atMs < minimumSpacingMs) {
      this.#samples.pop();
    }
    this.#samples.push(sample);
    while ((this.#samples[1]?.atMs ?? Infinity) <= atMs - this.#windowMs) {
      this.#samples.shift();
    }
    const baselines = new Map<string, Baseline>();
    const routes = [...state.httpRoutes].map(([route, object]) => ({
      route,
      rules: object.rules.map((rule, index) => {
        const id = `${route}/${index}`;
        const shape = JSON.stringify(rule.backendRefs.map((ref) => [ref.namespace, ref.name, ref.port, ref.weight]));
        const known = this.#baselines.get(id);
        // A rule seen for the first time counts from zero, a changed one from now.
        const counters = known === undefined ? new Map<string, Counters>() : sample.counters;
        const baseline = known?.shape === shape ? known : { shape, counters };
        baselines.set(id, baseline);
        return this.#liveRule(object, route, rule, index, sample, baseline.counters);
      }),
    }));
    this.#baselines = baselines;
    return routes.sort((a, b) => (a.route < b.route ? -1 : 1));
  }

  #liveRule(
    object: HttpRoute,
    route: string,
    rule: HttpRouteRule,
    index: number,
    now: Sample,
    baseline: ReadonlyMap<string, Counters>,
  ): LiveRule {
    const first = this.#samples[0] ?? now;
    const seconds = (now.atMs - first.atMs) / 1000;
    const totalWeight = rule.backendRefs.reduce((sum, { weight }) => sum + weight, 0);
    const counted = (ref: BackendReference): Counted => {
      const backend = `${ref.namespace}/${ref.name}${ref.port === undefined ? "" : `:${ref.port}`}`;
      const key = seriesKey(route, index, backend);
      const current = now.counters.get(key) ?? nothing;
      return {
        backend,
        sinceChange: difference(current, baseline.get(key) ?? nothing),
        inWindow: difference(current, first.counters.get(key) ?? nothing),
      };
    };
    const rows = rule.backendRefs.map((ref) => ({ weight: ref.weight, ...counted(ref) }));
    const total = rows.reduce((sum, row) => sum + row.sinceChange.requests, 0);
    return {
      rule: index,
      matches: describeMatches(rule, object.hostnames),
      mirrors: mirrorsOf(rule).map((ref) => {
        const { backend, sinceChange } = counted(ref);
        return { backend, mirrored: sinceChange.mirrored, dropped: sinceChange.mirrorsDropped };
      }),
      backends: rows.map(({ backend, weight, sinceChange, inWindow }) => ({
        backend,
        weight,
        target: totalWeight === 0 ? 0 : weight / totalWeight,
        share: total === 0 ? null : sinceChange.requests / total,
        requests: sinceChange.requests,
        errors: sinceChange.errors,
        requestsPerSecond: seconds === 0 ? 0 : inWindow.requests / seconds,
        p50Ms: latencyQuantileMs(inWindow.latencyBuckets, 0.5),
        p99Ms: latencyQuantileMs(inWindow.latencyBuckets, 0.99),
      })),
    };
  }
}

/** Of the rule and of its backendRefs, each once: copies are counted by where they go. */
function mirrorsOf(rule: HttpRouteRule): readonly BackendReference[] {
  const byName = new Map<string, BackendReference>();
  for (const filter of [...rule.filters, ...rule.backendRefs.flatMap(({ filters }) => filters)]) {
    if (filter.type !== "RequestMirror") continue;
    const { namespace, name, port } = filter.backendRef;
    byName.set(`${namespace}/${name}:${port}`, filter.backendRef);
  }
  return [...byName.values()];
}

function seriesKey(route: string, rule: number, backend: string): string {
  return `${route} ${rule} ${backend}`;
}

function addUp(sums: readonly StatsSum[]): ReadonlyMap<string, Counters> {
  const counters = new Map<string, Counters>();
  for (const sum of sums) {
    const key = seriesKey(sum.route, sum.rule, sum.backend);
    const known = counters.get(key) ?? nothing;
    counters.set(key, {
      requests: known.requests + sum.statusClasses.reduce((total, count) => total + count, 0),
      errors: known.errors + (sum.statusClasses[serverErrorClass] ?? 0) + (sum.statusClasses[noResponseClass] ?? 0),
      mirrored: known.mirrored + sum.mirrored,
      mirrorsDropped: known.mirrorsDropped + sum.mirrorsDropped,
      latencyBuckets: sum.latencyBuckets.map((count, index) => count + (known.latencyBuckets[index] ?? 0)),
    });
  }
  return counters;
}

/** Never negative: a control plane that forgot a series starts it again at zero. */
function difference(now: Counters, before: Counters): Counters {
  const minus = (a: number, b: number): number => Math.max(0, a - b);
  return {
    requests: minus(now.requests, before.requests),
    errors: minus(now.errors, before.errors),
    mirrored: minus(now.mirrored, before.mirrored),
    mirrorsDropped: minus(now.mirrorsDropped, before.mirrorsDropped),
    latencyBuckets: now.latencyBuckets.map((count, index) => minus(count, before.latencyBuckets[index] ?? 0)),
  };
}

/** "app.example.com /api/ x-canary=true or GET /health": enough to recognise a rule by. */
export function describeMatches(rule: HttpRouteRule, hostnames: readonly string[] = []): string {
  const alternatives = rule.matches.map(({ path, headers, queryParams, method }) =>
    [
      method,
      path.type === "PathPrefix" ? path.value : `${path.type === "Exact" ? "=" : "~"}${path.value}`,
      ...headers.map(({ name, value }) => `${name}=${value}`),
      ...queryParams.map(({ name, value }) => `?${name}=${value}`),
    ]
      .filter((part) => part !== undefined)
      .join(" "),
  );
  return [hostnames.join(","), alternatives.join(" or ")].filter((part) => part !== "").join(" ");
}

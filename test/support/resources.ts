// Resource sets written by hand, for tests of the agent that need no control plane.
import type {
  Backend,
  Cluster,
  Endpoint,
  Endpoints,
  Listener,
  Match,
  ResourceSet,
  Route,
  RouteConfiguration,
  Rule,
  Workload,
} from "../../agent/snapshot/resources.ts";

let versions = 0;

/** A version that no other resource has. */
export function freshVersion(): string {
  return `v${++versions}`;
}

export function match(overrides: Partial<Match> = {}): Match {
  return { path: { kind: "prefix", value: "/" }, headers: [], queryParameters: [], method: "", ...overrides };
}

export function backend(cluster: string, weight = 1, overrides: Partial<Backend> = {}): Backend {
  return {
    displayName: cluster,
    cluster,
    weight,
    requestHeaders: null,
    responseHeaders: null,
    mirrors: [],
    invalidReason: "",
    ...overrides,
  };
}

export function rule(backends: readonly Backend[], overrides: Partial<Rule> = {}): Rule {
  return {
    name: "",
    matches: [match()],
    requestHeaders: null,
    responseHeaders: null,
    mirrors: [],
    backends,
    unsupported: "",
    ...overrides,
  };
}

export interface SetDescription {
  readonly port?: number;
  readonly rules: readonly Rule[];
  /** Cluster name -> ports on 127.0.0.1, or whole endpoints. */
  readonly clusters: Readonly<Record<string, readonly (number | Endpoint)[]>>;
  readonly generation?: string;
  /** Of the listener; every host by default. */
  readonly hostname?: string;
  /** Of every cluster. */
  readonly protocol?: Cluster["protocol"];
  /** Sidecar mode: frontend "host:port" that the route serves. */
  readonly frontend?: string;
  readonly workload?: Omit<Workload, "name" | "version">;
  /** Where the listener sends requests when no route claims it; then there are no rules. */
  readonly defaultCluster?: string;
  /** Frontends that do not exist. */
  readonly missing?: readonly string[];
  /** Frontends whose configuration is withheld. */
  readonly withheld?: readonly string[];
}

/** One route "test/route" behind one listener: a gateway's, or a frontend's. */
export function resourceSet(description: SetDescription): ResourceSet {
  const named = <T extends { readonly name: string }>(items: readonly T[]): ReadonlyMap<string, T> =>
    new Map(items.map((item) => [item.name, item]));
  const listener: Listener = {
    name: "listener",
    version: freshVersion(),
    port: description.port ?? 80,
    hostname: description.hostname ?? "",
    routeConfiguration: description.defaultCluster === undefined ? "routes" : "",
    cluster: description.defaultCluster ?? "",
    displayName: "test/gateway/http",
  };
  const routeConfiguration: RouteConfiguration = {
    name: "routes",
    version: freshVersion(),
    routes: ["test/route"],
    virtualHosts: [
      {
        hostname: "",
        entries: description.rules.flatMap((item, ruleIndex) =>
          item.matches.map((_, matchIndex) => ({ route: 0, rule: ruleIndex, match: matchIndex })),
        ),
      },
    ],
  };
  const route: Route = { name: "test/route", version: freshVersion(), rules: description.rules };
  const clusters: Cluster[] = [];
  const endpoints: Endpoints[] = [];
  for (const [name, targets] of Object.entries(description.clusters)) {
    clusters.push({
      name,
      version: freshVersion(),
      protocol: description.protocol ?? "http1",
      defaultWorkloadVersion: name,
    });
    endpoints.push({
      name,
      version: freshVersion(),
      endpoints: targets.map((target) =>
        typeof target === "number" ? { address: "127.0.0.1", port: target, workloadVersion: "", pod: "" } : target,
      ),
    });
  }
  const answers = new Map<
    string,
    { state: "found" | "not-found" | "withheld"; listeners: string[]; workload: string }
  >();
  const name = description.frontend === undefined ? "gateway:test/gateway" : `frontend:${description.frontend}`;
  answers.set(name, { state: "found", listeners: ["listener"], workload: "" });
  for (const missing of description.missing ?? []) {
    answers.set(`frontend:${missing}`, { state: "not-found", listeners: [], workload: "" });
  }
  for (const withheld of description.withheld ?? []) {
    answers.set(`frontend:${withheld}`, { state: "withheld", listeners: [], workload: "" });
  }
  const workloads = description.workload && {
    name: "test/pod",
    version: freshVersion(),
    ...description.workload,
  };
  if (workloads) answers.set("workload:test/pod", { state: "found", listeners: [], workload: "test/pod" });
  return {
    generation: description.generation ?? "test.1",
    listeners: named([listener]),
    routeConfigurations: named([routeConfiguration]),
    routes: named([route]),
    clusters: named(clusters),
    endpoints: named(endpoints),
    workloads: named(workloads ? [workloads] : []),
    answers,
  };
}

// Resource sets in few words, for tests and benchmarks of the agent: every field that a test does not care about has a
// harmless default, and versions are hashes of the content, as on the wire.
import { createHash } from "node:crypto";
import type {
  Answer,
  Backend,
  Cluster,
  Endpoint,
  Endpoints,
  HeaderModifier,
  Listener,
  Match,
  Mirror,
  ResourceSet,
  Route,
  RouteConfiguration,
  Rule,
  ValueMatch,
  Workload,
} from "../../agent/snapshot/resources.ts";

export type MatchPath = Match["path"];

type Content<Resource> = Omit<Resource, "name" | "version">;

export interface ResourceSetParts {
  readonly generation?: string;
  readonly listeners?: readonly Listener[];
  readonly routeConfigurations?: readonly RouteConfiguration[];
  readonly routes?: readonly Route[];
  readonly clusters?: readonly Cluster[];
  readonly endpoints?: readonly Endpoints[];
  readonly workloads?: readonly Workload[];
  readonly answers?: Readonly<Record<string, Partial<Answer>>>;
}

export function resourceSet(parts: ResourceSetParts): ResourceSet {
  const answers = Object.entries(parts.answers ?? {}).map(([subscription, answer]): [string, Answer] => [
    subscription,
    { state: "found", listeners: [], workload: "", ...answer },
  ]);
  return {
    generation: parts.generation ?? "test.1",
    listeners: byName(parts.listeners),
    routeConfigurations: byName(parts.routeConfigurations),
    routes: byName(parts.routes),
    clusters: byName(parts.clusters),
    endpoints: byName(parts.endpoints),
    workloads: byName(parts.workloads),
    answers: new Map(answers),
  };
}

function byName<Resource extends { readonly name: string }>(
  resources: readonly Resource[] = [],
): ReadonlyMap<string, Resource> {
  return new Map(resources.map((resource) => [resource.name, resource]));
}

function versioned<Fields extends object>(name: string, fields: Fields): Fields & { name: string; version: string } {
  const version = createHash("sha256").update(JSON.stringify(fields)).digest("hex").slice(0, 16);
  return { ...fields, name, version };
}

export function listener(name: string, fields: Partial<Content<Listener>> = {}): Listener {
  return versioned(name, { port: 80, hostname: "", routeConfiguration: "", cluster: "", displayName: name, ...fields });
}

/** Entries as [route name, rule, match]. */
export function routeConfiguration(
  name: string,
  virtualHosts: Readonly<Record<string, readonly (readonly [string, number, number])[]>>,
): RouteConfiguration {
  const indexes = new Map<string, number>();
  const indexOf = (route: string): number => {
    const index = indexes.get(route) ?? indexes.size;
    indexes.set(route, index);
    return index;
  };
  const compiled = Object.entries(virtualHosts).map(([hostname, entries]) => ({
    hostname,
    entries: entries.map(([route, rule, match]) => ({ route: indexOf(route), rule, match })),
  }));
  return versioned(name, { virtualHosts: compiled, routes: [...indexes.keys()] });
}

export function route(name: string, rules: readonly Rule[]): Route {
  return versioned(name, { rules });
}

export function rule(fields: Partial<Rule> = {}): Rule {
  return {
    name: "",
    matches: [match()],
    requestHeaders: null,
    responseHeaders: null,
    mirrors: [],
    backends: [],
    unsupported: "",
    ...fields,
  };
}

export function match(fields: Partial<Match> = {}): Match {
  return { path: { kind: "prefix", value: "/" }, headers: [], queryParameters: [], method: "", ...fields };
}

export function exactly(name: string, value: string): ValueMatch {
  return { name, value, regularExpression: false };
}

export function matching(name: string, value: string): ValueMatch {
  return { name, value, regularExpression: true };
}

export function modifier(fields: Partial<HeaderModifier>): HeaderModifier {
  return { set: [], add: [], remove: [], ...fields };
}

/** To the cluster of the same name, unless told otherwise. */
export function backend(displayName: string, fields: Partial<Backend> = {}): Backend {
  return {
    displayName,
    cluster: displayName,
    weight: 1,
    requestHeaders: null,
    responseHeaders: null,
    mirrors: [],
    invalidReason: "",
    ...fields,
  };
}

export function mirror(displayName: string, fields: Partial<Mirror> = {}): Mirror {
  return { displayName, cluster: displayName, numerator: 100, denominator: 100, ...fields };
}

export function cluster(name: string, fields: Partial<Content<Cluster>> = {}): Cluster {
  return versioned(name, { protocol: "http1", defaultWorkloadVersion: name, ...fields });
}

export function endpoints(name: string, list: readonly Partial<Endpoint>[]): Endpoints {
  return versioned(name, {
    endpoints: list.map((endpoint) => ({
      address: "127.0.0.1",
      port: 8080,
      workloadVersion: "",
      pod: "",
      ...endpoint,
    })),
  });
}

export function workload(name: string, fields: Partial<Content<Workload>> = {}): Workload {
  return versioned(name, { serviceName: name, workloadVersion: "v1", inboundPorts: [], ...fields });
}

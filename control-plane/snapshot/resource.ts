// A resource as every stream shares it: encoded once, hashed once, with the names of what it refers to. A body that
// kept its identity since the last translation is not looked at again. Owns no set of resources: snapshot.ts does.
import { contentHash, encodeResource, type ResourceBodies, type ResourceTypeName } from "../../proto/discovery.ts";
import type { Mirror, Resource } from "../../proto/messages.ts";

/** "TYPE/name": identity of a resource in one string. */
export type ResourceKey = string;

/** The (type, name) pair as one map key. No type name contains a slash, so the pair can be read back. */
export function resourceKey(type: ResourceTypeName, name: string): ResourceKey {
  return `${type}/${name}`;
}

/** One version of one resource; immutable. */
export type SnapshotResource = {
  readonly [Type in ResourceTypeName]: {
    readonly type: Type;
    readonly name: string;
    readonly key: ResourceKey;
    readonly version: string;
    readonly body: ResourceBodies[Type];
    /** Keys of everything that the body refers to, each once. */
    readonly dependencies: readonly ResourceKey[];
    /** What a response carries; the same object in every response. */
    readonly wire: Resource;
  };
}[ResourceTypeName];

/** Makes resources of bodies, remembering each by the identity of its body. Entries go with their bodies. */
export class ResourceCache {
  readonly #byBody = new WeakMap<object, SnapshotResource>();
  /** How many bodies were encoded, for tests and metrics. */
  encodedCount = 0;

  /** The resource for `body`; `previous` is kept when the bytes turn out to be the same. */
  resourceOf<Type extends ResourceTypeName>(
    type: Type,
    name: string,
    body: ResourceBodies[Type],
    previous: SnapshotResource | undefined,
  ): SnapshotResource {
    const known = this.#byBody.get(body);
    if (known !== undefined && known.type === type && known.name === name) return known;
    this.encodedCount += 1;
    const bytes = encodeResource(type, body);
    const version = contentHash(bytes);
    if (previous !== undefined && previous.version === version) {
      this.#byBody.set(body, previous);
      return previous;
    }
    const resource = {
      type,
      name,
      key: resourceKey(type, name),
      version,
      body,
      dependencies: [...new Set(dependenciesOf(type, name, body))],
      wire: { type, name, version, body: bytes },
    } as unknown as SnapshotResource;
    this.#byBody.set(body, resource);
    return resource;
  }
}

/** Keys of what a body refers to, in order, possibly more than once. */
export function dependenciesOf<Type extends ResourceTypeName>(
  type: Type,
  name: string,
  body: ResourceBodies[Type],
): Iterable<ResourceKey> {
  return references[type](name, body);
}

const references: {
  readonly [Type in ResourceTypeName]: (name: string, body: ResourceBodies[Type]) => Iterable<ResourceKey>;
} = {
  *LISTENER(_name, body) {
    if (body.routeConfiguration !== "") yield resourceKey("ROUTE_CONFIGURATION", body.routeConfiguration);
    if (body.cluster !== "") yield resourceKey("CLUSTER", body.cluster);
  },
  *ROUTE_CONFIGURATION(_name, body) {
    for (const route of body.routes) yield resourceKey("ROUTE", route);
  },
  *ROUTE(_name, body) {
    for (const rule of body.rules) {
      yield* mirrorClusters(rule.mirrors);
      for (const backend of rule.backends) {
        if (backend.cluster !== "") yield resourceKey("CLUSTER", backend.cluster);
        yield* mirrorClusters(backend.mirrors);
      }
    }
  },
  *CLUSTER(name) {
    yield resourceKey("ENDPOINTS", name);
  },
  *ENDPOINTS() {},
  *WORKLOAD() {},
};

function* mirrorClusters(mirrors: readonly Mirror[]): Iterable<ResourceKey> {
  for (const mirror of mirrors) if (mirror.cluster !== "") yield resourceKey("CLUSTER", mirror.cluster);
}

/**
 * Whether two versions of a route have the same rules and matches, in the same order: then the entries of a route
 * configuration, which point at matches by index, mean the same with either.
 */
export function haveSameMatches(left: ResourceBodies["ROUTE"], right: ResourceBodies["ROUTE"]): boolean {
  return JSON.stringify(left.rules.map(matchesOf)) === JSON.stringify(right.rules.map(matchesOf));
}

function matchesOf(rule: ResourceBodies["ROUTE"]["rules"][number]): unknown {
  return rule.matches;
}

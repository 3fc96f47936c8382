// The pure step from one ResourceSet to the next: a whole response applied, or every reason why it cannot be. The set
// that went in is never touched, so that refusing costs nothing.
import type { ResourceTypeName } from "../../proto/discovery.ts";
import type * as wire from "../../proto/messages.ts";
import type { Answer, ResourceSet, ResourceType } from "../snapshot/resources.ts";
import { decodeWireResource, type DecodeError, type DecodedResource } from "./decode.ts";
import { readEnum } from "./decode-fields.ts";

/** What an agent holds before anybody told it anything. */
export const emptyResourceSet: ResourceSet = {
  generation: "",
  listeners: new Map(),
  routeConfigurations: new Map(),
  routes: new Map(),
  clusters: new Map(),
  endpoints: new Map(),
  workloads: new Map(),
  answers: new Map(),
};

const collections = {
  listener: "listeners",
  "route-configuration": "routeConfigurations",
  route: "routes",
  cluster: "clusters",
  endpoints: "endpoints",
  workload: "workloads",
} as const satisfies Record<ResourceType, keyof ResourceSet>;

const wireTypes = {
  listener: "LISTENER",
  "route-configuration": "ROUTE_CONFIGURATION",
  route: "ROUTE",
  cluster: "CLUSTER",
  endpoints: "ENDPOINTS",
  workload: "WORKLOAD",
} as const satisfies Record<ResourceType, ResourceTypeName>;

const resourceTypes = Object.keys(collections) as readonly ResourceType[];

const answerStates = { NOT_FOUND: "not-found", FOUND: "found", WITHHELD: "withheld" } as const;

export type ReduceResult =
  | { readonly ok: true; readonly resources: ResourceSet }
  | { readonly ok: false; readonly errors: readonly DecodeError[] };

/**
 * `current` after `response`. Collections that the response does not touch are shared with `current`; answers to names
 * that are not subscribed any more are dropped.
 */
export function applyResponse(
  current: ResourceSet,
  response: wire.DiscoveryResponse,
  isSubscribed: (name: string) => boolean,
): ReduceResult {
  const errors: DecodeError[] = [];
  const decoded: DecodedResource[] = [];
  for (const resource of response.resources) {
    const result = decodeWireResource(resource);
    if (result.ok) decoded.push(result.resource);
    else errors.push(result.error);
  }
  const kept = withoutForgottenAnswers(current, isSubscribed).answers;
  const answers = response.answers.length === 0 ? kept : withAnswers(kept, response.answers, isSubscribed, errors);
  if (errors.length > 0) return { ok: false, errors };

  const changed: Partial<Record<ResourceType, Map<string, unknown>>> = {};
  const collectionOf = (type: ResourceType): Map<string, unknown> =>
    (changed[type] ??= new Map<string, unknown>(current[collections[type]]));
  for (const { type, name } of response.removedResources) {
    const own = resourceTypes.find((candidate) => wireTypes[candidate] === type);
    if (own !== undefined && current[collections[own]].has(name)) collectionOf(own).delete(name);
  }
  for (const { type, value } of decoded) collectionOf(type).set(value.name, value);

  const next: Record<string, unknown> = { ...current, generation: response.generation, answers };
  for (const [type, collection] of Object.entries(changed)) next[collections[type as ResourceType]] = collection;
  return { ok: true, resources: next as unknown as ResourceSet };
}

/** `current` without the answers to names that are not subscribed any more; itself when there are none. */
export function withoutForgottenAnswers(current: ResourceSet, isSubscribed: (name: string) => boolean): ResourceSet {
  const forgotten = [...current.answers.keys()].filter((name) => !isSubscribed(name));
  if (forgotten.length === 0) return current;
  const answers = new Map(current.answers);
  for (const name of forgotten) answers.delete(name);
  return { ...current, answers };
}

/** What a Hello says the agent holds. */
export function knownResources(resources: ResourceSet): wire.ResourceVersion[] {
  return resourceTypes.flatMap((type) =>
    [...resources[collections[type]].values()].map(({ name, version }) => ({ type: wireTypes[type], name, version })),
  );
}

/** Version that `resources` holds of a resource, "" when it holds none. */
export function versionOf(resources: ResourceSet, type: ResourceType, name: string): string {
  return resources[collections[type]].get(name)?.version ?? "";
}

/** The wire's name of a resource type. */
export function wireTypeOf(type: ResourceType): ResourceTypeName {
  return wireTypes[type];
}

function withAnswers(
  current: ReadonlyMap<string, Answer>,
  changed: readonly wire.Answer[],
  isSubscribed: (name: string) => boolean,
  errors: DecodeError[],
): ReadonlyMap<string, Answer> {
  const answers = new Map(current);
  for (const { subscription, state, listeners, workload } of changed) {
    if (!isSubscribed(subscription)) continue;
    try {
      answers.set(subscription, { state: readEnum(answerStates, state, "state"), listeners, workload });
    } catch (error) {
      const reason = `answer to "${subscription}": ${error instanceof Error ? error.message : String(error)}`;
      errors.push({ type: "RESOURCE_TYPE_UNSPECIFIED", name: "", version: "", reason });
    }
  }
  return answers;
}

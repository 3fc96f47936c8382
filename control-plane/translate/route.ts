// One HTTPRoute whole: where it attaches, its ROUTE bodies, and the status of each parent that is ours.
import type { Route } from "../../proto/messages.ts";
import type { HttpRoute, ParentReference } from "../source/cluster-state.ts";
import { type Attachment, type ParentKind, attach } from "./attachment.ts";
import { type Problem, condition } from "./conditions.ts";
import { type AttachedRoute, type RouteShape, shapeOf } from "./precedence.ts";
import { deepEqual, retain } from "./retain.ts";
import { type TranslatedRules, translateRules } from "./rules.ts";
import type { TableReader } from "./tables.ts";
import type { Condition, RouteParentStatus } from "./translation.ts";

export interface TranslatedRoute {
  /** ROUTE resources; empty when the route is attached nowhere. */
  readonly variants: readonly Variant[];
  /** Listener or frontend resource -> the route as attached there. */
  readonly places: ReadonlyMap<string, AttachedRoute>;
  /** False when no rule is left: it answers 500 wherever it would attach, and no listener counts it. */
  readonly accepted: boolean;
  /** One per declared parentRef that is ours, in order. */
  readonly statuses: readonly RouteParentStatus[];
}

interface Variant {
  readonly name: string;
  readonly body: Route;
  readonly shape: RouteShape;
}

interface Parent {
  readonly ref: ParentReference;
  readonly attachment: Attachment;
  readonly rules: TranslatedRules;
}

/** Parts equal to `previous` keep their identity. */
export function translateRoute(
  route: HttpRoute,
  reader: TableReader,
  previous: TranslatedRoute | undefined,
): TranslatedRoute {
  const parents = parentsOf(route, reader);
  const variantNames = nameVariants(`${route.meta.namespace}/${route.meta.name}`, parents);
  const variants = new Map<string, Variant>();
  const hostnames = new Map<string, { readonly variant: Variant; readonly names: Set<string> }>();
  for (const { attachment, rules } of parents) {
    if (!attachment.attached) continue;
    const name = variantNames[attachment.parent];
    const variant = variants.get(name) ?? makeVariant(name, route, rules.route, previous);
    variants.set(name, variant);
    for (const place of attachment.places) {
      const known = hostnames.get(place.resourceName) ?? { variant, names: new Set() };
      for (const hostname of place.hostnames) known.names.add(hostname);
      hostnames.set(place.resourceName, known);
    }
  }
  const places = new Map<string, AttachedRoute>();
  for (const [resourceName, { variant, names }] of hostnames) {
    const place: AttachedRoute = { shape: variant.shape, hostnames: [...names].sort() };
    places.set(resourceName, retain(previous?.places.get(resourceName), place));
  }
  return {
    variants: [...variants.values()],
    places,
    accepted: parents.every(({ rules }) => !isAllUnsupported(route, rules)),
    statuses: retain(
      previous?.statuses,
      parents.map((parent) => statusOf(route, parent)),
    ),
  };
}

function parentsOf(route: HttpRoute, reader: TableReader): readonly Parent[] {
  const rules: Partial<Record<ParentKind, TranslatedRules>> = {};
  const parents: Parent[] = [];
  for (const ref of route.parentRefs) {
    const found = attach(route, ref, reader);
    if (found === null) continue;
    const attachment = found.attached ? (refusal(route, found) ?? found) : found;
    const kind = attachment.parent;
    const translated = (rules[kind] ??= translateRules(route, kind === "gateway", reader));
    parents.push({ ref, attachment, rules: translated });
  }
  return parents;
}

/** Of a route that cannot be read, and could not before. */
function refusal({ refused, rules }: HttpRoute, { parent }: Attachment): Attachment | null {
  if (refused === undefined || rules.length > 0) return null;
  return { attached: false, parent, problem: { reason: "UnsupportedValue", message: refused } };
}

/**
 * A route on a Gateway and on a Service is one ROUTE, unless a grant that only Gateways ask for makes them differ: then
 * the mesh has one of its own.
 */
function nameVariants(key: string, parents: readonly Parent[]): Readonly<Record<ParentKind, string>> {
  const attached = (kind: ParentKind) =>
    parents.find(({ attachment }) => attachment.attached && attachment.parent === kind)?.rules.route;
  const gateway = attached("gateway");
  const service = attached("service");
  const differ = gateway !== undefined && service !== undefined && !deepEqual(gateway, service);
  return { gateway: key, service: differ ? `${key}@mesh` : key };
}

function makeVariant(name: string, route: HttpRoute, body: Route, previous: TranslatedRoute | undefined): Variant {
  const before = previous?.variants.find((variant) => variant.name === name);
  const key = `${route.meta.namespace}/${route.meta.name}`;
  const shape = shapeOf(name, key, route.meta.creationTimestampMs, body);
  return { name, body: retain(before?.body, body), shape: retain(before?.shape, shape) };
}

function isAllUnsupported(route: HttpRoute, rules: TranslatedRules): boolean {
  return route.rules.length > 0 && rules.unsupported.length === route.rules.length;
}

function statusOf(route: HttpRoute, { ref, attachment, rules }: Parent): RouteParentStatus {
  const generation = route.meta.generation;
  const allUnsupported = isAllUnsupported(route, rules);
  const dropped = `Dropped Rule: ${rules.unsupported.join("; ")}`;
  const problem = attachment.attached
    ? allUnsupported
      ? { reason: "UnsupportedValue", message: dropped }
      : null
    : attachment.problem;
  const conditions: Condition[] = [
    problem === null
      ? condition("Accepted", "True", "Accepted", "The route is attached", generation)
      : condition("Accepted", "False", problem.reason, problem.message, generation),
    resolvedRefs(rules.unresolved, generation),
  ];
  if (route.refused !== undefined && attachment.attached) {
    const message = `Fall Back: served as it was before this version, which cannot be read: ${route.refused}`;
    conditions.push(condition("PartiallyInvalid", "True", "UnsupportedValue", message, generation));
  } else if (rules.unsupported.length > 0 && !allUnsupported) {
    conditions.push(condition("PartiallyInvalid", "True", "UnsupportedValue", dropped, generation));
  }
  return { parentRef: ref, conditions };
}

/** The first unresolved reference gives the reason, all of them the message. */
function resolvedRefs(unresolved: readonly Problem[], generation: number): Condition {
  const first = unresolved[0];
  if (first === undefined) {
    return condition("ResolvedRefs", "True", "ResolvedRefs", "All references are resolved", generation);
  }
  const messages = [...new Set(unresolved.map(({ message }) => message))];
  return condition("ResolvedRefs", "False", first.reason, messages.join("; "), generation);
}

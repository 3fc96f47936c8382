// What an object's status becomes when ours is put into what the cluster has: other controllers' entries as they are,
// transition times kept, and nothing at all when nothing would change. Pure.
import { isDeepStrictEqual } from "node:util";
import { gatewayGroup } from "../translate/conditions.ts";
import type { ClusterObject } from "./kubernetes-api.ts";
import type { StatusObject } from "./status-object.ts";

type Fields = Readonly<Record<string, unknown>>;

/** HTTPRoute status.parents[] and a condition's message, as the published schemas bound them. */
const maxParents = 32;
const maxMessageLength = 32_768;

/**
 * The status to write, or null when the cluster has it already. `wanted` null: no entry of ours is wanted, which only
 * HTTPRoutes can tell from others' (a Gateway's status names no controller and is left to its next one).
 */
export function mergeStatus(
  current: ClusterObject,
  wanted: StatusObject | null,
  controllerName: string,
): Fields | null {
  const { status } = current;
  if (wanted !== null && isOlder(current, wanted, controllerName)) return null;
  const next = current.kind === "HTTPRoute" ? mergeRoute(current, wanted, controllerName) : mergeOwn(status, wanted);
  return isDeepStrictEqual(next, status) ? null : next;
}

/** Whether the object carries an entry of ours: only of HTTPRoutes can that be said. */
export function hasOwnEntry({ kind, status }: ClusterObject, controllerName: string): boolean {
  return (
    kind === "HTTPRoute" && listOf(status["parents"]).some((parent) => parent["controllerName"] === controllerName)
  );
}

/** What a Gateway says whose agents or addresses nobody has heard of yet, as against one that something is wrong with. */
const waitingReasons: ReadonlySet<unknown> = new Set(["Pending", "AddressNotAssigned"]);

/** Whether a Gateway that is programmed, by what the cluster has, would only be said to wait. */
export function forgetsProgrammed({ kind, status }: ClusterObject, wanted: StatusObject): boolean {
  const programmedOf = (from: Fields): Fields | undefined =>
    listOf(from["conditions"]).find(({ type }) => type === "Programmed");
  return (
    kind === "Gateway" &&
    programmedOf(status)?.["status"] === "True" &&
    waitingReasons.has(programmedOf(wanted.status)?.["reason"])
  );
}

/**
 * Another leader had seen a newer generation than this one has: its status stays until this one has caught up. What
 * claims a generation that the object does not have is nobody's.
 */
function isOlder(current: ClusterObject, wanted: StatusObject, controllerName: string): boolean {
  const own =
    current.kind === "HTTPRoute"
      ? listOf(current.status["parents"]).filter((parent) => parent["controllerName"] === controllerName)
      : [current.status];
  return own
    .flatMap((entry) => listOf(entry["conditions"]))
    .some(({ observedGeneration: seen }) => {
      return typeof seen === "number" && seen > wanted.generation && seen <= current.generation;
    });
}

/** GatewayClass and Gateway: the fields that `wanted` has are ours; `addresses` goes when it has none. */
function mergeOwn(status: Fields, wanted: StatusObject | null): Fields {
  if (wanted === null) return status;
  const { addresses: _, ...kept } = status;
  const before = listOf(status["listeners"]);
  const { conditions, listeners, ...rest } = wanted.status;
  return {
    ...kept,
    ...rest,
    conditions: mergeConditions(listOf(status["conditions"]), listOf(conditions)),
    ...(listeners !== undefined && {
      listeners: listOf(listeners).map((listener) => {
        const known = before.find(({ name }) => name === listener["name"]);
        const merged = mergeConditions(listOf(known?.["conditions"]), listOf(listener["conditions"]));
        return { ...listener, conditions: merged };
      }),
    }),
  };
}

/** Entries keep their places, so that order alone is never a reason to write. */
function mergeRoute({ namespace, status }: ClusterObject, wanted: StatusObject | null, controllerName: string): Fields {
  const missing = new Map(
    listOf(wanted?.status["parents"]).map((parent) => [parentKey(parent["parentRef"], namespace), parent]),
  );
  const parents: Fields[] = [];
  for (const entry of listOf(status["parents"])) {
    if (entry["controllerName"] !== controllerName) {
      parents.push(entry);
      continue;
    }
    const key = parentKey(entry["parentRef"], namespace);
    const own = missing.get(key);
    missing.delete(key);
    if (own === undefined) continue;
    parents.push({ ...own, conditions: mergeConditions(listOf(entry["conditions"]), listOf(own["conditions"])) });
  }
  for (const own of missing.values()) {
    if (parents.length === maxParents) break;
    parents.push({ ...own, conditions: mergeConditions([], listOf(own["conditions"])) });
  }
  return { ...status, parents };
}

function parentKey(parentRef: unknown, routeNamespace: string): string {
  const {
    group = gatewayGroup,
    kind = "Gateway",
    namespace = routeNamespace,
    name,
    sectionName,
    port,
  } = (parentRef ?? {}) as Fields;
  return JSON.stringify([group, kind, namespace, name, sectionName ?? null, port ?? null]);
}

/**
 * Ours in our order, then those of a type with a domain ("example.com/Affected"), which others add. A time stays while
 * the status does, whoever wrote it.
 */
function mergeConditions(before: readonly Fields[], wanted: readonly Fields[]): readonly Fields[] {
  const types = new Set(wanted.map(({ type }) => type));
  const own = wanted.map((condition) => {
    const known = before.find(({ type, status }) => type === condition["type"] && status === condition["status"]);
    const message = String(condition["message"]).slice(0, maxMessageLength);
    return {
      ...condition,
      message,
      lastTransitionTime: known?.["lastTransitionTime"] ?? condition["lastTransitionTime"],
    };
  });
  const others = before.filter(({ type }) => !types.has(type) && typeof type === "string" && type.includes("/"));
  // In the order that the cluster has them, when they are the same ones.
  const places = new Map(before.map(({ type }, index) => [type, index]));
  const merged: Fields[] = [...own, ...others];
  return merged.every(({ type }) => places.has(type))
    ? merged.sort((left, right) => (places.get(left["type"]) ?? 0) - (places.get(right["type"]) ?? 0))
    : merged;
}

function listOf(value: unknown): readonly Fields[] {
  return Array.isArray(value) ? (value as readonly Fields[]) : [];
}

// What became different between two sets of statuses, condition by condition, for people: logs and terminals.
import type { Statuses } from "../translate/translation.ts";

export interface StatusChange {
  /** "Kind namespace/name", and for listeners and route parents which of them. */
  readonly object: string;
  readonly type: string;
  /** Empty when the condition is gone. */
  readonly status: "True" | "False" | "Unknown" | "";
  readonly reason: string;
  readonly message: string;
}

/** Conditions whose status or reason differ from `previous`, and those that went away. */
export function changedConditions(previous: Statuses | null, next: Statuses): readonly StatusChange[] {
  const before = previous === null ? new Map<string, StatusChange>() : flatten(previous);
  const after = flatten(next);
  const changes: StatusChange[] = [];
  for (const [key, change] of after) {
    const old = before.get(key);
    if (old?.status !== change.status || old.reason !== change.reason) changes.push(change);
  }
  for (const [key, change] of before)
    if (!after.has(key)) changes.push({ ...change, status: "", reason: "", message: "the object is gone" });
  return changes;
}

function flatten(statuses: Statuses): ReadonlyMap<string, StatusChange> {
  const flat = new Map<string, StatusChange>();
  const add = (object: string, conditions: readonly Omit<StatusChange, "object">[]): void => {
    for (const { type, status, reason, message } of conditions)
      flat.set(`${object} ${type}`, { object, type, status, reason, message });
  };
  for (const [name, conditions] of statuses.gatewayClasses) add(`GatewayClass ${name}`, conditions);
  for (const [key, gateway] of statuses.gateways) {
    add(`Gateway ${key}`, gateway.conditions);
    for (const listener of gateway.listeners) add(`Gateway ${key} listener ${listener.name}`, listener.conditions);
  }
  for (const [key, parents] of statuses.httpRoutes)
    for (const { parentRef, conditions } of parents) {
      const { kind, namespace, name, sectionName, port } = parentRef;
      const section = `${sectionName === undefined ? "" : ` ${sectionName}`}${port === undefined ? "" : ` port ${port}`}`;
      add(`HTTPRoute ${key} parent ${kind} ${namespace}/${name}${section}`, conditions);
    }
  return flat;
}

// The faults found while compiling: what a nack names. Everything is looked at before a snapshot is refused, so that one
// answer names every faulty resource. Bound: a few reasons per resource, the rest are counted.
import type { ResourceType } from "./resources.ts";

export interface ResourceFault {
  readonly type: ResourceType;
  readonly name: string;
  /** One line for people; several faults of one resource are joined by "; ". */
  readonly reason: string;
}

const maxReasons = 5;

export class Faults {
  readonly #reasons = new Map<string, { type: ResourceType; name: string; reasons: string[]; more: number }>();

  add(type: ResourceType, name: string, reason: string): void {
    const key = `${type} ${name}`;
    const entry = this.#reasons.get(key);
    if (entry === undefined) this.#reasons.set(key, { type, name, reasons: [reason], more: 0 });
    else if (entry.reasons.length < maxReasons) entry.reasons.push(reason);
    else entry.more++;
  }

  get isEmpty(): boolean {
    return this.#reasons.size === 0;
  }

  list(): readonly ResourceFault[] {
    return [...this.#reasons.values()].map(({ type, name, reasons, more }) => ({
      type,
      name,
      reason: reasons.join("; ") + (more > 0 ? `; and ${more} more` : ""),
    }));
  }
}

/** Whether two resources of one name have the same content. A version is a content hash; without one, identity tells. */
export function isSameResource(left: { readonly version: string }, right: { readonly version: string }): boolean {
  return left === right || (left.version !== "" && left.version === right.version);
}

// What a ListWatch keeps of the objects of one kind: by key, with the identity of unchanged ones. Pure; when to change
// it is list-watch.ts's.
import { isDeepStrictEqual } from "node:util";

/** An object as the API server sends it; only what every object has is typed. */
export interface ApiObject {
  readonly apiVersion?: string;
  readonly kind?: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly uid?: string;
    readonly resourceVersion?: string;
    readonly generation?: number;
    readonly creationTimestamp?: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
  };
  readonly [field: string]: unknown;
}

/** "namespace/name", or "name" for objects without namespace. */
export function keyOf({ metadata: { namespace, name } }: ApiObject): string {
  return namespace ? `${namespace}/${name}` : name;
}

export class ObjectStore<Kept extends object> {
  readonly #keep: (object: ApiObject) => Kept | null;
  #objects: Map<string, Kept> = new Map();

  /** `keep` makes what is kept of an object, null when nothing is. */
  constructor(keep: (object: ApiObject) => Kept | null) {
    this.#keep = keep;
  }

  get objects(): ReadonlyMap<string, Kept> {
    return this.#objects;
  }

  /** Takes one object in; returns whether that changed anything. */
  put(object: ApiObject): boolean {
    const key = keyOf(object);
    const kept = this.#retain(key, object);
    if (kept === null) return this.#objects.delete(key);
    if (this.#objects.get(key) === kept) return false;
    this.#objects.set(key, kept);
    return true;
  }

  delete(key: string): boolean {
    return this.#objects.delete(key);
  }

  /** Adds an object to `target`, a replacement under way: unchanged ones are those of the store. */
  collect(object: ApiObject, target: Map<string, Kept>): void {
    const key = keyOf(object);
    const kept = this.#retain(key, object);
    if (kept !== null) target.set(key, kept);
  }

  /** Holds `objects` from now on; returns the keys of what was added, changed and removed. */
  replace(objects: Map<string, Kept>): string[] {
    const before = this.#objects;
    this.#objects = objects;
    const changed: string[] = [];
    for (const [key, kept] of objects) if (before.get(key) !== kept) changed.push(key);
    for (const key of before.keys()) if (!objects.has(key)) changed.push(key);
    return changed;
  }

  #retain(key: string, object: ApiObject): Kept | null {
    const kept = this.#keep(object);
    const before = this.#objects.get(key);
    return before !== undefined && kept !== null && isDeepStrictEqual(before, kept) ? before : kept;
  }
}

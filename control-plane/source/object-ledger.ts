// What a file does not say about an object but the API server would: its generation and its age. Owns the identity
// of unchanged objects too: the same content gives the same object back.
import type { ClusterObject } from "./build-cluster-state.ts";
import type { ObjectMeta } from "./cluster-state.ts";
import { convertObject } from "./convert.ts";
import type { Manifest } from "./manifest.ts";

interface Entry {
  readonly fields: Manifest["fields"];
  /** All that the narrow object is made of, as text. */
  readonly content: string;
  /** The part whose change makes a new generation. */
  readonly spec: string;
  readonly generation: number;
  readonly creationTimestampMs: number;
  readonly object: ClusterObject;
}

/** One per source; remembers exactly the objects of the last accepted reading. */
export class ObjectLedger {
  #entries: ReadonlyMap<string, Entry> = new Map();
  #lastCreatedMs = 0;
  readonly #now: () => number;

  constructor(now: () => number) {
    this.#now = now;
  }

  /**
   * The objects of a reading by "Kind namespace/name". Objects that give no creationTimestamp are as old as their
   * first appearance, one millisecond apart in the order given, so that precedence by age follows the files.
   */
  accept(manifests: ReadonlyMap<string, { readonly manifest: Manifest; readonly namespace: string }>): ClusterObject[] {
    const entries = new Map<string, Entry>();
    const objects: ClusterObject[] = [];
    for (const [key, { manifest, namespace }] of manifests) {
      const entry = this.#entry(this.#entries.get(key), manifest, namespace);
      entries.set(key, entry);
      objects.push(entry.object);
    }
    this.#entries = entries;
    return objects;
  }

  #entry(previous: Entry | undefined, manifest: Manifest, namespace: string): Entry {
    if (previous?.fields === manifest.fields) return previous;
    const { apiVersion: _version, kind: _kind, metadata, status, ...rest } = manifest.fields;
    const spec = JSON.stringify(rest);
    const content = JSON.stringify([spec, metadata, status]);
    if (previous?.content === content) return { ...previous, fields: manifest.fields };
    const given = metadata as GivenMetadata | undefined;
    const generation =
      previous === undefined ? (given?.generation ?? 1) : previous.generation + (previous.spec === spec ? 0 : 1);
    const written = Date.parse(given?.creationTimestamp ?? "");
    const creationTimestampMs = Number.isNaN(written)
      ? (previous?.creationTimestampMs ?? this.#nextCreation())
      : written;
    const meta: ObjectMeta = {
      namespace,
      name: manifest.name,
      generation,
      creationTimestampMs,
      labels: { ...given?.labels },
      annotations: { ...given?.annotations },
    };
    return {
      fields: manifest.fields,
      content,
      spec,
      generation,
      creationTimestampMs,
      object: convertObject(manifest.info.kind, manifest.fields, meta),
    };
  }

  #nextCreation(): number {
    this.#lastCreatedMs = Math.max(this.#now(), this.#lastCreatedMs + 1);
    return this.#lastCreatedMs;
  }
}

interface GivenMetadata {
  readonly generation?: number;
  readonly creationTimestamp?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
}

// Texts of files -> one ClusterState, or the problems that forbid it. No I/O: folder-files.ts reads the files,
// folder-source.ts says when. All or nothing: one error anywhere and the state stays what it was.
import { buildClusterState } from "./build-cluster-state.ts";
import type { ClusterState } from "./cluster-state.ts";
import { maxDocuments, maxProblems } from "./limits.ts";
import { type Manifest, type ParsedChunk, readChunk } from "./manifest.ts";
import { ObjectLedger } from "./object-ledger.ts";
import type { Schemas } from "./schemas.ts";
import type { Problem } from "./source.ts";
import { splitDocuments } from "./yaml-documents.ts";

export interface FileText {
  /** Relative to the folder, with forward slashes. */
  readonly path: string;
  readonly text: string;
}

export interface Loaded {
  /** The same object as before when nothing changed; null when no reading was without errors yet. */
  readonly state: ClusterState | null;
  /** In order of file and line, at most maxProblems. */
  readonly problems: readonly Problem[];
}

export class FolderLoader {
  readonly #schemas: Schemas;
  readonly #defaultNamespace: string;
  readonly #ledger: ObjectLedger;
  /** By the text itself: an edited file parses only its edited documents again. */
  #chunks: ReadonlyMap<string, ParsedChunk> = new Map();
  #state: ClusterState | null = null;

  constructor(schemas: Schemas, options: { readonly defaultNamespace: string; readonly now: () => number }) {
    this.#schemas = schemas;
    this.#defaultNamespace = options.defaultNamespace;
    this.#ledger = new ObjectLedger(options.now);
  }

  /** Reads all files anew, in the order given; `unreadable` are the problems of reading them. Never throws. */
  load(files: readonly FileText[], unreadable: readonly Problem[] = []): Loaded {
    const chunks = new Map<string, ParsedChunk>();
    const reading = new Reading(this.#defaultNamespace);
    for (const { path, text } of files) {
      const parts = splitDocuments(text);
      if (parts.length > maxDocuments) {
        const message = `expected at most ${maxDocuments} documents, got ${parts.length}`;
        reading.problems.push({ severity: "error", file: path, line: 0, column: 0, object: "", field: "", message });
        continue;
      }
      for (const chunk of parts) {
        let parsed = chunks.get(chunk.text) ?? this.#chunks.get(chunk.text);
        parsed ??= readChunk(chunk.text, this.#schemas);
        chunks.set(chunk.text, parsed);
        reading.add(path, chunk.lineOffset, parsed);
      }
    }
    this.#chunks = chunks;
    const problems = [...unreadable, ...reading.problems].sort(byPlace);
    const errors = problems.filter(({ severity }) => severity === "error");
    if (errors.length === 0) this.#state = buildClusterState(this.#ledger.accept(reading.manifests), this.#state);
    // Errors first in the cut, so that warnings never hide them.
    const shown = problems.length <= maxProblems ? problems : [...errors, ...problems].slice(0, maxProblems);
    return { state: this.#state, problems: shown };
  }
}

function byPlace(left: Problem, right: Problem): number {
  if (left.file !== right.file) return left.file < right.file ? -1 : 1;
  return left.line - right.line || left.column - right.column;
}

/** Collects one reading: objects by identity, problems with their places. */
class Reading {
  readonly manifests = new Map<string, { manifest: Manifest; namespace: string; place: string }>();
  readonly problems: Problem[] = [];
  readonly #unknownKinds = new Set<string>();
  readonly #defaultNamespace: string;

  constructor(defaultNamespace: string) {
    this.#defaultNamespace = defaultNamespace;
  }

  add(file: string, lineOffset: number, chunk: ParsedChunk): void {
    for (const { unknownKind, ...problem } of chunk.problems) {
      if (unknownKind !== undefined) {
        if (this.#unknownKinds.has(unknownKind)) continue;
        this.#unknownKinds.add(unknownKind);
      }
      this.problems.push({ ...problem, file, line: problem.line + lineOffset });
    }
    for (const manifest of chunk.manifests) {
      const { kind, namespaced } = manifest.info;
      const namespace = namespaced ? manifest.namespace || this.#defaultNamespace : "";
      const key = `${kind} ${namespaced ? `${namespace}/` : ""}${manifest.name}`;
      const line = manifest.position.line + lineOffset;
      const place = `${file}:${line}`;
      const earlier = this.manifests.get(key);
      if (earlier === undefined) this.manifests.set(key, { manifest, namespace, place });
      else {
        const { column } = manifest.position;
        const message = `already defined at ${earlier.place}`;
        this.problems.push({ severity: "error", file, line, column, object: key, field: "", message });
      }
    }
  }
}

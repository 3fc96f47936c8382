// A folder of YAML and JSON as the source of objects. Owns when to read: file system events are hints, waited for to
// settle; the folder itself, compared with what was read before, is the truth. A slow rescan finds what events miss
// (network file systems, exhausted watches).
import { type FSWatcher, statSync, watch } from "node:fs";
import { join, resolve } from "node:path";
import type { ClusterState } from "./cluster-state.ts";
import { FolderFiles } from "./folder-files.ts";
import { FolderLoader } from "./folder-loader.ts";
import { loadSchemas } from "./schemas.ts";
import { type Problem, type ProblemListener, type Source, type StateListener, formatProblem } from "./source.ts";

export interface FolderSourceOptions {
  readonly folder: string;
  /** Of objects that name none, as `kubectl -n` would say it. */
  readonly defaultNamespace?: string;
  /** Quiet time after an event before the folder is read: an editor's write is several events. */
  readonly settleMs?: number;
  /** The longest that a folder which never settles is waited for. */
  readonly maxSettleMs?: number;
  /** Between readings that no event asked for. */
  readonly rescanMs?: number;
  readonly now?: () => number;
}

export class FolderSource implements Source {
  readonly #folder: string;
  readonly #defaultNamespace: string;
  readonly #settleMs: number;
  readonly #maxSettleMs: number;
  readonly #rescanMs: number;
  readonly #now: () => number;
  readonly #files: FolderFiles;
  readonly #watchers = new Map<string, { readonly watcher: FSWatcher; readonly identity: string }>();
  readonly #stateListeners = new Set<StateListener>();
  readonly #problemListeners = new Set<ProblemListener>();
  readonly #suspects = new Set<string>();
  #loader: FolderLoader | undefined;
  #state: ClusterState | null = null;
  #problems: readonly Problem[] = [];
  #watchProblem: string | null = null;
  #settling: NodeJS.Timeout | undefined;
  #rescan: NodeJS.Timeout | undefined;
  #firstEventMs: number | null = null;
  #closed = false;

  constructor(options: FolderSourceOptions) {
    this.#folder = resolve(options.folder);
    this.#defaultNamespace = options.defaultNamespace ?? "default";
    this.#settleMs = options.settleMs ?? 30;
    this.#maxSettleMs = options.maxSettleMs ?? 100;
    this.#rescanMs = options.rescanMs ?? 3000;
    this.#now = options.now ?? Date.now;
    this.#files = new FolderFiles(this.#folder);
  }

  /** Rejects when the folder is none; broken files in it are problems, and mended they start the state. */
  async start(): Promise<void> {
    if (statSync(this.#folder, { throwIfNoEntry: false })?.isDirectory() !== true)
      throw new Error(`not a folder: ${this.#folder}`);
    const schemas = await loadSchemas();
    if (this.#closed) return;
    this.#loader = new FolderLoader(schemas, { defaultNamespace: this.#defaultNamespace, now: this.#now });
    this.#read("start", this.#now());
    this.#rescan = setInterval(() => {
      // What is settling is read when it has settled.
      if (this.#firstEventMs === null) this.#readIfChanged();
    }, this.#rescanMs);
    this.#rescan.unref();
  }

  current(): ClusterState | null {
    return this.#state;
  }

  problems(): readonly Problem[] {
    return this.#problems;
  }

  onChange(listener: StateListener): () => void {
    this.#stateListeners.add(listener);
    return () => this.#stateListeners.delete(listener);
  }

  onProblem(listener: ProblemListener): () => void {
    this.#problemListeners.add(listener);
    return () => this.#problemListeners.delete(listener);
  }

  close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#settling);
    clearInterval(this.#rescan);
    for (const { watcher } of this.#watchers.values()) watcher.close();
    this.#watchers.clear();
    this.#stateListeners.clear();
    this.#problemListeners.clear();
    return Promise.resolve();
  }

  #onEvent(folder: string, file: string | null): void {
    if (this.#closed) return;
    // Not our business, and our own status files are among them.
    if (file !== null && (file.startsWith(".") || file === "node_modules")) return;
    if (file !== null) this.#suspects.add(folder === "" ? file : `${folder}/${file}`);
    const now = this.#now();
    this.#firstEventMs ??= now;
    this.#settleUntil(Math.min(now + this.#settleMs, this.#firstEventMs + this.#maxSettleMs));
  }

  #settleUntil(timeMs: number): void {
    clearTimeout(this.#settling);
    this.#settling = setTimeout(() => this.#readIfChanged(), Math.max(0, timeMs - this.#now()));
  }

  #readIfChanged(): void {
    if (this.#closed) return;
    clearTimeout(this.#settling);
    const changedAtMs = this.#firstEventMs ?? this.#now();
    this.#firstEventMs = null;
    this.#read("edit", changedAtMs);
  }

  #read(cause: "start" | "edit", changedAtMs: number): void {
    if (this.#loader === undefined) return;
    let reading = this.#files.read(this.#suspects);
    this.#suspects.clear();
    // A folder is watched before it is read for good: what is written into a new one in between would be missed.
    if (this.#watchFolders(reading.folders)) reading = this.#files.read();
    if (reading.unsettled && cause === "edit" && this.#now() - changedAtMs < this.#maxSettleMs) {
      this.#firstEventMs = changedAtMs;
      this.#settleUntil(this.#now() + this.#settleMs);
      return;
    }
    const { state, problems } = this.#loader.load(reading.files, reading.problems);
    this.#publishProblems(this.#watchProblem === null ? problems : [...problems, watchWarning(this.#watchProblem)]);
    if (state === null || state === this.#state) return;
    this.#state = state;
    for (const listener of this.#stateListeners) listener(state, { cause, changedAtMs });
  }

  #publishProblems(problems: readonly Problem[]): void {
    const before = this.#problems.map(formatProblem).join("\n");
    this.#problems = problems;
    if (problems.map(formatProblem).join("\n") === before) return;
    for (const listener of this.#problemListeners) listener(problems);
  }

  /** Returns whether there were new folders to watch. */
  #watchFolders(folders: ReadonlyMap<string, string>): boolean {
    for (const [folder, { watcher, identity }] of this.#watchers)
      if (folders.get(folder) !== identity) {
        watcher.close();
        this.#watchers.delete(folder);
      }
    let isAnyNew = false;
    for (const [folder, identity] of folders) isAnyNew = this.#watchFolder(folder, identity) || isAnyNew;
    return isAnyNew;
  }

  #watchFolder(folder: string, identity: string): boolean {
    if (this.#watchers.has(folder)) return false;
    try {
      // One watcher for each folder: the recursive ones of Linux are emulated, and miss folders moved in.
      const watcher = watch(join(this.#folder, folder), (_, file) => this.#onEvent(folder, file));
      const forget = (): void => {
        watcher.close();
        if (this.#watchers.get(folder)?.watcher === watcher) this.#watchers.delete(folder);
        this.#onEvent(folder, null);
      };
      watcher.on("error", forget);
      this.#watchers.set(folder, { watcher, identity });
      return true;
    } catch (error) {
      const code = error instanceof Error && "code" in error ? String(error.code) : "";
      // ENOSPC: the system's limit of watches. The rescan goes on finding edits, only later.
      if (code !== "ENOENT") this.#watchProblem = code;
      return false;
    }
  }
}

function watchWarning(code: string): Problem {
  const message = `cannot be watched (${code}): edits are seen at the next rescan`;
  return { severity: "warning", file: ".", line: 0, column: 0, object: "", field: "", message };
}

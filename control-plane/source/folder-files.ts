// The files of a folder, read again only when they changed. Owns the walk, its bounds and what may go wrong with a
// single file; knows nothing of YAML. Synchronous on purpose: a reading is one moment, nothing interleaves with it.
import { readFileSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import type { FileText } from "./folder-loader.ts";
import { maxFileBytes, maxFiles, maxFolderBytes, maxFolderDepth, maxFolders } from "./limits.ts";
import type { Problem } from "./source.ts";

export interface FolderReading {
  readonly files: readonly FileText[];
  /** Relative to the root, the root itself as ""; with what tells a folder from its successor of the same name. */
  readonly folders: ReadonlyMap<string, string>;
  readonly problems: readonly Problem[];
  /** A file was being written while it was read, or is empty that was not: read again before believing it. */
  readonly unsettled: boolean;
}

interface KnownFile {
  readonly stamp: string;
  readonly text: string;
  readonly problem: string;
}

const objectFile = /\.(?:ya?ml|json)$/i;

/** One per folder; remembers the texts of the last reading. */
export class FolderFiles {
  readonly #root: string;
  #known: ReadonlyMap<string, KnownFile> = new Map();

  constructor(root: string) {
    this.#root = root;
  }

  /** Files in order of path. `suspects` are read again even when their stamps did not change. Never throws. */
  read(suspects: ReadonlySet<string> = new Set()): FolderReading {
    const known = new Map<string, KnownFile>();
    const problems: Problem[] = [];
    const folders = new Map<string, string>();
    let unsettled = false;
    let totalBytes = 0;
    const problem = (file: string, message: string): void => {
      problems.push({ severity: "error", file: file || ".", line: 0, column: 0, object: "", field: "", message });
    };

    const readFile = (path: string): void => {
      if (known.size >= maxFiles) return;
      const stamp = this.#stamp(path);
      // Gone since the folder was listed: the next event says so.
      if (stamp === null) return;
      const earlier = this.#known.get(path);
      if (earlier?.stamp === stamp && !suspects.has(path)) {
        known.set(path, earlier);
      } else {
        const read = this.#readText(path);
        if (this.#stamp(path) !== stamp || (read.text === "" && read.problem === "" && (earlier?.text ?? "") !== ""))
          unsettled = true;
        known.set(
          path,
          earlier?.text === read.text && earlier.problem === "" ? { ...earlier, stamp } : { ...read, stamp },
        );
      }
      totalBytes += known.get(path)?.text.length ?? 0;
    };

    const walk = (folder: string, depth: number): void => {
      if (folders.size >= maxFolders || depth > maxFolderDepth)
        return problem(folder, `expected at most ${maxFolders} folders, ${maxFolderDepth} deep; not read`);
      let entries;
      try {
        const stat = statSync(join(this.#root, folder), { bigint: true });
        folders.set(folder, `${stat.dev} ${stat.ino}`);
        entries = readdirSync(join(this.#root, folder), { withFileTypes: true });
      } catch (error) {
        // A sub-folder may go while its parent is read; without the root there is nothing to believe.
        if (folder === "" || codeOf(error) !== "ENOENT") problem(folder, `not readable: ${codeOf(error)}`);
        return;
      }
      for (const entry of entries.sort((left, right) => (left.name < right.name ? -1 : 1))) {
        if (entry.name.startsWith(".") || entry.name === "node_modules") continue;
        const path = folder === "" ? entry.name : `${folder}/${entry.name}`;
        // Symbolic links to files are followed, as mounted ConfigMaps need; those to folders could go in circles.
        if (entry.isDirectory()) walk(path, depth + 1);
        else if (objectFile.test(entry.name)) readFile(path);
      }
    };
    walk("", 0);
    if (known.size >= maxFiles) problem("", `expected fewer than ${maxFiles} files`);
    if (totalBytes > maxFolderBytes)
      problem("", `expected at most ${maxFolderBytes} bytes in all files, got ${totalBytes}`);
    this.#known = known;
    const files: FileText[] = [];
    for (const [path, file] of known)
      if (file.problem === "") files.push({ path, text: file.text });
      else problem(path, file.problem);
    return { files: totalBytes > maxFolderBytes ? [] : files, folders, problems, unsettled };
  }

  /** What changes when a file does; null when it is no regular file (a pipe would never end). */
  #stamp(path: string): string | null {
    const stat = statSync(join(this.#root, path), { bigint: true, throwIfNoEntry: false });
    return stat?.isFile() === true ? `${stat.ino} ${stat.size} ${stat.mtimeNs} ${stat.ctimeNs}` : null;
  }

  #readText(path: string): { text: string; problem: string } {
    const full = join(this.#root, path);
    try {
      if (statSync(full).size > maxFileBytes)
        return { text: "", problem: `expected at most ${maxFileBytes} bytes; split the file` };
      return { text: new TextDecoder("utf-8", { fatal: true }).decode(readFileSync(full)), problem: "" };
    } catch (error) {
      const code = codeOf(error);
      if (code === "ERR_ENCODING_INVALID_ENCODED_DATA") return { text: "", problem: "expected UTF-8 text" };
      return { text: "", problem: `not readable: ${code}` };
    }
  }
}

function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : String(error);
}

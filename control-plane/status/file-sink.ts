// Statuses as files: FOLDER/<kind>/<namespace>/<name>.yaml, one for each object, as `kubectl get -o yaml` would show
// it. Owns the folder: what is in it and belongs to no object any more is removed. Readers never see half a file.
import { mkdir, readFile, readdir, rename, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { stringify } from "yaml";
import type { Logger } from "../discovery/logger.ts";
import type { StatusObject, StatusSink } from "./status-object.ts";

export interface FileSinkOptions {
  readonly folder: string;
  readonly logger: Logger;
}

/** Files written at once. */
const maxConcurrentWrites = 16;

export class FileSink implements StatusSink {
  readonly #folder: string;
  readonly #logger: Logger;
  /** What is on disk, by path below the folder; null before it was looked at. */
  #onDisk: Map<string, string> | null = null;
  #newest: readonly StatusObject[] | null = null;
  #running: Promise<void> | null = null;

  constructor(options: FileSinkOptions) {
    this.#folder = options.folder;
    this.#logger = options.logger;
  }

  /** Returns at once; of several calls while files are written, the last one counts. */
  write(objects: readonly StatusObject[]): void {
    this.#newest = objects;
    this.#running ??= this.#run();
  }

  async close(): Promise<void> {
    await this.#running;
  }

  async #run(): Promise<void> {
    while (this.#newest !== null) {
      const objects = this.#newest;
      this.#newest = null;
      try {
        await this.#writeAll(objects);
      } catch (error) {
        // A full or read-only disk must not stop routing; the next change tries again.
        this.#onDisk = null;
        this.#logger.error({ folder: this.#folder, error: String(error) }, "statuses not written");
      }
    }
    this.#running = null;
  }

  async #writeAll(objects: readonly StatusObject[]): Promise<void> {
    this.#onDisk ??= await this.#readAll();
    const onDisk = this.#onDisk;
    const wanted = new Map(objects.map((object) => [pathOf(object), object]));
    const work: (() => Promise<void>)[] = [];
    for (const [path, object] of wanted) {
      const text = textOf(object);
      if (onDisk.get(path) === text) continue;
      work.push(async () => {
        await this.#replace(path, text);
        onDisk.set(path, text);
      });
    }
    for (const path of onDisk.keys()) {
      if (wanted.has(path)) continue;
      work.push(async () => {
        await rm(join(this.#folder, path), { force: true });
        onDisk.delete(path);
      });
    }
    const workers = Array.from({ length: maxConcurrentWrites }, async () => {
      for (let job = work.pop(); job !== undefined; job = work.pop()) await job();
    });
    await Promise.all(workers);
  }

  async #replace(path: string, text: string): Promise<void> {
    const full = join(this.#folder, path);
    await mkdir(dirname(full), { recursive: true });
    // The dot keeps half-written files out of every listing, also of readAll after a crash.
    const temporary = join(dirname(full), `.${process.pid}.${path.replaceAll("/", ".")}.tmp`);
    await writeFile(temporary, text);
    await rename(temporary, full);
  }

  async #readAll(): Promise<Map<string, string>> {
    await mkdir(this.#folder, { recursive: true });
    const found = new Map<string, string>();
    for (const entry of await readdir(this.#folder, { recursive: true, withFileTypes: true })) {
      if (!entry.isFile()) continue;
      const full = join(entry.parentPath, entry.name);
      if (entry.name.startsWith(".")) await rm(full, { force: true });
      else found.set(full.slice(this.#folder.length + 1).replaceAll("\\", "/"), await readFile(full, "utf8"));
    }
    return found;
  }
}

/** Names are DNS names by then: no separator, no dot alone. */
function pathOf({ kind, namespace, name }: StatusObject): string {
  return [kind.toLowerCase(), namespace, `${name}.yaml`].filter((part) => part !== "").join("/");
}

function textOf({ kind, namespace, name, generation, status }: StatusObject): string {
  return stringify(
    {
      apiVersion: "gateway.networking.k8s.io/v1",
      kind,
      metadata: { name, ...(namespace !== "" && { namespace }), generation },
      status,
    },
    { aliasDuplicateObjects: false, lineWidth: 0 },
  );
}

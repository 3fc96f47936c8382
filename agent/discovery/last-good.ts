// The last good ResourceSet on disk, so that an agent starts while the control plane is away. Written beside its place
// and renamed over it, with a checksum and a format number: a file that is torn, too large, of another format or
// otherwise wrong is as good as none. When to save and whether to start from it is the composition root's business.
import { createHash } from "node:crypto";
import { mkdir, open, readFile, rename, stat } from "node:fs/promises";
import { dirname } from "node:path";
import type { ResourceSet } from "../snapshot/resources.ts";
import { silentLogger, type Logger } from "./logger.ts";

/** Grows with every change to the shape of agent/snapshot/resources.ts: what another format holds is not read. */
const format = 1;
const magic = "heddle-last-good";

export interface LastGoodFileOptions {
  readonly path: string;
  readonly logger?: Logger;
  /** A larger set is neither written nor read. Default 64 MiB. */
  readonly maxBytes?: number;
}

/** One file. Saves do not overlap: while one is written, only the newest of those that follow is kept. */
export class LastGoodFile {
  readonly #path: string;
  readonly #logger: Logger;
  readonly #maxBytes: number;
  #waiting: ResourceSet | null = null;
  #writing: Promise<void> | null = null;

  constructor(options: LastGoodFileOptions) {
    this.#path = options.path;
    this.#logger = options.logger ?? silentLogger;
    this.#maxBytes = options.maxBytes ?? 64 * 1024 * 1024;
  }

  /** Resolves when this set, or a newer one, is on disk. Failing is logged and harms nothing: the old file stays. */
  save(resources: ResourceSet): Promise<void> {
    this.#waiting = resources;
    this.#writing ??= this.#writeAll();
    return this.#writing;
  }

  /** What the file holds, or null when there is none that can be trusted. */
  async load(): Promise<ResourceSet | null> {
    try {
      const { size } = await stat(this.#path);
      if (size > this.#maxBytes) throw new Error(`${size} bytes, more than ${this.#maxBytes}`);
      return parse(await readFile(this.#path));
    } catch (error) {
      if (error instanceof Error && "code" in error && error.code === "ENOENT") return null;
      this.#logger.warn({ path: this.#path, reason: String(error) }, "ignored the last-good snapshot");
      return null;
    }
  }

  async #writeAll(): Promise<void> {
    try {
      for (let next = this.#waiting; next !== null; next = this.#waiting) {
        this.#waiting = null;
        await this.#write(serialize(next));
      }
    } catch (error) {
      this.#logger.warn({ path: this.#path, reason: String(error) }, "could not save the last-good snapshot");
    } finally {
      this.#writing = null;
    }
  }

  async #write(content: Buffer): Promise<void> {
    if (content.length > this.#maxBytes) throw new Error(`${content.length} bytes, more than ${this.#maxBytes}`);
    const temporary = `${this.#path}.tmp`;
    await mkdir(dirname(this.#path), { recursive: true });
    const file = await open(temporary, "w", 0o600);
    try {
      await file.writeFile(content);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, this.#path);
  }
}

/** "heddle-last-good FORMAT SHA256\n", then JSON in which Maps are arrays of entries. */
function serialize(resources: ResourceSet): Buffer {
  const plain = Object.entries(resources).map(([key, value]) => [key, value instanceof Map ? [...value] : value]);
  const payload = Buffer.from(JSON.stringify(Object.fromEntries(plain)));
  return Buffer.concat([Buffer.from(`${magic} ${format} ${checksum(payload)}\n`), payload]);
}

function parse(content: Buffer): ResourceSet {
  const end = content.indexOf("\n");
  const [word, version, sum] = content.subarray(0, Math.max(end, 0)).toString("latin1").split(" ");
  if (word !== magic) throw new Error("not a last-good snapshot");
  if (version !== `${format}`) throw new Error(`format ${version}, this agent reads ${format}`);
  const payload = content.subarray(end + 1);
  if (checksum(payload) !== sum) throw new Error("the checksum does not match");
  // The checksum says that this agent's own code wrote it, in this format: the shape is what serialize() gave.
  const plain = JSON.parse(payload.toString("utf8")) as Record<keyof ResourceSet, never>;
  return {
    generation: plain.generation,
    listeners: new Map(plain.listeners),
    routeConfigurations: new Map(plain.routeConfigurations),
    routes: new Map(plain.routes),
    clusters: new Map(plain.clusters),
    endpoints: new Map(plain.endpoints),
    workloads: new Map(plain.workloads),
    answers: new Map(plain.answers),
  };
}

function checksum(payload: Buffer): string {
  return createHash("sha256").update(payload).digest("hex");
}

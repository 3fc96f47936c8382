// One file per local process under .heddle/logs, holding what it printed: the local `kubectl logs`. Each starts empty
// when the process first says something and is moved aside once at its size limit, so two files bound a process.
import { closeSync, mkdirSync, openSync, renameSync, writeSync } from "node:fs";
import { join } from "node:path";

interface OpenFile {
  descriptor: number;
  bytes: number;
}

export class LogFiles {
  readonly #folder: string;
  readonly #maxBytes: number;
  readonly #files = new Map<string, OpenFile>();

  constructor(folder: string, maxBytes = 5 * 1024 * 1024) {
    this.#folder = folder;
    this.#maxBytes = maxBytes;
    mkdirSync(folder, { recursive: true });
  }

  append(name: string, line: string): void {
    const path = join(this.#folder, `${name.replaceAll(/[^A-Za-z0-9._-]+/g, "-")}.log`);
    let file = this.#files.get(name);
    if (file !== undefined && file.bytes > this.#maxBytes) {
      closeSync(file.descriptor);
      renameSync(path, `${path}.1`);
      file = undefined;
    }
    if (file === undefined) {
      file = { descriptor: openSync(path, "w"), bytes: 0 };
      this.#files.set(name, file);
    }
    file.bytes += writeSync(file.descriptor, `${line}\n`);
  }

  close(): void {
    for (const { descriptor } of this.#files.values()) {
      closeSync(descriptor);
    }
    this.#files.clear();
  }
}

// One command line as a process group of its own: start, lines of output, exit, orderly stop. Knows nothing of pods,
// ports or probes. Ctrl-C in the terminal does not reach the group: stopping is the supervisor's decision.
import { spawn, type ChildProcess } from "node:child_process";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import type { Guardian } from "./guardian.ts";

export interface ProcessGroupOptions {
  /** Run by /bin/sh. */
  readonly commandLine: string;
  readonly folder: string;
  readonly environment: Readonly<Record<string, string>>;
  readonly guardian: Guardian;
  readonly onLine: (line: string) => void;
}

const maxLineLength = 8 * 1024;

export class ProcessGroup {
  /** Settles when the leader has exited and the rest of its group was killed. Text such as "exit code 1". */
  readonly exited: Promise<string>;
  readonly #child: ChildProcess;
  #running = true;

  constructor(options: ProcessGroupOptions) {
    this.#child = spawn("/bin/sh", ["-c", options.commandLine], {
      cwd: options.folder,
      env: options.environment,
      stdio: ["ignore", "pipe", "pipe"],
      detached: true,
    });
    const group = this.#child.pid;
    if (group !== undefined) {
      options.guardian.watch(group);
    }
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      if (stream !== null) {
        forEachLine(stream, options.onLine);
      }
    }
    const { promise, resolve } = Promise.withResolvers<string>();
    this.exited = promise;
    const finish = (reason: string): void => {
      if (!this.#running) {
        return;
      }
      this.#running = false;
      if (group !== undefined) {
        signalGroup(group, "SIGKILL");
        options.guardian.forget(group);
      }
      resolve(reason);
    };
    this.#child.once("error", (error) => finish(error.message));
    this.#child.once("exit", (code, signal) => finish(signal === null ? `exit code ${code}` : `signal ${signal}`));
  }

  /** Process id of the leader, for people; undefined when it could not be started. */
  get pid(): number | undefined {
    return this.#child.pid;
  }

  /** SIGTERM to the whole group, SIGKILL after `graceMs`. Resolves when it is gone. */
  async stop(graceMs: number): Promise<void> {
    const group = this.#child.pid;
    if (!this.#running || group === undefined) {
      return;
    }
    signalGroup(group, "SIGTERM");
    const timer = setTimeout(() => signalGroup(group, "SIGKILL"), graceMs);
    await this.exited;
    clearTimeout(timer);
  }
}

/** Signals a process group; one that is already gone is none of the caller's problems. */
export function signalGroup(group: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-group, signal);
  } catch {
    // ESRCH: gone.
  }
}

/** Lines of a stream, cut at 8 KiB each. */
export function forEachLine(stream: Readable, onLine: (line: string) => void): void {
  stream.on("error", () => {});
  createInterface({ input: stream, crlfDelay: Infinity }).on("line", (line) => onLine(line.slice(0, maxLineLength)));
}

// A program of the project as a child process under test: started from its source, watched, asked over HTTP, ended by
// its own pid. Owns the child and what it printed; what the program is for is the caller's.
import { type ChildProcess, fork } from "node:child_process";
import { get } from "node:http";
import type { Server } from "node:net";
import { fileURLToPath } from "node:url";

export interface Exit {
  /** Null when a signal ended it. */
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  /** performance.now() when this process heard of it. */
  readonly atMs: number;
}

export interface HttpAnswer {
  readonly status: number;
  readonly body: string;
}

const keptOutputCharacters = 200_000;
const root = new URL("../../", import.meta.url);

export class Program {
  readonly child: ChildProcess;
  /** Resolves when it is gone and everything it printed has arrived. */
  readonly exited: Promise<Exit>;
  #output = "";
  #exit: Exit | null = null;

  /** `path` is relative to the project, such as "agent/main.ts"; `environment` is all of its environment. */
  constructor(path: string, environment: Readonly<Record<string, string>>) {
    this.child = fork(fileURLToPath(new URL(path, root)), [], {
      env: environment,
      execArgv: ["--disable-warning=ExperimentalWarning"],
      stdio: ["ignore", "pipe", "pipe", "ipc"],
    });
    for (const stream of [this.child.stdout, this.child.stderr]) {
      stream?.on("data", (data: Buffer) => {
        this.#output = (this.#output + data.toString()).slice(-keptOutputCharacters);
      });
    }
    this.exited = new Promise((resolve) => {
      this.child.once("exit", (code, signal) => {
        this.#exit = { code, signal, atMs: performance.now() };
      });
      this.child.once("close", () => resolve(this.#exit ?? { code: null, signal: null, atMs: performance.now() }));
    });
  }

  get pid(): number {
    if (this.child.pid === undefined) throw new Error("it could not be started");
    return this.child.pid;
  }

  get running(): boolean {
    return this.#exit === null;
  }

  get output(): string {
    return this.#output;
  }

  /** Sends a signal, and nothing else: the caller awaits `exited`. */
  kill(signal: NodeJS.Signals): void {
    this.child.kill(signal);
  }

  /** Passes a socket on; for an agent that inherits its listeners. */
  send(message: object, handle?: Server): Promise<void> {
    return new Promise((resolve, reject) => {
      const done = (error: Error | null): void => (error === null ? resolve() : reject(error));
      this.child.send(message, handle, {}, done);
    });
  }

  /** Polls until `holds`; fails at once, with what the program printed, when it ends first. */
  async until(what: string, holds: () => boolean | Promise<boolean>, deadlineMs = 15_000): Promise<void> {
    const lateMs = performance.now() + deadlineMs;
    while (!(await holds())) {
      if (!this.running) throw new Error(`ended before ${what}:\n${this.#output}`);
      if (performance.now() > lateMs) throw new Error(`${deadlineMs} ms without ${what}:\n${this.#output}`);
      await pause();
    }
  }

  /** SIGKILL, for the end of a test. */
  async destroy(): Promise<void> {
    if (this.running) this.kill("SIGKILL");
    await this.exited;
  }
}

const pollMs = 10;

function pause(): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, pollMs);
  });
}

/** GET of a page on 127.0.0.1, over a connection of its own; status 0 when there is no answer. */
export function fetchPage(port: number, path: string): Promise<HttpAnswer> {
  return new Promise((resolve) => {
    const request = get({ host: "127.0.0.1", port, path, agent: false, timeout: 5000 }, (response) => {
      const parts: Buffer[] = [];
      response.on("data", (part: Buffer) => parts.push(part));
      response.on("end", () => resolve({ status: response.statusCode ?? 0, body: Buffer.concat(parts).toString() }));
      response.on("error", () => resolve({ status: 0, body: "" }));
    });
    request.on("timeout", () => request.destroy());
    request.on("error", (error) => resolve({ status: 0, body: error.message }));
  });
}

/** Polls a page until its body `holds`. */
export async function untilPage(
  port: number,
  path: string,
  holds: (body: string) => boolean,
  deadlineMs = 15_000,
): Promise<void> {
  const lateMs = performance.now() + deadlineMs;
  for (let answer = await fetchPage(port, path); !holds(answer.body); answer = await fetchPage(port, path)) {
    if (performance.now() > lateMs) throw new Error(`${path} stayed, for ${deadlineMs} ms:\n${answer.body}`);
    await pause();
  }
}

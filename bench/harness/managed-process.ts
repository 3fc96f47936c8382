// Starts the programs a benchmark needs, each pinned to one core, and ends exactly those. The proxy under test has a
// core of its own; load generator, origin, collector and control plane share the other one.
import { spawn, type ChildProcess } from "node:child_process";
import { accessSync, constants } from "node:fs";
import { connect } from "node:net";
import { delimiter, join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";

export const PROXY_CORE = 0;
export const LOAD_CORE = 1;

const STOP_GRACE_MS = 8000;
const KEPT_OUTPUT_CHARACTERS = 8000;

export interface ManagedProcess {
  readonly pid: number;
  /** The end of what it wrote to stdout and stderr, for error messages. */
  output(): string;
  exited(): boolean;
  /** SIGTERM, then SIGKILL after a grace time; resolves when it is gone. */
  stop(): Promise<void>;
}

const running = new Set<ChildProcess>();
process.on("exit", () => {
  for (const child of running) child.kill("SIGTERM");
});

/** The path of a program in PATH, or null. */
export function findProgram(name: string): string | null {
  for (const folder of (process.env["PATH"] ?? "").split(delimiter)) {
    const path = join(folder, name);
    try {
      accessSync(path, constants.X_OK);
      return path;
    } catch {
      // Not in this folder.
    }
  }
  return null;
}

/** Starts `command` on one core. taskset replaces itself by the program, so the pid is the program's. */
export function startPinned(
  core: number,
  command: string,
  args: readonly string[],
  options: { readonly env?: Readonly<Record<string, string>>; readonly cwd?: string } = {},
): ManagedProcess {
  const child = spawn("taskset", ["-c", String(core), command, ...args], {
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, ...options.env },
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
  });
  running.add(child);
  let output = "";
  const keep = (chunk: Buffer): void => {
    output = (output + chunk.toString("utf8")).slice(-KEPT_OUTPUT_CHARACTERS);
  };
  child.stdout.on("data", keep);
  child.stderr.on("data", keep);
  child.on("error", (error) => keep(Buffer.from(`${command}: ${error.message}\n`)));
  const gone = new Promise<void>((resolve) => {
    child.on("close", () => {
      running.delete(child);
      resolve();
    });
  });
  const exited = (): boolean => child.pid === undefined || child.exitCode !== null || child.signalCode !== null;
  return {
    pid: child.pid ?? 0,
    output: () => output,
    exited,
    async stop() {
      if (!exited()) {
        child.kill("SIGTERM");
        const timer = setTimeout(() => child.kill("SIGKILL"), STOP_GRACE_MS);
        await gone;
        clearTimeout(timer);
      }
    },
  };
}

/** Runs `command` on one core to its end and returns what it printed; throws when it fails. */
export async function runPinned(
  core: number,
  command: string,
  args: readonly string[],
  options: { readonly cwd?: string; readonly env?: Readonly<Record<string, string>> } = {},
): Promise<string> {
  const child = spawn("taskset", ["-c", String(core), command, ...args], {
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, ...options.env },
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
  });
  running.add(child);
  let stdout = "";
  let stderr = "";
  child.stdout.on("data", (chunk: Buffer) => (stdout += chunk.toString("utf8")));
  child.stderr.on("data", (chunk: Buffer) => (stderr += chunk.toString("utf8")));
  const code = await new Promise<number>((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (exitCode) => resolve(exitCode ?? 1));
  });
  running.delete(child);
  if (code !== 0) throw new Error(`${command} ended with ${code}: ${(stderr || stdout).trim().slice(-2000)}`);
  return stdout;
}

/** Polls until `check` is true; throws with the process's output when it ends first or the deadline passes. */
export async function waitUntil(
  what: string,
  check: () => Promise<boolean>,
  watched: ManagedProcess,
  deadlineMs = 15_000,
  intervalMs = 20,
): Promise<void> {
  const end = performance.now() + deadlineMs;
  while (!(await check())) {
    if (watched.exited()) throw new Error(`ended before ${what}:\n${watched.output()}`);
    if (performance.now() > end) throw new Error(`${deadlineMs} ms passed without ${what}:\n${watched.output()}`);
    await delay(intervalMs);
  }
}

/** Whether something accepts connections on 127.0.0.1. */
export function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    socket.on("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.on("error", () => resolve(false));
  });
}

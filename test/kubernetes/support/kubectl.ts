// Runs kubectl, and shell lines with kubectl in them, as a user would: KUBECONFIG and PATH are the environment's. Every
// command has a deadline. What the output means is the caller's.
import { spawn } from "node:child_process";

export interface CommandResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CommandOptions {
  readonly stdin?: string;
  readonly deadlineMs?: number;
}

const defaultDeadlineMs = 60_000;

/** Runs `kubectl ...arguments` to its end, whatever the exit code. */
export function tryKubectl(argumentList: readonly string[], options: CommandOptions = {}): Promise<CommandResult> {
  return run("kubectl", argumentList, options);
}

/** Runs `kubectl ...arguments`; resolves with what it printed, rejects with its error output when it fails. */
export async function kubectl(argumentList: readonly string[], options: CommandOptions = {}): Promise<string> {
  return checked(`kubectl ${argumentList.join(" ")}`, await tryKubectl(argumentList, options));
}

/** `kubectl ... -o json`, parsed. */
export async function kubectlJson<T>(...argumentList: readonly string[]): Promise<T> {
  return JSON.parse(await kubectl([...argumentList, "-o", "json"])) as T;
}

/** Runs shell lines, such as a document's, in bash. */
export function tryShell(script: string, options: CommandOptions = {}): Promise<CommandResult> {
  return run("bash", ["-c", script], options);
}

/** Runs shell lines in bash; resolves with what they printed, rejects when the last of them fails. */
export async function shell(script: string, options: CommandOptions = {}): Promise<string> {
  return checked(script, await tryShell(script, options));
}

function checked(command: string, { code, stdout, stderr }: CommandResult): string {
  if (code !== 0) throw new Error(`exit code ${code}: ${command}\n${stderr}${stdout}`);
  return stdout;
}

function run(program: string, argumentList: readonly string[], options: CommandOptions): Promise<CommandResult> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, argumentList, {
      stdio: ["pipe", "pipe", "pipe"],
      timeout: options.deadlineMs ?? defaultDeadlineMs,
    });
    let stdout = "";
    let stderr = "";
    child.stdout.setEncoding("utf8").on("data", (text: string) => (stdout += text));
    child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
    child.once("error", reject);
    child.once("close", (code, signal) => resolve({ code: code ?? -1, stdout, stderr: stderr + (signal ?? "") }));
    // A command that does not read its input is no failure.
    child.stdin.on("error", () => {});
    child.stdin.end(options.stdin ?? "");
  });
}

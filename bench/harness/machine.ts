// What the figures were measured on: machine, versions, date. Part of every results file.
import { execFileSync } from "node:child_process";
import { cpus, loadavg, release, totalmem } from "node:os";

export interface Machine {
  readonly date: string;
  readonly processor: string;
  readonly cores: number;
  readonly memoryMegabytes: number;
  readonly kernel: string;
  readonly loadAverageAtStart: readonly number[];
  readonly versions: Readonly<Record<string, string>>;
}

export function describeMachine(): Machine {
  return {
    date: new Date().toISOString(),
    processor: cpus()[0]?.model ?? "unknown",
    cores: cpus().length,
    memoryMegabytes: Math.round(totalmem() / 1048576),
    kernel: release(),
    loadAverageAtStart: loadavg(),
    versions: {
      node: process.version,
      heddle: firstLine("git", ["rev-parse", "--short", "HEAD"]),
      envoy: firstLine("envoy", ["--version"]),
      nginx: firstLine("nginx", ["-v"]),
      wrk: firstLine("wrk", ["-v"]),
      h2load: firstLine("h2load", ["--version"]),
    },
  };
}

/** First line that a program prints about itself, on stdout or stderr and whatever its exit code; "" when absent. */
function firstLine(command: string, args: readonly string[]): string {
  try {
    const text = execFileSync("sh", ["-c", `"$0" "$@" 2>&1 || true`, command, ...args], { encoding: "utf8" });
    return text.includes("not found") ? "" : (text.trim().split("\n")[0] ?? "");
  } catch {
    return "";
  }
}

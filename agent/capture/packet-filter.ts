// Runs the packet filter's own programs: reads the nat table, and applies a transaction to it. Which of the variants on
// this machine (nftables or legacy) the kernel takes is found by trying; what is in the rules is rules.ts's.
import { spawnSync } from "node:child_process";
import type { AddressFamily } from "./address-range.ts";
import type { CaptureSettings } from "./rules.ts";
import { captureRules, captureTransaction, isApplied } from "./rules.ts";

export type CaptureOutcome =
  | { readonly kind: "applied" | "unchanged"; readonly program: string; readonly rules: readonly string[] }
  | { readonly kind: "failed"; readonly reasons: readonly string[] };

type RunResult = { readonly output: string } | { readonly reason: string };

/** The one that the machine has chosen comes first. */
const variants = ["", "-nft", "-legacy"];

/** Nobody else should hold the lock of a pod that starts. */
const lockWaitSeconds = "5";

const runTimeoutMs = 20_000;

/** Makes the family's rules the wanted ones; touches nothing when they are, or when no variant works. */
export function applyCapture(settings: CaptureSettings, family: AddressFamily): CaptureOutcome {
  const base = family === "ipv4" ? "iptables" : "ip6tables";
  const wanted = captureRules(settings, family);
  const reasons: string[] = [];
  for (const variant of variants) {
    const program = base + variant;
    const saved = run(`${program}-save`, ["-t", "nat"], "");
    if ("reason" in saved) {
      reasons.push(saved.reason);
      continue;
    }
    if (isApplied(wanted, saved.output)) return { kind: "unchanged", program, rules: wanted };
    const restore = ["--noflush", "--wait", lockWaitSeconds];
    const applied = run(`${program}-restore`, restore, captureTransaction(wanted, saved.output));
    if ("output" in applied) return { kind: "applied", program, rules: wanted };
    reasons.push(applied.reason);
  }
  return { kind: "failed", reasons };
}

function run(program: string, programArguments: readonly string[], input: string): RunResult {
  // The lock file's usual place may be read-only, and the table is this pod's alone.
  const environment = { ...process.env, XTABLES_LOCKFILE: "/dev/null" };
  const { error, status, stdout, stderr } = spawnSync(program, programArguments, {
    input,
    encoding: "utf8",
    env: environment,
    timeout: runTimeoutMs,
    maxBuffer: 16 * 1024 * 1024,
  });
  if (error !== undefined) {
    const absent = (error as NodeJS.ErrnoException).code === "ENOENT";
    return { reason: absent ? `${program} is not installed` : `${program}: ${error.message}` };
  }
  if (status === 0) return { output: stdout };
  const said = stderr
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "" && !line.startsWith("#"));
  return { reason: `${program} ended with ${status ?? "a signal"}: ${said.join("; ")}` };
}

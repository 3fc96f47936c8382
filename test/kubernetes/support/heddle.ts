// Runs the `heddle` command of this checkout against the cluster in KUBECONFIG.
import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import type { CommandResult } from "./kubectl.ts";

const launcher = fileURLToPath(new URL("../../../bin/heddle.mjs", import.meta.url));
const deadlineMs = 60_000;

/** Runs `heddle ...arguments` to its end. */
export function heddle(...argumentList: readonly string[]): Promise<CommandResult> {
  return new Promise((resolve) => {
    const command = [launcher, ...argumentList];
    execFile(process.execPath, command, { timeout: deadlineMs }, (error, stdout, stderr) => {
      resolve({ code: typeof error?.code === "number" ? error.code : error === null ? 0 : -1, stdout, stderr });
    });
  });
}

// The command `heddle lint`: what is wrong with a folder, and what to do about it.
import { Command } from "commander";
import { UsageError } from "../failure.ts";
import { loadFolder } from "../folder/load-folder.ts";
import type { Finding } from "../lint/finding.ts";
import { lint } from "../lint/lint.ts";

interface Flags {
  readonly filename: string;
  readonly namespace: string;
  readonly output: string;
}

export function lintCommand(): Command {
  return new Command("lint")
    .description("find routes that are shadowed, not attached, or point nowhere, and weights that do nothing")
    .requiredOption("-f, --filename <folder>", "folder of manifests")
    .option("-n, --namespace <name>", "namespace of objects that name none", "default")
    .option("-o, --output <format>", "text or json", "text")
    .addHelpText(
      "after",
      `
Exit code 1 when there is an error or a warning; information alone is 0.

Example:
  $ heddle lint -f manifests/samples/task-api/canary`,
    )
    .action(runLint);
}

async function runLint(flags: Flags): Promise<void> {
  if (flags.output !== "text" && flags.output !== "json") {
    throw new UsageError(`-o must be text or json, not "${flags.output}"`);
  }
  const { state, problems } = await loadFolder(flags.filename, flags.namespace);
  const findings = lint(state, problems);
  if (flags.output === "json") {
    console.log(JSON.stringify(findings, null, 2));
  } else {
    for (const finding of findings) {
      console.log(printFinding(finding));
    }
    const count = (severity: Finding["severity"]): number =>
      findings.filter((finding) => finding.severity === severity).length;
    console.log(`${count("error")} errors, ${count("warning")} warnings, ${count("info")} notes`);
  }
  if (findings.some(({ severity }) => severity !== "info")) {
    process.exitCode = 1;
  }
}

function printFinding({ severity, where, what, advice }: Finding): string {
  const line = `${severity}: ${where}: ${what}`;
  return advice === "" ? line : `${line}\n  -> ${advice}`;
}

// The `heddle` command: subcommands and exit codes. 0 is good, 1 failed, 2 wrong usage with the right usage printed.
import { readFileSync } from "node:fs";
import { Command, CommanderError } from "commander";
import { checkCommand } from "./commands/check.ts";
import { compareCommand } from "./commands/compare.ts";
import { configCommand } from "./commands/config.ts";
import { demoCommand } from "./commands/demo.ts";
import { explainCommand } from "./commands/explain.ts";
import { getCommand } from "./commands/get.ts";
import { injectCommand } from "./commands/inject.ts";
import { lintCommand } from "./commands/lint.ts";
import { agentCommand, controlPlaneCommand } from "./commands/run-program.ts";
import { upCommand } from "./commands/up.ts";
import { CommandFailure, UsageError } from "./failure.ts";

/** Runs the command line; resolves with the exit code when the command is done. */
export async function main(argumentList: readonly string[]): Promise<number> {
  const commands = [
    upCommand(),
    demoCommand(),
    getCommand(),
    explainCommand(),
    lintCommand(),
    injectCommand(),
    checkCommand(readVersion()),
    compareCommand(),
    configCommand(),
    agentCommand(),
    controlPlaneCommand(),
  ];
  const program = new Command("heddle")
    .description("a service mesh for Kubernetes: exact splits, header routing and mirrors by HTTPRoutes")
    .version(readVersion(), "-V, --version")
    .addHelpText("after", "\nExample:\n  $ heddle up manifests/samples/task-api/canary");
  for (const command of commands) {
    program.addCommand(command);
  }
  for (const command of [program, ...commands]) {
    command.exitOverride().showHelpAfterError().showSuggestionAfterError();
  }
  try {
    await program.parseAsync(argumentList, { from: "user" });
    return Number(process.exitCode ?? 0);
  } catch (error) {
    return report(error, commands.find((command) => command.name() === argumentList[0]) ?? program);
  }
}

function report(error: unknown, command: Command): number {
  if (error instanceof CommanderError) {
    // Help and version that were asked for are thrown too.
    return error.exitCode === 0 ? 0 : 2;
  }
  if (error instanceof UsageError) {
    console.error(`error: ${error.message}\n`);
    command.outputHelp({ error: true });
    return 2;
  }
  console.error(error instanceof CommandFailure ? `error: ${error.message}` : error);
  return 1;
}

function readVersion(): string {
  const manifest: unknown = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8"));
  return typeof manifest === "object" && manifest !== null && "version" in manifest ? String(manifest.version) : "";
}

// The commands `heddle agent` and `heddle control-plane`: the two programs themselves, configured by the environment.
import { Command } from "commander";
import { pathToFileURL } from "node:url";
import { programPath } from "../up/program.ts";

export function agentCommand(): Command {
  return new Command("agent")
    .description("run one agent, sidecar or gateway, configured by HEDDLE_ environment variables")
    .addHelpText(
      "after",
      `
Example:
  $ HEDDLE_MODE=gateway HEDDLE_GATEWAY=task-api/task-api-gateway HEDDLE_NODE_NAMESPACE=task-api \\
    HEDDLE_NODE_POD=gateway-1 HEDDLE_CONTROL_PLANE=127.0.0.1:15010 heddle agent`,
    )
    .action(() => runProgram("agent/main"));
}

export function controlPlaneCommand(): Command {
  return new Command("control-plane")
    .description("run the control plane, configured by HEDDLE_ environment variables")
    .addHelpText(
      "after",
      `
Example:
  $ HEDDLE_SOURCE=folder:manifests/samples/echo heddle control-plane`,
    )
    .action(() => runProgram("control-plane/main"));
}

// A main module starts when it is imported and stops by signals of its own.
async function runProgram(name: string): Promise<void> {
  await import(pathToFileURL(programPath(name)).href);
}

// The command `heddle get`: what a running `heddle up` knows of routes, gateways and agents.
import { resolve, join } from "node:path";
import { Argument, Command } from "commander";
import { CommandFailure, UsageError } from "../failure.ts";
import { assertFolder } from "../folder/load-folder.ts";
import { agentRows, gatewayRows, printRows, routeRows } from "../get/rows.ts";
import { readStatusFiles } from "../get/status-files.ts";
import { fetchState } from "../up/state-server.ts";

interface Flags {
  readonly filename: string;
  readonly output: string;
}

export function getCommand(): Command {
  return new Command("get")
    .description("show routes with parents, conditions, weights and live shares; or gateways; or agents and pods")
    .addArgument(new Argument("[what]", "what to show").choices(["routes", "gateways", "agents"]).default("routes"))
    .option("-f, --filename <folder>", "folder that heddle up runs on", ".")
    .option("-o, --output <format>", "text or json", "text")
    .addHelpText(
      "after",
      `
Without a running heddle up, routes and gateways are shown from the statuses it wrote last.

Example:
  $ heddle get routes -f manifests/samples/task-api/canary`,
    )
    .action(runGet);
}

async function runGet(what: "routes" | "gateways" | "agents", flags: Flags): Promise<void> {
  if (flags.output !== "text" && flags.output !== "json") {
    throw new UsageError(`-o must be text or json, not "${flags.output}"`);
  }
  assertFolder(flags.filename);
  const ownFolder = join(resolve(flags.filename), ".heddle");
  const state = await fetchState(ownFolder);
  const statuses = state?.statuses ?? readStatusFiles(join(ownFolder, "status"));
  if (state === null) {
    if (statuses.length === 0 || what === "agents") {
      throw new CommandFailure(`no heddle up runs on ${flags.filename}; start it with: heddle up ${flags.filename}`);
    }
    console.error("no heddle up runs here: statuses as it wrote them last, no live shares");
  }
  const rows =
    what === "routes"
      ? routeRows(statuses, state?.picture.routes ?? [])
      : what === "gateways"
        ? gatewayRows(statuses, state?.gateways ?? [])
        : agentRows(state?.agents ?? [], state?.pods ?? []);
  console.log(flags.output === "json" ? JSON.stringify(rows, null, 2) : printRows(rows));
}

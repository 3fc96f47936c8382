// The command `heddle get`: what a cluster, or a running `heddle up`, knows of routes, gateways and agents.
import { resolve, join } from "node:path";
import { Argument, Command } from "commander";
import { ClusterClient } from "../cluster/client.ts";
import { assertOutput, type ClusterFlags, withClusterOptions } from "../cluster/kube-config.ts";
import { CommandFailure } from "../failure.ts";
import { assertFolder } from "../folder/load-folder.ts";
import { rowsFromCluster } from "../get/from-cluster.ts";
import { agentRows, gatewayRows, printRows, routeRows } from "../get/rows.ts";
import { readStatusFiles } from "../get/status-files.ts";
import { fetchState } from "../up/state-server.ts";

type What = "routes" | "gateways" | "agents";
type Rows = readonly Readonly<Record<string, string | number>>[];

interface Flags extends ClusterFlags {
  readonly filename?: string;
  readonly namespace?: string;
  readonly allNamespaces?: true;
  readonly output: string;
}

export function getCommand(): Command {
  const command = new Command("get")
    .description("show routes with parents, conditions, weights and live shares; or gateways; or agents")
    .addArgument(new Argument("[what]", "what to show").choices(["routes", "gateways", "agents"]).default("routes"))
    .option("-f, --filename <folder>", "a folder that heddle up runs on, instead of a cluster")
    .option("-n, --namespace <name>", "only this namespace; else the context's, and for agents or a folder all")
    .option("-A, --all-namespaces", "all namespaces");
  return withClusterOptions(command)
    .option("-o, --output <format>", "text or json", "text")
    .addHelpText(
      "after",
      `
On a cluster, requests and shares count since the control plane's replicas started, and every replica is asked. Of a
folder without a running heddle up, routes and gateways are shown from the statuses it wrote last.

Example:
  $ heddle get routes -n task-api
  $ heddle get routes -f manifests/samples/task-api/canary`,
    )
    .action(runGet);
}

async function runGet(what: What, flags: Flags): Promise<void> {
  assertOutput(flags.output);
  const rows =
    flags.filename === undefined ? await clusterRows(what, flags) : await folderRows(what, flags.filename, flags);
  console.log(flags.output === "json" ? JSON.stringify(rows, null, 2) : printRows(rows));
}

async function clusterRows(what: What, flags: Flags): Promise<Rows> {
  const client = await ClusterClient.open(flags);
  const namespace = flags.namespace ?? (what === "agents" ? undefined : client.defaultNamespace);
  const { rows, notes } = await rowsFromCluster(client, what, flags.allNamespaces ? undefined : namespace);
  for (const note of notes) {
    console.error(note);
  }
  return rows;
}

async function folderRows(what: What, folder: string, { namespace, allNamespaces }: Flags): Promise<Rows> {
  assertFolder(folder);
  const ownFolder = join(resolve(folder), ".heddle");
  const state = await fetchState(ownFolder);
  const statuses = state?.statuses ?? readStatusFiles(join(ownFolder, "status"));
  if (state === null) {
    if (statuses.length === 0 || what === "agents") {
      throw new CommandFailure(`no heddle up runs on ${folder}; start it with: heddle up ${folder}`);
    }
    console.error("no heddle up runs here: statuses as it wrote them last, no live shares");
  }
  const isWanted = (object: { readonly namespace: string }): boolean =>
    allNamespaces === true || namespace === undefined || object.namespace === namespace;
  const isIn = (key: string): boolean => isWanted({ namespace: key.split("/", 1)[0] ?? "" });
  switch (what) {
    case "routes": {
      return routeRows(
        statuses.filter(isWanted),
        (state?.picture.routes ?? []).filter(({ route }) => isIn(route)),
      );
    }
    case "gateways": {
      return gatewayRows(statuses.filter(isWanted), state?.gateways ?? []);
    }
    case "agents": {
      return agentRows(
        (state?.agents ?? []).filter(({ name }) => isIn(name.slice(name.indexOf(" ") + 1))),
        (state?.pods ?? []).filter(isWanted),
      );
    }
  }
}

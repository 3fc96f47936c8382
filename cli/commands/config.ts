// The command `heddle config`: what one agent holds now, asked of the agent itself.
import { join, resolve } from "node:path";
import { Command } from "commander";
import { agentPorts } from "../../proto/kubernetes.ts";
import { ClusterClient } from "../cluster/client.ts";
import { assertOutput, type ClusterFlags, withClusterOptions } from "../cluster/kube-config.ts";
import { getFromPod } from "../cluster/port-forward.ts";
import { printConfig, type ConfigPage } from "../config/print.ts";
import { CommandFailure } from "../failure.ts";
import { assertFolder } from "../folder/load-folder.ts";
import { fetchState } from "../up/state-server.ts";

interface Flags extends ClusterFlags {
  readonly filename?: string;
  readonly namespace?: string;
  readonly output: string;
}

export function configCommand(): Command {
  const command = new Command("config")
    .description("show what one agent holds now: listeners, routes, clusters, endpoints and their generation")
    .argument("<pod>", "pod with a sidecar, or of a gateway: name, namespace/name or pod/name")
    .option("-f, --filename <folder>", "a folder that heddle up runs on, instead of a cluster")
    .option("-n, --namespace <name>", "namespace of the pod; else the context's");
  return withClusterOptions(command)
    .option("-o, --output <format>", "text or json", "text")
    .addHelpText(
      "after",
      `
Example:
  $ heddle config task-api-stable-5d6f7c8b9-x2x4z -n task-api
  $ heddle config task-api/task-api-gateway -f manifests/samples/task-api/canary`,
    )
    .action(runConfig);
}

async function runConfig(pod: string, flags: Flags): Promise<void> {
  assertOutput(flags.output);
  const { place, page } =
    flags.filename === undefined ? await configOfPod(pod, flags) : await configOfLocal(pod, flags.filename, flags);
  console.log(flags.output === "json" ? JSON.stringify(page, null, 2) : printConfig(place, page).join("\n"));
}

interface Found {
  readonly place: string;
  readonly page: ConfigPage;
}

async function configOfPod(given: string, flags: Flags): Promise<Found> {
  const client = await ClusterClient.open(flags);
  // "pod/NAME" is what `kubectl get pods -o name` prints.
  const name = given.replace(/^pods?\//, "");
  const slash = name.indexOf("/");
  const namespace = slash === -1 ? (flags.namespace ?? client.defaultNamespace) : name.slice(0, slash);
  const pod = name.slice(slash + 1);
  const place = `pod ${namespace}/${pod}`;
  const { status, body } = await getFromPod(client, { namespace, pod, port: agentPorts.admin, path: "/config" }).catch(
    (error: unknown) => {
      if (error instanceof CommandFailure && error.message.endsWith("nothing listens there")) {
        throw new CommandFailure(`${place} has no agent that runs: heddle check says why`);
      }
      throw error;
    },
  );
  return { place, page: readPage(place, status, body) };
}

async function configOfLocal(given: string, folder: string, { namespace }: Flags): Promise<Found> {
  assertFolder(folder);
  const name = namespace === undefined || given.includes("/") ? given : `${namespace}/${given}`;
  const state = await fetchState(join(resolve(folder), ".heddle"));
  if (state === null) {
    throw new CommandFailure(`no heddle up runs on ${folder}; start it with: heddle up ${folder}`);
  }
  const agent = state.agents.find((known) => known.name === name || known.name.endsWith(` ${name}`));
  if (agent === undefined || agent.admin === "") {
    const known = state.agents.map((one) => one.name).join(", ");
    throw new CommandFailure(`no agent ${name} runs; there are: ${known || "none"}`);
  }
  try {
    const response = await fetch(`http://${agent.admin}/config`, { signal: AbortSignal.timeout(5000) });
    return { place: agent.name, page: readPage(agent.name, response.status, await response.text()) };
  } catch (error) {
    throw error instanceof CommandFailure
      ? error
      : new CommandFailure(`${agent.name} does not answer: ${String(error)}`);
  }
}

function readPage(place: string, status: number, body: string): ConfigPage {
  if (status === 200) {
    try {
      return JSON.parse(body) as ConfigPage;
    } catch {
      // Some other program's page.
    }
  }
  throw new CommandFailure(`${place} answered ${status} to /config: ${body.trim().slice(0, 200)}`);
}

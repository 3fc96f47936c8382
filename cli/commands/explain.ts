// The command `heddle explain`: which rule takes a request, and why each other rule does not.
import { Command } from "commander";
import { formatProblem } from "../../control-plane/source/source.ts";
import { ClusterClient } from "../cluster/client.ts";
import { assertOutput, type ClusterFlags, withClusterOptions } from "../cluster/kube-config.ts";
import { loadCluster } from "../cluster/load-cluster.ts";
import { askReplicas } from "../cluster/replicas.ts";
import { describeAcknowledgement } from "../explain/acknowledged.ts";
import { findClient } from "../explain/client-place.ts";
import { explainRequest, type ExplainedListener } from "../explain/explain-request.ts";
import { printExplanation } from "../explain/print.ts";
import { CommandFailure, UsageError } from "../failure.ts";
import { asIfRunning } from "../folder/as-if-running.ts";
import { loadFolder } from "../folder/load-folder.ts";
import type { AgentsPage } from "../get/agents-of-replicas.ts";

interface Flags extends ClusterFlags {
  readonly filename?: string;
  readonly namespace?: string;
  readonly method: string;
  readonly url: string;
  readonly header: readonly string[];
  readonly gateway?: string;
  readonly from?: string;
  readonly output: string;
}

interface Explained {
  readonly found: readonly ExplainedListener[];
  /** One line each: what the agents hold of it, and who passes all of it by. */
  readonly notes: readonly string[];
}

export function explainCommand(): Command {
  const command = new Command("explain")
    .description("say which rule takes a request, why each other rule lost, the split and the mirrors")
    .requiredOption("--url <url>", "absolute URL of the request")
    .option("-f, --filename <folder>", "a folder of manifests, instead of a cluster")
    .option("--method <method>", "method of the request", "GET")
    .option("-H, --header <line>", "header of the request, as with curl; may be repeated", collect, [])
    .option("--gateway <namespace/name>", "only this Gateway")
    .option("--from <client>", "namespace or pod of the client, for URLs of Services")
    .option("-n, --namespace <name>", "namespace of the pod that --from names, or of the client; else the context's");
  return withClusterOptions(command)
    .option("-o, --output <format>", "text or json", "text")
    .addHelpText(
      "after",
      `
The translation is the control plane's and the matcher the agent's own. In a folder, Deployments count as running.

Example:
  $ heddle explain --url http://task-api-stable.task-api:8000/api/version --from task-api
  $ heddle explain -f manifests/samples/task-api/ab --url http://localhost:8080/api/version -H 'x-beta-user: true'`,
    )
    .action(runExplain);
}

async function runExplain(flags: Flags): Promise<void> {
  assertOutput(flags.output);
  const request = { method: flags.method, url: flags.url, headers: flags.header.map(parseHeader) };
  const { found, notes } =
    flags.filename === undefined
      ? await explainOnCluster(request, flags)
      : await explainFolder(request, flags.filename, flags);
  if (flags.output === "json") {
    console.log(JSON.stringify({ places: found, notes }, withoutInternals, 2));
    return;
  }
  console.log(`${flags.method} ${flags.url}`);
  for (const place of found) {
    console.log(printExplanation(place).join("\n"));
  }
  for (const note of notes) {
    console.log(`  ${note}`);
  }
}

type Request = Parameters<typeof explainRequest>[1];

async function explainFolder(request: Request, folder: string, flags: Flags): Promise<Explained> {
  const { state, problems } = await loadFolder(folder);
  if (state === null) {
    throw new CommandFailure(problems.map(formatProblem).join("\n"));
  }
  const from = flags.from ?? flags.namespace ?? "default";
  const found = explainRequest(asIfRunning(state), request, { from, isLocal: true, ...gatewayOf(flags) });
  return { found, notes: [] };
}

async function explainOnCluster(request: Request, flags: Flags): Promise<Explained> {
  const client = await ClusterClient.open(flags);
  const { state, missing, problems, objects } = await loadCluster(client);
  const said = problems.map(({ message }) => message);
  // Without these nothing is routed; without the others the control plane works with what there is, and so does this.
  if (missing.has("Gateway") || missing.has("HTTPRoute")) {
    throw new CommandFailure(said.join("\n"));
  }
  for (const message of said) {
    console.error(message);
  }
  const place = findClient(state, objects.get("Pod") ?? [], flags.from, flags.namespace ?? client.defaultNamespace);
  const found = explainRequest(state, request, { from: place.namespace, isLocal: false, ...gatewayOf(flags) });
  const gateways = new Set(found.flatMap(({ gateway }) => (gateway === undefined ? [] : [gateway])));
  const notes = [
    ...(place.hasSidecar || gateways.size > 0
      ? []
      : [`pod ${place.namespace}/${place.pod} has no sidecar: its calls go past all of this`]),
    await acknowledgement(client, { ...place, gateways }),
  ];
  return { found, notes };
}

async function acknowledgement(
  client: ClusterClient,
  met: Parameters<typeof describeAcknowledgement>[1],
): Promise<string> {
  try {
    return describeAcknowledgement(await askReplicas<AgentsPage>(client, "/debug/agents"), met);
  } catch (error) {
    if (!(error instanceof CommandFailure)) {
      throw error;
    }
    return `whether agents hold it is not known: ${error.message}`;
  }
}

function gatewayOf({ gateway }: Flags): { readonly gateway?: string } {
  return gateway === undefined ? {} : { gateway };
}

/** Rules point back at backends and clusters; their names are enough. */
function withoutInternals(key: string, value: unknown): unknown {
  if (key === "rule" && typeof value === "object" && value !== null && "id" in value) {
    return value.id;
  }
  if (key === "cluster" && typeof value === "object" && value !== null && "name" in value) {
    return value.name;
  }
  return value;
}

function collect(value: string, previous: readonly string[]): readonly string[] {
  return [...previous, value];
}

function parseHeader(line: string): readonly [string, string] {
  const colon = line.indexOf(":");
  if (colon <= 0) {
    throw new UsageError(`-H must be "name: value", not "${line}"`);
  }
  return [line.slice(0, colon).trim(), line.slice(colon + 1).trim()];
}

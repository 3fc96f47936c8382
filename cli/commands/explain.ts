// The command `heddle explain`: which rule takes a request, and why each other rule does not.
import { Command } from "commander";
import { formatProblem } from "../../control-plane/source/source.ts";
import { explainRequest, type ExplainOptions } from "../explain/explain-request.ts";
import { printExplanation } from "../explain/print.ts";
import { CommandFailure, UsageError } from "../failure.ts";
import { asIfRunning } from "../folder/as-if-running.ts";
import { loadFolder } from "../folder/load-folder.ts";

interface Flags {
  readonly filename: string;
  readonly method: string;
  readonly url: string;
  readonly header: readonly string[];
  readonly gateway?: string;
  readonly from: string;
  readonly output: string;
}

export function explainCommand(): Command {
  return new Command("explain")
    .description("say which rule takes a request, why each other rule lost, the split and the mirrors")
    .requiredOption("-f, --filename <folder>", "folder of manifests")
    .requiredOption("--url <url>", "absolute URL of the request")
    .option("--method <method>", "method of the request", "GET")
    .option("-H, --header <line>", "header of the request, as with curl; may be repeated", collect, [])
    .option("--gateway <namespace/name>", "only this Gateway")
    .option("--from <namespace>", "namespace of the client, for URLs of Services", "default")
    .option("-o, --output <format>", "text or json", "text")
    .addHelpText(
      "after",
      `
Deployments count as running. The matcher is the agent's own.

Example:
  $ heddle explain -f manifests/samples/task-api/ab --url http://localhost:8080/api/version -H 'x-beta-user: true'`,
    )
    .action(runExplain);
}

async function runExplain(flags: Flags): Promise<void> {
  if (flags.output !== "text" && flags.output !== "json") {
    throw new UsageError(`-o must be text or json, not "${flags.output}"`);
  }
  const headers = flags.header.map(parseHeader);
  const { state, problems } = await loadFolder(flags.filename);
  if (state === null) {
    throw new CommandFailure(problems.map(formatProblem).join("\n"));
  }
  const options: ExplainOptions = {
    from: flags.from,
    ...(flags.gateway === undefined ? {} : { gateway: flags.gateway }),
  };
  const found = explainRequest(asIfRunning(state), { method: flags.method, url: flags.url, headers }, options);
  if (flags.output === "json") {
    console.log(JSON.stringify(found, withoutInternals, 2));
    return;
  }
  console.log(`${flags.method} ${flags.url}`);
  for (const place of found) {
    console.log(printExplanation(place).join("\n"));
  }
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

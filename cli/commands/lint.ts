// The command `heddle lint`: what is wrong with a cluster or a folder, and what to do about it.
import { Command } from "commander";
import { ClusterClient } from "../cluster/client.ts";
import { assertOutput, type ClusterFlags, withClusterOptions } from "../cluster/kube-config.ts";
import { type ListedObject, loadCluster } from "../cluster/load-cluster.ts";
import { loadFolder } from "../folder/load-folder.ts";
import { isAbout, type Finding } from "../lint/finding.ts";
import { lint } from "../lint/lint.ts";

interface Flags extends ClusterFlags {
  readonly filename?: string;
  readonly namespace?: string;
  readonly output: string;
}

export function lintCommand(): Command {
  const command = new Command("lint")
    .description("find routes that are shadowed, not attached, or point nowhere, and weights that do nothing")
    .option("-f, --filename <folder>", "a folder of manifests, instead of a cluster")
    .option(
      "-n, --namespace <name>",
      "only this namespace of the cluster; in a folder, that of objects that name none",
    );
  return withClusterOptions(command)
    .option("-o, --output <format>", "text or json", "text")
    .addHelpText(
      "after",
      `
Exit code 1 when there is an error or a warning; information alone is 0.

Example:
  $ heddle lint -n task-api
  $ heddle lint -f manifests/samples/task-api/canary`,
    )
    .action(runLint);
}

async function runLint(flags: Flags): Promise<void> {
  assertOutput(flags.output);
  const findings = flags.filename === undefined ? await lintCluster(flags) : await lintFolder(flags.filename, flags);
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

async function lintFolder(folder: string, flags: Flags): Promise<readonly Finding[]> {
  const { state, problems } = await loadFolder(folder, flags.namespace ?? "default");
  return lint(state, problems);
}

async function lintCluster(flags: Flags): Promise<readonly Finding[]> {
  const { state, problems, objects } = await loadCluster(await ClusterClient.open(flags));
  // Whether a route is shadowed or attached depends on other namespaces: all are read, some are shown.
  const findings = lint(state, problems, parameterErrors(objects.get("Gateway") ?? []));
  return flags.namespace === undefined ? findings : findings.filter(isAbout(flags.namespace));
}

interface GatewayStatus {
  readonly conditions?: readonly {
    readonly type: string;
    readonly reason: string;
    readonly message: string;
    readonly observedGeneration?: number;
  }[];
}

/** As the control plane said it of the Gateway as it is: parameters are in ConfigMaps, which it reads. */
function parameterErrors(gateways: readonly ListedObject[]): ReadonlyMap<string, string> {
  return new Map(
    gateways.flatMap(({ metadata: { namespace = "", name, generation }, status }) => {
      const found = (status as GatewayStatus | undefined)?.conditions?.find(
        ({ type, reason, observedGeneration }) =>
          type === "Accepted" && reason === "InvalidParameters" && observedGeneration === generation,
      );
      return found === undefined ? [] : [[`${namespace}/${name}`, found.message] as const];
    }),
  );
}

function printFinding({ severity, where, what, advice }: Finding): string {
  const line = `${severity}: ${where}: ${what}`;
  return advice === "" ? line : `${line}\n  -> ${advice}`;
}

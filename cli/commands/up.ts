// The command `heddle up`: options, the right output for a terminal or a pipe, signals.
import { join } from "node:path";
import { Command } from "commander";
import { assertFolder } from "../folder/load-folder.ts";
import { LogFiles } from "../up/output/log-files.ts";
import { jsonOutput, terminalOutput, type Output, type OutputOptions } from "../up/output/output.ts";
import { Up } from "../up/up.ts";

interface Flags {
  readonly namespace: string;
  readonly quiet?: true;
  readonly json?: true;
}

/** A second signal this soon is the same Ctrl-C, delivered twice. */
const impatienceMs = 500;

const help = `
A Deployment runs here when its pod template has the annotation local.heddle.dev/command: one process per replica,
with PORT set. Gateways listen on 127.0.0.1, ports below 1024 with 8000 added. Edit the files: changes apply as they
are saved. Ctrl-C stops everything; SIGUSR2 replaces the gateway agents without a refused connection.

Example:
  $ heddle up manifests/samples/task-api/canary
  $ curl http://localhost:8080/api/version`;

export function upCommand(): Command {
  return new Command("up")
    .description("run a folder of Kubernetes YAML on this machine: control plane, agents and workloads")
    .argument("<folder>", "folder of manifests")
    .option("-n, --namespace <name>", "namespace of objects that name none", "default")
    .option("-q, --quiet", "leave out what the workloads print; .heddle/logs has it")
    .option("--json", "one JSON line a second instead of the live table, as when there is no terminal")
    .addHelpText("after", help)
    .action(runUp);
}

async function runUp(folder: string, flags: Flags): Promise<void> {
  assertFolder(folder);
  const logFiles = new LogFiles(join(folder, ".heddle", "logs"));
  const output = chooseOutput(flags, logFiles);
  const up = new Up({ folder, defaultNamespace: flags.namespace, output, agentEnvironment: {} });
  const stopped = Promise.withResolvers<void>();
  let stoppingSinceMs = 0;
  const stop = (): void => {
    if (stoppingSinceMs === 0) {
      stoppingSinceMs = Date.now();
      output.line("heddle", "stopping");
      stopped.resolve();
    } else if (Date.now() - stoppingSinceMs > impatienceMs) {
      // Asked twice: go at once, and let the guardian end what is left.
      process.exit(1);
    }
  };
  const replace = (): void => {
    output.line("heddle", "replacing the gateway agents");
    void up.replaceGateways().catch((error: unknown) => output.problem("heddle", String(error)));
  };
  process.on("SIGINT", stop).on("SIGTERM", stop).on("SIGHUP", stop).on("SIGUSR2", replace);
  try {
    await up.start();
    await stopped.promise;
  } finally {
    await up.close();
    output.close();
    logFiles.close();
    process.off("SIGINT", stop).off("SIGTERM", stop).off("SIGHUP", stop).off("SIGUSR2", replace);
  }
}

function chooseOutput(flags: Flags, logFiles: LogFiles): Output {
  const isTerminal = process.stdout.isTTY && flags.json === undefined;
  const options: OutputOptions = {
    quiet: flags.quiet === true,
    color: isTerminal && process.env["NO_COLOR"] === undefined,
    keepOutput: (speaker, text) => logFiles.append(speaker, text),
  };
  if (isTerminal) {
    return terminalOutput(process.stdout, options);
  }
  const streams = {
    out: (text: string) => void process.stdout.write(text),
    error: (text: string) => void process.stderr.write(text),
  };
  return jsonOutput(streams, options);
}

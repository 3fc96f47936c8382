// Which cluster a command means: the options that every cluster command has, and the kubeconfig they choose. The
// Kubernetes client is imported here, on first use, so that commands without a cluster do not wait for it.
import { existsSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import type { Command } from "commander";
import type { KubeConfig } from "@kubernetes/client-node";
import { CommandFailure, UsageError } from "../failure.ts";

export interface ClusterFlags {
  readonly kubeconfig?: string;
  readonly context?: string;
}

/** Adds --kubeconfig and --context. */
export function withClusterOptions(command: Command): Command {
  return command
    .option("--kubeconfig <file>", "kubeconfig to use; else KUBECONFIG, else ~/.kube/config")
    .option("--context <name>", "context of the kubeconfig; else its current one");
}

/** Throws a UsageError when `output` is neither text nor json. */
export function assertOutput(output: string): void {
  if (output !== "text" && output !== "json") {
    throw new UsageError(`-o must be text or json, not "${output}"`);
  }
}

/** Throws a CommandFailure when there is no cluster to speak to, and says where one was looked for. */
export async function loadKubeConfig({ kubeconfig, context }: ClusterFlags): Promise<KubeConfig> {
  const files = kubeconfig === undefined ? kubeConfigFiles() : [kubeconfig];
  const isInCluster = kubeconfig === undefined && process.env["KUBERNETES_SERVICE_HOST"] !== undefined;
  // As kubectl does: of several files, those that do not exist are passed over.
  const present = files.filter((file) => existsSync(file));
  if (present.length === 0 && !isInCluster) {
    throw new CommandFailure(
      `no cluster: ${files.join(" and ")} does not exist; set KUBECONFIG or --kubeconfig, or read a folder with -f DIR`,
    );
  }
  const { KubeConfig: Config } = await import("@kubernetes/client-node");
  const config = new Config();
  try {
    if (present.length === 0) {
      config.loadFromCluster();
    }
    for (const file of present) {
      const next = new Config();
      next.loadFromFile(file);
      addTo(config, next);
    }
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new CommandFailure(`cannot read the kubeconfig ${present.join(", ")}: ${reason}`);
  }
  if (context !== undefined) {
    config.setCurrentContext(context);
  }
  if (config.getCurrentCluster() === null) {
    const known = config.getContexts().map(({ name }) => name);
    const asked = config.getCurrentContext();
    throw new CommandFailure(
      `no cluster: the kubeconfig has ${asked ? `no context "${asked}" with a cluster` : "no current context"}; ` +
        `contexts: ${known.join(", ") || "none"}`,
    );
  }
  return config;
}

/** What an earlier file said stays: of two entries of a name, and of two current contexts, the first counts. */
function addTo(config: KubeConfig, { clusters, users, contexts, currentContext }: KubeConfig): void {
  config.loadFromOptions({
    clusters: firstOfName([...config.clusters, ...clusters]),
    users: firstOfName([...config.users, ...users]),
    contexts: firstOfName([...config.contexts, ...contexts]),
    currentContext: config.currentContext || currentContext,
  });
}

function firstOfName<Entry extends { readonly name: string }>(entries: readonly Entry[]): Entry[] {
  return entries.filter(({ name }, index) => entries.findIndex((entry) => entry.name === name) === index);
}

function kubeConfigFiles(): readonly string[] {
  const given = (process.env["KUBECONFIG"] ?? "").split(process.platform === "win32" ? ";" : ":");
  const named = given.filter((file) => file !== "");
  return named.length > 0 ? named : [join(homedir(), ".kube", "config")];
}

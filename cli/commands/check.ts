// The command `heddle check`: whether a cluster can take Heddle, and whether an installation and its pods are as they
// should be; each line with what to do.
import { Command } from "commander";
import { labels } from "../../proto/kubernetes.ts";
import type { CheckLine } from "../check/check-line.ts";
import { ask, askDeployment, gatherCluster, gatherInstallation } from "../check/gather.ts";
import { judgeCertificates } from "../check/judge-certificates.ts";
import { judgeAbsence, judgeDefinitions, judgeKubernetes, judgeRights } from "../check/judge-cluster.ts";
import { judgeControlPlane, judgeWebhook } from "../check/judge-control-plane.ts";
import { judgeGateways, judgePods } from "../check/judge-data-plane.ts";
import { printLines } from "../check/print.ts";
import { askRights } from "../check/rights.ts";
import { ClusterClient, type ApiObject } from "../cluster/client.ts";
import { assertOutput, type ClusterFlags, withClusterOptions } from "../cluster/kube-config.ts";

interface Flags extends ClusterFlags {
  readonly before?: true;
  readonly namespace?: string;
  readonly output: string;
}

export function checkCommand(version: string): Command {
  const command = new Command("check")
    .description("check a cluster before installing, or an installation and its pods; each line says what to do")
    .option("--before", "only what installing needs: versions, definitions, your rights")
    .option("-n, --namespace <name>", "only pods and Gateways of this namespace");
  return withClusterOptions(command)
    .option("-o, --output <format>", "text or json", "text")
    .addHelpText(
      "after",
      `
√ is good, ‼ a warning, × a failure. Exit code 1 when something fails; warnings are 0. Nothing is changed: a pod
is tried as a dry run only.

Example:
  $ heddle check --before
  $ heddle check -n task-api`,
    )
    .action((flags: Flags) => runCheck(flags, version));
}

async function runCheck(flags: Flags, version: string): Promise<void> {
  assertOutput(flags.output);
  const lines = await check(await ClusterClient.open(flags), flags, version);
  console.log(flags.output === "json" ? JSON.stringify(lines, null, 2) : printLines(lines).join("\n"));
  if (lines.some(({ level }) => level === "fail")) {
    process.exitCode = 1;
  }
}

async function check(client: ClusterClient, flags: Flags, version: string): Promise<readonly CheckLine[]> {
  const cluster = await gatherCluster(client, version);
  const base = judgeKubernetes(cluster);
  if (!cluster.kubernetes.ok) {
    return base;
  }
  if (flags.before) {
    const [rights, deployment, namespaces] = await Promise.all([
      ask(() => askRights(client)),
      askDeployment(client),
      ask(() => client.list<ApiObject>(`/api/v1/namespaces?labelSelector=${labels.namespaceInjection}%3Denabled`)),
    ]);
    const labelled = namespaces.ok ? namespaces.value.map(({ metadata }) => metadata.name) : [];
    return [...base, ...judgeDefinitions(cluster), ...judgeRights(rights), ...judgeAbsence(deployment, labelled)];
  }
  const facts = await gatherInstallation(client, version, flags.namespace);
  const isInstalled = facts.deployment.ok || !facts.deployment.isMissing;
  return [
    ...base,
    ...judgeDefinitions(cluster),
    ...judgeControlPlane(facts),
    // Without a control plane everything else follows from that.
    ...(isInstalled
      ? [judgeWebhook, judgeCertificates, judgeGateways, judgePods].flatMap((judge) => judge(facts))
      : []),
  ];
}

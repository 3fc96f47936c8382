// Whether the control plane runs as it should: replicas, leader, versions, the webhook. Pure.
import { systemNamespace } from "../../proto/kubernetes.ts";
import { howToInstall } from "../cluster/replicas.ts";
import { Category, type CheckLine } from "./check-line.ts";
import type { InstallationFacts } from "./facts.ts";
import { caBundleOf, judgeShown } from "./judge-certificates.ts";

const logs = `kubectl -n ${systemNamespace} logs deployment/heddle-control-plane`;

/** Deployment, replicas that answer, versions and the leader. */
export function judgeControlPlane(facts: InstallationFacts): readonly CheckLine[] {
  const category = new Category("control plane");
  const { deployment, agents, version } = facts;
  if (!deployment.ok) {
    if (deployment.isMissing) {
      category.fail("the control plane is installed", howToInstall);
    } else {
      category.unknown("the control plane's Deployment", deployment.reason);
    }
    return category.lines;
  }
  const wanted = deployment.value.spec.replicas ?? 1;
  const ready = deployment.value.status?.readyReplicas ?? 0;
  if (ready === wanted && ready > 0) {
    category.pass(`${ready} of ${wanted} replicas are ready`);
  } else {
    const judge = ready === 0 ? "fail" : "warn";
    category[judge](
      `${ready} of ${wanted} replicas are ready`,
      `see kubectl -n ${systemNamespace} get pods, and ${logs}`,
    );
  }
  if (wanted < 2) {
    category.warn(
      "there is one replica",
      `while it restarts no pod is injected and no route changes: kubectl -n ${systemNamespace} scale deployment/heddle-control-plane --replicas=2`,
    );
  }
  if (agents.ok) {
    const silent = agents.value.flatMap((answer) => (answer.ok ? [] : [answer]));
    for (const { pod, reason } of silent) {
      category.warn(`replica ${pod} answers`, reason);
    }
    if (silent.length < agents.value.length) {
      category.pass(`${agents.value.length - silent.length} of ${agents.value.length} replicas answer`);
    }
    judgeVersions(
      category,
      agents.value.flatMap((answer) => (answer.ok ? [answer.page.version ?? ""] : [])),
      version,
    );
  } else {
    category.unknown("what the replicas say", agents.reason);
  }
  judgeLease(category, facts);
  return category.lines;
}

function judgeVersions(category: Category, versions: readonly string[], own: string): void {
  const others = [...new Set(versions)].filter((version) => version !== "" && version !== own);
  if (others.length > 0) {
    category.warn(
      `the control plane's version is ${others.join(" and ")}, this program's ${own}`,
      "use the heddle command of the same version",
    );
  } else if (versions.some((version) => version !== "")) {
    category.pass(`the control plane's version is ${own}, as this program's`);
  }
}

function judgeLease(category: Category, { lease, nowMs }: InstallationFacts): void {
  if (!lease.ok) {
    if (lease.isMissing) {
      category.fail("a leader is elected", `no Lease heddle-leader: nothing writes statuses; see ${logs}`);
    } else {
      category.unknown("the leader", lease.reason);
    }
    return;
  }
  const { holderIdentity = "", leaseDurationSeconds = 0, renewTime = "" } = lease.value.spec ?? {};
  const ageMs = nowMs - Date.parse(renewTime);
  // Twice: the clock of this machine is not the leader's.
  if (holderIdentity !== "" && ageMs < leaseDurationSeconds * 2000) {
    category.pass(`${holderIdentity} leads`);
  } else {
    const since = Number.isNaN(ageMs) ? "" : ` for ${Math.round(ageMs / 1000)} s`;
    category.fail(
      `a leader is elected`,
      `Lease heddle-leader of ${holderIdentity || "nobody"} was not renewed${since}: no status is written; see ${logs}`,
    );
  }
}

/** The configuration, its CA bundle, and whether the API server gets an answer. */
export function judgeWebhook(facts: InstallationFacts): readonly CheckLine[] {
  const category = new Category("webhook");
  const { webhook, webhookCall, certificates } = facts;
  if (!webhook.ok) {
    if (webhook.isMissing) {
      category.fail("MutatingWebhookConfiguration heddle-injector exists", `no pod is injected; ${howToInstall}`);
    } else {
      category.unknown("MutatingWebhookConfiguration heddle-injector", webhook.reason);
    }
    return category.lines;
  }
  if (caBundleOf(webhook.value) === "") {
    category.fail("its CA bundle is set", `the leader sets it: see ${logs}`);
  } else {
    category.pass("its CA bundle is set");
    for (const { pod, port, shown } of certificates) {
      if (port === "webhook") {
        judgeShown(category, `the certificate of ${pod}'s webhook`, shown, facts.nowMs);
      }
    }
  }
  if (!webhookCall.ok) {
    category.unknown("whether the API server reaches it", webhookCall.reason);
  } else {
    switch (webhookCall.value.kind) {
      case "injected": {
        category.pass("the API server reaches it, and a pod is injected (tried without creating one)");
        break;
      }
      case "not injected": {
        category.fail("a pod that asks for injection is injected", `see ${logs}`);
        break;
      }
      case "refused": {
        category.fail(
          "the API server reaches it",
          `${webhookCall.value.message}; pods of labelled namespaces cannot start until it does: see ${logs}`,
        );
        break;
      }
    }
  }
  return category.lines;
}

// Whether Gateways are served and pods are in step: injected, with what would be injected now, connected, up to date.
// Pure. A pod out of step is a warning: traffic flows, and only its owner knows when to restart it.
import { annotations, containerNames, labels } from "../../proto/kubernetes.ts";
import { controllerName } from "../folder/controller.ts";
import { knownAgents } from "../get/agents-of-replicas.ts";
import { Category, few, type CheckLine } from "./check-line.ts";
import {
  neverInjected,
  type GatewayObject,
  type InstallationFacts,
  type PodObject,
  type StatusCondition,
} from "./facts.ts";

const podSecurityLabel = "pod-security.kubernetes.io/enforce";

/** Our GatewayClasses are accepted, and every Gateway of theirs is programmed. */
export function judgeGateways({ gatewayClasses, gateways }: InstallationFacts): readonly CheckLine[] {
  const category = new Category("gateways");
  if (!gatewayClasses.ok || !gateways.ok) {
    const failed = [gatewayClasses, gateways].find((fact) => !fact.ok);
    category.unknown("GatewayClasses and Gateways", failed?.ok === false ? failed.reason : "");
    return category.lines;
  }
  const classes = gatewayClasses.value.filter(({ spec }) => spec.controllerName === controllerName);
  if (classes.length === 0) {
    category.fail("there is a GatewayClass of Heddle", "kubectl apply -k manifests/install makes GatewayClass heddle");
  }
  for (const { metadata, status } of classes) {
    judgeCondition(category, `GatewayClass ${metadata.name} is accepted`, "Accepted", status?.conditions);
  }
  const names = new Set(classes.map(({ metadata }) => metadata.name));
  const ours = gateways.value.filter(({ spec }) => names.has(spec.gatewayClassName));
  const bad = ours.filter(({ status }) => !isTrue("Programmed", status?.conditions));
  if (ours.length > bad.length) {
    category.pass(`${ours.length - bad.length} of ${ours.length} Gateways are programmed`);
  }
  for (const gateway of bad) {
    judgeCondition(category, `Gateway ${nameOf(gateway)} is programmed`, "Programmed", gateway.status?.conditions);
  }
  return category.lines;
}

function judgeCondition(
  category: Category,
  what: string,
  type: string,
  conditions: readonly StatusCondition[] | undefined,
): void {
  if (isTrue(type, conditions)) {
    category.pass(what);
    return;
  }
  const found = conditions?.find((condition) => condition.type === type);
  const why =
    found === undefined
      ? "nobody has said so: does the control plane run?"
      : `${found.reason ?? ""}: ${found.message ?? ""}`;
  category.fail(what, why);
}

function isTrue(type: string, conditions: readonly StatusCondition[] | undefined): boolean {
  return conditions?.some((condition) => condition.type === type && condition.status === "True") === true;
}

/** Every pod that should have an agent has one, of the current kind, connected and up to date. */
export function judgePods(facts: InstallationFacts): readonly CheckLine[] {
  const category = new Category("pods");
  const { pods, namespaces } = facts;
  if (!pods.ok) {
    category.unknown("pods", pods.reason);
    return category.lines;
  }
  const living = pods.value.filter(
    ({ metadata, status }) =>
      metadata.deletionTimestamp === undefined && status?.phase !== "Succeeded" && status?.phase !== "Failed",
  );
  const labelled = new Set(
    (namespaces.ok ? namespaces.value : [])
      .filter(({ metadata }) => metadata.labels?.[labels.namespaceInjection] === "enabled")
      .map(({ metadata }) => metadata.name),
  );
  judgePodSecurity(category, facts, labelled);
  const bare = living.filter((pod) => !hasProxy(pod) && asksForInjection(pod, labelled));
  if (bare.length > 0) {
    category.warn(
      `${count(bare.length, "pod")} without sidecar though labelled: ${few(bare.map(nameOf))}`,
      "started before the label or while the webhook was away: kubectl -n NAMESPACE rollout restart deployment",
    );
  }
  const injected = living.filter(hasProxy);
  judgeInjection(category, facts, injected);
  judgeAgents(
    category,
    facts,
    living.filter((pod) => hasProxy(pod) || isGatewayPod(pod)),
  );
  if (bare.length === 0) {
    category.pass(
      labelled.size === 0 && injected.length === 0
        ? "no namespace is labelled for injection yet: kubectl label namespace NAME heddle.dev/injection=enabled"
        : `every labelled pod has its sidecar (${injected.length})`,
    );
  }
  return category.lines;
}

/** Pod Security of these namespaces refuses heddle-capture's NET_ADMIN, hence every injected pod. */
function judgePodSecurity(
  category: Category,
  { namespace, namespaces }: InstallationFacts,
  labelled: ReadonlySet<string>,
): void {
  const strict = (namespaces.ok ? namespaces.value : []).flatMap(({ metadata }) => {
    if (namespace !== undefined && namespace !== metadata.name) return [];
    const level = metadata.labels?.[podSecurityLabel];
    return labelled.has(metadata.name) && (level === "baseline" || level === "restricted")
      ? [`${metadata.name} (${level})`]
      : [];
  });
  if (strict.length === 0) return;
  category.warn(
    `Pod Security refuses injected pods in ${few(strict)}`,
    `heddle-capture needs NET_ADMIN for a moment: kubectl label --overwrite namespace NAME ${podSecurityLabel}=privileged`,
  );
}

/** As the webhook's selectors decide it, and its veto of hostNetwork. */
function asksForInjection({ metadata, spec }: PodObject, labelled: ReadonlySet<string>): boolean {
  const namespace = metadata.namespace ?? "";
  const wish = metadata.labels?.[labels.podInject];
  return (
    !neverInjected.has(namespace) &&
    spec.hostNetwork !== true &&
    (labelled.has(namespace) ? wish !== "false" : wish === "true")
  );
}

function judgeInjection(
  category: Category,
  { webhookCall, deployment }: InstallationFacts,
  injected: readonly PodObject[],
): void {
  const image = deployment.ok ? imageToInject(deployment.value.spec.template.spec.containers) : "";
  const old = injected.filter((pod) => image !== "" && proxyOf(pod)?.image !== image);
  if (old.length > 0) {
    category.warn(
      `${count(old.length, "pod")} with another proxy than ${image}: ${few(old.map(nameOf))}`,
      "agents one minor version behind or ahead work; restart them when it suits",
    );
  }
  // Otherwise nobody knows what would be injected now, and the webhook's own lines say why.
  if (!webhookCall.ok || webhookCall.value.kind !== "injected") return;
  const { hash } = webhookCall.value;
  const stale = injected.filter(
    (pod) => !old.includes(pod) && pod.metadata.annotations?.[annotations.injected] !== hash,
  );
  if (stale.length > 0) {
    category.warn(
      `${count(stale.length, "pod")} with another sidecar than would be injected now: ${few(stale.map(nameOf))}`,
      "the installation's settings changed since: restart them when it suits",
    );
  }
}

/** HEDDLE_IMAGE, which the control plane injects. */
function imageToInject(
  containers: readonly { readonly env?: readonly { readonly name: string; readonly value?: string }[] }[],
): string {
  const variables = containers.flatMap(({ env = [] }) => env);
  return variables.find(({ name }) => name === "HEDDLE_IMAGE")?.value ?? "";
}

function judgeAgents(category: Category, { agents }: InstallationFacts, pods: readonly PodObject[]): void {
  if (!agents.ok) {
    category.unknown("which agents are connected", agents.reason);
    return;
  }
  const known = knownAgents(agents.value);
  const connected = new Set(known.map(({ namespace, pod }) => `${namespace}/${pod}`));
  const running = pods.filter(({ status }) => status?.phase === "Running");
  const away = running.map(nameOf).filter((name) => !connected.has(name));
  const silent = agents.value.filter(({ ok }) => !ok).length;
  if (away.length > 0 && silent > 0) {
    category.unknown(
      `whether ${few(away)} are connected`,
      `${count(silent, "replica")} of the control plane did not answer`,
    );
  } else if (away.length > 0) {
    category.warn(
      `${count(away.length, "agent")} not connected: ${few(away)}`,
      `they serve what they last had; see kubectl logs POD -c ${containerNames.proxy}`,
    );
  }
  const refusing = known.filter(({ withheld }) => withheld.length > 0);
  for (const { namespace, pod, withheld } of refusing.slice(0, 5)) {
    category.warn(
      `agent ${namespace}/${pod} refuses ${few(withheld)}`,
      "it goes on with what it had: is it of another version? restart it",
    );
  }
  const behind = known.filter(({ isInStep, withheld }) => !isInStep && withheld.length === 0);
  if (behind.length > 0) {
    category.warn(
      `${count(behind.length, "agent")} behind what is served: ${few(behind.map(({ namespace, pod }) => `${namespace}/${pod}`))}`,
      "look again in a second: heddle get agents",
    );
  }
  if (away.length + refusing.length + behind.length === 0 && known.length > 0) {
    category.pass(`${count(known.length, "agent")} connected, all hold what is served`);
  }
}

/** A native sidecar is an init container, a classic one a container. */
function proxyOf({ spec }: PodObject): PodObject["spec"]["containers"][number] | undefined {
  return [...(spec.initContainers ?? []), ...spec.containers].find(({ name }) => name === containerNames.proxy);
}

/** Injected: a gateway's pods are not, whatever their container is called. */
function hasProxy(pod: PodObject): boolean {
  return proxyOf(pod) !== undefined && pod.metadata.annotations?.[annotations.injected] !== undefined;
}

function isGatewayPod({ metadata }: PodObject): boolean {
  return metadata.labels?.[labels.gatewayName] !== undefined && metadata.labels[labels.gatewayClassName] !== undefined;
}

function nameOf({ metadata }: PodObject | GatewayObject): string {
  return `${metadata.namespace ?? ""}/${metadata.name}`;
}

function count(number: number, what: string): string {
  return `${number} ${what}${number === 1 ? "" : "s"}`;
}

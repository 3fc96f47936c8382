// Whether the agents that a request would meet hold what was explained: they acknowledged what their replica serves.
// Pure over the replicas' answers.
import type { ReplicaAnswer } from "../cluster/replicas.ts";
import { knownAgents, type AgentsPage, type KnownAgent } from "../get/agents-of-replicas.ts";

/** `gateways` are "namespace/name"; `pod` is "" when the client is no pod in particular. */
export interface AgentsMet {
  readonly gateways: ReadonlySet<string>;
  readonly namespace: string;
  readonly pod: string;
}

/** One line, "3 of 3 agents ...". */
export function describeAcknowledgement(answers: readonly ReplicaAnswer<AgentsPage>[], met: AgentsMet): string {
  const agents = knownAgents(answers).filter((agent) => isMet(agent, met));
  const silent = answers.filter(({ ok }) => !ok).map(({ pod }) => pod);
  const note = silent.length === 0 ? "" : `; not asked: ${silent.join(", ")}`;
  const who = met.gateways.size > 0 ? "of the gateway" : met.pod === "" ? `in ${met.namespace}` : `of pod ${met.pod}`;
  if (agents.length === 0) {
    return `no agent ${who} is connected${note}`;
  }
  const inStep = agents.filter(({ isInStep }) => isInStep).length;
  const behind = agents.filter(({ isInStep }) => !isInStep).map(({ namespace, pod }) => `${namespace}/${pod}`);
  const late = behind.length === 0 ? "" : `; behind: ${behind.join(", ")}`;
  return `${inStep} of ${agents.length} agents ${who} acknowledged what is served${late}${note}`;
}

function isMet(agent: KnownAgent, { gateways, namespace, pod }: AgentsMet): boolean {
  return gateways.size > 0
    ? gateways.has(agent.gateway)
    : agent.mode === "sidecar" && agent.namespace === namespace && (pod === "" || agent.pod === pod);
}

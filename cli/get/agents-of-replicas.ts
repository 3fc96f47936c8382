// Agents as the replicas of the control plane know them: what each was sent, what it acknowledged, what it refuses. One
// row for each agent and one for each replica that did not answer. Pure.
import type { ReplicaAnswer } from "../cluster/replicas.ts";

/** The page /debug/agents of one replica, as far as it is read here. */
export interface AgentsPage {
  /** Of the control plane's program; absent on pages of older ones. */
  readonly version?: string;
  /** Served by this replica now; generations of different replicas cannot be compared. */
  readonly generation: string;
  readonly agents: readonly {
    readonly node: {
      readonly namespace: string;
      readonly pod: string;
      readonly mode: string;
      readonly agentVersion?: string;
    };
    readonly subscriptions?: readonly string[];
    readonly connectedAt: string;
    readonly sentGeneration: string;
    readonly acknowledgedGeneration: string;
    readonly lastNack: { readonly at: string } | null;
    readonly withheld: Readonly<Record<string, string>>;
  }[];
}

export interface KnownAgent {
  readonly namespace: string;
  readonly pod: string;
  readonly mode: string;
  /** "namespace/name" of the Gateway that it serves; "" for a sidecar. */
  readonly gateway: string;
  readonly replica: string;
  readonly version: string;
  readonly served: string;
  readonly sent: string;
  readonly acknowledged: string;
  readonly connectedAt: string;
  /** Resources that it refused. */
  readonly withheld: readonly string[];
  /** It acknowledged what its replica serves now. */
  readonly isInStep: boolean;
}

/** What a gateway's agent subscribes to, before "namespace/name". */
const gatewayPrefix = "gateway:";

/** By namespace and pod. */
export function knownAgents(answers: readonly ReplicaAnswer<AgentsPage>[]): readonly KnownAgent[] {
  return answers
    .flatMap((answer) => {
      if (!answer.ok) {
        return [];
      }
      const { pod: replica, page } = answer;
      return page.agents.map(
        ({ node, subscriptions = [], connectedAt, sentGeneration, acknowledgedGeneration, withheld }): KnownAgent => ({
          namespace: node.namespace,
          pod: node.pod,
          mode: node.mode.toLowerCase(),
          gateway: subscriptions.find((name) => name.startsWith(gatewayPrefix))?.slice(gatewayPrefix.length) ?? "",
          replica,
          version: node.agentVersion ?? "",
          served: page.generation,
          sent: sentGeneration,
          acknowledged: acknowledgedGeneration,
          connectedAt,
          withheld: Object.keys(withheld),
          isInStep: acknowledgedGeneration === page.generation,
        }),
      );
    })
    .toSorted((a, b) => compare(a.namespace, b.namespace) || compare(a.pod, b.pod));
}

/** Rows of `heddle get agents`; agents of other namespaces than `namespace` are left out when it is given. */
export function replicaAgentRows(
  answers: readonly ReplicaAnswer<AgentsPage>[],
  namespace: string | undefined,
): readonly Readonly<Record<string, string | number>>[] {
  return [
    ...knownAgents(answers)
      .filter((agent) => namespace === undefined || agent.namespace === namespace)
      .map((agent) => ({
        agent: `${agent.namespace}/${agent.pod}`,
        mode: agent.mode,
        version: agent.version || "-",
        replica: agent.replica,
        served: agent.served || "-",
        sent: agent.sent || "-",
        acknowledged: agent.acknowledged || "-",
        state: stateOf(agent),
      })),
    ...answers.flatMap((answer) =>
      answer.ok
        ? []
        : [
            {
              agent: "-",
              mode: "-",
              version: "-",
              replica: answer.pod,
              served: "-",
              sent: "-",
              acknowledged: "-",
              state: `the replica does not answer: ${answer.reason}`,
            },
          ],
    ),
  ];
}

function stateOf({ withheld, isInStep, acknowledged }: KnownAgent): string {
  if (withheld.length > 0) {
    return `refuses ${withheld.join(", ")}`;
  }
  if (acknowledged === "") {
    return "has nothing yet";
  }
  return isInStep ? "in step" : "behind";
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

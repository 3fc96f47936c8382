// The control plane's replicas as the tests disturb them: who leads, which agents each holds, and one killed as a kernel
// kills, without a word. Killing is done by a privileged pod that sees the node's processes: of a container's own, the
// first one cannot be killed from inside.
import { controlPlanePorts, labels, systemNamespace } from "../../../proto/kubernetes.ts";
import { parsePrometheusText } from "../../support/prometheus-text.ts";
import { send } from "./http-client.ts";
import { kubectl, kubectlJson } from "./kubectl.ts";
import { testImage } from "./programs.ts";
import { forwardPort, type Way } from "./reach.ts";

const selector = "app.kubernetes.io/name=heddle-control-plane";
const killerPod = "killer";

/** Ends the process whose environment says that it is this replica. */
const killProgram = `
const { readdirSync, readFileSync } = require("node:fs");
const marks = ["HEDDLE_POD_NAME=" + process.argv[1], "HEDDLE_SOURCE=kubernetes"];
const isVictim = (pid) => {
  try {
    const environment = readFileSync("/proc/" + pid + "/environ", "utf8").split("\\0");
    return marks.every((mark) => environment.includes(mark));
  } catch {
    return false;
  }
};
const victims = readdirSync("/proc").filter((name) => /^\\d+$/.test(name) && isVictim(name));
for (const pid of victims) process.kill(Number(pid), "SIGKILL");
if (victims.length === 0) throw new Error("no such process");
`;

/** Names of the control plane's pods that are ready and to stay. */
export async function readyReplicas(): Promise<readonly string[]> {
  interface Pods {
    readonly items: readonly {
      readonly metadata: { readonly name: string; readonly deletionTimestamp?: string };
      readonly status: { readonly conditions?: readonly { readonly type: string; readonly status: string }[] };
    }[];
  }
  const { items } = await kubectlJson<Pods>("-n", systemNamespace, "get", "pods", "-l", selector);
  return items
    .filter(({ metadata }) => metadata.deletionTimestamp === undefined)
    .filter(({ status }) => status.conditions?.some(({ type, status: value }) => type === "Ready" && value === "True"))
    .map(({ metadata }) => metadata.name);
}

/** The Lease that decides who leads. */
export async function lease(): Promise<{ readonly holder: string; readonly renewedMs: number }> {
  const { spec } = await kubectlJson<{ spec: { holderIdentity: string; renewTime: string } }>(
    "-n",
    systemNamespace,
    "get",
    "lease",
    "heddle-leader",
  );
  return { holder: spec.holderIdentity, renewedMs: Date.parse(spec.renewTime) };
}

interface ReplicaAgent {
  readonly node: { readonly namespace: string; readonly pod: string };
}

/** A way to one replica's debug pages. */
export class Replica {
  readonly name: string;
  readonly #way: Way;

  private constructor(name: string, way: Way) {
    this.name = name;
    this.#way = way;
  }

  /** The caller closes it. */
  static async open(name: string): Promise<Replica> {
    return new Replica(name, await forwardPort(systemNamespace, `pod/${name}`, controlPlanePorts.admin));
  }

  close(): Promise<void> {
    return this.#way.close();
  }

  /** Pods of the namespace whose agents this replica holds, in step with it or on the way to be. */
  async agents(namespace: string): Promise<ReadonlySet<string>> {
    const { agents } = await this.#get<{ agents: readonly ReplicaAgent[] }>("/debug/agents");
    return new Set(agents.filter(({ node }) => node.namespace === namespace).map(({ node }) => node.pod));
  }

  /** What it says is wrong, a line each. */
  async problems(): Promise<readonly string[]> {
    const { problems } = await this.#get<{ problems: readonly object[] }>("/debug/problems");
    return problems.map((problem) => JSON.stringify(problem));
  }

  /** Streams refused so far because of their token, for that reason. */
  async refused(reason: string): Promise<number> {
    const { body } = await send(this.#way, "/metrics");
    const samples = parsePrometheusText(body).get("heddle_control_plane_authentication_failures_total")?.samples ?? [];
    return samples.find(({ labels }) => labels["reason"] === reason)?.value ?? 0;
  }

  async #get<T>(page: string): Promise<T> {
    const { status, body } = await send(this.#way, page);
    if (status !== 200) throw new Error(`${this.name} answered ${status}`);
    return JSON.parse(body) as T;
  }
}

/** Opens all that are ready, asks `use`, closes them. */
export async function withReplicas<T>(use: (replicas: readonly Replica[]) => Promise<T>): Promise<T> {
  const replicas = await Promise.all((await readyReplicas()).map((name) => Replica.open(name)));
  try {
    return await use(replicas);
  } finally {
    await Promise.all(replicas.map((replica) => replica.close()));
  }
}

/** The pod that kills, in a namespace of the test; `killReplica` needs it. */
export async function startKiller(namespace: string): Promise<void> {
  const killer = {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name: killerPod, namespace, labels: { [labels.podInject]: "false" } },
    spec: {
      hostPID: true,
      terminationGracePeriodSeconds: 0,
      containers: [
        {
          name: "killer",
          image: testImage,
          imagePullPolicy: "IfNotPresent",
          command: ["node", "-e", "setInterval(() => {}, 1e6)"],
          securityContext: { privileged: true, runAsUser: 0, runAsNonRoot: false },
        },
      ],
    },
  };
  await kubectl(["apply", "-f", "-"], { stdin: JSON.stringify(killer) });
  await kubectl(["-n", namespace, "wait", `pod/${killerPod}`, "--for=condition=Ready", "--timeout=60s"]);
}

/** SIGKILL to the replica's process; resolves when it was sent, with the time of Date.now(). */
export async function killReplica(namespace: string, replica: string): Promise<number> {
  const program = `${killProgram}\nconsole.log(Date.now());`;
  const output = await kubectl(["-n", namespace, "exec", killerPod, "--", "node", "-e", program, replica]);
  return Number(output);
}

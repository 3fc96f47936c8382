// One injected namespace of a test file, its pods, and programs run in them. The client pods only wait, and a test runs
// programs in them with kubectl exec: what these dial is captured like everything of the pod. Deletes the namespace at the
// end.
import { randomBytes } from "node:crypto";
import type { TestFn } from "ava";
import { containerNames, labels } from "../../../proto/kubernetes.ts";
import { injectionInForce } from "./injected-namespace.ts";
import { kubectl, tryKubectl } from "./kubectl.ts";
import { podTemplate, programCommand, programsConfigMap } from "./programs.ts";

const container = "app";
const shownCharacters = 6000;

export interface PodOptions {
  readonly name: string;
  /** A file of test/kubernetes/programs. */
  readonly program: string;
  /** The program's JSON argument. */
  readonly input?: unknown;
  /** Declared ports; the first is asked whether the pod is ready. */
  readonly ports?: readonly number[];
  readonly annotations?: Readonly<Record<string, string>>;
  /** Label `version`; the pod's name unless said. */
  readonly version?: string;
  /** False: no sidecar. */
  readonly injected?: boolean;
}

export interface ServiceOptions {
  readonly name: string;
  /** The pod it picks, by name; the Service's own name unless said. */
  readonly pod?: string;
  readonly ports: readonly (readonly [port: number, targetPort: number])[];
  readonly headless?: boolean;
}

export class Mesh {
  readonly namespace: string;

  private constructor(topic: string) {
    this.namespace = `traffic-${topic}-${randomBytes(3).toString("hex")}`;
  }

  /** Creates the namespace before the file's tests, says what happened in it when one fails, deletes it after them. */
  static use(test: TestFn, topic: string): Mesh {
    const mesh = new Mesh(topic);
    test.serial.before("namespace", () => mesh.#create());
    test.afterEach.always("explain a failure", async (t) => {
      if (!t.passed) console.error(await mesh.#explain());
    });
    test.after.always("delete namespace", async () => {
      await tryKubectl(["delete", "namespace", mesh.namespace, "--wait=false"]);
    });
    return mesh;
  }

  async #create(): Promise<void> {
    await this.apply([
      {
        apiVersion: "v1",
        kind: "Namespace",
        metadata: { name: this.namespace, labels: { [labels.namespaceInjection]: "enabled" } },
      },
      await programsConfigMap(),
    ]);
    await injectionInForce(this.namespace);
  }

  /** kubectl apply of objects, in their order, into the namespace. */
  async apply(objects: readonly object[]): Promise<void> {
    const list = JSON.stringify({
      apiVersion: "v1",
      kind: "List",
      items: objects.map((object) => this.#placed(object)),
    });
    await kubectl(["apply", "-f", "-"], { stdin: list });
  }

  #placed(object: object): object {
    const { kind, metadata } = object as { kind: string; metadata: object };
    return kind === "Namespace" ? object : { ...object, metadata: { namespace: this.namespace, ...metadata } };
  }

  /** Starts pods and waits until all are ready. */
  async start(...pods: readonly PodOptions[]): Promise<void> {
    await this.apply(pods.map(podObject));
    const names = pods.map(({ name }) => `pod/${name}`);
    await kubectl(["-n", this.namespace, "wait", ...names, "--for=condition=Ready", "--timeout=90s"], {
      deadlineMs: 100_000,
    });
  }

  /** A pod that waits to be told what to do. */
  client(name: string): PodOptions {
    return { name, program: "wait.ts" };
  }

  /** Runs a program in the pod to its end; resolves with what it printed as JSON. */
  async run<T>(pod: string, program: string, input: unknown, deadlineMs = 60_000): Promise<T> {
    const exec = ["-n", this.namespace, "exec", pod, "-c", container, "--"];
    const output = await kubectl([...exec, ...programCommand(program, JSON.stringify(input))], { deadlineMs });
    try {
      return JSON.parse(output) as T;
    } catch {
      throw new Error(`${program} printed no JSON: ${output}`);
    }
  }

  podAddress(name: string): Promise<string> {
    return kubectl(["-n", this.namespace, "get", "pod", name, "-o", "jsonpath={.status.podIP}"]);
  }

  async #explain(): Promise<string> {
    const parts: string[] = [];
    const ask = async (...argumentList: string[]): Promise<string> => {
      const { stdout, stderr } = await tryKubectl(["-n", this.namespace, ...argumentList]);
      parts.push(`$ kubectl ${argumentList.join(" ")}\n${(stdout + stderr).slice(-shownCharacters)}`);
      return stdout;
    };
    await ask("get", "services,endpointslices,httproutes", "-o", "wide");
    await ask("get", "events", "--sort-by=.lastTimestamp");
    for (const pod of (await ask("get", "pods", "-o", "name")).split("\n").filter((name) => name !== "")) {
      await ask("logs", pod, "-c", container, "--tail=20");
      await ask("logs", pod, "-c", containerNames.proxy, "--tail=20");
    }
    return parts.join("\n");
  }
}

function podObject(options: PodOptions): object {
  const { name, program, input = null, ports = [], annotations = {}, version = name, injected = true } = options;
  const [probed] = ports;
  const probe = probed === undefined ? {} : { readinessProbe: { tcpSocket: { port: probed }, periodSeconds: 1 } };
  const template = podTemplate({
    program,
    labels: { app: name, version, [labels.podInject]: String(injected) },
    annotations,
    container: {
      command: programCommand(program, JSON.stringify(input)),
      ports: ports.map((containerPort) => ({ containerPort })),
      ...probe,
    },
    spec: { terminationGracePeriodSeconds: 2 },
  });
  return { apiVersion: "v1", kind: "Pod", ...template, metadata: { ...template.metadata, name } };
}

/** A Service that picks one pod, by its label app. */
export function service({ name, pod = name, ports, headless = false }: ServiceOptions): object {
  return {
    apiVersion: "v1",
    kind: "Service",
    metadata: { name },
    spec: {
      ...(headless && { clusterIP: "None" }),
      selector: { app: pod },
      ports: ports.map(([port, targetPort]) => ({ name: `port-${port}`, port, targetPort })),
    },
  };
}

/** An HTTPRoute whose parent is the Service, with the rules given. */
export function meshRoute(name: string, parentService: string, rules: readonly object[]): object {
  return {
    apiVersion: "gateway.networking.k8s.io/v1",
    kind: "HTTPRoute",
    metadata: { name },
    spec: { parentRefs: [{ group: "", kind: "Service", name: parentService }], rules },
  };
}

/** A backendRef to port 80. */
export function backend(name: string, weight?: number): object {
  return { name, port: 80, ...(weight === undefined ? {} : { weight }) };
}

/**
 * A rule without a backend: 500 at `/in-force/MARK` says that the route it stands in, and with it its other rules, is in
 * force, without a draw from their splits. Programs wait for it (see programs/in-force.ts).
 */
export function markRule(mark: string): object {
  return { matches: [{ path: { type: "Exact", value: `/in-force/${mark}` } }] };
}

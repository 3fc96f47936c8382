// Programs of the tests as containers: programs/*.ts in one ConfigMap, run by the Node of Heddle's image
// (HEDDLE_TEST_IMAGE names another). What each does is told by its header.
import { readFile } from "node:fs/promises";
import { kubectl } from "./kubectl.ts";

const image = process.env["HEDDLE_TEST_IMAGE"] ?? "docker.io/heddle/heddle:dev";
const configMapName = "programs";
const programNames = ["job", "last-calls", "server"] as const;

export type ProgramName = (typeof programNames)[number];

/** The port of the program "server". */
export const serverPort = 8080;

/** Creates the ConfigMap. */
export async function installPrograms(namespace: string): Promise<void> {
  const data: Record<string, string> = {};
  for (const name of programNames) {
    data[`${name}.mts`] = await readFile(new URL(`programs/${name}.ts`, import.meta.url), "utf8");
  }
  const configMap = { apiVersion: "v1", kind: "ConfigMap", metadata: { name: configMapName, namespace }, data };
  await kubectl(["apply", "-f", "-"], { stdin: JSON.stringify(configMap) });
}

export interface ProgramPod {
  readonly program: ProgramName;
  readonly env?: Readonly<Record<string, string>>;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  /** More of the container, and of the pod's spec. */
  readonly container?: object;
  readonly spec?: object;
}

/** Metadata and spec of a pod with one container "app". */
export function podTemplate({ program, env = {}, labels = {}, annotations = {}, container, spec }: ProgramPod) {
  return {
    metadata: { labels, annotations },
    spec: {
      containers: [
        {
          name: "app",
          image,
          imagePullPolicy: "IfNotPresent",
          command: ["node", `/programs/${program}.mts`],
          env: Object.entries(env).map(([name, value]) => ({ name, value })),
          securityContext: { runAsUser: 1000, runAsNonRoot: true, allowPrivilegeEscalation: false },
          volumeMounts: [{ name: "programs", mountPath: "/programs" }],
          ...container,
        },
      ],
      volumes: [{ name: "programs", configMap: { name: configMapName } }],
      ...spec,
    },
  };
}

/** Readiness as a server of HTTP has it, asked each second. */
export const readyByHttp = {
  readinessProbe: { httpGet: { path: "/", port: serverPort }, periodSeconds: 1, timeoutSeconds: 5 },
};

/** A Deployment whose pods have the label app, and `pod.labels`. A rollout replaces one pod after the other. */
export function deployment(namespace: string, name: string, replicas: number, pod: ProgramPod): object {
  const labels = { app: name, ...pod.labels };
  return {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { name, namespace },
    spec: {
      replicas,
      selector: { matchLabels: { app: name } },
      strategy: { rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } },
      template: podTemplate({ ...pod, labels }),
    },
  };
}

/** A Service on port 80 of the pods with these labels, whose program is "server". */
export function service(namespace: string, name: string, selector: Readonly<Record<string, string>>): object {
  return {
    apiVersion: "v1",
    kind: "Service",
    metadata: { name, namespace },
    spec: { selector, ports: [{ name: "http", port: 80, targetPort: serverPort }] },
  };
}

/** kubectl apply of these objects. */
export async function apply(...items: readonly object[]): Promise<void> {
  await kubectl(["apply", "-f", "-"], { stdin: JSON.stringify({ apiVersion: "v1", kind: "List", items }) });
}

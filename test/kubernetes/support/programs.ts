// Programs of the cluster tests as containers: the files of test/kubernetes/programs in one ConfigMap of a namespace, run
// by the Node of Heddle's image (HEDDLE_TEST_IMAGE names another), so that tests need no image but that one. What each
// does is told by its header. Deployments and Services of them, as several files need them.
import { readdir, readFile } from "node:fs/promises";

export const testImage = process.env["HEDDLE_TEST_IMAGE"] ?? "docker.io/heddle/heddle:dev";
/** The port of programs that serve HTTP. */
export const appPort = 8080;
const folder = new URL("../programs/", import.meta.url);
const mountPath = "/programs";
const configMapName = "programs";

/** The ConfigMap that `programVolume` mounts: one of each namespace, with all programs. */
export async function programsConfigMap(): Promise<object> {
  const files = (await readdir(folder)).filter((name) => name.endsWith(".ts"));
  const texts = await Promise.all(files.map(async (name) => [name, await readFile(new URL(name, folder), "utf8")]));
  return {
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: { name: configMapName },
    data: { "package.json": '{ "type": "module" }', ...Object.fromEntries(texts) },
  };
}

export const programVolume = { name: configMapName, configMap: { name: configMapName } };

/** The command that runs a program, a file name in the folder of programs. */
export function programCommand(program: string, ...argumentList: readonly string[]): readonly string[] {
  return ["node", `${mountPath}/${program}`, ...argumentList];
}

/** A container that runs one of the programs, as a user that injection takes; its pod has `programVolume`. */
export function programContainer(name: string, program: string, env: Readonly<Record<string, string>> = {}): object {
  return {
    name,
    image: testImage,
    imagePullPolicy: "IfNotPresent",
    command: programCommand(program),
    env: Object.entries(env).map(([key, value]) => ({ name: key, value })),
    securityContext: { runAsUser: 1000, runAsNonRoot: true, allowPrivilegeEscalation: false },
    volumeMounts: [{ name: configMapName, mountPath }],
  };
}

export interface ProgramPod {
  readonly program: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  /** More of the container, and of the pod's spec. */
  readonly container?: object;
  readonly spec?: object;
}

/** Metadata and spec of a pod with one container "app". */
export function podTemplate({ program, env, labels = {}, annotations = {}, container, spec }: ProgramPod) {
  return {
    metadata: { labels, annotations },
    spec: {
      containers: [{ ...programContainer("app", program, env), ...container }],
      volumes: [programVolume],
      ...spec,
    },
  };
}

/** Readiness as a server of HTTP has it, asked each second. */
export const readyByHttp = {
  readinessProbe: { httpGet: { path: "/", port: appPort }, periodSeconds: 1, timeoutSeconds: 5 },
};

/** A Deployment whose pods have the label app, and `pod.labels`. A rollout replaces one pod after the other. */
export function deployment(name: string, replicas: number, pod: ProgramPod): object {
  const labels = { app: name, ...pod.labels };
  return {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { name },
    spec: {
      replicas,
      selector: { matchLabels: { app: name } },
      strategy: { rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } },
      template: podTemplate({ ...pod, labels }),
    },
  };
}

/** A Service on port 80 of the pods with these labels, which serve on `appPort`. */
export function service(name: string, selector: Readonly<Record<string, string>>): object {
  const ports = [{ name: "http", port: 80, targetPort: appPort }];
  return { apiVersion: "v1", kind: "Service", metadata: { name }, spec: { selector, ports } };
}

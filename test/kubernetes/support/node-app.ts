// Programs of test/kubernetes/programs as Deployments: run by the Node of Heddle's image (HEDDLE_TEST_IMAGE names
// another), so that tests need no image but that one.
import { readFile } from "node:fs/promises";

export const testImage = process.env["HEDDLE_TEST_IMAGE"] ?? "docker.io/heddle/heddle:dev";
export const appPort = 8080;
const mountPath = "/programs";
const configMapName = "programs";

export interface NodeAppOptions {
  readonly name: string;
  /** Label app: what traces call the service. Without one it is label run, which says nothing to anybody. */
  readonly app?: string;
  /** Label version. */
  readonly version: string;
  /** File name in the folder of programs; it serves GET /ready on `appPort`. */
  readonly program: string;
  readonly environment?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  /** Over the container's fields. */
  readonly container?: object;
}

/** The ConfigMap that `nodeApp` and `nodeContainer` mount: one of each namespace, with these programs. */
export async function programs(...names: readonly string[]): Promise<object> {
  const entries = await Promise.all(
    names.map(async (name): Promise<[string, string]> => [
      mounted(name),
      await readFile(new URL(`../programs/${name}`, import.meta.url), "utf8"),
    ]),
  );
  return { apiVersion: "v1", kind: "ConfigMap", metadata: { name: configMapName }, data: Object.fromEntries(entries) };
}

/** A container that runs one of the programs, as a user that injection takes; its pod has `programVolume`. */
export function nodeContainer(
  name: string,
  program: string,
  environment: Readonly<Record<string, string>> = {},
): object {
  return {
    name,
    image: testImage,
    imagePullPolicy: "IfNotPresent",
    command: ["node", `${mountPath}/${mounted(program)}`],
    env: Object.entries(environment).map(([key, value]) => ({ name: key, value })),
    securityContext: { runAsUser: 1000, runAsNonRoot: true, allowPrivilegeEscalation: false },
    volumeMounts: [{ name: configMapName, mountPath }],
  };
}

export const programVolume = { name: configMapName, configMap: { name: configMapName } };

/** A Deployment of one pod. */
export function nodeApp(options: NodeAppOptions): object {
  const { name, app, version, program, environment = {}, annotations = {}, container = {} } = options;
  const labels = { ...(app === undefined ? { run: name } : { app }), version };
  return {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { name },
    spec: {
      selector: { matchLabels: labels },
      template: {
        metadata: { labels, annotations },
        spec: {
          terminationGracePeriodSeconds: 3,
          containers: [
            {
              ...nodeContainer("app", program, { VERSION: version, ...environment }),
              ports: [{ containerPort: appPort }],
              readinessProbe: { httpGet: { path: "/ready", port: appPort }, periodSeconds: 1 },
              ...container,
            },
          ],
          volumes: [programVolume],
        },
      },
    },
  };
}

/** A Service on port 80 of the pods with these labels. */
export function service(name: string, selector: Readonly<Record<string, string>>): object {
  const ports = [{ name: "http", port: 80, targetPort: appPort }];
  return { apiVersion: "v1", kind: "Service", metadata: { name }, spec: { selector, ports } };
}

/** Modules by their name, so that import and export are read as such; the image's Node strips the types. */
function mounted(program: string): string {
  return program.replace(/\.ts$/, ".mts");
}

// A program as an application with a version: a Deployment of one pod that is ready when the program says so.
import { appPort, podTemplate } from "./programs.ts";

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

export function nodeApp(options: NodeAppOptions): object {
  const { name, app, version, program, environment = {}, annotations = {}, container = {} } = options;
  const labels = { ...(app === undefined ? { run: name } : { app }), version };
  const template = podTemplate({
    program,
    env: { VERSION: version, ...environment },
    labels,
    annotations,
    container: {
      ports: [{ containerPort: appPort }],
      readinessProbe: { httpGet: { path: "/ready", port: appPort }, periodSeconds: 1 },
      ...container,
    },
    spec: { terminationGracePeriodSeconds: 3 },
  });
  return {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { name },
    spec: { selector: { matchLabels: labels }, template },
  };
}

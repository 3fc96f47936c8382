// The open-loop load as a pod, for clients that must be inside: a sidecar's own traffic, or more than one client. The
// program is open-loop.ts in a ConfigMap, run by the Node of Heddle's image (HEDDLE_TEST_IMAGE names another).
import { readFile } from "node:fs/promises";
import { kubectl, tryKubectl } from "./kubectl.ts";
import type { LoadOptions, LoadSummary } from "./open-loop.ts";
import { testImage } from "./programs.ts";
import { waitFor } from "./wait-for.ts";

const configMapName = "open-loop";
const loadContainer = "load";

export interface LoadPodOptions extends LoadOptions {
  readonly namespace: string;
  readonly name: string;
  /** The longest it runs. */
  readonly seconds: number;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
}

export class LoadPod {
  readonly #namespace: string;
  readonly #name: string;

  private constructor(namespace: string, name: string) {
    this.#namespace = namespace;
    this.#name = name;
  }

  /** Starts the pod; resolves when its program runs. The namespace's end is its end. */
  static async start(options: LoadPodOptions): Promise<LoadPod> {
    const { namespace, name, labels = {}, annotations = {}, ...load } = options;
    const program = await readFile(new URL("open-loop.ts", import.meta.url), "utf8");
    const objects = [
      { apiVersion: "v1", kind: "ConfigMap", metadata: { name: configMapName }, data: { "open-loop.mts": program } },
      {
        apiVersion: "v1",
        kind: "Pod",
        metadata: { name, labels: { app: name, ...labels }, annotations },
        spec: {
          restartPolicy: "Never",
          terminationGracePeriodSeconds: 5,
          containers: [
            {
              name: loadContainer,
              image: testImage,
              imagePullPolicy: "IfNotPresent",
              command: ["node", "/load/open-loop.mts"],
              env: [{ name: "LOAD", value: JSON.stringify(load) }],
              securityContext: { runAsUser: 1000, runAsNonRoot: true, allowPrivilegeEscalation: false },
              volumeMounts: [{ name: "program", mountPath: "/load" }],
            },
          ],
          volumes: [{ name: "program", configMap: { name: configMapName } }],
        },
      },
    ];
    for (const object of objects) {
      await kubectl(["-n", namespace, "apply", "-f", "-"], { stdin: JSON.stringify(object) });
    }
    const pod = new LoadPod(namespace, name);
    await waitFor(`pod ${name} runs`, async () => {
      const state = await pod.#state();
      return state.includes("running") || state.includes("terminated");
    });
    return pod;
  }

  /** Ends the load, if its time is not over; resolves with what came of it. */
  async stop(): Promise<LoadSummary> {
    const exec = ["-n", this.#namespace, "exec", this.#name, "-c", loadContainer, "--"];
    await tryKubectl([...exec, "node", "-e", 'process.kill(1, "SIGTERM")']);
    return this.finished(30_000);
  }

  /** Waits for the load's own end. */
  async finished(deadlineMs: number): Promise<LoadSummary> {
    await waitFor(`load of pod ${this.#name} is done`, async () => (await this.#state()).includes("terminated"), {
      deadlineMs,
      pollMs: 200,
    });
    const lines = (await kubectl(["-n", this.#namespace, "logs", this.#name, "-c", loadContainer])).trim().split("\n");
    const last = lines.at(-1) ?? "";
    if (!last.startsWith("{")) throw new Error(`pod ${this.#name} printed no summary:\n${lines.join("\n")}`);
    return JSON.parse(last) as LoadSummary;
  }

  /** The container's state as kubectl prints it: a map whose key is waiting, running or terminated. */
  #state(): Promise<string> {
    const path = `jsonpath={.status.containerStatuses[?(@.name=="${loadContainer}")].state}`;
    return kubectl(["-n", this.#namespace, "get", "pod", this.#name, "-o", path]);
  }
}

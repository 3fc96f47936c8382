// The namespaces of one test file. The seeds name theirs (kong, task-api, default); here each stands for a new one, so
// that tests share a cluster with anything: text and shell lines are run with the names exchanged. Says what happened in
// the namespaces when a test failed, and deletes them at the end.
import { randomBytes } from "node:crypto";
import type { TestFn } from "ava";
import { type CommandResult, kubectl, shell, tryKubectl, tryShell } from "./kubectl.ts";

const shownCharacters = 12_000;
const shownLogLines = 40;

export class Scenario {
  /** What a name in the seed stands for. */
  readonly namespaces: ReadonlyMap<string, string>;
  readonly #labels: readonly string[];

  /** `names` are the seed's namespaces; `labels` such as "heddle.dev/injection=enabled" go on each. */
  constructor(names: readonly string[], labels: readonly string[] = [], prefix = "seed") {
    const suffix = randomBytes(3).toString("hex");
    this.namespaces = new Map(names.map((name) => [name, `${prefix}-${name}-${suffix}`]));
    this.#labels = labels;
  }

  /** Creates the namespaces before the file's tests, deletes them after, and explains every failed test. */
  static use(test: TestFn, names: readonly string[], labels: readonly string[] = [], prefix = "seed"): Scenario {
    const scenario = new Scenario(names, labels, prefix);
    test.serial.before("namespaces", () => scenario.create());
    test.afterEach.always("explain a failure", async (t) => {
      if (!t.passed) console.error(await scenario.explain());
    });
    test.after.always("delete namespaces", () => scenario.delete());
    return scenario;
  }

  /** The namespace that stands for `name`. */
  namespace(name: string): string {
    const namespace = this.namespaces.get(name);
    if (namespace === undefined) throw new Error(`the scenario has no namespace ${name}`);
    return namespace;
  }

  /** Text of the seed with the namespaces exchanged: `namespace: NAME` in YAML, `-n NAME` in commands. */
  text(seed: string): string {
    return [...this.namespaces].reduce(
      (text, [name, namespace]) =>
        text.replaceAll(new RegExp(`(namespace: |-n )${name}(?![\\w-])`, "g"), `$1${namespace}`),
      seed,
    );
  }

  /** Runs the seed's shell lines; resolves with what they printed, rejects when they fail. */
  shell(lines: string): Promise<string> {
    return shell(this.text(lines));
  }

  tryShell(lines: string): Promise<CommandResult> {
    return tryShell(this.text(lines));
  }

  /** kubectl apply of the seed's YAML; resolves with what it printed. */
  apply(yaml: string, ...options: readonly string[]): Promise<string> {
    return kubectl(["apply", "-f", "-", ...options], { stdin: this.text(yaml) });
  }

  tryApply(yaml: string, ...options: readonly string[]): Promise<CommandResult> {
    return tryKubectl(["apply", "-f", "-", ...options], { stdin: this.text(yaml) });
  }

  async create(): Promise<void> {
    for (const namespace of this.namespaces.values()) {
      await kubectl(["create", "namespace", namespace]);
      if (this.#labels.length > 0) await kubectl(["label", "namespace", namespace, ...this.#labels]);
    }
  }

  /** Asks for the deletion; the pods may take their time to end. */
  async delete(): Promise<void> {
    await kubectl(["delete", "namespace", "--ignore-not-found", "--wait=false", ...this.namespaces.values()]);
  }

  /** Pods, routes, events and logs of the namespaces, cut to what can be read. */
  async explain(): Promise<string> {
    const parts: string[] = [];
    for (const namespace of this.namespaces.values()) {
      const ask = async (...argumentList: string[]): Promise<void> => {
        const { stdout, stderr } = await tryKubectl(["-n", namespace, ...argumentList]);
        parts.push(`$ kubectl -n ${namespace} ${argumentList.join(" ")}\n${(stdout + stderr).slice(-shownCharacters)}`);
      };
      await ask("get", "pods,services,endpointslices", "-o", "wide");
      await ask("get", "gateways,httproutes", "-o", "yaml", "--show-managed-fields=false");
      await ask("get", "events", "--sort-by=.lastTimestamp");
      const { stdout } = await tryKubectl(["-n", namespace, "get", "pods", "-o", "name"]);
      for (const pod of stdout.split("\n").filter((name) => name !== "")) {
        await ask("logs", pod, "--all-containers", "--prefix", `--tail=${shownLogLines}`);
      }
    }
    return parts.join("\n");
  }
}

// One long-lived `kubectl proxy`, for tests that change objects faster than a kubectl for each change would.
import { type ChildProcess, spawn } from "node:child_process";

const openDeadlineMs = 30_000;

export class ApiProxy {
  readonly #child: ChildProcess;
  readonly #address: string;

  private constructor(child: ChildProcess, address: string) {
    this.#child = child;
    this.#address = address;
  }

  /** The caller closes it. */
  static open(): Promise<ApiProxy> {
    const child = spawn("kubectl", ["proxy", "--port=0"], { stdio: ["ignore", "pipe", "pipe"] });
    return new Promise((resolve, reject) => {
      let output = "";
      const timer = setTimeout(() => {
        child.kill();
        reject(new Error(`no kubectl proxy in ${openDeadlineMs} ms: ${output}`));
      }, openDeadlineMs);
      const hear = (text: string): void => {
        output += text;
        const match = /Starting to serve on (\S+)/.exec(output);
        if (match === null) return;
        clearTimeout(timer);
        resolve(new ApiProxy(child, match[1] ?? ""));
      };
      child.stdout.setEncoding("utf8").on("data", hear);
      child.stderr.setEncoding("utf8").on("data", hear);
      child.once("error", reject);
      child.once("exit", () => {
        clearTimeout(timer);
        reject(new Error(`kubectl proxy ended: ${output}`));
      });
    });
  }

  /** A merge patch of an HTTPRoute; rejects unless the API server took it. */
  async patchRoute(namespace: string, name: string, patch: object): Promise<void> {
    const path = `/apis/gateway.networking.k8s.io/v1/namespaces/${namespace}/httproutes/${name}`;
    const response = await fetch(`http://${this.#address}${path}`, {
      method: "PATCH",
      headers: { "content-type": "application/merge-patch+json" },
      body: JSON.stringify(patch),
    });
    const body = await response.text();
    if (!response.ok) throw new Error(`PATCH ${path}: ${response.status} ${body}`);
  }

  close(): void {
    this.#child.kill();
  }
}

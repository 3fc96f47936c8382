// The environment of a local workload: what the user's shell has, then the container's env, then what `heddle up`
// decides (PORT, pod identity, and for a pod with a sidecar the explicit proxy). Pure.
import { delimiter, dirname } from "node:path";
import type { Container } from "../../../control-plane/source/cluster-state.ts";

export interface WorkloadEnvironmentOptions {
  readonly inherited: Readonly<Record<string, string | undefined>>;
  readonly container: Container | undefined;
  readonly namespace: string;
  readonly pod: string;
  readonly port: number;
  /** Of the sidecar's outbound listener; 0 without a sidecar. */
  readonly outboundPort: number;
  /** The running Node, put first in PATH: `node` in a command line is then new enough for NODE_USE_ENV_PROXY. */
  readonly nodePath: string;
}

// What npm and this program set for themselves would only confuse a workload.
const ownVariables = /^(npm_|HEDDLE_|NODE_COMPILE_CACHE$|NODE_CHANNEL_)/;
const proxyVariables = /^(https?|all|no)_proxy$/i;

export function workloadEnvironment(options: WorkloadEnvironmentOptions): Record<string, string> {
  const environment: Record<string, string> = {};
  for (const [name, value] of Object.entries(options.inherited)) {
    const dropped = ownVariables.test(name) || (options.outboundPort !== 0 && proxyVariables.test(name));
    if (value !== undefined && !dropped) {
      environment[name] = value;
    }
  }
  environment["PATH"] = `${dirname(options.nodePath)}${delimiter}${environment["PATH"] ?? ""}`;
  for (const { name, value } of options.container?.env ?? []) {
    environment[name] = value;
  }
  environment["PORT"] = String(options.port);
  environment["HOSTNAME"] = options.pod;
  environment["POD_NAME"] = options.pod;
  environment["POD_NAMESPACE"] = options.namespace;
  if (options.outboundPort !== 0) {
    environment["http_proxy"] = `http://127.0.0.1:${options.outboundPort}`;
    // Without it Node's own http client and fetch ignore http_proxy.
    environment["NODE_USE_ENV_PROXY"] = "1";
  }
  return environment;
}

// What each Gateway's parameters say: reads the ConfigMaps that Gateways name, when a Gateway changes and every few
// seconds, one at a time. By name, so that the control plane needs no right to list ConfigMaps and holds none but these.
// What a ConfigMap may say is parameters.ts's.
import { CoreV1Api, type KubeConfig } from "@kubernetes/client-node";
import type { Clock } from "../discovery/clock.ts";
import type { Logger } from "../discovery/logger.ts";
import { isStatus, readableError } from "../kubernetes/api-refusal.ts";
import type { Gateway } from "../source/cluster-state.ts";
import { apiCall } from "./api-call.ts";
import { defaultGatewayParameters, type GatewayParameters, parseGatewayParameters } from "./parameters.ts";

export type ParametersState =
  | { readonly kind: "known"; readonly parameters: GatewayParameters }
  /** For the Gateway's InvalidParameters condition. */
  | { readonly kind: "invalid"; readonly message: string }
  /** Not read yet, or the API server cannot say. */
  | { readonly kind: "unknown" };

export interface ParameterReaderOptions {
  readonly kubeConfig: KubeConfig;
  readonly clock: Clock;
  readonly logger: Logger;
  /** The parameters of Gateways in `namespace` that name this ConfigMap are not what they were. */
  readonly onChange: (configMap: string) => void;
}

/** How long an edited ConfigMap may go unseen. */
const rereadMs = 5000;

export class ParameterReader {
  readonly #options: ParameterReaderOptions;
  readonly #api: CoreV1Api;
  /** By "namespace/name" of the ConfigMap. Bounded by the cluster's Gateways. */
  readonly #states = new Map<string, ParametersState>();
  #wanted: ReadonlySet<string> = new Set();
  #reading: Promise<void> | null = null;
  #cancel: () => void = () => undefined;
  #closed = false;

  constructor(options: ParameterReaderOptions) {
    this.#options = options;
    this.#api = options.kubeConfig.makeApiClient(CoreV1Api);
  }

  /** The Gateways whose parameters matter; those with a ConfigMap that is new are read at once. */
  follow(gateways: Iterable<Gateway>): void {
    const wanted = new Set<string>();
    for (const gateway of gateways) {
      const name = configMapOf(gateway);
      if (name !== undefined) wanted.add(name);
    }
    this.#wanted = wanted;
    for (const name of this.#states.keys()) if (!wanted.has(name)) this.#states.delete(name);
    if ([...wanted].some((name) => !this.#states.has(name))) this.#readSoon();
  }

  of(gateway: Gateway): ParametersState {
    const name = configMapOf(gateway);
    if (name === undefined) return { kind: "known", parameters: defaultGatewayParameters };
    return this.#states.get(name) ?? { kind: "unknown" };
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#cancel();
    await this.#reading;
  }

  #readSoon(): void {
    if (this.#closed || this.#reading !== null) return;
    this.#cancel();
    this.#reading = this.#readAll().finally(() => {
      this.#reading = null;
      if (this.#closed || this.#wanted.size === 0) return;
      // One that came while these were read is not made to wait.
      if ([...this.#wanted].some((name) => !this.#states.has(name))) this.#readSoon();
      else this.#cancel = this.#options.clock.schedule(rereadMs, () => this.#readSoon());
    });
  }

  async #readAll(): Promise<void> {
    for (const name of this.#wanted) {
      if (this.#closed) return;
      const before = this.#states.get(name);
      const state = await this.#read(name, before);
      if (!this.#wanted.has(name)) continue;
      this.#states.set(name, state);
      if (JSON.stringify(state) !== JSON.stringify(before)) this.#options.onChange(name);
    }
  }

  async #read(key: string, before: ParametersState | undefined): Promise<ParametersState> {
    const slash = key.indexOf("/");
    try {
      const request = this.#api.readNamespacedConfigMap({ namespace: key.slice(0, slash), name: key.slice(slash + 1) });
      const { data = {} } = await apiCall(request, this.#options.clock);
      const result = parseGatewayParameters(data);
      if (result.ok) return { kind: "known", parameters: result.parameters };
      return { kind: "invalid", message: `ConfigMap ${key}: ${result.errors.join("; ")}` };
    } catch (error) {
      if (isStatus(error, 404)) {
        return { kind: "invalid", message: `ConfigMap ${key} does not exist` };
      }
      const { message } = readableError(error);
      this.#options.logger.warn({ configMap: key, error: message }, "cannot read a Gateway's parameters");
      return before ?? { kind: "unknown" };
    }
  }
}

/** "namespace/name" of the ConfigMap that the Gateway names; a reference of another kind is the translation's to refuse. */
export function configMapOf({ meta, infrastructure }: Gateway): string | undefined {
  const reference = infrastructure?.parametersRef;
  if (reference === undefined || reference.group !== "" || reference.kind !== "ConfigMap") return undefined;
  return `${meta.namespace}/${reference.name}`;
}

// The Gateway API end to end in this process: a control plane whose source is texts, agents on its stream, origins on
// real sockets. Owns starting and ending all of it, and waiting until what was applied is what is served; what must
// come of it is each test's.
import { connect } from "node:net";
import pino from "pino";
import { Agent } from "../../agent/agent.ts";
import { parseAgentConfig } from "../../agent/config.ts";
import { ControlPlane } from "../../control-plane/control-plane.ts";
import type { ClusterState } from "../../control-plane/source/cluster-state.ts";
import { FolderLoader } from "../../control-plane/source/folder-loader.ts";
import { loadSchemas } from "../../control-plane/source/schemas.ts";
import { formatProblem, type Source, type StateListener } from "../../control-plane/source/source.ts";
import { freePorts } from "../../cli/up/workload/free-port.ts";
import { exchange, type RawResponse } from "../support/raw-client.ts";
import { ok, type Origin, startOrigin } from "../support/raw-server.ts";
import type { Test } from "../support/test-context.ts";
import { until } from "../support/until.ts";

const schemas = await loadSchemas();

/** A folder's files as texts: loaded as FolderSource loads them, published when the test says so. */
class TextSource implements Source {
  readonly #loader = new FolderLoader(schemas, { defaultNamespace: "shop", now: () => 0 });
  readonly #files = new Map<string, string>();
  readonly #listeners = new Set<StateListener>();
  #state: ClusterState | null = null;

  /** Replaces files; an empty text removes one. Returns the errors, with which nothing is published. */
  apply(files: Readonly<Record<string, string>>): readonly string[] {
    for (const [path, text] of Object.entries(files)) {
      if (text === "") this.#files.delete(path);
      else this.#files.set(path, text);
    }
    const { state, problems } = this.#loader.load([...this.#files].map(([path, text]) => ({ path, text })));
    const errors = problems.filter(({ severity }) => severity === "error").map(formatProblem);
    if (errors.length === 0 && state !== null && state !== this.#state) {
      this.#state = state;
      for (const listener of this.#listeners) listener(state, { cause: "edit", changedAtMs: 0 });
    }
    return errors;
  }

  start(): Promise<void> {
    if (this.#state !== null) {
      for (const listener of this.#listeners) listener(this.#state, { cause: "start", changedAtMs: 0 });
    }
    return Promise.resolve();
  }

  current(): ClusterState | null {
    return this.#state;
  }

  problems(): readonly [] {
    return [];
  }

  onChange(listener: StateListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  onProblem(): () => void {
    return () => undefined;
  }

  close(): Promise<void> {
    this.#listeners.clear();
    return Promise.resolve();
  }
}

export interface WorldOptions {
  /** Origins to start; each becomes an endpoint by `slice`. */
  readonly origins?: readonly string[];
  /** How many listener ports the texts need: `world.ports`. */
  readonly ports?: number;
}

/** What a client learns: "200 v1", or "404 no_route" from the mesh itself. */
export type Verdict = string;

export class World {
  readonly ports: readonly number[];
  readonly origins: ReadonlyMap<string, Origin>;
  readonly controlPlane: ControlPlane;
  readonly #t: Test;
  readonly #source: TextSource;
  readonly #discoveryPort: number;
  #agents = 0;

  private constructor(
    t: Test,
    parts: Pick<World, "ports" | "origins" | "controlPlane">,
    source: TextSource,
    discoveryPort: number,
  ) {
    this.#t = t;
    this.ports = parts.ports;
    this.origins = parts.origins;
    this.controlPlane = parts.controlPlane;
    this.#source = source;
    this.#discoveryPort = discoveryPort;
  }

  /** An empty world; everything in it ends with the test. */
  static async start(t: Test, { origins: names = [], ports: portCount = 1 }: WorldOptions = {}): Promise<World> {
    const origins = new Map<string, Origin>();
    for (const name of names) origins.set(name, await startOrigin(t, () => ok(name)));
    const source = new TextSource();
    source.apply({ "empty.yaml": "apiVersion: v1\nkind: Namespace\nmetadata: { name: shop }\n" });
    const controlPlane = new ControlPlane({ source });
    t.teardown(() => controlPlane.close());
    const { discoveryPort } = await controlPlane.start();
    return new World(t, { ports: await freePorts(portCount), origins, controlPlane }, source, discoveryPort);
  }

  /** As a saved folder; resolves when every agent has acknowledged what came of it. Throws the loader's errors. */
  async apply(files: Readonly<Record<string, string>>): Promise<void> {
    const errors = this.#source.apply(files);
    if (errors.length > 0) throw new Error(errors.join("\n"));
    await this.settled();
  }

  /** The errors of files that are refused. */
  refusal(files: Readonly<Record<string, string>>): readonly string[] {
    return this.#source.apply(files);
  }

  /** Resolves when what the source says is what every agent holds. */
  async settled(): Promise<void> {
    const { discovery } = this.controlPlane;
    await until(() => {
      const generation = discovery.snapshot?.generation;
      return (
        this.controlPlane.isCurrent &&
        generation !== undefined &&
        discovery.connectedAgents().every((agent) => {
          if (agent.lastNack !== null) throw new Error(`an agent refused: ${JSON.stringify(agent.lastNack)}`);
          return agent.acknowledgedGeneration === generation;
        })
      );
    });
  }

  /** An agent for Gateway shop/`name`; its listener ports must be among `ports`, and resolve when they accept. */
  async gateway(name: string, ports: readonly number[] = this.ports): Promise<Agent> {
    const agent = this.#agent("gateway", "shop", { HEDDLE_GATEWAY: `shop/${name}` });
    await agent.start();
    await this.settled();
    for (const port of ports) await this.accepts(port);
    return agent;
  }

  /** Resolves when somebody accepts connections on `port`. */
  async accepts(port: number): Promise<void> {
    let isAccepted = false;
    await until(() => {
      if (!isAccepted) {
        const socket = connect(port, "127.0.0.1", () => {
          isAccepted = true;
          socket.destroy();
        });
        socket.on("error", () => undefined);
      }
      return isAccepted;
    });
  }

  /** A sidecar beside a client in `namespace`; resolves to its explicit-proxy port. */
  async sidecar(namespace: string): Promise<number> {
    const agent = this.#agent("sidecar", namespace, {});
    const { outbound } = await agent.start();
    await this.settled();
    return outbound;
  }

  #agent(mode: "gateway" | "sidecar", namespace: string, more: Readonly<Record<string, string>>): Agent {
    const parsed = parseAgentConfig({
      HEDDLE_MODE: mode,
      HEDDLE_NODE_NAMESPACE: namespace,
      HEDDLE_NODE_POD: `agent-${this.#agents++}`,
      HEDDLE_CONTROL_PLANE: `127.0.0.1:${this.#discoveryPort}`,
      HEDDLE_BIND_ADDRESS: "127.0.0.1",
      HEDDLE_ADMIN_ADDRESS: "127.0.0.1:0",
      HEDDLE_INBOUND_ADDRESS: "127.0.0.1:0",
      HEDDLE_OUTBOUND_ADDRESS: "127.0.0.1:0",
      OTEL_SDK_DISABLED: "true",
      ...more,
    });
    if ("errors" in parsed) throw new Error(parsed.errors.join("\n"));
    const agent = new Agent({ config: parsed.config, version: "test", logger: pino({ level: "silent" }) });
    this.#t.teardown(() => agent.close());
    return agent;
  }

  /** One request with these bytes after the request line, Host included. */
  async raw(port: number, request: string, method = "GET"): Promise<RawResponse> {
    return exchange(this.#t, port, request, method);
  }

  /** GET `target` with `host` ("" sends an empty Host) and further header lines, each with its CRLF. */
  async get(port: number, target: string, host: string, headers = ""): Promise<Verdict> {
    return verdict(await this.raw(port, `GET ${target} HTTP/1.1\r\nHost: ${host}\r\n${headers}\r\n`));
  }

  /** "True/Accepted", by object ("HTTPRoute shop/a"), condition type and, for routes, index of the parent entry. */
  condition(object: string, type: string, parent = 0): string | undefined {
    const found = this.status(object);
    const conditions = (found?.["conditions"] ?? parentsOf(found)[parent]?.["conditions"] ?? []) as readonly {
      type: string;
      status: string;
      reason: string;
    }[];
    const one = conditions.find((condition) => condition.type === type);
    return one === undefined ? undefined : `${one.status}/${one.reason}`;
  }

  /** The whole status of an object; undefined when we give it none. */
  status(object: string): Readonly<Record<string, unknown>> | undefined {
    const match = this.controlPlane.statuses.find(
      ({ kind, namespace, name }) => `${kind} ${namespace === "" ? name : `${namespace}/${name}`}` === object,
    );
    return match?.status;
  }

  /** Service shop/`name` on port 80 with the origin of that name behind it. */
  service(name: string, spec = ""): string {
    return `
apiVersion: v1
kind: Service
metadata: { name: ${name}, namespace: shop }
spec: { ports: [{ port: 80 }]${spec === "" ? "" : `, ${spec}`} }
---
${this.slice(name)}`;
  }

  /** Its EndpointSlice. */
  slice(name: string, namespace = "shop"): string {
    return `
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: { name: ${name}-1, namespace: ${namespace}, labels: { kubernetes.io/service-name: ${name} } }
addressType: IPv4
ports: [{ port: ${this.portOf(name)} }]
endpoints: [{ addresses: [127.0.0.1] }]
`;
  }

  portOf(origin: string): number {
    return this.origins.get(origin)?.port ?? 1;
  }
}

export function verdict({ status, headers, body }: RawResponse): Verdict {
  const reason = headers.find(([name]) => name === "heddle-reason")?.[1];
  return `${status} ${reason ?? body}`;
}

/** Our GatewayClass, and Gateway shop/gw with these listeners (YAML flow maps). */
export function gatewayYaml(listeners: readonly string[]): string {
  return `
apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: { name: heddle }
spec: { controllerName: heddle.dev/gateway-controller }
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: { name: gw, namespace: shop }
spec:
  gatewayClassName: heddle
  listeners: [${listeners.join(", ")}]
`;
}

/** An HTTPRoute from the lines of its spec. */
export function routeYaml(name: string, spec: string, namespace = "shop"): string {
  return `
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: { name: ${name}, namespace: ${namespace} }
spec:
${spec}`;
}

function parentsOf(status: Readonly<Record<string, unknown>> | undefined): readonly Record<string, unknown>[] {
  return (status?.["parents"] ?? []) as readonly Record<string, unknown>[];
}

// A whole mesh under faults: a folder, a control plane and gateway agents as processes of their own, origins, and
// traffic through the gateway from before the fault until after it. Owns starting and ending all of it; each fault is
// a scenario's.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import type { Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ExecutionContext } from "ava";
import { bindListeningSocket } from "../../cli/up/agents/listening-socket.ts";
import { EchoOrigin } from "../support/echo-origin.ts";
import { freePorts } from "../../cli/up/workload/free-port.ts";
import { fetchPage, Program } from "../support/process.ts";
import { seededRandom } from "../support/seeded-random.ts";
import { Traffic, type Served } from "../support/traffic.ts";
import { until } from "../support/until.ts";
import { type Backend, baseFile, endpointsFile, gateway, namespace, routeFile } from "./objects.ts";

export interface FaultMeshOptions {
  /** Requests per second. */
  readonly rate: number;
  /** Service -> how many origins of this process stand behind it. */
  readonly origins: Readonly<Record<string, number>>;
  /** How long the origins keep an idle connection. */
  readonly keepAliveTimeoutMs?: number;
  readonly backends: readonly Backend[];
  /** As `heddle up` has it: the listening socket stays here, and agents are handed it. */
  readonly inherit?: boolean;
  readonly agentEnvironment?: Readonly<Record<string, string>>;
}

/** What /config of an agent shows, as far as it is read here. */
export interface AgentConfiguration {
  readonly discovery: { readonly state: string; readonly generation: string; readonly applied: number };
  readonly resources: { readonly generation: string; readonly listeners: object; readonly clusters: object };
}

export interface RunningAgent {
  readonly program: Program;
  readonly environment: Readonly<Record<string, string>>;
  /** Its state directory, for startAgent(). */
  readonly state: string;
  readonly adminPort: number;
  /** Where it listens when it binds by itself. */
  readonly port: number;
}

/** The Gateway's listener port: an agent with an offset of its own binds it elsewhere. */
const listenerPort = 80;

export class FaultMesh {
  readonly folder: string;
  readonly objects: string;
  readonly origins = new Map<string, EchoOrigin[]>();
  readonly traffic: Traffic;
  readonly agents: RunningAgent[] = [];
  controlPlane: Program | null = null;
  discoveryPort = 0;
  controlPlaneAdminPort = 0;
  /** Where new connections of the traffic go. */
  port = 0;
  onServed: (served: Served) => void = () => undefined;
  readonly #options: FaultMeshOptions;
  readonly #programs: Program[] = [];
  #socket: Server | null = null;
  #closeSocket: () => void = () => undefined;
  #agentsStarted = 0;
  #lastConfig = "";

  private constructor(options: FaultMeshOptions) {
    this.#options = options;
    this.folder = mkdtempSync(join(tmpdir(), "heddle-faults-"));
    this.objects = join(this.folder, "objects");
    mkdirSync(this.objects);
    this.traffic = new Traffic({
      rate: options.rate,
      port: () => this.port,
      random: seededRandom(1),
      onServed: (served) => {
        this.#lastConfig = served.config;
        this.onServed(served);
      },
    });
  }

  /** Everything up, traffic flowing; ended with the test. */
  static async start(t: Pick<ExecutionContext, "teardown">, options: FaultMeshOptions): Promise<FaultMesh> {
    const mesh = new FaultMesh(options);
    t.teardown(() => mesh.close());
    for (const [service, count] of Object.entries(options.origins)) {
      const origins = Array.from(
        { length: count },
        (_, index) =>
          new EchoOrigin({ name: `${service}-${index}`, keepAliveTimeoutMs: options.keepAliveTimeoutMs ?? 5000 }),
      );
      for (const origin of origins) await origin.listen();
      mesh.origins.set(service, origins);
      mesh.writeEndpoints(
        service,
        origins.map(({ port }) => port),
      );
    }
    mesh.write("base.yaml", baseFile(listenerPort, [...mesh.origins.keys()]));
    mesh.writeRoute(options.backends, "first");
    const [discoveryPort = 0, adminPort = 0, gatewayPort = 0] = await freePorts(3);
    mesh.discoveryPort = discoveryPort;
    mesh.controlPlaneAdminPort = adminPort;
    if (options.inherit === true) {
      const socket = await bindListeningSocket(gatewayPort);
      mesh.#socket = socket.server;
      mesh.#closeSocket = () => socket.close();
      mesh.port = socket.port;
    }
    await mesh.startControlPlane();
    const agent = await mesh.startAgent();
    if (options.inherit !== true) mesh.port = agent.port;
    mesh.traffic.start();
    await mesh.traffic.flow(10);
    return mesh;
  }

  write(file: string, text: string): void {
    writeFileSync(join(this.objects, file), text);
  }

  writeRoute(backends: readonly Backend[], config: string): void {
    this.write("route.yaml", routeFile(backends, config));
  }

  writeEndpoints(service: string, ports: readonly number[]): void {
    this.write(`endpoints-${service}.yaml`, endpointsFile(service, ports));
  }

  /** Saves the route again with another mark and waits until traffic goes by it; resolves with the milliseconds. */
  async applyRoute(config: string, backends: readonly Backend[] = this.#options.backends): Promise<number> {
    const savedMs = performance.now();
    this.writeRoute(backends, config);
    await until(() => this.#lastConfig === config, 20_000);
    return performance.now() - savedMs;
  }

  /** Always on the same ports. */
  async startControlPlane(): Promise<Program> {
    const program = this.#run("control-plane/main.ts", {
      HEDDLE_SOURCE: `folder:${this.objects}`,
      HEDDLE_DISCOVERY_ADDRESS: `127.0.0.1:${this.discoveryPort}`,
      HEDDLE_ADMIN_ADDRESS: `127.0.0.1:${this.controlPlaneAdminPort}`,
    });
    this.controlPlane = program;
    await program.until("the control plane being ready", async () => {
      return (await fetchPage(this.controlPlaneAdminPort, "/readyz")).status === 200;
    });
    return program;
  }

  /** A further agent; its state directory is `state` or one of its own. Resolves when it serves its Gateway. */
  async startAgent(state = `state-${this.#agentsStarted}`): Promise<RunningAgent> {
    const [adminPort = 0, port = 0] = await freePorts(2);
    const inherit = this.#socket !== null;
    const stateDirectory = join(this.folder, state);
    mkdirSync(stateDirectory, { recursive: true });
    const environment = {
      HEDDLE_MODE: "gateway",
      HEDDLE_GATEWAY: gateway,
      HEDDLE_NODE_NAMESPACE: namespace,
      HEDDLE_NODE_POD: `gateway-${this.#agentsStarted++}`,
      HEDDLE_CONTROL_PLANE: `127.0.0.1:${this.discoveryPort}`,
      HEDDLE_LISTENERS: inherit ? "inherit" : "bind",
      HEDDLE_BIND_ADDRESS: "127.0.0.1",
      HEDDLE_PRIVILEGED_PORT_OFFSET: String(port - listenerPort),
      HEDDLE_ADMIN_ADDRESS: `127.0.0.1:${adminPort}`,
      HEDDLE_STATE_DIRECTORY: stateDirectory,
      OTEL_SDK_DISABLED: "true",
      ...this.#options.agentEnvironment,
    };
    const program = this.#run("agent/main.ts", environment);
    await program.until("the agent being ready", async () => (await fetchPage(adminPort, "/readyz")).status === 200);
    if (this.#socket !== null) await program.send({ type: "listener", port: listenerPort }, this.#socket);
    await program.until("the agent listening", () => program.output.includes('"msg":"listening"'));
    const agent = { program, environment, state, adminPort, port: inherit ? this.port : port };
    this.agents.push(agent);
    return agent;
  }

  /** What the agent holds. */
  async configuration(agent: RunningAgent): Promise<AgentConfiguration> {
    const { status, body } = await fetchPage(agent.adminPort, "/config");
    if (status !== 200) throw new Error(`/config answered ${status} ${body}\n${agent.program.output}`);
    return JSON.parse(body) as AgentConfiguration;
  }

  /** Waits until the agent's configuration names `text`, or names it no more. */
  async untilConfigured(agent: RunningAgent, text: string, present: boolean): Promise<void> {
    await agent.program.until(`${text} ${present ? "in" : "gone from"} its configuration`, async () => {
      return (await fetchPage(agent.adminPort, "/config")).body.includes(text) === present;
    });
  }

  /** Any program that ends with the mesh. */
  #run(path: string, environment: Readonly<Record<string, string>>): Program {
    const program = new Program(path, environment);
    this.#programs.push(program);
    return program;
  }

  /** An origin as a process of its own; resolves with its port. */
  async startOriginProcess(name: string): Promise<{ readonly program: Program; readonly port: number }> {
    const program = this.#run("test/faults/origin-main.ts", { ORIGIN_NAME: name });
    let port = 0;
    program.child.on("message", (message: { readonly port?: number }) => (port = message.port ?? port));
    await program.until("the origin listening", () => port !== 0);
    return { program, port };
  }

  async close(): Promise<void> {
    this.traffic.destroy();
    await Promise.all(this.#programs.map((program) => program.destroy()));
    this.#closeSocket();
    for (const origins of this.origins.values()) for (const origin of origins) origin.destroy();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

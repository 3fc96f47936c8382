// Heddle's gateway agent as the product starts it: node agent/main.ts with its environment, on the proxy's core.
import { mkdtempSync } from "node:fs";
import { request } from "node:http";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { agentNodeArguments } from "../../agent/node-options.ts";
import { accepts, PROXY_CORE, startPinned, waitUntil, type ManagedProcess } from "../harness/managed-process.ts";
import { freePorts } from "../../cli/up/workload/free-port.ts";
import { TRACED_SHARE, type Peer, type RunningProxy, type Scenario } from "../peers/peer.ts";
import { startControlPlane } from "./control-plane.ts";
import { GATEWAY, NAMESPACE, writeGatewayObjects } from "./gateway-objects.ts";

const MAIN = fileURLToPath(new URL("../../agent/main.ts", import.meta.url));
const READY_POLL_MS = 2;

/** The launcher's: from the second start on, sources are neither stripped of types nor compiled again. */
const COMPILE_CACHE = fileURLToPath(new URL("../../node_modules/.cache/heddle", import.meta.url));

export interface AgentOptions {
  readonly controlPlaneAddress: string;
  /** For the last-good snapshot. */
  readonly folder: string;
  /** Null: tracing off. */
  readonly collectorPort: number | null;
  readonly nodeArguments?: readonly string[];
}

export interface RunningAgent {
  readonly process: ManagedProcess;
  readonly adminPort: number;
  /** From spawning the process to /readyz answering 200. */
  readonly readyAfterMs: number;
  stop(): Promise<void>;
}

/** Starts an agent and waits until it is ready. */
export async function startAgent(options: AgentOptions): Promise<RunningAgent> {
  const [adminPort = 0] = await freePorts(1);
  const stateFolder = mkdtempSync(join(options.folder, "agent-"));
  const tracing =
    options.collectorPort === null
      ? { OTEL_SDK_DISABLED: "true" }
      : {
          OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${options.collectorPort}`,
          OTEL_EXPORTER_OTLP_PROTOCOL: "http/protobuf",
          OTEL_TRACES_SAMPLER_ARG: String(TRACED_SHARE),
        };
  const begun = performance.now();
  const started = startPinned(
    PROXY_CORE,
    process.execPath,
    [...agentNodeArguments, ...(options.nodeArguments ?? []), MAIN],
    {
      cwd: stateFolder,
      env: {
        NODE_COMPILE_CACHE: COMPILE_CACHE,
        HEDDLE_MODE: "gateway",
        HEDDLE_GATEWAY: `${NAMESPACE}/${GATEWAY}`,
        HEDDLE_NODE_NAMESPACE: NAMESPACE,
        HEDDLE_NODE_POD: "bench-agent",
        HEDDLE_CONTROL_PLANE: options.controlPlaneAddress,
        HEDDLE_BIND_ADDRESS: "127.0.0.1",
        HEDDLE_ADMIN_ADDRESS: `127.0.0.1:${adminPort}`,
        HEDDLE_STATE_DIRECTORY: stateFolder,
        // Nobody sends new connections to an agent that the benchmark ends.
        HEDDLE_DRAIN_ACCEPT_MS: "0",
        ...tracing,
      },
    },
  );
  await waitUntil("the agent being ready", () => isReady(adminPort), started, 15_000, READY_POLL_MS);
  return { process: started, adminPort, readyAfterMs: performance.now() - begun, stop: () => started.stop() };
}

/** Starts and ends an agent once, so that what follows finds the compile cache filled. */
export async function fillCompileCache(options: AgentOptions): Promise<void> {
  const agent = await startAgent(options);
  await agent.stop();
}

function isReady(adminPort: number): Promise<boolean> {
  return new Promise((resolve) => {
    const sent = request({ host: "127.0.0.1", port: adminPort, path: "/readyz", agent: false }, (response) => {
      response.resume();
      response.on("end", () => resolve(response.statusCode === 200));
    });
    sent.on("error", () => resolve(false));
    sent.end();
  });
}

/** The agent as one of the proxies of a comparison: with a control plane of its own. */
export function agentPeer(nodeArguments: readonly string[] = []): Peer {
  return {
    name: "agent",
    note: "metrics on, 1 % traced over OTLP/HTTP",
    missing: () => null,
    start: (scenario) => startWithControlPlane(scenario, nodeArguments),
  };
}

async function startWithControlPlane(scenario: Scenario, nodeArguments: readonly string[]): Promise<RunningProxy> {
  const [port = 0] = await freePorts(1);
  const objects = join(mkdtempSync(join(scenario.folder, "objects-")), "objects");
  const { routes, mirror, origin } = scenario;
  writeGatewayObjects(objects, { ...origin, listenerPort: port, routes, mirror });
  const controlPlane = await startControlPlane(objects);
  const agent = await startAgent({
    controlPlaneAddress: controlPlane.address,
    folder: scenario.folder,
    collectorPort: scenario.collectorPort,
    nodeArguments,
  });
  await waitUntil("the gateway's listener accepting connections", () => accepts(port), agent.process);
  return {
    port,
    process: agent.process,
    async stop() {
      await agent.stop();
      await controlPlane.stop();
    },
  };
}

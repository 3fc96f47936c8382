// Heddle's control plane as the product starts it, serving a folder, on the core of the load generator.
import { fileURLToPath } from "node:url";
import { accepts, LOAD_CORE, startPinned, waitUntil, type ManagedProcess } from "../harness/managed-process.ts";
import { freePorts } from "../../cli/up/workload/free-port.ts";

const MAIN = fileURLToPath(new URL("../../control-plane/main.ts", import.meta.url));

export interface RunningControlPlane {
  /** "127.0.0.1:port" of the discovery stream. */
  readonly address: string;
  readonly process: ManagedProcess;
  stop(): Promise<void>;
}

export async function startControlPlane(objectsFolder: string): Promise<RunningControlPlane> {
  const [discoveryPort = 0, adminPort = 0] = await freePorts(2);
  const started = startPinned(LOAD_CORE, process.execPath, [MAIN], {
    env: {
      HEDDLE_SOURCE: `folder:${objectsFolder}`,
      HEDDLE_DISCOVERY_ADDRESS: `127.0.0.1:${discoveryPort}`,
      HEDDLE_ADMIN_ADDRESS: `127.0.0.1:${adminPort}`,
    },
  });
  const ready = async (): Promise<boolean> => {
    if (!(await accepts(adminPort))) return false;
    const response = await fetch(`http://127.0.0.1:${adminPort}/readyz`);
    await response.arrayBuffer();
    return response.ok;
  };
  await waitUntil("the control plane being ready", ready, started);
  return { address: `127.0.0.1:${discoveryPort}`, process: started, stop: () => started.stop() };
}

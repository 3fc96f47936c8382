// How other commands see a running `heddle up`: one JSON document over HTTP on a loopback port, and the file
// DIR/.heddle/admin.json that says where. Answers GET only; nothing can be changed through it.
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import { join } from "node:path";
import type { StatusObject } from "../../control-plane/status/status-object.ts";
import type { Picture } from "./output/output.ts";

/** Everything that `heddle get` can show. */
export interface UpState {
  readonly picture: Picture;
  /** Every pod is ready, and every agent accepts and holds what is served now. */
  readonly isSettled: boolean;
  /** Of the snapshot that is served. */
  readonly generation: string;
  readonly gateways: readonly { readonly gateway: string; readonly listenerPort: number; readonly localPort: number }[];
  readonly agents: readonly AgentView[];
  readonly pods: readonly {
    readonly namespace: string;
    readonly name: string;
    readonly state: string;
    readonly restarts: number;
    readonly pid?: number | undefined;
    readonly port: number;
  }[];
  readonly statuses: readonly StatusObject[];
  readonly problems: readonly string[];
  /** Of the control plane: debug pages and metrics. */
  readonly controlPlaneAdmin: string;
}

export interface AgentView {
  readonly name: string;
  readonly state: string;
  readonly restarts: number;
  readonly pid?: number | undefined;
  /** "127.0.0.1:port" of the agent's own admin server; "" while unknown. */
  readonly admin: string;
}

interface AdminFile {
  readonly pid: number;
  readonly address: string;
}

const fileName = "admin.json";

export class StateServer {
  readonly #folder: string;
  readonly #server: Server;

  /** `folder` is the .heddle folder. */
  constructor(folder: string, state: () => UpState) {
    this.#folder = folder;
    this.#server = createServer((request, response) => {
      request.resume();
      const found = request.url === "/state";
      const status = request.method !== "GET" ? 405 : found ? 200 : 404;
      const body = status === 200 ? JSON.stringify(state()) : '{"error":"GET /state is all there is"}';
      response.writeHead(status, { "content-type": "application/json", "content-length": Buffer.byteLength(body) });
      response.end(body);
    });
  }

  async start(): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#server.once("error", reject);
    this.#server.listen({ host: "127.0.0.1", port: 0 }, resolve);
    await promise;
    const address = this.#server.address();
    const port = address !== null && typeof address === "object" ? address.port : 0;
    const content: AdminFile = { pid: process.pid, address: `http://127.0.0.1:${port}` };
    mkdirSync(this.#folder, { recursive: true });
    writeFileSync(join(this.#folder, fileName), `${JSON.stringify(content)}\n`);
  }

  async close(): Promise<void> {
    rmSync(join(this.#folder, fileName), { force: true });
    this.#server.closeAllConnections();
    await new Promise((resolve) => {
      this.#server.close(resolve);
    });
  }
}

/** The state of the `heddle up` that runs on this .heddle folder, or null when none answers. */
export async function fetchState(folder: string): Promise<UpState | null> {
  try {
    const { address } = JSON.parse(readFileSync(join(folder, fileName), "utf8")) as AdminFile;
    const response = await fetch(`${address}/state`, { signal: AbortSignal.timeout(2000) });
    return response.ok ? ((await response.json()) as UpState) : null;
  } catch {
    return null;
  }
}

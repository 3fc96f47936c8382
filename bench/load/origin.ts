// The servers behind the proxies: nginx answering 130 bytes from memory, three ports as stable, canary and mirror
// target, so that the origin never is what is measured.
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { accepts, LOAD_CORE, startPinned, waitUntil, type ManagedProcess } from "../harness/managed-process.ts";
import { freePorts } from "../../cli/up/workload/free-port.ts";

const BODY_BYTES = 130;

export interface Origin {
  readonly stablePort: number;
  readonly canaryPort: number;
  readonly mirrorPort: number;
  stop(): Promise<void>;
}

export async function startOrigin(folder: string): Promise<Origin> {
  const [stablePort = 0, canaryPort = 0, mirrorPort = 0] = await freePorts(3);
  const prefix = join(folder, "origin");
  mkdirSync(prefix, { recursive: true });
  const server = (name: string, port: number): string =>
    `server { listen 127.0.0.1:${port}; location / { return 200 "${name.padEnd(BODY_BYTES - 1, ".")}\\n"; } }`;
  const path = join(prefix, "nginx.conf");
  writeFileSync(
    path,
    `worker_processes 1; daemon off; pid ${prefix}/pid; error_log ${prefix}/error.log warn;
events { worker_connections 4096; }
http {
  access_log off; default_type text/plain; keepalive_requests 1000000000; keepalive_timeout 3600s;
  ${server("stable", stablePort)}
  ${server("canary", canaryPort)}
  ${server("mirror", mirrorPort)}
}
`,
  );
  const nginx: ManagedProcess = startPinned(LOAD_CORE, "nginx", ["-e", `${prefix}/error.log`, "-c", path]);
  await waitUntil("the origin accepting connections", () => accepts(mirrorPort), nginx);
  return { stablePort, canaryPort, mirrorPort, stop: () => nginx.stop() };
}

// Starts http2-proxy on node:http with the same routes.
import { fileURLToPath } from "node:url";
import { accepts, PROXY_CORE, startPinned, waitUntil } from "../harness/managed-process.ts";
import { freePorts } from "../../cli/up/workload/free-port.ts";
import type { Peer, RunningProxy, Scenario } from "./peer.ts";

export const http2Proxy: Peer = {
  name: "http2-proxy",
  note: "node:http, no tracing, no metrics",
  missing: () => null,
  start,
};

async function start({ routes, mirror, origin }: Scenario): Promise<RunningProxy> {
  const [port = 0] = await freePorts(1);
  const server = fileURLToPath(new URL("http2-proxy-server.mjs", import.meta.url));
  const started = startPinned(PROXY_CORE, process.execPath, [server], {
    env: {
      PORT: String(port),
      ROUTES: String(routes),
      STABLE_PORT: String(origin.stablePort),
      CANARY_PORT: String(origin.canaryPort),
      MIRROR_PORT: mirror ? String(origin.mirrorPort) : "",
    },
  });
  await waitUntil("http2-proxy accepting connections", () => accepts(port), started);
  return { port, process: started, stop: () => started.stop() };
}

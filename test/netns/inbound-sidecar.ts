// Runs in a pod's namespace as the proxy's user: an application that says over HTTP who called it and at which address, and
// a sidecar that inbound connections are redirected to. Arguments: the application's port, the pod's first address.
import { createServer } from "node:http";
import { agentPorts } from "../../proto/kubernetes.ts";
import { inboundOnly, sidecarFor } from "../support/sidecar.ts";

const [port = "", applicationAddress = ""] = process.argv.slice(2);
const applicationPort = Number(port);
await new Promise<void>((resolve) => {
  createServer(({ socket }, response) => response.end(`${socket.remoteAddress} to ${socket.localAddress}\n`)).listen(
    applicationPort,
    resolve,
  );
});
const sidecar = await sidecarFor(
  { teardown: () => undefined },
  inboundOnly({ port: applicationPort, applicationAddress, applicationPort, protocol: "detect" }),
  { capture: true },
);
for (const host of ["0.0.0.0", "::"]) await sidecar.listeners.inbound.listen(host, agentPorts.inbound);
process.stdout.write("listening\n");

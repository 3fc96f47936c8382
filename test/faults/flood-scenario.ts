// The flood: clients of every rude kind at every port of the control plane and of an agent, while traffic flows.
import type { Socket } from "node:net";
import type { ExecutionContext } from "ava";
import { fetchPage, untilPage } from "../support/process.ts";
import { beRude, rudenesses } from "../support/rude-client.ts";
import { seededRandom } from "../support/seeded-random.ts";
import type { FaultMesh } from "./fault-mesh.ts";

/** `clients` of each kind at each port; those that stay are still there when everything is asked how it is. */
export async function flood(t: ExecutionContext, mesh: FaultMesh, clients: number): Promise<void> {
  const [agent] = mesh.agents;
  const { controlPlane } = mesh;
  if (agent === undefined || controlPlane === null) throw new Error("no agent or control plane");
  const before = await mesh.configuration(agent);
  const random = seededRandom(7);
  const sockets: Socket[] = [];
  try {
    for (const port of [mesh.discoveryPort, mesh.controlPlaneAdminPort, agent.adminPort, mesh.port]) {
      for (const rudeness of rudenesses) {
        const rude = Array.from({ length: clients }, () => beRude(port, rudeness, random));
        sockets.push(...(await Promise.all(rude)));
        t.true(controlPlane.running, `${rudeness.name} at ${port}:\n${controlPlane.output}`);
        t.true(agent.program.running, `${rudeness.name} at ${port}:\n${agent.program.output}`);
      }
    }
    // Whoever stays without a word may fill an admin port for as long as a head may take, and no longer.
    await untilPage(mesh.controlPlaneAdminPort, "/healthz", (body) => body === "ok\n");
    await untilPage(agent.adminPort, "/livez", (body) => body === "ok\n");
    const after = await mesh.configuration(agent);
    t.is(after.discovery.state, "streaming");
    t.is(after.discovery.applied, before.discovery.applied, "the stream was cut");
    await mesh.applyRoute("in-the-flood");
    await mesh.traffic.flow(30);
  } finally {
    for (const socket of sockets) socket.destroy();
  }
  await mesh.applyRoute("after-the-flood");
  t.is((await fetchPage(mesh.controlPlaneAdminPort, "/readyz")).status, 200);
  t.is((await fetchPage(agent.adminPort, "/readyz")).status, 200);
}

// Agents that leave and come under mixed traffic: no request may notice.
// Scale: 120 requests a second, 1 replacement; test/soak/faults.test.ts has 500 a second and 20.
import test from "ava";
import { drainAgent, killEndpoint, replaceAgent, restartFromLastGood } from "./agent-scenarios.ts";
import { FaultMesh } from "./fault-mesh.ts";

const backends = [{ service: "web", weight: 1 }];

test.serial(
  "an agent is replaced on the same sockets, and restarted without a control plane: no request fails",
  async (t) => {
    const mesh = await FaultMesh.start(t, { rate: 120, origins: { web: 2 }, backends, inherit: true });
    t.log("scale: 120 requests/s, 1 replacement (soak: 500/s and 20)");
    await replaceAgent(t, mesh, 1);
    await restartFromLastGood(t, mesh);
    await mesh.traffic.stop();
    t.log(mesh.traffic.summary());
    t.deepEqual(mesh.traffic.failures, []);
  },
);

test.serial(
  "an endpoint is killed, and agents are drained: no request fails but what was in flight on the endpoint",
  async (t) => {
    const mesh = await FaultMesh.start(t, {
      rate: 120,
      origins: { web: 2 },
      backends,
      agentEnvironment: { HEDDLE_DRAIN_ACCEPT_MS: "800" },
    });
    t.log("scale: 120 requests/s, 1 drain (soak: 500/s and 20)");
    await killEndpoint(t, mesh, "web");
    await drainAgent(t, mesh, 1);
    await mesh.traffic.stop();
    t.log(mesh.traffic.summary());
    t.deepEqual(mesh.traffic.failures, []);
  },
);

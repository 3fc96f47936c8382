// Faults of configuration and of the control plane, under mixed traffic: no request may notice.
// Scale: 120 requests a second, 25 weight changes, 1 kill of the control plane; test/soak/faults.test.ts has 500 a
// second, 1000 changes and 20 kills.
import test from "ava";
import { FaultMesh } from "./fault-mesh.ts";
import { changeWeights, endpointsLeave, killControlPlane, saveBrokenFile } from "./scenarios.ts";

test.serial(
  "weights change, endpoints leave, a file breaks, the control plane is killed: no request fails",
  async (t) => {
    const mesh = await FaultMesh.start(t, {
      rate: 120,
      origins: { stable: 2, canary: 4 },
      backends: [
        { service: "stable", weight: 9 },
        { service: "canary", weight: 1 },
      ],
    });
    t.log("scale: 120 requests/s, 25 weight changes, 1 kill of the control plane (soak: 500/s, 1000 and 20)");
    await changeWeights(t, mesh, 25);
    await saveBrokenFile(t, mesh, 3);
    await endpointsLeave(t, mesh, "canary");
    await killControlPlane(t, mesh, 1);
    await mesh.traffic.stop();
    t.log(mesh.traffic.summary());
    t.deepEqual(mesh.traffic.failures, []);
  },
);

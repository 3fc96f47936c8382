// Floods of bytes to every port of the control plane and of an agent: nothing crashes, and traffic goes on.
// Scale: 8 clients of each kind at each port, 60 requests a second; test/soak/faults.test.ts has 100 and 500.
import test from "ava";
import { FaultMesh } from "./fault-mesh.ts";
import { flood } from "./flood-scenario.ts";

test("a flood of bytes to the discovery, admin and gateway ports crashes nothing and fails no request", async (t) => {
  const mesh = await FaultMesh.start(t, { rate: 60, origins: { web: 2 }, backends: [{ service: "web", weight: 1 }] });
  t.log("scale: 60 requests/s, 8 clients of each of 10 kinds at 4 ports (soak: 500/s and 100)");
  await flood(t, mesh, 8);
  await mesh.traffic.stop();
  t.log(mesh.traffic.summary());
  t.deepEqual(mesh.traffic.failures, []);
});

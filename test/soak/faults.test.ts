// The faults at their full counts, under 500 requests a second of mixed traffic.
import test from "ava";
import { drainAgent, killEndpoint, replaceAgent, restartFromLastGood } from "../faults/agent-scenarios.ts";
import { FaultMesh } from "../faults/fault-mesh.ts";
import { flood } from "../faults/flood-scenario.ts";
import { changeWeights, endpointsLeave, killControlPlane, saveBrokenFile } from "../faults/scenarios.ts";

const rate = 500;
const backends = [{ service: "web", weight: 1 }];

test.serial("1000 weight changes", async (t) => {
  t.timeout(10 * 60_000);
  const mesh = await FaultMesh.start(t, {
    rate,
    origins: { stable: 2, canary: 2 },
    backends: [
      { service: "stable", weight: 9 },
      { service: "canary", weight: 1 },
    ],
  });
  await changeWeights(t, mesh, 1000);
  await mesh.traffic.stop();
  t.log(mesh.traffic.summary());
  t.deepEqual(mesh.traffic.failures, []);
});

test.serial("20 broken files, half of 20 endpoints leave, 20 kills of the control plane", async (t) => {
  t.timeout(10 * 60_000);
  const mesh = await FaultMesh.start(t, { rate, origins: { web: 20 }, backends });
  await saveBrokenFile(t, mesh, 20);
  await endpointsLeave(t, mesh, "web");
  await killControlPlane(t, mesh, 20);
  await mesh.traffic.stop();
  t.log(mesh.traffic.summary());
  t.deepEqual(mesh.traffic.failures, []);
});

test.serial("20 agents replaced on the same sockets, one restarted without a control plane", async (t) => {
  t.timeout(10 * 60_000);
  const mesh = await FaultMesh.start(t, { rate, origins: { web: 4 }, backends, inherit: true });
  await replaceAgent(t, mesh, 20);
  await restartFromLastGood(t, mesh);
  await mesh.traffic.stop();
  t.log(mesh.traffic.summary());
  t.deepEqual(mesh.traffic.failures, []);
});

test.serial("20 endpoints killed, 20 agents drained", async (t) => {
  t.timeout(10 * 60_000);
  const mesh = await FaultMesh.start(t, { rate, origins: { web: 4 }, backends });
  for (let kill = 0; kill < 20; kill++) await killEndpoint(t, mesh, "web");
  await drainAgent(t, mesh, 20);
  await mesh.traffic.stop();
  t.log(mesh.traffic.summary());
  t.deepEqual(mesh.traffic.failures, []);
});

test.serial("a flood of 100 clients of each rude kind at each port", async (t) => {
  t.timeout(10 * 60_000);
  const mesh = await FaultMesh.start(t, { rate, origins: { web: 4 }, backends });
  await flood(t, mesh, 100);
  await mesh.traffic.stop();
  t.log(mesh.traffic.summary());
  t.deepEqual(mesh.traffic.failures, []);
});

test.serial("two minutes of few requests to servers that close idle connections", async (t) => {
  t.timeout(10 * 60_000);
  // Twenty endpoints at 5 a second: a connection rests 4 s on average, as long as it may.
  const mesh = await FaultMesh.start(t, { rate: 5, origins: { web: 20 }, backends });
  await mesh.traffic.flow(600, 3 * 60_000);
  await mesh.traffic.stop();
  t.log(mesh.traffic.summary());
  t.deepEqual(mesh.traffic.failures, []);
});

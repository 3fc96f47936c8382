// From a saved file to an agent, over a real stream: edits, mistakes, statuses, start and end.
import { status } from "@grpc/grpc-js";
import test from "ava";
import { decodeResource } from "../../proto/discovery.ts";
import type { DiscoveryResponse } from "../../proto/messages.ts";
import { RawAgent } from "../protocol/raw-agent.ts";
import { bestMedian } from "../support/median.ts";
import { until } from "../support/until.ts";
import { gatewayText, mesh, routeText, servicesText, startControlPlane } from "./start.ts";

const gatewayAgent = { mode: "GATEWAY", namespace: "shop", subscriptions: ["gateway:shop/gw"] } as const;
const gateway = "Gateway shop/gw";
const parent = "HTTPRoute shop/split parent Gateway shop/gw";

function weights(response: DiscoveryResponse): number[] | undefined {
  const resource = response.resources.find(({ type }) => type === "ROUTE");
  if (resource === undefined) return undefined;
  const route = decodeResource("ROUTE", resource.body);
  return route.rules[0]?.backends.map(({ weight }) => weight);
}

test("K1 a Gateway is Programmed and has an address once an agent acknowledged it, and waits again without one", async (t) => {
  const { discoveryPort, condition, controlPlane } = await startControlPlane(t, mesh);
  t.is(condition(gateway, "Accepted"), "True/Accepted");
  t.is(condition(gateway, "Programmed"), "False/Pending");
  const agent = RawAgent.connect(discoveryPort, gatewayAgent);
  t.teardown(() => agent.close());
  const response = await agent.response();
  t.deepEqual(weights(response), [95, 5]);
  t.is(condition(gateway, "Programmed"), "False/Pending");
  agent.ack(response);
  await until(() => condition(gateway, "Programmed") === "True/Programmed");
  t.is(condition(`${gateway} listener http`, "Programmed"), "True/Programmed");
  const object = controlPlane.statuses.find(({ kind }) => kind === "Gateway");
  t.deepEqual(object!.status["addresses"], [{ type: "IPAddress", value: "127.0.0.1" }]);
  agent.close();
  // Not at once: an agent that moves to another replica is nobody's business.
  await until(() => condition(gateway, "Programmed") === "False/Pending", 20_000);
});

test("a Gateway that its agent refuses is not Programmed until a version comes that it takes", async (t) => {
  const { discoveryPort, condition, get, write, controlPlane } = await startControlPlane(t, mesh);
  const agent = RawAgent.connect(discoveryPort, gatewayAgent);
  t.teardown(() => agent.close());
  await agent.expectNack("LISTENER/shop/gw/http");
  // It acknowledges the rest of the snapshot, which does not make up for the listener.
  await agent.expectAck();
  const { generation } = controlPlane.discovery.snapshot!;
  await until(() => controlPlane.discovery.connectedAgents()[0]!.acknowledgedGeneration === generation);
  t.true((await (await get("/debug/agents")).text()).includes("refused by the test"));
  t.is(condition(gateway, "Programmed"), "False/Pending");
  write("gateway.json", gatewayText.replace('"port": 80', '"port": 81'));
  await agent.expectAck();
  await until(() => condition(gateway, "Programmed") === "True/Programmed");
});

test("T7 T12 a weight edited in a file reaches the agent within 200 ms, as one response", async (t) => {
  const { discoveryPort, write } = await startControlPlane(t, mesh);
  const agent = RawAgent.connect(discoveryPort, gatewayAgent);
  t.teardown(() => agent.close());
  await agent.expectAck();
  const milliseconds = await bestMedian(3, 200, async () => {
    const delays: number[] = [];
    for (const [stable, canary] of [
      [75, 25],
      [50, 50],
      [0, 100],
      [100, 0],
      [90, 10],
    ] as const) {
      const startedMs = performance.now();
      write("route.json", routeText(stable, canary));
      const response = await agent.expectAck();
      delays.push(performance.now() - startedMs);
      t.deepEqual(weights(response), [stable, canary]);
      t.deepEqual(
        response.resources.map(({ type }) => type),
        ["ROUTE"],
      );
    }
    return delays;
  });
  t.log(`median ${milliseconds.toFixed(0)} ms`);
  t.true(milliseconds < 200, `${milliseconds} ms`);
});

test("a broken file is a problem, changes nothing for agents, and mended it applies", async (t) => {
  const { discoveryPort, write, get, controlPlane } = await startControlPlane(t, mesh);
  const agent = RawAgent.connect(discoveryPort, gatewayAgent);
  t.teardown(() => agent.close());
  await agent.expectAck();
  const { generation } = controlPlane.discovery.snapshot!;
  const problems = async (): Promise<string> => JSON.stringify(await (await get("/debug/problems")).json());
  write("route.json", routeText(50, 50, { rules: [{ backendRefs: [{ name: "stable" }] }] }));
  const source = await startedProblems(problems, "required for a Service");
  t.true(source.includes("spec.rules[0].backendRefs[0].port"), source);
  t.is(controlPlane.discovery.snapshot!.generation, generation);
  t.is((await get("/readyz")).status, 200);
  write("route.json", routeText(50, 50));
  t.deepEqual(weights(await agent.expectAck()), [50, 50]);
  t.is(await problems(), '{"problems":[]}');
});

async function startedProblems(read: () => Promise<string>, wanted: string): Promise<string> {
  const giveUpAtMs = performance.now() + 5000;
  for (;;) {
    const found = await read();
    if (found.includes(wanted)) return found;
    if (performance.now() > giveUpAtMs) throw new Error(`no problem said ${wanted}: ${found}`);
  }
}

test("T16 A15 a wrong reference is the route's condition; the rest of it and other routes are served", async (t) => {
  const { condition, controlPlane } = await startControlPlane(t, {
    ...mesh,
    "services.json": servicesText,
    "gone.json": routeText(1, 1, {
      rules: [
        {
          backendRefs: [
            { name: "nobody", port: 80, weight: 0 },
            { name: "stable", port: 80 },
          ],
        },
      ],
    }).replace('"split"', '"gone"'),
    "kind.json": routeText(1, 1, {
      rules: [{ backendRefs: [{ group: "example.com", kind: "Thing", name: "x" }] }],
    }).replace('"split"', '"kind"'),
  });
  t.is(condition(parent, "ResolvedRefs"), "True/ResolvedRefs");
  t.is(condition("HTTPRoute shop/gone parent Gateway shop/gw", "ResolvedRefs"), "False/BackendNotFound");
  t.is(condition("HTTPRoute shop/gone parent Gateway shop/gw", "Accepted"), "True/Accepted");
  t.is(condition("HTTPRoute shop/kind parent Gateway shop/gw", "ResolvedRefs"), "False/InvalidKind");
  t.true(controlPlane.discovery.snapshot!.resources.has("ROUTE/shop/split"));
});

test("T34 a route whose Gateway is not in its namespace is told where there is one", async (t) => {
  const { changes } = await startControlPlane(t, {
    "gateway.json": gatewayText,
    "route.json": routeText(90, 10).replace('"shop"', '"default"'),
  });
  const accepted = changes.find(({ object, type }) => object.startsWith("HTTPRoute") && type === "Accepted");
  t.like(accepted, { status: "False", reason: "NoMatchingParent" });
  t.true(accepted!.message.includes("shop"), accepted!.message);
});

test("without a good state agents are told to come back, and nothing is ready", async (t) => {
  const { discoveryPort, get, write } = await startControlPlane(t, { "route.json": "kind: [" });
  t.is((await get("/healthz")).status, 200);
  t.is((await get("/readyz")).status, 503);
  t.is((await get("/debug/snapshot")).status, 503);
  const early = RawAgent.connect(discoveryPort, gatewayAgent);
  t.is((await early.end()).code, status.UNAVAILABLE);
  early.close();
  for (const [name, content] of Object.entries(mesh)) write(name, content);
  await startedProblems(async () => String((await get("/readyz")).status), "200");
  const agent = RawAgent.connect(discoveryPort, gatewayAgent);
  t.deepEqual(weights(await agent.expectAck()), [95, 5]);
  agent.close();
});

test("an end in order tells agents to reconnect; a second one changes nothing", async (t) => {
  const { discoveryPort, controlPlane, adminPort } = await startControlPlane(t, mesh);
  const agent = RawAgent.connect(discoveryPort, gatewayAgent);
  await agent.expectAck();
  await Promise.all([controlPlane.close(), controlPlane.close()]);
  t.is((await agent.end()).code, status.UNAVAILABLE);
  agent.close();
  await t.throwsAsync(fetch(`http://127.0.0.1:${adminPort}/healthz`));
});

test("a port that is taken fails the start and leaves nothing running", async (t) => {
  const { adminPort } = await startControlPlane(t, mesh);
  await t.throwsAsync(startControlPlane(t, mesh, { admin: { host: "127.0.0.1", port: adminPort } }), {
    code: "EADDRINUSE",
  });
});

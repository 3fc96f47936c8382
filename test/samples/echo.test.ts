import test from "ava";
import { RunningSample, heddle } from "./running-sample.ts";

test("K1, K3, K5, K6, K7 the echo sample splits 50/50, then 90/10 when the weights are edited", async (t) => {
  const echo = await RunningSample.start(t, "echo");

  const gateways = await heddle("get", "gateways", "-f", echo.folder, "-o", "json");
  t.deepEqual(JSON.parse(gateways.stdout), [
    {
      gateway: "kong/kong",
      address: `127.0.0.1:${echo.port}`,
      conditions: "Accepted, Programmed",
      listener: "http",
      routes: 1,
      "listener conditions": "Accepted, Programmed, ResolvedRefs",
    },
  ]);
  const [route] = JSON.parse((await heddle("get", "routes", "-f", echo.folder, "-o", "json")).stdout) as unknown[];
  t.like(route, { route: "kong/canary-route", parent: "Gateway kong/kong", conditions: "Accepted, ResolvedRefs" });

  t.deepEqual(await echo.count(10, "/echo", ({ body }) => body.trim()), {
    "Welcome, you are connected to node v1.": 5,
    "Welcome, you are connected to node v2.": 5,
  });

  await echo.edit("canary-route.yaml", [
    ["weight: 50", "weight: 90"],
    ["weight: 50", "weight: 10"],
  ]);
  t.deepEqual(await echo.count(100, "/echo", ({ body }) => body.slice(-5).trim()), { "v1.": 90, "v2.": 10 });

  t.true(
    (await echo.logs("echo-v1")).every((line) => line === "INFO v1 GET /echo"),
    "path arrives unchanged",
  );
});

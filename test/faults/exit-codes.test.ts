// How the two programs end: 0 in order, 1 failed, 2 wrong settings with the right ones printed. The control plane's
// settings are test/control-plane's.
import { createServer, type AddressInfo } from "node:net";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test, { type ExecutionContext } from "ava";
import { describeAgentConfig } from "../../agent/config.ts";
import { FaultMesh } from "./fault-mesh.ts";
import { freePorts } from "../../cli/up/workload/free-port.ts";
import { fetchPage, Program } from "../support/process.ts";

function run(t: ExecutionContext, path: string, environment: Readonly<Record<string, string>>): Program {
  const program = new Program(path, environment);
  t.teardown(() => program.destroy());
  return program;
}

const agentSettings = {
  HEDDLE_MODE: "sidecar",
  HEDDLE_NODE_NAMESPACE: "shop",
  HEDDLE_NODE_POD: "web-1",
  HEDDLE_CONTROL_PLANE: "127.0.0.1:1",
  HEDDLE_INBOUND_ADDRESS: "127.0.0.1:0",
  HEDDLE_OUTBOUND_ADDRESS: "127.0.0.1:0",
  HEDDLE_ADMIN_ADDRESS: "127.0.0.1:0",
  HEDDLE_DRAIN_ACCEPT_MS: "0",
  OTEL_SDK_DISABLED: "true",
};

async function takenPort(t: ExecutionContext): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.teardown(() => server.close());
  return (server.address() as AddressInfo).port;
}

test.serial(
  "an agent with wrong settings ends with 2, says every mistake at once and the right settings",
  async (t) => {
    const agent = run(t, "agent/main.ts", {
      ...agentSettings,
      HEDDLE_MODE: "router",
      HEDDLE_NODE_POD: "",
      HEDDLE_ADMIN_ADDRESS: "somewhere",
      HEDDLE_MAX_CONNECTIONS: "many",
      OTEL_SDK_DISABLED: "false",
      OTEL_EXPORTER_OTLP_ENDPOINT: "http://127.0.0.1:1",
      OTEL_TRACES_SAMPLER_ARG: "7",
    });
    t.deepEqual({ ...(await agent.exited), atMs: 0 }, { code: 2, signal: null, atMs: 0 });
    for (const expected of [
      'HEDDLE_MODE must be one of gateway, sidecar, not "router"',
      "HEDDLE_NODE_POD is required",
      'HEDDLE_ADMIN_ADDRESS must be host:port, for example 127.0.0.1:15020, not "somewhere"',
      'HEDDLE_MAX_CONNECTIONS must be a whole number from 1 to 1000000, not "many"',
      "OTEL_TRACES_SAMPLER_ARG",
      describeAgentConfig(),
    ])
      t.true(agent.output.includes(expected), `${expected} is not in:\n${agent.output}`);
  },
);

for (const [name, what] of [
  ["HEDDLE_ADMIN_ADDRESS", "admin"],
  ["HEDDLE_OUTBOUND_ADDRESS", "outbound"],
] as const)
  test.serial(`an agent whose ${what} port is taken ends with 1 and says so`, async (t) => {
    const port = await takenPort(t);
    const agent = run(t, "agent/main.ts", { ...agentSettings, [name]: `127.0.0.1:${port}` });
    t.is((await agent.exited).code, 1);
    t.true(agent.output.includes(`listen EADDRINUSE: address already in use 127.0.0.1:${port}`), agent.output);
  });

test.serial("an agent ends with 0 on SIGTERM and on SIGINT, with no control plane in sight", async (t) => {
  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    const agent = run(t, "agent/main.ts", agentSettings);
    await agent.until("starting", () => agent.output.includes('"msg":"started"'));
    agent.kill(signal);
    t.is((await agent.exited).code, 0, agent.output);
  }
});

test.serial("an agent that is told to stop while it loads ends at once", async (t) => {
  // As process 1 of a container it would never hear of a signal that comes before its handler.
  const stopWhileLoading = `import { registerHooks } from "node:module";
    registerHooks({
      load(url, context, next) {
        if (url.endsWith("/agent/agent.ts")) process.kill(process.pid, "SIGTERM");
        return next(url, context);
      },
    });`;
  const agent = run(t, "agent/main.ts", {
    ...agentSettings,
    NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(stopWhileLoading)}`,
  });
  const { code, signal } = await agent.exited;
  t.deepEqual({ code, signal }, { code: 0, signal: null }, agent.output);
});

for (const [name, other] of [
  ["HEDDLE_DISCOVERY_ADDRESS", "HEDDLE_ADMIN_ADDRESS"],
  ["HEDDLE_ADMIN_ADDRESS", "HEDDLE_DISCOVERY_ADDRESS"],
] as const)
  test.serial(`a control plane whose ${name} is taken ends with 1 and says so`, async (t) => {
    const folder = mkdtempSync(join(tmpdir(), "heddle-exit-"));
    t.teardown(() => rmSync(folder, { recursive: true, force: true }));
    const port = await takenPort(t);
    const controlPlane = run(t, "control-plane/main.ts", {
      HEDDLE_SOURCE: `folder:${folder}`,
      [name]: `127.0.0.1:${port}`,
      [other]: "127.0.0.1:0",
    });
    t.is((await controlPlane.exited).code, 1);
    t.regex(
      controlPlane.output,
      new RegExp(`(EADDRINUSE|already in use).*127\\.0\\.0\\.1:${port}|127\\.0\\.0\\.1:${port}.*EADDRINUSE`),
    );
  });

test.serial("a gateway whose listener's port is taken says so and takes it when it becomes free", async (t) => {
  const mesh = await FaultMesh.start(t, { rate: 20, origins: { web: 1 }, backends: [{ service: "web", weight: 1 }] });
  const [agent] = mesh.agents;
  const [adminPort = 0] = await freePorts(1);
  const second = run(t, "agent/main.ts", {
    ...agent!.environment,
    HEDDLE_ADMIN_ADDRESS: `127.0.0.1:${adminPort}`,
    HEDDLE_STATE_DIRECTORY: "",
  });
  await second.until("saying so", () => second.output.includes("cannot listen"));
  t.true(second.output.includes("EADDRINUSE"), second.output);
  t.is((await fetchPage(adminPort, "/livez")).status, 200);
  await mesh.traffic.stop();
  agent!.program.kill("SIGTERM");
  await agent!.program.exited;
  await second.until("listening", () => second.output.includes('"msg":"listening"'));
  mesh.traffic.start();
  await mesh.traffic.flow(5);
  t.pass();
});

// The control plane as a process: configuration, ports, signals, exit codes.
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test, { type ExecutionContext } from "ava";
import { describeConfig, readConfig } from "../../control-plane/config.ts";
import { until } from "../support/until.ts";
import { mesh } from "./start.ts";

interface Run {
  readonly child: ChildProcess;
  readonly output: () => string;
  readonly exited: Promise<number | null>;
}

const main = join(import.meta.dirname, "../../control-plane/main.ts");

function run(t: ExecutionContext, environment: Readonly<Record<string, string>>): Run {
  const child = spawn(process.execPath, [main], { env: environment, stdio: ["ignore", "pipe", "pipe"] });
  t.teardown(() => child.kill("SIGKILL"));
  let output = "";
  child.stdout.on("data", (data: Buffer) => (output += data.toString()));
  child.stderr.on("data", (data: Buffer) => (output += data.toString()));
  const exited = new Promise<number | null>((resolve) => {
    child.on("close", (code) => resolve(code));
  });
  return { child, output: () => output, exited };
}

function meshFolder(t: ExecutionContext): string {
  const folder = mkdtempSync(join(tmpdir(), "heddle-main-"));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  for (const [name, text] of Object.entries(mesh)) writeFileSync(join(folder, name), text);
  return folder;
}

const anyPorts = { HEDDLE_DISCOVERY_ADDRESS: "127.0.0.1:0", HEDDLE_ADMIN_ADDRESS: "127.0.0.1:0" };

test("it says its ports in one JSON line, is ready, and ends with 0 on a signal", async (t) => {
  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    const { child, output, exited } = run(t, { HEDDLE_SOURCE: `folder:${meshFolder(t)}`, ...anyPorts });
    await until(() => output().includes("control plane listening"));
    const line = output()
      .split("\n")
      .find((text) => text.includes("control plane listening"));
    const { adminPort, discoveryPort } = JSON.parse(line!) as { adminPort: number; discoveryPort: number };
    t.true(discoveryPort > 0);
    t.is((await fetch(`http://127.0.0.1:${adminPort}/readyz`)).status, 200);
    child.kill(signal);
    t.is(await exited, 0, output());
  }
});

test("a wrong configuration ends with 2, every mistake at once, and the right usage", async (t) => {
  const { output, exited } = run(t, { HEDDLE_SOURCE: "cluster", HEDDLE_ADMIN_ADDRESS: "here" });
  t.is(await exited, 2);
  t.true(output().includes('HEDDLE_SOURCE: expected folder:DIR or kubernetes, got "cluster"'), output());
  t.true(output().includes("HEDDLE_ADMIN_ADDRESS: expected ADDRESS:PORT"), output());
  t.true(output().includes(describeConfig()));
});

test("a folder that is none ends with 1 and one line that says so", async (t) => {
  const { output, exited } = run(t, { HEDDLE_SOURCE: "folder:/nowhere/at/all", ...anyPorts });
  t.is(await exited, 1);
  t.true(output().includes("not a folder: /nowhere/at/all"), output());
});

test("configuration: defaults, addresses, and a word about what is misspelt", (t) => {
  const read = readConfig({ HEDDLE_SOURCE: "folder:x", HEDDLE_ADMIN_ADDRESS: "[::1]:0", HEDDLE_LOG_LEVLE: "info" });
  t.deepEqual(read, {
    ok: true,
    warnings: ["HEDDLE_LOG_LEVLE: no such setting, ignored"],
    config: {
      source: { kind: "folder", folder: "x" },
      defaultNamespace: "default",
      controllerName: "heddle.dev/gateway-controller",
      discovery: { host: "127.0.0.1", port: 15_010 },
      admin: { host: "::1", port: 0 },
      health: null,
      webhook: null,
      podName: "",
      image: "",
      imagePullPolicy: "IfNotPresent",
      otlpEndpoint: "",
      traceSampling: "1",
      statusFolder: null,
      logLevel: "info",
      logFormat: "json",
    },
  });
});

for (const [name, value] of [
  ["HEDDLE_SOURCE", "folder:"],
  ["HEDDLE_DEFAULT_NAMESPACE", "Not_A_Label"],
  ["HEDDLE_CONTROLLER_NAME", "heddle"],
  ["HEDDLE_DISCOVERY_ADDRESS", "127.0.0.1"],
  ["HEDDLE_DISCOVERY_ADDRESS", "127.0.0.1:65536"],
  ["HEDDLE_ADMIN_ADDRESS", "::1:80"],
  ["HEDDLE_ADMIN_ADDRESS", "[127.0.0.1]:80"],
  ["HEDDLE_LOG_LEVEL", "loud"],
  ["HEDDLE_LOG_FORMAT", "xml"],
  ["HEDDLE_HEALTH_ADDRESS", "15015"],
  ["HEDDLE_WEBHOOK_ADDRESS", "https://x"],
  ["HEDDLE_POD_NAME", "A_B"],
  ["HEDDLE_IMAGE", "a b"],
  ["HEDDLE_IMAGE_PULL_POLICY", "Sometimes"],
  ["HEDDLE_OTLP_ENDPOINT", "jaeger:4317"],
  ["HEDDLE_TRACE_SAMPLING", "2"],
] as const)
  test(`configuration: ${name}=${value} is refused by name`, (t) => {
    const read = readConfig({ HEDDLE_SOURCE: "folder:x", [name]: value });
    t.false(read.ok);
    if (!read.ok)
      t.deepEqual(
        read.errors.map((error) => error.split(":")[0]),
        [name],
      );
  });

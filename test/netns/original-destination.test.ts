// The destination of captured connections, from a real kernel: a network namespace of its own, iptables REDIRECT, and the
// rule that leaves the sidecar's own dials alone. Without root or the tools, it says which is missing and skips.
import { threadId } from "node:worker_threads";
import type { ChildProcess } from "node:child_process";
import { execFile, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import test from "ava";
import { until } from "../support/until.ts";

const service = "10.96.0.10";
const outside = "10.97.0.1";
const outsideIpv6 = "fd00::97";
const namespace = `heddle-test-${process.pid}-${threadId}`;
const sidecarUser = 1337;
const run = promisify(execFile);

/** Why a namespace with redirection cannot be had here, or "". */
function missing(): string {
  if (process.platform !== "linux") return "not Linux";
  if (process.getuid?.() !== 0) return "not root";
  try {
    execFileSync("ip", ["netns", "add", namespace], { stdio: "pipe" });
    inNamespaceSync("ip", "link", "set", "lo", "up");
    inNamespaceSync("iptables", "-w", "-t", "nat", "-S");
    return "";
  } catch (error) {
    removeNamespace();
    return String((error as { stderr?: Buffer }).stderr ?? error).trim() || String(error);
  }
}

function inNamespaceSync(...command: string[]): void {
  execFileSync("ip", ["netns", "exec", namespace, ...command], { stdio: "pipe" });
}

function removeNamespace(): void {
  try {
    execFileSync("ip", ["netns", "delete", namespace], { stdio: "pipe" });
  } catch {
    // It is not there.
  }
}

function hasIpv6(): boolean {
  try {
    inNamespaceSync("ip", "-6", "address", "add", `${outsideIpv6}/128`, "dev", "lo", "nodad");
    inNamespaceSync("ip6tables", "-w", "-t", "nat", "-S");
    return true;
  } catch {
    return false;
  }
}

/** A client in the namespace, as the given user: what it received, and the port it dialled from. */
async function dial(user: number, host: string, port: number, text: string): Promise<{ text: string; port: number }> {
  const script = `
    process.setuid(${user});
    let port = 0, text = "";
    const socket = require("node:net").connect(${JSON.stringify({ host, port })}, () => {
      port = socket.localPort;
      socket.write(${JSON.stringify(text)});
    });
    socket.on("data", (bytes) => (text += bytes));
    socket.on("error", (error) => (text += error.message));
    socket.on("close", () => console.log(JSON.stringify({ text, port })));`;
  const { stdout } = await run("ip", ["netns", "exec", namespace, process.execPath, "-e", script], { timeout: 5000 });
  return JSON.parse(stdout) as { text: string; port: number };
}

const reason = missing();

test("captured connections: the kernel says where they were going, and the sidecar's own dials are left alone", async (t) => {
  if (reason !== "") {
    t.log(`skipped: ${reason}`);
    t.pass();
    return;
  }
  let sidecar: ChildProcess | null = null;
  t.teardown(async () => {
    if (sidecar !== null && sidecar.exitCode === null && sidecar.signalCode === null) {
      const exited = once(sidecar, "exit");
      sidecar.kill("SIGKILL");
      await exited;
    }
    removeNamespace();
  });
  for (const address of [service, outside]) inNamespaceSync("ip", "address", "add", `${address}/32`, "dev", "lo");
  const ipv6 = hasIpv6();
  const main = fileURLToPath(new URL("redirected-sidecar.ts", import.meta.url));
  sidecar = spawn(
    "ip",
    ["netns", "exec", namespace, process.execPath, main, service, outside, ipv6 ? outsideIpv6 : ""],
    { stdio: ["ignore", "pipe", "pipe"] },
  );
  let output = "";
  let errors = "";
  sidecar.stdout?.setEncoding("utf8").on("data", (text: string) => (output += text));
  sidecar.stderr?.setEncoding("utf8").on("data", (text: string) => (errors += text));
  await until(() => output.includes("\n") || sidecar?.exitCode !== null);
  t.regex(output, /^\{/, errors);
  const ports = JSON.parse(output.split("\n")[0] ?? "") as { outsidePort: number; outsideIpv6Port: number };
  const asked = (): string[] =>
    output
      .trim()
      .split("\n")
      .slice(1)
      .map((line) => (JSON.parse(line) as { asked: string }).asked);
  const request = "GET / HTTP/1.1\r\nHost: not.the.service\r\n\r\n";

  // A frontend: nothing listens on its address, and its port is the service's.
  const routed = await dial(0, service, 80, request.replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n"));
  t.regex(routed.text, /^HTTP\/1\.1 200 [^]*backend \d+$/);
  t.deepEqual(asked(), [], "the snapshot knows it");

  // No frontend: passed through untouched, from another port than the client's.
  const passed = await dial(0, outside, ports.outsidePort, "not http");
  t.regex(passed.text, /^outside \d+$/);
  t.not(passed.text, `outside ${passed.port}`, "the sidecar dialled, not the client");
  await until(() => asked().length === 1);
  t.deepEqual(asked(), [`${outside}:${ports.outsidePort}`]);

  // The sidecar's own user is left alone, else its dials would come back to it for ever.
  const exempt = await dial(sidecarUser, outside, ports.outsidePort, "not http");
  t.is(exempt.text, `outside ${exempt.port}`);
  t.is(asked().length, 1);

  if (!ipv6) {
    t.log("IPv6 not tried: this namespace has none");
    return;
  }
  const overIpv6 = await dial(0, outsideIpv6, ports.outsideIpv6Port, "not http");
  t.regex(overIpv6.text, /^outside-ipv6 \d+$/);
  t.not(overIpv6.text, `outside-ipv6 ${overIpv6.port}`);
  await until(() => asked().length === 2);
  t.is(asked()[1], `[${outsideIpv6}]:${ports.outsideIpv6Port}`);
});

// Two network namespaces joined by a cable: one for a pod, one for the node that it runs on. Programs run in either, the
// capture program with the rights of an init container and the agent as the proxy's user. The machine's own tables are
// never touched. Without root or the tools, `missing` says which, and tests skip.
import { threadId } from "node:worker_threads";
import type { ChildProcess } from "node:child_process";
import { execFileSync, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { proxyUserId } from "../../proto/kubernetes.ts";
import type { Test } from "../support/test-context.ts";
import { until } from "../support/until.ts";

export const podAddress = "10.77.0.2";
export const nodeAddress = "10.77.0.1";
export const podIpv6 = "fd77::2";
export const nodeIpv6 = "fd77::1";

const programOf = (path: string): string => fileURLToPath(new URL(`../../${path}`, import.meta.url));

export interface Finished {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A program that runs on until the test ends. */
export interface Running {
  readonly child: ChildProcess;
  output(): string;
  /** Ends it and resolves with its exit code. */
  stop(signal?: NodeJS.Signals): Promise<number | null>;
}

/** Why namespaces with redirection cannot be had here, or "". */
export function missing(): string {
  if (process.platform !== "linux") return "not Linux";
  if (process.getuid?.() !== 0) return "not root";
  for (const [program, argument] of [
    ["ip", "-V"],
    ["nsenter", "-V"],
    ["iptables", "-V"],
  ] as const) {
    if (spawnSync(program, [argument]).error !== undefined) return `${program} is not installed`;
  }
  const name = `heddle-try-${process.pid}-${threadId}`;
  try {
    execFileSync("ip", ["netns", "add", name], { stdio: "pipe" });
    execFileSync("ip", ["netns", "exec", name, "iptables", "-t", "nat", "-S"], { stdio: "pipe" });
    return "";
  } catch (error) {
    return String((error as { stderr?: Buffer }).stderr ?? error).trim() || String(error);
  } finally {
    spawnSync("ip", ["netns", "delete", name]);
  }
}

let made = 0;

export class PodNamespace {
  readonly #name: string;
  readonly #node: string;
  readonly #running: Running[] = [];

  private constructor(name: string) {
    this.#name = name;
    this.#node = `${name}-node`;
  }

  /** Both namespaces, cabled, with addresses of both families, gone when the test ends. */
  static create(t: Test): PodNamespace {
    const pod = new PodNamespace(`heddle-${process.pid}-${threadId}-${made++}`);
    t.teardown(async () => {
      for (const running of pod.#running) await running.stop("SIGKILL");
      for (const name of [pod.#name, pod.#node]) spawnSync("ip", ["netns", "delete", name]);
    });
    const ip = (...command: readonly string[]): void => {
      execFileSync("ip", command, { stdio: "pipe" });
    };
    for (const name of [pod.#name, pod.#node]) {
      ip("netns", "add", name);
      ip("-n", name, "link", "set", "lo", "up");
    }
    ip("-n", pod.#node, "link", "add", "pod0", "type", "veth", "peer", "name", "eth0", "netns", pod.#name);
    for (const [name, device, address, ipv6] of [
      [pod.#name, "eth0", podAddress, podIpv6],
      [pod.#node, "pod0", nodeAddress, nodeIpv6],
    ] as const) {
      ip("-n", name, "address", "add", `${address}/24`, "dev", device);
      ip("-n", name, "address", "add", `${ipv6}/64`, "dev", device, "nodad");
      ip("-n", name, "link", "set", device, "up");
    }
    ip("-n", pod.#name, "route", "add", "default", "via", nodeAddress);
    ip("-n", pod.#name, "-6", "route", "add", "default", "via", nodeIpv6);
    return pod;
  }

  /** Runs a program in the pod, as root, to its end. */
  run(command: readonly string[], environment: NodeJS.ProcessEnv = {}): Finished {
    return this.#run(this.#name, command, environment);
  }

  /** Runs a program on the node, as root, to its end. */
  inNode(command: readonly string[]): Finished {
    return this.#run(this.#node, command, {});
  }

  #run(namespace: string, command: readonly string[], environment: NodeJS.ProcessEnv): Finished {
    const { status, stdout, stderr } = spawnSync("ip", ["netns", "exec", namespace, ...command], {
      encoding: "utf8",
      env: { ...process.env, ...environment },
    });
    return { status, stdout, stderr };
  }

  /** The init container's program. `path` in place of PATH. */
  capture(environment: NodeJS.ProcessEnv = {}, path?: string): Finished {
    // Nobody but the program itself is looked for in `path`.
    const command = [process.execPath, programOf("agent/capture/main.ts")];
    return this.run(path === undefined ? command : ["/usr/bin/env", `PATH=${path}`, ...command], environment);
  }

  /** The rules of table nat in the form of iptables-save, without comments and counters. */
  rules(family: "ipv4" | "ipv6" = "ipv4", variant = ""): readonly string[] {
    const { stdout } = this.run([`${family === "ipv4" ? "iptables" : "ip6tables"}${variant}-save`, "-t", "nat"]);
    return stdout.split("\n").filter((line) => line.startsWith("-A") || line.startsWith(":HEDDLE"));
  }

  /** Starts the agent as the proxy's user, a sidecar with capture that no control plane answers. */
  startAgent(environment: NodeJS.ProcessEnv = {}): Running {
    return this.start("agent/main.ts", [], proxyUserId, {
      HEDDLE_MODE: "sidecar",
      HEDDLE_NODE_NAMESPACE: "test",
      HEDDLE_NODE_POD: "pod",
      HEDDLE_CONTROL_PLANE: "127.0.0.1:1",
      HEDDLE_CAPTURE: "on",
      HEDDLE_NODE_ADDRESS: podAddress,
      HEDDLE_HEALTH_ADDRESS: "[::]:15021",
      HEDDLE_READY_TIMEOUT_MS: "1",
      ...environment,
    });
  }

  /** Starts one of our programs in the pod as a user. */
  start(path: string, more: readonly string[], user: number, environment: NodeJS.ProcessEnv = {}): Running {
    return this.#start(this.#name, path, more, user, environment);
  }

  /** Starts one of our programs on the node. */
  startInNode(path: string, more: readonly string[]): Running {
    return this.#start(this.#node, path, more, 0, {});
  }

  #start(
    namespace: string,
    path: string,
    more: readonly string[],
    user: number,
    environment: NodeJS.ProcessEnv,
  ): Running {
    const as = [`--net=/var/run/netns/${namespace}`, "--setuid", String(user), "--setgid", String(user)];
    const child = spawn("nsenter", [...as, process.execPath, programOf(path), ...more], {
      env: { ...process.env, ...environment },
      stdio: ["ignore", "pipe", "pipe"],
    });
    let output = "";
    child.stdout.setEncoding("utf8").on("data", (text: string) => (output += text));
    child.stderr.setEncoding("utf8").on("data", (text: string) => (output += text));
    const running: Running = {
      child,
      output: () => output,
      async stop(signal = "SIGTERM") {
        if (child.exitCode === null && child.signalCode === null) {
          const exited = once(child, "exit");
          child.kill(signal);
          await exited;
        }
        return child.exitCode;
      },
    };
    this.#running.push(running);
    return running;
  }

  /** GET as the kubelet sends it, from the node: status and body; status 0 when there is no answer. */
  async get(url: string): Promise<{ readonly status: number; readonly body: string }> {
    return JSON.parse(await this.#inNode(getScript, [url])) as { status: number; body: string };
  }

  /** Asks the node's way until readiness is answered with a body that matches; the last body. */
  readiness(matching: RegExp, host = podAddress): Promise<string> {
    const authority = host.includes(":") ? `[${host}]` : host;
    return this.#inNode(readinessScript, [`http://${authority}:15021/readyz`, matching.source]);
  }

  /** What one connection gets that says `text`, and the port it came from: from the node, or from the pod as a user. */
  async dial(from: "node" | number, host: string, port: number, text: string): Promise<{ text: string; port: number }> {
    const answer =
      from === "node"
        ? await this.#inNode(dialScript, ["", host, String(port), text])
        : await this.#finish(this.#name, dialScript, [String(from), host, String(port), text]);
    return JSON.parse(answer) as { text: string; port: number };
  }

  #inNode(script: string, more: readonly string[]): Promise<string> {
    return this.#finish(this.#node, script, more);
  }

  async #finish(namespace: string, script: string, more: readonly string[]): Promise<string> {
    const child = spawn("ip", ["netns", "exec", namespace, process.execPath, "-e", script, ...more], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    let output = "";
    child.stdout.setEncoding("utf8").on("data", (text: string) => (output += text));
    await until(() => child.exitCode !== null || child.signalCode !== null, 40_000);
    await until(() => child.stdout.readableEnded);
    return output;
  }
}

const getScript = `
  const request = require("node:http").get(process.argv[1], { agent: false, timeout: 5000, headers: { "user-agent": "kube-probe/1.36" } }, (response) => {
    let body = "";
    response.on("data", (bytes) => (body += bytes));
    response.on("end", () => console.log(JSON.stringify({ status: response.statusCode, body })));
  });
  request.on("timeout", () => request.destroy(new Error("timeout")));
  request.on("error", (error) => console.log(JSON.stringify({ status: 0, body: error.message })));`;

const readinessScript = `
  const [url, matching] = process.argv.slice(1);
  const give = performance.now() + 30000;
  const ask = () => {
    let body = "";
    const next = () => {
      if (!new RegExp(matching).test(body) && performance.now() < give) setTimeout(ask, 50);
      else process.stdout.write(body);
    };
    const request = require("node:http").get(url, { agent: false, timeout: 5000 }, (response) => {
      response.on("data", (bytes) => (body += bytes));
      response.on("end", next);
    });
    request.on("timeout", () => request.destroy(new Error("timeout")));
    request.on("error", (error) => { body = error.message; next(); });
  };
  ask();`;

const dialScript = `
  const [user, host, port, said] = process.argv.slice(1);
  if (user !== "") process.setuid(Number(user));
  let localPort = 0, text = "";
  const socket = require("node:net").connect({ host, port: Number(port), timeout: 3000 }, () => {
    localPort = socket.localPort;
    socket.write(said);
  });
  socket.on("data", (bytes) => (text += bytes));
  socket.on("timeout", () => socket.destroy(new Error("timeout")));
  socket.on("error", (error) => (text += error.code ?? error.message));
  socket.on("close", () => console.log(JSON.stringify({ text, port: localPort })));`;

// A way from this machine to a Service of the cluster: its ClusterIP where this machine routes to those, else one
// long-lived `kubectl port-forward`, which picks one pod behind the Service and stays with it.
import { type ChildProcess, spawn } from "node:child_process";
import { connect } from "node:net";
import { kubectl } from "./kubectl.ts";
import { waitFor } from "./wait-for.ts";

const connectDeadlineMs = 1000;
/**
 * Ports to probe from: below those that the kernel takes by itself. A connection to a ClusterIP that kube-proxy does not
 * know yet is remembered as it was for two minutes, and a later one from the same port goes nowhere (EHOSTUNREACH).
 */
const firstProbePort = 10_000;
const probePorts = 20_000;
const openDeadlineMs = 30_000;

export interface Address {
  readonly host: string;
  readonly port: number;
}

export interface Way extends Address {
  close(): Promise<void>;
}

/** Opens a way to port `port` of the Service; it accepts connections when this resolves. The caller closes it. */
export async function reachService(namespace: string, service: string, port: number): Promise<Way> {
  if (await routesToClusterAddresses()) {
    const host = await kubectl(["-n", namespace, "get", "service", service, "-o", "jsonpath={.spec.clusterIP}"]);
    await waitFor(`${host}:${port} accepts a connection`, () => accepts({ host, port }), {
      deadlineMs: openDeadlineMs,
    });
    return { host, port, close: () => Promise.resolve() };
  }
  return forwardPort(namespace, `service/${service}`, port);
}

/** Opens a port of 127.0.0.1 that leads to `port` of one pod of `target`, such as "pod/name" or "service/name". */
export function forwardPort(namespace: string, target: string, port: number): Promise<Way> {
  const child = spawn("kubectl", ["-n", namespace, "port-forward", "--address=127.0.0.1", target, `:${port}`], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  return new Promise((resolve, reject) => {
    let output = "";
    const timer = setTimeout(() => {
      child.kill();
      reject(new Error(`no port-forward to ${target} in ${openDeadlineMs} ms: ${output}`));
    }, openDeadlineMs);
    const hear = (text: string): void => {
      output += text;
      const match = /Forwarding from 127\.0\.0\.1:(\d+)/.exec(output);
      if (match === null) return;
      clearTimeout(timer);
      resolve({ host: "127.0.0.1", port: Number(match[1]), close: () => end(child) });
    };
    child.stdout.setEncoding("utf8").on("data", hear);
    child.stderr.setEncoding("utf8").on("data", hear);
    child.once("error", reject);
    child.once("exit", () => {
      clearTimeout(timer);
      reject(new Error(`port-forward to ${target} ended: ${output}`));
    });
  });
}

let routes: Promise<boolean> | undefined;

/** Whether this machine, and not only pods, can connect to a ClusterIP: asked once, of the API server's own. */
function routesToClusterAddresses(): Promise<boolean> {
  routes ??= (async () => {
    const path = "jsonpath={.spec.clusterIP} {.spec.ports[0].port}";
    const [host = "", port] = (await kubectl(["-n", "default", "get", "service", "kubernetes", "-o", path])).split(" ");
    return accepts({ host, port: Number(port) });
  })();
  return routes;
}

function accepts({ host, port }: Address): Promise<boolean> {
  return new Promise((resolve) => {
    const localPort = firstProbePort + Math.floor(Math.random() * probePorts);
    const socket = connect({ host, port, localPort });
    const settle = (value: boolean): void => {
      socket.destroy();
      resolve(value);
    };
    socket.setTimeout(connectDeadlineMs, () => settle(false));
    socket.once("connect", () => settle(true));
    socket.once("error", () => settle(false));
  });
}

function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve();
  return new Promise((resolve) => {
    child.once("exit", () => resolve());
    child.kill();
  });
}

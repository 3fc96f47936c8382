// A tcpSocket probe: passed when the connection stands. Owns the one connection.
import net from "node:net";
import type { ProbeTarget, ProbeVerdict } from "./verdict.ts";

/** Rejects when the connection fails or the signal comes first. */
export function probeTcp(target: ProbeTarget, signal: AbortSignal): Promise<ProbeVerdict> {
  return new Promise((resolve, reject) => {
    const socket = net.connect({ ...target, signal } as net.TcpNetConnectOpts);
    socket.once("connect", () => {
      resolve({ passed: true, reason: "connected" });
      socket.destroy();
    });
    socket.on("error", reject);
  });
}

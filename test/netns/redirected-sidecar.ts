// Runs inside a network namespace that a test made: origins, and a sidecar whose outbound connections iptables redirects
// to it. It becomes the user whom the rules leave alone, prints its ports as one line of JSON, and then one line for each
// destination that it asks for. Arguments: address of a service, of an outside server, and its IPv6 address or "".
import { execFileSync } from "node:child_process";
import net from "node:net";
import { sidecarFor } from "../support/sidecar.ts";
import { backend, rule } from "../support/resources.ts";

const [service = "", outside = "", outsideIpv6 = ""] = process.argv.slice(2);
const sidecarUser = 1337;

/** Answers the first bytes with its name and the port they came from, as HTTP when asked in it, and ends. */
async function listen(name: string, host: string): Promise<number> {
  const server = net.createServer((socket) => {
    socket.on("error", () => undefined);
    socket.once("data", (bytes: Buffer) => {
      const text = `${name} ${socket.remotePort}`;
      const head = `HTTP/1.1 200 OK\r\nContent-Length: ${text.length}\r\nConnection: close\r\n\r\n`;
      socket.end(bytes.toString("latin1").startsWith("GET ") ? head + text : text);
    });
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(0, host, resolve);
  });
  return (server.address() as net.AddressInfo).port;
}

const backendPort = await listen("backend", "127.0.0.1");
const outsidePort = await listen("outside", outside);
const outsideIpv6Port = outsideIpv6 === "" ? 0 : await listen("outside-ipv6", outsideIpv6);
const sidecar = await sidecarFor(
  { teardown: () => undefined },
  { frontend: `${service}:80`, rules: [rule([backend("backend")])], clusters: { backend: [backendPort] } },
  { capture: true, host: outsideIpv6 === "" ? "127.0.0.1" : "::" },
);
for (const tables of outsideIpv6 === "" ? ["iptables"] : ["iptables", "ip6tables"]) {
  const append = ["-w", "-t", "nat", "-A", "OUTPUT", "-p", "tcp"];
  execFileSync(tables, [...append, "-m", "owner", "--uid-owner", String(sidecarUser), "-j", "RETURN"]);
  execFileSync(tables, [...append, "-j", "REDIRECT", "--to-ports", String(sidecar.outbound)]);
}
process.setgid?.(sidecarUser);
process.setuid?.(sidecarUser);
process.stdout.write(`${JSON.stringify({ outsidePort, outsideIpv6Port })}\n`);

// No control plane: what the snapshot does not have is told at once that nobody knows it.
let told = 0;
setInterval(() => {
  for (const asked of sidecar.resolver.asked.slice(told)) process.stdout.write(`${JSON.stringify({ asked })}\n`);
  told = sidecar.resolver.asked.length;
  sidecar.resolver.answer();
}, 5);

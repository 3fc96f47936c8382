// Connections that are relayed as bytes: whole in both directions, each direction ending on its own, and no faster than
// whoever reads.
import { createHash, randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import type net from "node:net";
import test from "ava";
import { RawClient } from "../support/raw-client.ts";
import type { RawServer } from "../support/raw-server.ts";
import { startRawServer } from "../support/raw-server.ts";
import { sidecarFor } from "../support/sidecar.ts";
import type { TestSidecar } from "../support/sidecar.ts";
import type { Test } from "../support/test-context.ts";
import { until } from "../support/until.ts";

/** A client whose connection is relayed to a server that the test writes. */
async function relayed(
  t: Test,
  onSocket: (socket: net.Socket) => void,
): Promise<{ readonly client: RawClient; readonly server: RawServer; readonly sidecar: TestSidecar }> {
  const server = await startRawServer(t, onSocket);
  const destination = { address: "127.0.0.1", port: server.port };
  const sidecar = await sidecarFor(t, {
    frontend: "other:80",
    rules: [],
    clusters: {},
    missing: [`127.0.0.1:${server.port}`],
  });
  const client = await RawClient.connect(t, await sidecar.captured(destination));
  return { client, server, sidecar };
}

const digest = (bytes: Buffer): string => createHash("sha256").update(bytes).digest("hex");

test("32 MB go each way at the same time and arrive as they were sent", async (t) => {
  const up = randomBytes(32 * 1024 * 1024);
  const down = randomBytes(32 * 1024 * 1024);
  const arrived = createHash("sha256");
  let ended = false;
  const { client } = await relayed(t, (socket) => {
    socket.end(down);
    socket.on("data", (bytes: Buffer) => arrived.update(bytes));
    socket.on("end", () => (ended = true));
  });
  const received: Buffer[] = [];
  client.socket.removeAllListeners("data");
  client.socket.on("data", (text: Buffer | string) => received.push(Buffer.from(text as string, "latin1")));
  client.socket.end(up);
  await until(() => ended && client.closing === "end");
  t.is(arrived.digest("hex"), digest(up));
  t.is(digest(Buffer.concat(received)), digest(down));
});

test("the client's end reaches the server, which may go on talking", async (t) => {
  let heard = "";
  const { client, sidecar } = await relayed(t, (socket) => {
    socket.setEncoding("latin1");
    socket.on("data", (text: string) => (heard += text));
    socket.on("end", () => {
      socket.write("after your end, ");
      setTimeout(() => socket.end("I go on"), 30);
    });
  });
  client.write("\x01question");
  client.end();
  await client.ended();
  t.is(heard, "\x01question");
  t.is(client.received, "after your end, I go on");
  await until(() => client.closed);
  t.is(sidecar.context.metrics.downstreamConnections.with("outbound").value, 0, "both sides are gone");
});

test("the server's end reaches the client, which may go on talking", async (t) => {
  let heard = "";
  let over = false;
  const { client } = await relayed(t, (socket) => {
    socket.setEncoding("latin1");
    socket.end("bye");
    socket.on("data", (text: string) => (heard += text));
    socket.on("end", () => (over = true));
  });
  await client.ended();
  t.is(client.received, "bye");
  client.write("still here");
  await until(() => heard === "still here");
  client.end();
  await until(() => over);
  t.pass();
});

for (const slow of ["client", "server"] as const) {
  test(`a ${slow} that does not read stops the other side, and loses nothing`, async (t) => {
    let accepted: net.Socket | null = null;
    const { client } = await relayed(t, (socket) => (accepted = socket));
    client.write("\x01");
    await until(() => accepted !== null);
    const server = accepted!;
    const [reader, writer] = slow === "client" ? [client.socket, server] : [server, client.socket];
    client.socket.removeAllListeners("data");
    reader.pause();
    const total = 48 * 1024 * 1024;
    const chunk = Buffer.alloc(256 * 1024, "x");
    let written = 0;
    const fill = (): void => {
      while (written < total) {
        written += chunk.length;
        if (!writer.write(chunk)) return;
      }
    };
    writer.on("drain", fill);
    fill();
    let last = -1;
    for (let still = 0; still < 10; still = written === last ? still + 1 : 0) {
      last = written;
      await new Promise((resolve) => {
        setTimeout(resolve, 10);
      });
    }
    t.true(written < total / 2, `${written} bytes were taken`);
    let read = 0;
    reader.on("data", (bytes: Buffer | string) => (read += bytes.length));
    reader.resume();
    // The octet that opened the relay is part of what the server reads.
    const expected = total + (slow === "server" ? 1 : 0);
    await until(() => read >= expected);
    t.is(read, expected);
  });
}

const onLinux = process.platform === "linux" ? test : test.skip;
if (onLinux === test.skip) console.log("skipped: the test of keepalive reads /proc");

onLinux("both peers are probed when they say nothing: one that is gone without a word is noticed", async (t) => {
  const accepted = Promise.withResolvers<net.Socket>();
  const { client } = await relayed(t, accepted.resolve);
  client.write("\x01");
  const server = await accepted.promise;
  // The agent's ends of the two connections, seen from their peers.
  for (const { localPort, remotePort } of [client.socket, server]) {
    await until(() => timerOf(remotePort!, localPort!) === "keepalive");
  }
  t.pass();
});

/** Which timer the kernel runs for a connection from one port to the other. */
function timerOf(localPort: number, remotePort: number): string {
  const hexadecimal = (port: number): string => `:${port.toString(16).toUpperCase().padStart(4, "0")}`;
  const row = readFileSync("/proc/net/tcp", "latin1")
    .split("\n")
    .map((line) => line.trim().split(/\s+/))
    .find(([, local, remote]) => local?.endsWith(hexadecimal(localPort)) && remote?.endsWith(hexadecimal(remotePort)));
  // proc_net_tcp.rst: "timer_active".
  return row?.[5]?.startsWith("02:") ? "keepalive" : (row?.[5] ?? "no such connection");
}

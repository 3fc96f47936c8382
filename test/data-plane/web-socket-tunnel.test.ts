// WebSocket connections (RFC 6455) under load: large messages, sides that do not read, refusals that are large, and the tunnel
// count however a connection ends. What the handshake becomes is web-socket.test.ts's.
import { createHash } from "node:crypto";
import type net from "node:net";
import test from "ava";
import { manualClock } from "../support/manual-clock.ts";
import type { TestProxy } from "../support/proxy.ts";
import { proxyFor } from "../support/proxy.ts";
import { RawClient } from "../support/raw-client.ts";
import { startOrigin, startRawServer } from "../support/raw-server.ts";
import type { RawMessage } from "../support/raw-message.ts";
import { readMessage, valuesOf } from "../support/raw-message.ts";
import { backend, rule } from "../support/resources.ts";
import type { Test } from "../support/test-context.ts";
import { until } from "../support/until.ts";

const toEndpoints = (...ports: number[]) => ({ rules: [rule([backend("origin")])], clusters: { origin: ports } });
const key = "dGhlIHNhbXBsZSBub25jZQ==";
const handshake = (more = ""): string =>
  `GET /chat?room=1 HTTP/1.1\r\nHost: Shop.Example:8080\r\nUpgrade: websocket\r\nConnection: keep-alive, Upgrade\r\n` +
  `Sec-WebSocket-Key: ${key}\r\nSec-WebSocket-Version: 13\r\n${more}\r\n`;

/** RFC 6455 section 5.2, as a client sends it: masked, with a length of any size. */
function frame(opcode: number, payload: Buffer): Buffer {
  const { length } = payload;
  const mask = Buffer.from([1, 2, 3, 4]);
  const head = Buffer.alloc(length < 126 ? 2 : length < 65_536 ? 4 : 10);
  head[0] = 0x80 | opcode;
  head[1] = 0x80 | (length < 126 ? length : length < 65_536 ? 126 : 127);
  if (head.length === 4) head.writeUInt16BE(length, 2);
  if (head.length === 10) head.writeBigUInt64BE(BigInt(length), 2);
  return Buffer.concat([head, mask, payload.map((octet, index) => octet ^ mask[index % 4]!)]);
}

/** The first frame in `bytes`, mask removed, and where it ends; null while it is incomplete. */
function readFrame(bytes: Buffer): { opcode: number; payload: Buffer; end: number } | null {
  if (bytes.length < 2) return null;
  const short = bytes[1]! & 0x7f;
  const lengthEnd = short < 126 ? 2 : short === 126 ? 4 : 10;
  const masked = (bytes[1]! & 0x80) !== 0;
  const start = lengthEnd + (masked ? 4 : 0);
  if (bytes.length < start) return null;
  const length = short < 126 ? short : short === 126 ? bytes.readUInt16BE(2) : Number(bytes.readBigUInt64BE(2));
  if (bytes.length < start + length) return null;
  const payload = Buffer.from(bytes.subarray(start, start + length));
  const unmasked = masked ? length : 0;
  for (let index = 0; index < unmasked; index++) payload[index]! ^= bytes[lengthEnd + (index % 4)]!;
  return { opcode: bytes[0]! & 0x0f, payload, end: start + length };
}

interface EchoServer {
  readonly port: number;
  readonly handshakes: RawMessage[];
  readonly sockets: ReadonlySet<net.Socket>;
}

/** Answers the handshake, then echoes each message; a close frame is answered and ends the connection. */
async function startEchoServer(t: Test, more = ""): Promise<EchoServer> {
  const handshakes: RawMessage[] = [];
  const server = await startRawServer(t, (socket) => {
    let received = Buffer.alloc(0);
    let open = false;
    socket.on("end", () => socket.end());
    socket.on("data", (bytes: Buffer) => {
      received = Buffer.concat([received, bytes]);
      if (!open) {
        const found = readMessage(received.toString("latin1"), 0, { kind: "request" });
        if (found === null) return;
        open = true;
        received = received.subarray(found.next);
        handshakes.push(found.message);
        const accept = createHash("sha1")
          .update(`${valuesOf(found.message, "sec-websocket-key")[0]}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`)
          .digest("base64");
        socket.write(
          `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n` +
            `Sec-WebSocket-Accept: ${accept}\r\n${more}\r\n`,
        );
      }
      for (let found = readFrame(received); found !== null; found = readFrame(received)) {
        received = received.subarray(found.end);
        const echo = frame(found.opcode, found.payload);
        socket.write(echo);
        if (found.opcode === 8) socket.end();
      }
    });
  });
  return { port: server.port, handshakes, sockets: server.sockets };
}

async function open(t: Test, proxy: TestProxy, more = ""): Promise<{ client: RawClient; answer: RawMessage }> {
  const client = await RawClient.connect(t, proxy.port);
  client.write(handshake(more));
  return { client, answer: await client.response() };
}

/** The next message on an open connection; `offset` counts bytes that were read before. */
async function message(client: RawClient, skip = 0): Promise<{ opcode: number; payload: Buffer; end: number }> {
  const read = () => readFrame(Buffer.from(client.unread.slice(skip), "latin1"));
  await client.until(() => read() !== null || client.closed, 60_000);
  const found = read();
  if (found === null) throw new Error(`closed before a message; unread: ${client.unread}`);
  return found;
}

const send = (client: RawClient, opcode: number, payload: string): void => {
  client.socket.write(frame(opcode, Buffer.from(payload)));
};

test("a large refusal comes whole to a client that reads late", async (t) => {
  const body = "no".repeat(2_000_000);
  const origin = await startOrigin(t, () => `HTTP/1.1 503 Busy\r\nContent-Length: ${body.length}\r\n\r\n${body}`);
  const proxy = await proxyFor(t, toEndpoints(origin.port));
  const client = await RawClient.connect(t, proxy.port);
  client.socket.pause();
  client.write(handshake());
  await until(() => origin.requests.length === 1);
  client.socket.resume();
  t.true((await client.response()).body === body);
});

test("a message of 8 MB comes back whole, though the client reads only after it has sent it", async (t) => {
  const server = await startEchoServer(t);
  const proxy = await proxyFor(t, toEndpoints(server.port));
  const { client } = await open(t, proxy);
  const payload = Buffer.from(Uint32Array.from({ length: 2_000_000 }, (_, index) => index).buffer);
  client.socket.pause();
  const sent = frame(2, payload);
  client.socket.write(sent, () => client.socket.resume());
  await client.until(() => client.unread.length >= sent.length, 60_000);
  t.true(readFrame(Buffer.from(client.unread, "latin1"))!.payload.equals(payload));
});

for (const side of ["client", "server"] as const) {
  test(`when the ${side} does not read, the other side has to wait`, async (t) => {
    const server = await startRawServer(t, (socket) => {
      socket.once("data", () => {
        socket.pause();
        socket.write("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n");
      });
    });
    const proxy = await proxyFor(t, toEndpoints(server.port));
    const { client } = await open(t, proxy);
    const upstream = [...server.sockets][0]!;
    const [reader, writer] = side === "client" ? [client.socket, upstream] : [upstream, client.socket];
    reader.pause();
    const total = 64 * 1024 * 1024;
    const chunk = Buffer.alloc(1024 * 1024, "x");
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
    // No progress over several looks: everything between the two is full.
    for (let still = 0; still < 10; still = written === last ? still + 1 : 0) {
      last = written;
      await new Promise((resolve) => {
        setTimeout(resolve, 10);
      });
    }
    t.true(written < 32 * 1024 * 1024, `${written} bytes were taken`);
    let read = 0;
    client.socket.removeAllListeners("data");
    reader.on("data", (bytes: Buffer | string) => (read += bytes.length));
    reader.resume();
    await until(() => read >= total, 60_000);
    t.is(read, total);
  });
}

test("a close by the client reaches the server and ends the tunnel", async (t) => {
  const server = await startEchoServer(t);
  const proxy = await proxyFor(t, toEndpoints(server.port));
  const { client } = await open(t, proxy);
  send(client, 8, "\x03\xe8");
  t.is((await message(client)).opcode, 8);
  await client.ended();
  client.end();
  await until(() => server.sockets.size === 0 && proxy.listener.openConnections === 0);
  t.pass();
});

test("a tunnel is counted while it is open, however it ends", async (t) => {
  const server = await startEchoServer(t);
  const proxy = await proxyFor(t, toEndpoints(server.port));
  const { tunnels } = proxy.context.metrics;
  const ends: ((client: RawClient) => void)[] = [
    (client) => client.end(),
    (client) => client.reset(),
    () => [...server.sockets][0]!.end(),
    () => [...server.sockets][0]!.resetAndDestroy(),
  ];
  for (const end of ends) {
    const { client } = await open(t, proxy);
    t.is(tunnels.value, 1);
    end(client);
    await until(() => tunnels.value === 0 && server.sockets.size === 0);
    client.end();
    await until(() => proxy.listener.openConnections === 0);
  }
  const [endpoint] = [...proxy.context.clusters.all()][0]!.endpoints;
  t.is(endpoint!.activeRequests, 0);
  const text = proxy.context.metrics.registry.render();
  t.regex(text, /^http_requests_total\{[^}]*status="101"[^}]*\} 4$/m);
});

/** A tunnel whose endpoint has reset it, which the agent knows, while bytes wait for a client that does not read. */
async function tunnelLeft(t: Test, proxy: (port: number) => Promise<TestProxy>) {
  let sent = 0;
  const block = Buffer.alloc(64 * 1024, "x");
  const server = await startRawServer(t, (socket) => {
    const more = (): void => {
      do sent += block.length;
      while (socket.write(block));
    };
    socket.once("data", () => {
      socket.write("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n");
      socket.on("drain", more);
      more();
    });
  });
  const started = await proxy(server.port);
  const client = await RawClient.connect(t, started.port);
  client.socket.pause();
  client.write(handshake());
  let last = -1;
  // No progress over several looks: everything between the two is full.
  for (let still = 0; still < 10; still = sent > 0 && sent === last ? still + 1 : 0) {
    last = sent;
    await new Promise((resolve) => {
      setTimeout(resolve, 10);
    });
  }
  for (const upstream of server.sockets) upstream.resetAndDestroy();
  // Nobody reads from the endpoint, so the reset is seen by writing to it.
  await until(() => {
    send(client, 9, "ping");
    return started.context.metrics.tunnels.value === 0;
  });
  return { proxy: started, client };
}

test.serial("a client that resets after its tunnel is gone harms nobody", async (t) => {
  const { proxy, client } = await tunnelLeft(t, (port) => proxyFor(t, toEndpoints(port)));
  t.is(proxy.listener.openConnections, 1);
  client.reset();
  await until(() => proxy.listener.openConnections === 0);
  // The process lives, and a late "error" would have come by now.
  await new Promise(setImmediate);
  t.is(proxy.context.metrics.tunnels.value, 0);
});

test.serial("a client that does not take the last bytes of a tunnel is let go after 60 s", async (t) => {
  const clock = manualClock();
  const { proxy, client } = await tunnelLeft(t, (port) => proxyFor(t, toEndpoints(port), { now: clock.now }));
  clock.advance(59_999);
  proxy.context.deadlines.sweep();
  await new Promise(setImmediate);
  t.is(proxy.listener.openConnections, 1);
  clock.advance(1);
  proxy.context.deadlines.sweep();
  await until(() => proxy.listener.openConnections === 0);
  client.socket.resume();
  await client.ended();
});

test.serial("a client that reads late gets the last bytes of a tunnel, whatever it says meanwhile", async (t) => {
  const { proxy, client } = await tunnelLeft(t, (port) => proxyFor(t, toEndpoints(port)));
  t.is(proxy.listener.openConnections, 1);
  send(client, 9, "ping");
  client.socket.resume();
  await client.ended();
  t.is(client.closing, "end");
  client.end();
  await until(() => proxy.listener.openConnections === 0);
});

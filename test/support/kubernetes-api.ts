// A small API server for tests without a cluster: real HTTP, lists in pages, refusals as the real one words them, and
// real port-forwards (WebSocket, v4.channel.k8s.io) into ports of this machine. Holds what a test gives it.
import { createHash } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { type IncomingMessage, type ServerResponse, createServer } from "node:http";
import { type Socket, connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ExecutionContext } from "ava";

export interface KubernetesApi {
  readonly server: string;
  readonly kubeconfig: string;
  /** Paths that were asked for, with query. */
  readonly requests: string[];
}

export interface KubernetesApiOptions {
  /** List path such as "/api/v1/pods" -> its items; also single objects by their path. */
  readonly objects: Readonly<Record<string, unknown>>;
  /** Paths that the user may not ask for. */
  readonly forbidden?: readonly string[];
  /** "namespace/pod:port" -> local port; 0 where nothing listens. */
  readonly forwards?: Readonly<Record<string, number>>;
  /** Path -> the answer to a POST. */
  readonly posts?: Readonly<Record<string, { readonly status: number; readonly body: unknown }>>;
  /** Of the context. */
  readonly namespace?: string;
}

const pageSize = 2;

export async function startKubernetesApi(t: ExecutionContext, options: KubernetesApiOptions): Promise<KubernetesApi> {
  const requests: string[] = [];
  const sockets = new Set<Socket>();
  const server = createServer((request, response) => {
    requests.push(request.url ?? "");
    answer(options, request, response);
  });
  server.on("connection", (socket) => sockets.add(socket));
  server.on("upgrade", (request, socket) => forward(options, request, socket as Socket, sockets));
  const { promise, resolve } = Promise.withResolvers<void>();
  server.listen(0, "127.0.0.1", resolve);
  await promise;
  t.teardown(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  const address = server.address();
  const url = `http://127.0.0.1:${typeof address === "object" && address !== null ? address.port : 0}`;
  const folder = await mkdtemp(join(tmpdir(), "heddle-api-"));
  t.teardown(() => rm(folder, { recursive: true }));
  const kubeconfig = join(folder, "config");
  await writeFile(
    kubeconfig,
    JSON.stringify({
      apiVersion: "v1",
      kind: "Config",
      "current-context": "test",
      clusters: [{ name: "test", cluster: { server: url, "insecure-skip-tls-verify": true } }],
      users: [{ name: "test", user: { token: "secret" } }],
      contexts: [
        { name: "test", context: { cluster: "test", user: "test", namespace: options.namespace ?? "default" } },
      ],
    }),
  );
  return { server: url, kubeconfig, requests };
}

function answer(
  { objects, forbidden = [], posts = {} }: KubernetesApiOptions,
  request: IncomingMessage,
  response: ServerResponse,
): void {
  const url = new URL(request.url ?? "/", "http://localhost");
  const send = (status: number, value: unknown): void => {
    response.writeHead(status, { "content-type": "application/json" });
    response.end(JSON.stringify(value));
  };
  if (request.headers.authorization !== "Bearer secret") return send(401, { kind: "Status", message: "Unauthorized" });
  if (forbidden.includes(url.pathname)) return send(403, { kind: "Status", message: 'User "jane" cannot list' });
  if (request.method === "POST") {
    const { status, body } = posts[url.pathname] ?? {
      status: 404,
      body: { kind: "Status", message: `"${url.pathname}" not found` },
    };
    return send(status, body);
  }
  const found = objects[url.pathname];
  if (found === undefined) return send(404, { kind: "Status", message: "the server could not find it" });
  if (!Array.isArray(found)) return send(200, found);
  const from = Number(url.searchParams.get("continue") ?? 0);
  const next = from + pageSize < found.length ? String(from + pageSize) : "";
  send(200, { kind: "List", metadata: { continue: next }, items: found.slice(from, from + pageSize) });
}

function forward({ forwards = {} }: KubernetesApiOptions, request: IncomingMessage, socket: Socket, all: Set<Socket>) {
  const url = new URL(request.url ?? "/", "http://localhost");
  const [, namespace = "", pod = ""] =
    /^\/api\/v1\/namespaces\/([^/]+)\/pods\/([^/]+)\/portforward$/.exec(url.pathname) ?? [];
  const port = Number(url.searchParams.get("ports"));
  const local = forwards[`${namespace}/${pod}:${port}`];
  socket.on("error", () => {});
  if (local === undefined) {
    socket.end("HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n");
    return;
  }
  const key = `${request.headers["sec-websocket-key"]}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`;
  socket.write(
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
      `Sec-WebSocket-Accept: ${createHash("sha1").update(key).digest("base64")}\r\n` +
      "Sec-WebSocket-Protocol: v4.channel.k8s.io\r\n\r\n",
  );
  // Both channels open with the port.
  const opening = [port & 0xff, port >> 8];
  socket.write(frame(Buffer.from([0, ...opening])));
  socket.write(frame(Buffer.from([1, ...opening])));
  const target = connect(local, "127.0.0.1");
  all.add(target);
  target.on("data", (bytes: Buffer) => socket.write(frame(Buffer.concat([Buffer.from([0]), bytes]))));
  target.on("error", (error) =>
    socket.write(frame(Buffer.from(`\u0001error forwarding port: ${error.message}: connection refused`))),
  );
  target.on("close", () => socket.end());
  socket.on("close", () => target.destroy());
  let received = Buffer.alloc(0);
  socket.on("data", (bytes: Buffer) => {
    received = Buffer.concat([received, bytes]);
    for (let message = unframe(received); message !== null; message = unframe(received)) {
      received = received.subarray(message.length);
      // Channel 0 carries data; a close frame ends it.
      if (message.opcode === 2) target.write(message.payload.subarray(1));
      else if (message.opcode === 8) socket.end();
    }
  });
}

/** A final, unmasked binary frame (RFC 6455, section 5.2). */
function frame(payload: Buffer): Buffer {
  const head =
    payload.length < 126
      ? Buffer.from([0x82, payload.length])
      : payload.length < 65_536
        ? Buffer.from([0x82, 126, payload.length >> 8, payload.length & 0xff])
        : Buffer.concat([Buffer.from([0x82, 127]), bigEndian(payload.length)]);
  return Buffer.concat([head, payload]);
}

function bigEndian(length: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(BigInt(length));
  return bytes;
}

/** The first masked frame, short ones only: requests are. Null until it is whole. */
function unframe(bytes: Buffer): { readonly opcode: number; readonly payload: Buffer; readonly length: number } | null {
  if (bytes.length < 2) return null;
  const short = bytes.readUInt8(1) & 0x7f;
  const start = short === 126 ? 4 : 2;
  if (bytes.length < start + 4) return null;
  const size = short === 126 ? bytes.readUInt16BE(2) : short;
  const length = start + 4 + size;
  if (bytes.length < length) return null;
  const mask = bytes.subarray(start, start + 4);
  const payload = Buffer.from(bytes.subarray(start + 4, length));
  for (const [index, value] of payload.entries()) payload[index] = value ^ (mask[index % 4] ?? 0);
  return { opcode: bytes.readUInt8(0) & 0x0f, payload, length };
}

// Servers of raw bytes: an origin that reads well-formed requests and answers what the test says, and a bare one that
// hands the test its sockets.
import net from "node:net";
import type { RawMessage } from "./raw-message.ts";
import { readMessage } from "./raw-message.ts";
import type { Test } from "./test-context.ts";

export interface RawServer {
  readonly port: number;
  /** Accepted so far. */
  readonly connections: () => number;
  readonly sockets: ReadonlySet<net.Socket>;
  /** Stops listening and cuts every connection. */
  stop(): Promise<void>;
}

/** Every connection goes to `onSocket`, half-open and without delay; closed when the test ends. */
export async function startRawServer(t: Test, onSocket: (socket: net.Socket) => void, port = 0): Promise<RawServer> {
  const sockets = new Set<net.Socket>();
  let connections = 0;
  const server = net.createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
    connections++;
    sockets.add(socket);
    socket.on("error", () => undefined);
    socket.on("close", () => sockets.delete(socket));
    onSocket(socket);
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, "127.0.0.1", resolve);
  });
  const stop = async (): Promise<void> => {
    const closed = new Promise((resolve) => {
      server.close(resolve);
    });
    for (const socket of sockets) socket.destroy();
    await closed;
  };
  t.teardown(stop);
  return { port: (server.address() as net.AddressInfo).port, connections: () => connections, sockets, stop };
}

export interface RawRequest extends RawMessage {
  readonly method: string;
  readonly target: string;
}

export interface Origin extends RawServer {
  /** Complete requests in the order they came. */
  readonly requests: RawRequest[];
}

/** What to answer: bytes, one character each, or null to say nothing (the test writes on the socket itself). */
export type Answer = (request: RawRequest, socket: net.Socket) => string | null;

/** An origin that answers each complete request; closes its side when the client does. */
export async function startOrigin(t: Test, answer: Answer, port = 0): Promise<Origin> {
  const requests: RawRequest[] = [];
  const server = await startRawServer(
    t,
    (socket) => {
      let received = "";
      socket.setEncoding("latin1");
      socket.on("end", () => socket.end());
      socket.on("data", (text: string) => {
        received += text;
        for (;;) {
          const found = readMessage(received, 0, { kind: "request" });
          if (found === null) return;
          received = received.slice(found.next);
          const [method = "", target = ""] = found.message.startLine.split(" ");
          const request = { ...found.message, method, target };
          requests.push(request);
          const reply = answer(request, socket);
          if (reply !== null) socket.write(reply, "latin1");
        }
      });
    },
    port,
  );
  return { ...server, requests };
}

/** A 200 with a body and its length. */
export function ok(body: string, headers = ""): string {
  return `HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n${headers}\r\n${body}`;
}

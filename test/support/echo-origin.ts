// An HTTP server for fault tests: says who it is, proves what it received, and keeps account of what is under way. Its
// answers are described by the request alone, so that a client can tell a wrong or cut one:
//   GET ?size=N&delay=MS&chunked=1  -> N bytes that repeat the request's id, after MS milliseconds
//   any method with a body          -> "METHOD ID BYTES CRC32", once all of it has arrived
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { crc32 } from "node:zlib";

export interface EchoOriginOptions {
  readonly name: string;
  /** Node's own default, 5 s, when left out. */
  readonly keepAliveTimeoutMs?: number;
}

export class EchoOrigin {
  readonly name: string;
  readonly server: Server;
  /** Ids of requests whose head has arrived and whose answer is not complete. */
  readonly active = new Set<string>();
  /** Ids of every request whose head has arrived. */
  readonly received = new Set<string>();
  /** Requests that were answered. */
  answered = 0;

  constructor({ name, keepAliveTimeoutMs }: EchoOriginOptions) {
    this.name = name;
    this.server = createServer((request, response) => this.#serve(request, response));
    if (keepAliveTimeoutMs !== undefined) this.server.keepAliveTimeout = keepAliveTimeoutMs;
  }

  /** Binds a free port of 127.0.0.1. */
  async listen(): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.server.once("error", reject);
      this.server.listen(0, "127.0.0.1", resolve);
    });
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  /** As a pod does on SIGTERM: refuses new connections, ends idle ones, and resolves when the last request is done. */
  close(): Promise<void> {
    return new Promise((resolve) => {
      this.server.close(() => resolve());
    });
  }

  destroy(): void {
    this.server.close();
    this.server.closeAllConnections();
  }

  #serve(request: IncomingMessage, response: ServerResponse): void {
    const id = String(request.headers["x-request-id"] ?? "");
    this.active.add(id);
    this.received.add(id);
    response.on("close", () => {
      this.active.delete(id);
      if (response.writableFinished) this.answered++;
    });
    let sum = 0;
    let bytes = 0;
    request.on("data", (part: Buffer) => {
      sum = crc32(part, sum);
      bytes += part.length;
    });
    request.on("end", () => {
      const query = new URLSearchParams((request.url ?? "").split("?")[1] ?? "");
      const delayMs = Number(query.get("delay") ?? 0);
      const body =
        bytes > 0 ? uploadEcho(request.method ?? "", id, bytes, sum) : pattern(id, Number(query.get("size")));
      const headers = { "x-served-by": this.name, "x-request-id": id };
      const answer = (): void => {
        if (query.has("chunked")) {
          response.writeHead(200, headers);
          const middle = Math.floor(body.length / 2);
          response.write(body.subarray(0, middle));
          setImmediate(() => response.end(body.subarray(middle)));
        } else {
          response.writeHead(200, { ...headers, "content-length": body.length });
          response.end(body);
        }
      };
      if (delayMs > 0) setTimeout(answer, delayMs);
      else answer();
    });
    request.on("error", () => response.destroy());
  }
}

/** What a body is answered with. */
export function uploadEcho(method: string, id: string, bytes: number, sum: number): Buffer {
  return Buffer.from(`${method} ${id} ${bytes} ${sum}\n`);
}

/** What a GET is answered with. */
export function pattern(id: string, size: number): Buffer {
  return size > 0 ? Buffer.alloc(size, `${id}\n`) : Buffer.alloc(0);
}

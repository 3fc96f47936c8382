// A client of raw bytes: writes what it is told, keeps what it gets, reads responses one after another.
import { once } from "node:events";
import net from "node:net";
import type { RawMessage } from "./raw-message.ts";
import { readMessage } from "./raw-message.ts";
import type { Test } from "./test-context.ts";

export interface RawResponse extends RawMessage {
  readonly status: number;
}

export class RawClient {
  readonly socket: net.Socket;
  /** Everything received, one character per byte. */
  received = "";
  /** How the peer closed, "" while it has not. "end" comes before a possible "reset". */
  closing: "" | "end" | "reset" = "";
  closed = false;
  #position = 0;
  #wake: (() => void) | null = null;

  private constructor(socket: net.Socket) {
    this.socket = socket;
    socket.setEncoding("latin1");
    socket.on("data", (text: string) => {
      this.received += text;
      this.#wake?.();
    });
    socket.on("end", () => {
      this.closing = "end";
      this.#wake?.();
    });
    socket.on("error", () => {
      this.closing = "reset";
    });
    socket.on("close", () => {
      this.closed = true;
      this.#wake?.();
    });
  }

  /** Connects; the connection is cut when the test ends. It may be half-closed. */
  static async connect(t: Test, port: number): Promise<RawClient> {
    const socket = net.connect({ host: "127.0.0.1", port, allowHalfOpen: true, noDelay: true });
    const client = new RawClient(socket);
    t.teardown(() => {
      socket.destroy();
    });
    await once(socket, "connect");
    return client;
  }

  write(text: string): void {
    this.socket.write(text, "latin1");
  }

  end(): void {
    this.socket.end();
  }

  reset(): void {
    this.socket.resetAndDestroy();
  }

  /** The next response, an informational one too; `method` of its request, because HEAD has no body. */
  async response(method = "GET"): Promise<RawResponse> {
    const read = (): ReturnType<typeof readMessage> =>
      readMessage(this.received, this.#position, { kind: "response", method, ended: this.closing === "end" });
    let found = read();
    if (found === null) {
      await this.until(() => (found = read()) !== null || this.closed || this.closing === "end");
      found ??= read();
    }
    if (found === null) throw new Error(`closed (${this.closing}) before a response; unread: ${this.unread}`);
    this.#position = found.next;
    return { ...found.message, status: Number(found.message.startLine.split(" ")[1]) };
  }

  /** Resolves once `holds`, looked at whenever something arrives; rejects after a deadline. */
  until(holds: () => boolean, deadlineMs = 10_000): Promise<void> {
    return new Promise((resolve, reject) => {
      const deadline = setTimeout(() => {
        reject(new Error(`not within ${deadlineMs} ms: ${holds.toString()}; unread: ${this.unread.slice(0, 500)}`));
      }, deadlineMs);
      const look = (): void => {
        if (!holds()) return;
        this.#wake = null;
        clearTimeout(deadline);
        resolve();
      };
      this.#wake = look;
      look();
    });
  }

  /** Resolves when the peer will send no more. */
  ended(): Promise<void> {
    return this.until(() => this.closing !== "" || this.closed);
  }

  async responses(count: number): Promise<RawResponse[]> {
    const all: RawResponse[] = [];
    while (all.length < count) all.push(await this.response());
    return all;
  }

  /** Bytes received that no response has taken. */
  get unread(): string {
    return this.received.slice(this.#position);
  }

  /** One request and its response on this connection. */
  async get(target = "/", headers = ""): Promise<RawResponse> {
    this.write(`GET ${target} HTTP/1.1\r\nHost: shop.example\r\n${headers}\r\n`);
    return this.response();
  }
}

/** One request on a connection of its own. */
export async function exchange(t: Test, port: number, request: string, method = "GET"): Promise<RawResponse> {
  const client = await RawClient.connect(t, port);
  client.write(request);
  const response = await client.response(method);
  client.socket.destroy();
  return response;
}

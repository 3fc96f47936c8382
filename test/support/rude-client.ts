// Clients that mean no good, over raw sockets to one port of 127.0.0.1: rubbish, heads without end, connections that say
// nothing or stop in the middle. What a server answers is read and thrown away; being refused or cut is all right.
import { connect, type Socket } from "node:net";

/** What a rude client sends; null bytes are nothing at all. */
export interface Rudeness {
  readonly name: string;
  readonly bytes: (random: () => number) => Buffer;
  /** It stays connected and silent afterwards, instead of resetting the connection. */
  readonly stays: boolean;
}

const randomBytes = (random: () => number, count: number): Buffer =>
  Buffer.from(Uint8Array.from({ length: count }, () => Math.floor(random() * 256)));
const http2Preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

export const rudenesses: readonly Rudeness[] = [
  { name: "rubbish", bytes: (random) => randomBytes(random, 16_384), stays: false },
  { name: "one byte", bytes: (random) => randomBytes(random, 1), stays: false },
  { name: "rubbish after a preface", bytes: (random) => afterPreface(randomBytes(random, 4096)), stays: false },
  { name: "a frame of 16 MB", bytes: () => afterPreface(Buffer.from("ffffff000000000001", "hex")), stays: true },
  {
    name: "a head without end",
    bytes: () => Buffer.from(`GET / HTTP/1.1\r\nx: ${"y".repeat(1_000_000)}`),
    stays: true,
  },
  {
    name: "headers without end",
    bytes: () => Buffer.from(`GET / HTTP/1.1\r\n${"a: b\r\n".repeat(50_000)}`),
    stays: true,
  },
  { name: "half a request line", bytes: () => Buffer.from("GE"), stays: true },
  {
    name: "half a body",
    bytes: () => Buffer.from("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 9\r\n\r\nx"),
    stays: true,
  },
  { name: "a TLS greeting", bytes: () => Buffer.from("160301020001000001fc0303", "hex"), stays: true },
  { name: "nothing", bytes: () => Buffer.alloc(0), stays: true },
];

function afterPreface(frames: Buffer): Buffer {
  return Buffer.concat([Buffer.from(http2Preface), frames]);
}

/** A connection per call; resolves once everything is sent or the server has had enough. Close those that stay. */
export function beRude(port: number, { bytes, stays }: Rudeness, random: () => number): Promise<Socket> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: "127.0.0.1" });
    const done = (): void => {
      clearTimeout(stuck);
      if (!stays) socket.resetAndDestroy();
      resolve(socket);
    };
    // A server need not read what it is sent.
    const stuck = setTimeout(done, 1000);
    socket.on("error", done);
    socket.on("close", done);
    socket.on("data", () => undefined);
    const sent = bytes(random);
    socket.once("connect", () => {
      if (sent.length === 0) done();
      else socket.write(sent, done);
    });
  });
}

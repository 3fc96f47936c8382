// Where a connection that capture rules redirected wanted to go: SO_ORIGINAL_DST of the accepted socket. Node has no
// getsockopt, so libc is called through koffi on the descriptor. The only file that calls native code.
import { createRequire } from "node:module";
import type { ByteStream } from "../transport/byte-stream.ts";

export interface Destination {
  readonly address: string;
  readonly port: number;
}

type GetSocketOption = (descriptor: number, level: number, option: number, value: Buffer, length: number[]) => number;

const levelIp = 0;
const levelIpv6 = 41;
const originalDestinationOption = 80;
const familyIpv4 = 2;

let getSocketOption: GetSocketOption | null | undefined;

/** Loads libc on first use: an agent that never captures does not pay for it. Null where there is none to call. */
function load(): GetSocketOption | null {
  if (process.platform !== "linux") return null;
  try {
    const koffi = createRequire(import.meta.url)("koffi") as {
      load(name: string): { func(signature: string): unknown };
    };
    return koffi
      .load("libc.so.6")
      .func(
        "int getsockopt(int descriptor, int level, int option, _Out_ uint8_t *value, _Inout_ uint32_t *length)",
      ) as GetSocketOption;
  } catch {
    return null;
  }
}

/** The destination the client dialled, or null when the connection was not redirected or the platform cannot say. */
export function originalDestination(stream: ByteStream): Destination | null {
  getSocketOption ??= load();
  if (getSocketOption === null) return null;
  const descriptor = (stream.socket as unknown as { _handle: { fd: number } | null })._handle?.fd ?? -1;
  if (descriptor < 0) return null;
  const value = Buffer.alloc(28);
  for (const level of [levelIp, levelIpv6]) {
    if (getSocketOption(descriptor, level, originalDestinationOption, value, [value.length]) === 0) {
      return notItself(readAddress(value), stream);
    }
  }
  return null;
}

/** Without redirection the kernel answers with the address that was accepted on, if at all. */
function notItself(destination: Destination, stream: ByteStream): Destination | null {
  const { localAddress = "", localPort } = stream.socket;
  // A socket of both families shows IPv4 addresses as mapped ones.
  const accepted = localAddress.replace(/^::ffff:/, "");
  return destination.address === accepted && destination.port === localPort ? null : destination;
}

/** Reads a sockaddr_in or sockaddr_in6. */
function readAddress(value: Buffer): Destination {
  const port = value.readUInt16BE(2);
  if (value.readUInt16LE(0) === familyIpv4) return { address: value.subarray(4, 8).join("."), port };
  const groups: string[] = [];
  for (let offset = 8; offset < 24; offset += 2) groups.push(value.readUInt16BE(offset).toString(16));
  return { address: new URL(`http://[${groups.join(":")}]/`).hostname.slice(1, -1), port };
}

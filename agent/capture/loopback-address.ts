// Gives the loopback interface the address that the agent dials the application from over IPv6. 127.0.0.6 needs no such
// thing, all of 127.0.0.0/8 being local. Node has no call for it and an image need not have `ip`: libc through koffi.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

type Socket = (domain: number, type: number, protocol: number) => number;
type Control = (descriptor: number, request: number, value: Buffer) => number;
type Close = (descriptor: number) => number;

const familyIpv6 = 10;
const datagram = 2;
/** SIOCSIFADDR of linux/sockios.h; for IPv6 it adds an address and takes a struct in6_ifreq. */
const addAddressRequest = 0x8916;

/** Whether the kernel has IPv6 in this network namespace. */
export function hasIpv6(): boolean {
  return interfaceAddresses() !== "";
}

/** Adds ::6 to loopback where it is not. Returns what is wrong, or "". */
export function addApplicationSource(): string {
  const wanted = `${"0".repeat(31)}6 `;
  if (
    interfaceAddresses()
      .split("\n")
      .some((line) => line.startsWith(wanted))
  )
    return "";
  const koffi = createRequire(import.meta.url)("koffi") as {
    load(name: string): { func(signature: string): unknown };
    errno(): number;
  };
  const libc = koffi.load("libc.so.6");
  const socket = libc.func("int socket(int domain, int type, int protocol)") as Socket;
  const control = libc.func("int ioctl(int descriptor, unsigned long request, uint8_t *value)") as Control;
  const close = libc.func("int close(int descriptor)") as Close;
  const descriptor = socket(familyIpv6, datagram, 0);
  if (descriptor < 0) return `::6 cannot be added to loopback: error ${koffi.errno()}`;
  // struct in6_ifreq: 16 bytes of address, prefix length, index of the interface.
  const request = Buffer.alloc(24);
  request[15] = 6;
  const numbers = new Uint32Array([128, Number(readFileSync("/sys/class/net/lo/ifindex", "utf8"))]);
  Buffer.from(numbers.buffer).copy(request, 16);
  const failed = control(descriptor, addAddressRequest, request) < 0;
  const errorNumber = koffi.errno();
  close(descriptor);
  return failed ? `::6 cannot be added to loopback: error ${errorNumber}` : "";
}

/** One line for each IPv6 address of any interface; "" without IPv6. */
function interfaceAddresses(): string {
  try {
    return readFileSync("/proc/net/if_inet6", "utf8");
  } catch {
    return "";
  }
}

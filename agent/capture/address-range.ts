// Ranges of IP addresses in CIDR notation: reading, and whether an address is in one. Pure.
import net from "node:net";

export type AddressFamily = "ipv4" | "ipv6";

/** The first address of the range, as inet_ntop prints it, and how many leading bits all its addresses share. */
export interface AddressRange {
  readonly family: AddressFamily;
  readonly address: string;
  readonly prefixLength: number;
}

/** Reads an address or "address/length" of either family; null when it is neither. Bits past the prefix are cleared. */
export function parseAddressRange(text: string): AddressRange | null {
  const [, given = "", length] = /^([0-9a-f.:]+)(?:\/(\d{1,3}))?$/i.exec(text) ?? [];
  const version = net.isIP(given);
  if (version === 0) return null;
  const family = version === 4 ? "ipv4" : "ipv6";
  const bits = version === 4 ? 32 : 128;
  const prefixLength = length === undefined ? bits : Number(length);
  if (prefixLength > bits) return null;
  const value = (valueOf(given) >> BigInt(bits - prefixLength)) << BigInt(bits - prefixLength);
  return { family, address: textOf(value, family), prefixLength };
}

/** Whether the address, of the range's family, is in the range. */
export function rangeIncludes({ family, address, prefixLength }: AddressRange, candidate: string): boolean {
  const ignored = BigInt((family === "ipv4" ? 32 : 128) - prefixLength);
  return valueOf(address) >> ignored === valueOf(candidate) >> ignored;
}

function valueOf(address: string): bigint {
  if (net.isIPv4(address)) return address.split(".").reduce((sum, octet) => (sum << 8n) | BigInt(octet), 0n);
  // An address of version 6 may end in the notation of version 4 (RFC 4291 section 2.2); URLs have one notation only.
  const [before = "", after] = canonicalIpv6(address).split("::");
  const head = before === "" ? [] : before.split(":");
  const tail = after === undefined || after === "" ? [] : after.split(":");
  const zeros = after === undefined ? [] : new Array<string>(8 - head.length - tail.length).fill("0");
  return [...head, ...zeros, ...tail].reduce((sum, group) => (sum << 16n) | BigInt(`0x${group}`), 0n);
}

function textOf(value: bigint, family: AddressFamily): string {
  if (family === "ipv4") return [24n, 16n, 8n, 0n].map((shift) => String((value >> shift) & 0xffn)).join(".");
  const groups = Array.from({ length: 8 }, (_, index) => ((value >> BigInt(112 - 16 * index)) & 0xffffn).toString(16));
  return canonicalIpv6(groups.join(":"));
}

/** RFC 5952, which the URL standard follows. */
function canonicalIpv6(address: string): string {
  return new URL(`http://[${address}]/`).hostname.slice(1, -1);
}

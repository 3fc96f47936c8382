// What a resource may contain, checked value by value before anything is compiled from it. Each function answers a
// reason for people, or null. The control plane checks the same and more; this is the agent's own line of defence,
// because what passes here is written to sockets. What both sides must judge alike is proto/resource-rules.ts.
import { isToken, quote } from "../../proto/resource-rules.ts";
import type { Mirror } from "./resources.ts";

const hostname = /^(\*\.)?[0-9a-z_]([0-9a-z_-]*[0-9a-z_])?(\.[0-9a-z_]([0-9a-z_-]*[0-9a-z_])?)*$/;
const address = /^[0-9A-Za-z.:%_-]+$/;

export function portFault(port: number): string | null {
  return Number.isInteger(port) && port >= 1 && port <= 65_535 ? null : `port ${port} is not in 1..65535`;
}

/** Exact or "*."-wildcard, lower case, at most 253 characters; "" is every host. */
export function hostnameFault(value: string): string | null {
  return value === "" || (value.length <= 253 && hostname.test(value))
    ? null
    : `hostname ${quote(value)} is not a lower-case hostname`;
}

/** An IP address or a name that a socket can dial. */
export function addressFault(value: string): string | null {
  return address.test(value) ? null : `address ${quote(value)} cannot be dialled`;
}

export function methodFault(method: string): string | null {
  return method === "" || isToken(method) ? null : `method ${quote(method)} is not a token`;
}

/** HTTPRequestMirrorFilter fraction: 0 <= numerator <= denominator, denominator >= 1. */
export function mirrorFault(mirror: Mirror): string | null {
  const { numerator, denominator } = mirror;
  const isFraction = Number.isInteger(numerator) && Number.isInteger(denominator) && denominator >= 1;
  return isFraction && numerator >= 0 && numerator <= denominator
    ? null
    : `mirror ${quote(mirror.displayName)}: ${numerator}/${denominator} is not a fraction of the requests`;
}

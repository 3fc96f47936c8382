// What a resource may contain, checked value by value before anything is compiled from it. Each function answers a
// reason for people, or null. The control plane checks the same and more; this is the agent's own line of defence,
// because what passes here is written to sockets.
import type { Header, HeaderModifier, Mirror } from "./resources.ts";

/** RFC 9110 section 5.6.2. */
const token = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
/** RFC 9110 section 5.5, and text beyond ASCII, which is written as UTF-8. No other control characters. */
const fieldValue = /^[\t\x20-\x7e\x80-\u{10ffff}]*$/u;
const hostname = /^(\*\.)?[0-9a-z_]([0-9a-z_-]*[0-9a-z_])?(\.[0-9a-z_]([0-9a-z_-]*[0-9a-z_])?)*$/;
const address = /^[0-9A-Za-z.:%_-]+$/;

/** They frame the message or belong to one connection: a filter that touched them would break or smuggle requests. */
const reservedHeaders: ReadonlySet<string> = new Set([
  "connection",
  "content-length",
  "http2-settings",
  "keep-alive",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
]);

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

export function headerNameFault(name: string): string | null {
  return token.test(name) ? null : `header name ${quote(name)} is not a token`;
}

export function methodFault(method: string): string | null {
  return method === "" || token.test(method) ? null : `method ${quote(method)} is not a token`;
}

/** Every fault of a modifier. Host may be set but neither added nor removed: a request has exactly one. */
export function headerModifierFaults(modifier: HeaderModifier | null): readonly string[] {
  if (modifier === null) return [];
  const faults: string[] = [];
  const check = (name: string, isSet: boolean): void => {
    const lowerCaseName = name.toLowerCase();
    const fault = headerNameFault(name);
    if (fault !== null) faults.push(fault);
    else if (reservedHeaders.has(lowerCaseName)) faults.push(`header ${quote(name)} may not be modified`);
    else if (lowerCaseName === "host" && !isSet) faults.push(`header ${quote(name)} may only be set`);
  };
  const checkHeader = (header: Header, isSet: boolean): void => {
    check(header.name, isSet);
    if (!fieldValue.test(header.value)) {
      faults.push(`value ${quote(header.value)} of header ${quote(header.name)} contains control characters`);
    }
  };
  for (const header of modifier.set) checkHeader(header, true);
  for (const header of modifier.add) checkHeader(header, false);
  for (const name of modifier.remove) check(name, false);
  return faults;
}

/** HTTPRequestMirrorFilter fraction: 0 <= numerator <= denominator, denominator >= 1. */
export function mirrorFault(mirror: Mirror): string | null {
  const { numerator, denominator } = mirror;
  const isFraction = Number.isInteger(numerator) && Number.isInteger(denominator) && denominator >= 1;
  return isFraction && numerator >= 0 && numerator <= denominator
    ? null
    : `mirror ${quote(mirror.displayName)}: ${numerator}/${denominator} is not a fraction of the requests`;
}

/** Quoted and escaped, cut to a length that fits a log line. */
export function quote(value: string): string {
  return JSON.stringify(value.length > 100 ? `${value.slice(0, 100)}...` : value);
}

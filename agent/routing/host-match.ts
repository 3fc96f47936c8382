// Hostnames: exact, "*."-wildcard (one or more labels, never the bare domain), or "" for every host. Owns the index
// that finds the most specific pattern of a host and the chain of less specific ones behind it. Hosts arrive in lower
// case and without port; the final dot that a fully qualified name may have (RFC 3986 section 3.2.2) plays no part.

const dot = 0x2e;

/** Whether `pattern` covers the host (Gateway API Hostname: "*.x" is one or more labels left of x). */
export function coversHost(pattern: string, receivedHost: string): boolean {
  if (pattern === "") return true;
  const host = withoutFinalDot(receivedHost);
  if (!pattern.startsWith("*.")) return pattern === host;
  return host.length > pattern.length - 1 && host.endsWith(pattern.slice(1)) && host.charCodeAt(0) !== dot;
}

/** One pattern of an index. Whatever host it covers, `lessSpecific` and the ones behind it cover too. */
export interface HostNode<Value> {
  readonly hostname: string;
  readonly value: Value;
  readonly lessSpecific: HostNode<Value> | null;
}

/** Patterns by host. Built once, then only read. */
export class HostIndex<Value> {
  readonly #exact = new Map<string, HostNode<Value>>();
  /** By what follows the "*": ".example.com". */
  readonly #wildcards = new Map<string, HostNode<Value>>();
  readonly #any: HostNode<Value> | null;
  readonly #longestWildcard: number;

  /** `values` by hostname; the order does not matter, specificity is a property of the patterns. */
  constructor(values: ReadonlyMap<string, Value>) {
    const any = values.get("");
    this.#any = any === undefined ? null : { hostname: "", value: any, lessSpecific: null };
    // Shorter wildcards first: each finds the ones it refines already in place.
    const wildcards = [...values.keys()].filter((hostname) => hostname.startsWith("*."));
    wildcards.sort((left, right) => left.length - right.length);
    let longest = 0;
    for (const hostname of wildcards) {
      const value = values.get(hostname);
      if (value === undefined) continue;
      const suffix = hostname.slice(1);
      this.#wildcards.set(suffix, { hostname, value, lessSpecific: this.#wildcard(suffix, longest) });
      longest = suffix.length;
    }
    this.#longestWildcard = longest;
    for (const [hostname, value] of values) {
      if (hostname === "" || hostname.startsWith("*.")) continue;
      this.#exact.set(hostname, { hostname, value, lessSpecific: this.#wildcard(hostname, longest) });
    }
  }

  /** The most specific pattern that covers the host, or null. */
  find(receivedHost: string): HostNode<Value> | null {
    const host = withoutFinalDot(receivedHost);
    const exact = this.#exact.get(host);
    if (exact !== undefined) return exact;
    return host.charCodeAt(0) === dot ? this.#any : this.#wildcard(host, this.#longestWildcard);
  }

  /** Tries suffixes from the longest that a wildcard has, so that a host of many dots costs no more than the table. */
  #wildcard(host: string, longest: number): HostNode<Value> | null {
    if (longest > 0) {
      // From 1: at least one label stands for the "*", and a pattern does not refine itself.
      let at = host.indexOf(".", Math.max(1, host.length - longest));
      while (at !== -1) {
        const node = this.#wildcards.get(host.slice(at));
        if (node !== undefined) return node;
        at = host.indexOf(".", at + 1);
      }
    }
    return this.#any;
  }
}

function withoutFinalDot(host: string): string {
  return host.charCodeAt(host.length - 1) === dot ? host.slice(0, -1) : host;
}

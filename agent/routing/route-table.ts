// The rules that a listener's requests may reach: virtual hosts by hostname, entries in order of precedence. A request
// that matches nothing in its most specific virtual host goes on to the next less specific one, because hostname is
// only the first key of Gateway API precedence. Sorting is the control plane's; nothing is re-sorted here.
import { HostIndex } from "./host-match.ts";
import type { VirtualHost } from "./virtual-host.ts";
import type { CompiledRule, MatchableRequest, RouteTable } from "../snapshot/compiled.ts";

/** Immutable; a changed route configuration is a new table that may share virtual hosts with the old one. */
export class HostRouteTable implements RouteTable {
  readonly virtualHosts: readonly VirtualHost[];
  readonly #index: HostIndex<VirtualHost>;

  /** Hostnames are unique. */
  constructor(virtualHosts: readonly VirtualHost[]) {
    this.virtualHosts = virtualHosts;
    this.#index = new HostIndex(new Map(virtualHosts.map((virtualHost) => [virtualHost.hostname, virtualHost])));
  }

  match(request: MatchableRequest): CompiledRule | null {
    for (let node = this.#index.find(request.host); node !== null; node = node.lessSpecific) {
      const rule = node.value.match(request);
      if (rule !== null) return rule;
    }
    return null;
  }

  /** The virtual hosts that cover `host`, most specific first. */
  virtualHostsFor(host: string): readonly VirtualHost[] {
    const found: VirtualHost[] = [];
    for (let node = this.#index.find(host); node !== null; node = node.lessSpecific) found.push(node.value);
    return found;
  }
}

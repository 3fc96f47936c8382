// Route configurations: tables of virtual hosts whose entries point at compiled rules. A virtual host whose entries
// still point at the same rules is kept, so that one changed route rebuilds only the hosts that reach it.
import { HostRouteTable } from "../routing/route-table.ts";
import { type TableEntry, VirtualHost } from "../routing/virtual-host.ts";
import { quote } from "../../proto/resource-rules.ts";
import { hostnameFault } from "./validate.ts";
import type { RouteRecord } from "./compile-route.ts";
import type { Faults } from "./faults.ts";
import type { ResourceSet, RouteConfiguration } from "./resources.ts";

export interface RouteTableRecord {
  readonly table: HostRouteTable;
  readonly virtualHosts: ReadonlyMap<string, VirtualHost>;
}

export function compileRouteTables(
  resources: ResourceSet,
  routes: ReadonlyMap<string, RouteRecord>,
  previous: ReadonlyMap<string, RouteTableRecord> | null,
  faults: Faults,
): ReadonlyMap<string, RouteTableRecord> {
  const records = new Map<string, RouteTableRecord>();
  for (const configuration of resources.routeConfigurations.values()) {
    const known = previous?.get(configuration.name) ?? null;
    records.set(configuration.name, compileRouteTable(configuration, routes, known, faults));
  }
  return records;
}

function compileRouteTable(
  configuration: RouteConfiguration,
  routes: ReadonlyMap<string, RouteRecord>,
  previous: RouteTableRecord | null,
  faults: Faults,
): RouteTableRecord {
  const fault = (reason: string): void => faults.add("route-configuration", configuration.name, reason);
  const records = configuration.routes.map((name) => {
    const record = routes.get(name);
    if (record === undefined) fault(`no route ${quote(name)}`);
    return record;
  });
  const virtualHosts = new Map<string, VirtualHost>();
  let isUnchanged = previous !== null && previous.virtualHosts.size === configuration.virtualHosts.length;
  for (const { hostname, entries } of configuration.virtualHosts) {
    const hostnameReason = hostnameFault(hostname);
    if (hostnameReason !== null) fault(hostnameReason);
    if (virtualHosts.has(hostname)) fault(`hostname ${quote(hostname)} is there twice`);
    const known = previous?.virtualHosts.get(hostname);
    const compiled: TableEntry[] = [];
    let isSame = known !== undefined && known.entries.length === entries.length;
    for (const [at, { route, rule, match }] of entries.entries()) {
      if (route >= records.length) {
        fault(`entry ${at} of ${quote(hostname)}: no route ${route} in ${records.length}`);
        continue;
      }
      const record = records[route];
      if (record === undefined) continue;
      const found = record.rules[rule];
      const ruleContent = record.route.rules[rule];
      if (found === undefined || ruleContent === undefined || match >= ruleContent.matches.length) {
        fault(
          `entry ${at} of ${quote(hostname)}: route ${quote(record.route.name)} has no rule ${rule} match ${match}`,
        );
        continue;
      }
      const predicate = found.plan.predicates[match];
      // Null for a match that did not compile: its route is named already.
      if (predicate === undefined || predicate === null) continue;
      const knownEntry = known?.entries[at];
      if (isSame && knownEntry?.rule === found.compiled && knownEntry.predicate === predicate) {
        compiled.push(knownEntry);
        continue;
      }
      isSame = false;
      compiled.push({ rule: found.compiled, match, predicate });
    }
    const virtualHost = isSame && known !== undefined ? known : new VirtualHost(hostname, compiled);
    isUnchanged &&= virtualHost === known;
    virtualHosts.set(hostname, virtualHost);
  }
  if (isUnchanged && previous !== null) return previous;
  return { table: new HostRouteTable([...virtualHosts.values()]), virtualHosts };
}

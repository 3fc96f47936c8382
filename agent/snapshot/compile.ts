// A ResourceSet as the data path reads it. All or nothing: a set with a fault anywhere is refused with every faulty
// resource named, which is what the discovery client nacks with, and nothing has changed. What did not change since the
// previous snapshot is shared with it, so that a changed route among thousands costs little.
import { type ClusterRecord, compileClusters } from "./compile-cluster.ts";
import { compileFrontends, compileGatewayPorts, compileListeners, compileWorkload } from "./compile-listener.ts";
import { compileRoutes, type RouteRecord } from "./compile-route.ts";
import { compileRouteTables, type RouteTableRecord } from "./compile-route-table.ts";
import { Faults, type ResourceFault } from "./faults.ts";
import type { CompiledCluster, CompiledSnapshot } from "./compiled.ts";
import type { ResourceSet } from "./resources.ts";
import type { RegisteredSplit, SplitRegistry } from "../routing/split-registry.ts";

export interface CompileContext {
  /** The agent's; changed only when compilation succeeds. */
  readonly splits: SplitRegistry;
  /** What to share with; null at first. */
  readonly previous: CompiledSnapshot | null;
  /** A gateway serves its "gateway:" answers, a sidecar its "frontend:" answers; either may have a "workload:". */
  readonly mode: "gateway" | "sidecar";
}

export type CompileResult = { readonly snapshot: CompiledSnapshot } | { readonly errors: readonly ResourceFault[] };

interface Records {
  readonly clusters: ReadonlyMap<string, ClusterRecord>;
  readonly routes: ReadonlyMap<string, RouteRecord>;
  readonly tables: ReadonlyMap<string, RouteTableRecord>;
}

/** How each snapshot was made, for as long as somebody holds it. */
const recordsOfSnapshot = new WeakMap<CompiledSnapshot, Records>();

/** Never throws. Content is told apart by version: two resources of one name and version are taken to be equal. */
export function compile(resources: ResourceSet, context: CompileContext): CompileResult {
  const previous = context.previous === null ? null : (recordsOfSnapshot.get(context.previous) ?? null);
  const faults = new Faults();
  const clusters = compileClusters(resources, previous?.clusters ?? null, faults);
  const routes = compileRoutes(resources.routes, clusters, context.splits, previous?.routes ?? null, faults);
  const tables = compileRouteTables(resources, routes, previous?.tables ?? null, faults);
  const listeners = compileListeners(resources, tables, clusters, faults);
  const isGateway = context.mode === "gateway";
  const gatewayPorts = isGateway ? compileGatewayPorts(resources.answers, listeners, faults) : new Map<number, never>();
  const frontends = isGateway ? new Map<string, never>() : compileFrontends(resources.answers, listeners, faults);
  const workload = compileWorkload(resources, faults);
  if (!faults.isEmpty) return { errors: faults.list() };

  context.splits.retain(splitsOf(routes));
  const snapshot: CompiledSnapshot = {
    generation: resources.generation,
    resources,
    gatewayPorts,
    frontends,
    workload,
    clusters: compiledClusters(clusters),
  };
  recordsOfSnapshot.set(snapshot, { clusters, routes, tables });
  return { snapshot };
}

function splitsOf(routes: ReadonlyMap<string, RouteRecord>): ReadonlyMap<string, RegisteredSplit> {
  const splits = new Map<string, RegisteredSplit>();
  for (const { rules } of routes.values()) {
    for (const { compiled, split } of rules) splits.set(compiled.id, split);
  }
  return splits;
}

function compiledClusters(records: ReadonlyMap<string, ClusterRecord>): ReadonlyMap<string, CompiledCluster> {
  const clusters = new Map<string, CompiledCluster>();
  for (const [name, record] of records) clusters.set(name, record.compiled);
  return clusters;
}

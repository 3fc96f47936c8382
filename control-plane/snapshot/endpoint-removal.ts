// Whether a change takes endpoints away: such a change must not wait for the debounce, because requests are still
// being sent to what is gone. Compares two ClusterStates, so that it can be asked before translation.
import type { ClusterState, EndpointSlice } from "../source/cluster-state.ts";

/**
 * True when some address that was ready in `previous` is not ready in `next`, be its slice gone, its endpoint gone,
 * terminating or unready. Moving between slices of one Service is no removal.
 */
export function removesEndpoints(
  previous: Pick<ClusterState, "endpointSlices">,
  next: Pick<ClusterState, "endpointSlices">,
): boolean {
  const touched = new Set<string>();
  for (const [name, slice] of previous.endpointSlices) {
    if (next.endpointSlices.get(name) !== slice) touched.add(serviceOf(slice));
  }
  if (touched.size === 0) return false;
  const after = readyAddresses(next, touched);
  for (const address of readyAddresses(previous, touched)) if (!after.has(address)) return true;
  return false;
}

function serviceOf(slice: EndpointSlice): string {
  return `${slice.meta.namespace}/${slice.serviceName}`;
}

function readyAddresses(
  state: Pick<ClusterState, "endpointSlices">,
  services: ReadonlySet<string>,
): ReadonlySet<string> {
  const ready = new Set<string>();
  for (const slice of state.endpointSlices.values()) {
    const service = serviceOf(slice);
    if (!services.has(service)) continue;
    for (const endpoint of slice.endpoints) {
      if (!endpoint.ready || endpoint.terminating) continue;
      for (const address of endpoint.addresses) {
        for (const port of slice.ports) ready.add(`${service} ${address} ${port.name} ${port.port ?? ""}`);
      }
    }
  }
  return ready;
}

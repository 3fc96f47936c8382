// Resolves what a route forwards or mirrors to: a Service port, the grant to use it from another namespace, and whether
// its declared protocol can be spoken. Answers with a cluster name or with the Gateway API reason why not.
import type { BackendReference, HttpRoute, Service, ServicePort } from "../source/cluster-state.ts";
import { type Problem, gatewayGroup } from "./conditions.ts";
import type { TableReader } from "./tables.ts";

export interface ResolvedReference {
  /** "namespace/name:port", also when it is invalid. */
  readonly displayName: string;
  /** Name of the CLUSTER, or "" when the reference is invalid. */
  readonly cluster: string;
  readonly problem: Problem | null;
}

/**
 * Declared protocols that cannot be spoken to a backend yet: HTTP/2 with prior knowledge, and TLS, which needs a
 * BackendTLSPolicy. Anything else that is not known counts as undeclared (GEP-1911).
 */
const unsupportedAppProtocols = new Set(["kubernetes.io/h2c", "kubernetes.io/wss"]);

/** Name of the CLUSTER of one Service port. */
export function clusterName(service: Service, port: ServicePort): string {
  return `${service.meta.namespace}/${service.meta.name}:${port.port}`;
}

/**
 * Routes on Gateways need a ReferenceGrant to leave their namespace; mesh routes do not (GEP-1294). The grant is asked
 * for before anything else, so that a route cannot find out what exists in a namespace that is closed to it.
 */
export function resolveReference(
  route: HttpRoute,
  ref: BackendReference,
  needsGrant: boolean,
  reader: TableReader,
): ResolvedReference {
  const displayName = `${ref.namespace}/${ref.name}${ref.port === undefined ? "" : `:${ref.port}`}`;
  const problem = problemOf(route, ref, needsGrant, reader);
  return { displayName, cluster: problem === null ? displayName : "", problem };
}

function problemOf(route: HttpRoute, ref: BackendReference, needsGrant: boolean, reader: TableReader): Problem | null {
  if (ref.group !== "" || ref.kind !== "Service") {
    const kind = ref.group === "" ? ref.kind : `${ref.group}/${ref.kind}`;
    return { reason: "InvalidKind", message: `Backend ${ref.name} is of kind ${kind}; only Service is supported` };
  }
  const key = `${ref.namespace}/${ref.name}`;
  if (needsGrant && ref.namespace !== route.meta.namespace && !isGranted(route, ref, reader)) {
    const message = `No ReferenceGrant in namespace ${ref.namespace} lets HTTPRoutes of namespace ${route.meta.namespace} refer to Service ${ref.name}`;
    return { reason: "RefNotPermitted", message };
  }
  const service = reader.get("services", key);
  if (service === undefined) return { reason: "BackendNotFound", message: `Service ${key} does not exist` };
  if (service.type === "ExternalName") {
    const message = `Service ${key} is an ExternalName Service, which cannot be a backend`;
    return { reason: "BackendNotFound", message };
  }
  const port = service.ports.find((port) => port.port === ref.port && port.protocol === "TCP");
  if (port === undefined) {
    const message =
      ref.port === undefined
        ? `The reference to Service ${key} names no port`
        : `Service ${key} has no TCP port ${ref.port}`;
    return { reason: "BackendNotFound", message };
  }
  if (port.appProtocol === undefined || !unsupportedAppProtocols.has(port.appProtocol)) return null;
  const message = `Service ${key} port ${port.port} declares appProtocol ${port.appProtocol}, which is not supported`;
  return { reason: "UnsupportedProtocol", message };
}

/** One grant must name both sides: `from` of one and `to` of another do not add up. */
function isGranted(route: HttpRoute, ref: BackendReference, reader: TableReader): boolean {
  const grants = reader.get("grantsByNamespace", ref.namespace) ?? [];
  return grants.some(
    (grant) =>
      grant.from.some(
        (from) => from.group === gatewayGroup && from.kind === "HTTPRoute" && from.namespace === route.meta.namespace,
      ) &&
      grant.to.some(
        (to) => to.group === "" && to.kind === "Service" && (to.name === undefined || to.name === ref.name),
      ),
  );
}

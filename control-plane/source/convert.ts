// A manifest of any known kind -> its narrow object, whatever source it came from. The conversions themselves are in
// convert-core.ts and convert-gateway-api.ts.
import type { ClusterObject } from "./build-cluster-state.ts";
import type { ObjectMeta } from "./cluster-state.ts";
import { toDeployment, toEndpointSlice, toPod, toService } from "./convert-core.ts";
import { toGateway, toGatewayClass, toHttpRoute, toReferenceGrant } from "./convert-gateway-api.ts";
import type { KnownKind } from "./kinds.ts";
import type { Fields } from "./rule.ts";

/** The narrow object of a manifest. Its schema has been checked: the casts say what it promised. */
export function convertObject(kind: KnownKind, fields: Fields, meta: ObjectMeta): ClusterObject {
  switch (kind) {
    case "GatewayClass":
      return toGatewayClass(fields as unknown as Parameters<typeof toGatewayClass>[0], meta);
    case "Gateway":
      return toGateway(fields as unknown as Parameters<typeof toGateway>[0], meta);
    case "HTTPRoute":
      return toHttpRoute(fields as unknown as Parameters<typeof toHttpRoute>[0], meta);
    case "ReferenceGrant":
      return toReferenceGrant(fields as unknown as Parameters<typeof toReferenceGrant>[0], meta);
    case "Namespace":
      // The label that the API server sets on every namespace; listeners select by it.
      return {
        kind: "Namespace",
        meta: { ...meta, labels: { ...meta.labels, "kubernetes.io/metadata.name": meta.name } },
      };
    case "Service":
      return toService(fields as unknown as Parameters<typeof toService>[0], meta);
    case "EndpointSlice":
      return toEndpointSlice(fields as unknown as Parameters<typeof toEndpointSlice>[0], meta);
    case "Deployment":
      return toDeployment(fields as unknown as Parameters<typeof toDeployment>[0], meta);
    case "Pod":
      return toPod(fields as unknown as Parameters<typeof toPod>[0], meta);
    default:
      return kind satisfies never;
  }
}

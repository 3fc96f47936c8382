// The kinds of objects that Heddle reads: where they live in the API and which published schema they obey. What a
// manifest of each becomes is convert.ts's.

/** A kind of the table below. */
export type KnownKind =
  | "GatewayClass"
  | "Gateway"
  | "HTTPRoute"
  | "ReferenceGrant"
  | "Namespace"
  | "Service"
  | "EndpointSlice"
  | "Deployment"
  | "Pod";

export interface KindInfo {
  readonly kind: KnownKind;
  /** Empty for the core group. */
  readonly group: string;
  /** The first is the one whose schema is used; the others have the same fields. */
  readonly versions: readonly [string, ...string[]];
  readonly namespaced: boolean;
  /** The name in API paths. */
  readonly plural: string;
}

const gatewayGroup = "gateway.networking.k8s.io";

/** Every kind that is read. */
export const knownKinds: readonly KindInfo[] = [
  {
    kind: "GatewayClass",
    group: gatewayGroup,
    versions: ["v1", "v1beta1"],
    namespaced: false,
    plural: "gatewayclasses",
  },
  { kind: "Gateway", group: gatewayGroup, versions: ["v1", "v1beta1"], namespaced: true, plural: "gateways" },
  { kind: "HTTPRoute", group: gatewayGroup, versions: ["v1", "v1beta1"], namespaced: true, plural: "httproutes" },
  {
    kind: "ReferenceGrant",
    group: gatewayGroup,
    versions: ["v1", "v1beta1"],
    namespaced: true,
    plural: "referencegrants",
  },
  { kind: "Namespace", group: "", versions: ["v1"], namespaced: false, plural: "namespaces" },
  { kind: "Service", group: "", versions: ["v1"], namespaced: true, plural: "services" },
  { kind: "EndpointSlice", group: "discovery.k8s.io", versions: ["v1"], namespaced: true, plural: "endpointslices" },
  { kind: "Deployment", group: "apps", versions: ["v1"], namespaced: true, plural: "deployments" },
  { kind: "Pod", group: "", versions: ["v1"], namespaced: true, plural: "pods" },
];

const byKind = new Map(knownKinds.map((info) => [info.kind as string, info]));

/** "group/version" as written in a manifest, or "version" for the core group. */
export function apiVersionOf(info: KindInfo): string {
  return info.group === "" ? info.versions[0] : `${info.group}/${info.versions[0]}`;
}

/** The kind that a manifest means, whatever its version; undefined when Heddle does not read it. */
export function findKind(apiVersion: string, kind: string): KindInfo | undefined {
  const info = byKind.get(kind);
  const slash = apiVersion.indexOf("/");
  return info?.group === (slash === -1 ? "" : apiVersion.slice(0, slash)) ? info : undefined;
}

/** Whether the version of a manifest is one whose fields are known. */
export function isServedVersion(info: KindInfo, apiVersion: string): boolean {
  return info.versions.includes(apiVersion.slice(apiVersion.indexOf("/") + 1));
}

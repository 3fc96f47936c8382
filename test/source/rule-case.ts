// The form of a rule's case, and short ways to write manifests in which one thing is of interest.

/** A manifest that obeys a rule, and one that breaks it and nothing else. */
export interface Case {
  readonly id: string;
  readonly good: object;
  readonly bad: object;
  /** The line of the problem, without file, place and object. */
  readonly problem: string;
}

export const gatewayApi = "gateway.networking.k8s.io/v1";
export const manifest = (kind: string, apiVersion: string, fields: object): object => ({
  apiVersion,
  kind,
  metadata: { name: "it" },
  ...fields,
});
export const route = (spec: object): object => manifest("HTTPRoute", gatewayApi, { spec });
export const rule = (fields: object): object => route({ rules: [fields] });
export const match = (fields: object): object => rule({ matches: [fields] });
export const path = (type: string, value: string): object => match({ path: { type, value } });
export const filters = (...list: object[]): object => rule({ filters: list });
export const backends = (...list: object[]): object => rule({ backendRefs: list });
export const modifier = (fields: object): object => ({ type: "RequestHeaderModifier", requestHeaderModifier: fields });
export const mirror = (fields: object): object => ({
  type: "RequestMirror",
  requestMirror: { backendRef: { name: "m", port: 80 }, ...fields },
});
export const redirect = (fields: object = {}): object => ({ type: "RequestRedirect", requestRedirect: fields });
export const rewrite = (fields: object): object => ({ type: "URLRewrite", urlRewrite: fields });
export const prefixRewrite = rewrite({ path: { type: "ReplacePrefixMatch", replacePrefixMatch: "/x" } });
export const cors = (fields: object): object => filters({ type: "CORS", cors: fields });
export const prefix = (value: string): object => ({ path: { type: "PathPrefix", value } });
export const times = (count: number, make: (index: number) => object): object[] =>
  Array.from({ length: count }, (_, index) => make(index));
export const header = (name: string): object => ({ name, value: "v" });
export const gateway = (spec: object): object =>
  manifest("Gateway", gatewayApi, {
    spec: { gatewayClassName: "heddle", listeners: [{ name: "a", port: 80, protocol: "HTTP" }], ...spec },
  });
export const listeners = (...list: object[]): object =>
  gateway({
    listeners: list.map((fields, index) => ({ name: `l${index}`, port: 80 + index, protocol: "HTTP", ...fields })),
  });
export const namespaces = (fields: object): object => listeners({ allowedRoutes: { namespaces: fields } });
export const expression = (fields: object): object =>
  namespaces({ from: "Selector", selector: { matchExpressions: [{ key: "k", ...fields }] } });
export const certificates = { certificateRefs: [{ name: "c" }] };
export const gatewayClass = (fields: object): object =>
  manifest("GatewayClass", gatewayApi, { spec: { controllerName: "a.example/b", ...fields } });
export const service = (...ports: object[]): object => manifest("Service", "v1", { spec: { ports } });
export const slice = (fields: object): object =>
  manifest("EndpointSlice", "discovery.k8s.io/v1", { addressType: "IPv4", endpoints: [], ...fields });
export const deployment = (fields: object, ...containers: object[]): object =>
  manifest("Deployment", "apps/v1", {
    spec: {
      selector: { matchLabels: { app: "a" } },
      template: {
        metadata: { labels: { app: "a" } },
        spec: { containers: containers.length === 0 ? [{ name: "c" }] : containers },
      },
      ...fields,
    },
  });
export const pod = (...containers: object[]): object => manifest("Pod", "v1", { spec: { containers } });

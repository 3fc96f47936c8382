// The Kubernetes objects of the benchmark, as files of a folder: a Gateway, an HTTPRoute for each of the routes with a
// header match and a 95/5 split, and the Services and EndpointSlices that lead to the origin.
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { stringify } from "yaml";

export const NAMESPACE = "bench";
export const GATEWAY = "gateway";

export interface BackendPorts {
  readonly stablePort: number;
  readonly canaryPort: number;
  readonly mirrorPort: number;
}

/** Writes everything into `folder`, which is made. `mirror` adds a RequestMirror filter to every rule. */
export function writeGatewayObjects(
  folder: string,
  options: BackendPorts & { readonly listenerPort: number; readonly routes: number; readonly mirror: boolean },
): void {
  mkdirSync(folder, { recursive: true });
  const objects = [
    { apiVersion: "v1", kind: "Namespace", metadata: { name: NAMESPACE } },
    {
      apiVersion: "gateway.networking.k8s.io/v1",
      kind: "GatewayClass",
      metadata: { name: "heddle" },
      spec: { controllerName: "heddle.dev/gateway-controller" },
    },
    {
      apiVersion: "gateway.networking.k8s.io/v1",
      kind: "Gateway",
      metadata: { name: GATEWAY, namespace: NAMESPACE },
      spec: {
        gatewayClassName: "heddle",
        listeners: [{ name: "http", protocol: "HTTP", port: options.listenerPort }],
      },
    },
    ...service("stable", "v1", options.stablePort),
    ...service("canary", "v2", options.canaryPort),
    ...service("copies", "v2", options.mirrorPort),
  ];
  const routes = Array.from({ length: options.routes }, (_, route) => httpRoute(route, options.mirror));
  writeFileSync(join(folder, "gateway.yaml"), documents(objects));
  writeFileSync(join(folder, "routes.yaml"), documents(routes));
}

function httpRoute(route: number, mirror: boolean): unknown {
  const path = { type: "PathPrefix", value: `/svc${route}` };
  const filters = mirror
    ? { filters: [{ type: "RequestMirror", requestMirror: { backendRef: backend("copies") } }] }
    : {};
  return {
    apiVersion: "gateway.networking.k8s.io/v1",
    kind: "HTTPRoute",
    metadata: { name: `route-${route}`, namespace: NAMESPACE },
    spec: {
      parentRefs: [{ name: GATEWAY }],
      rules: [
        {
          matches: [{ path, headers: [{ name: "x-beta-user", value: "true" }] }],
          ...filters,
          backendRefs: [backend("canary")],
        },
        {
          matches: [{ path }],
          ...filters,
          backendRefs: [
            { ...backend("stable"), weight: 95 },
            { ...backend("canary"), weight: 5 },
          ],
        },
      ],
    },
  };
}

function backend(name: string): { readonly name: string; readonly port: number } {
  return { name, port: 80 };
}

/** A Service and the EndpointSlice with its one endpoint, a pod labelled with its version. */
function service(name: string, version: string, port: number): unknown[] {
  const meta = { name, namespace: NAMESPACE };
  return [
    {
      apiVersion: "v1",
      kind: "Service",
      metadata: meta,
      spec: { selector: { app: name }, ports: [{ name: "http", port: 80, targetPort: port }] },
    },
    {
      apiVersion: "discovery.k8s.io/v1",
      kind: "EndpointSlice",
      metadata: { ...meta, labels: { "kubernetes.io/service-name": name } },
      addressType: "IPv4",
      ports: [{ name: "http", protocol: "TCP", port }],
      endpoints: [
        {
          addresses: ["127.0.0.1"],
          conditions: { ready: true },
          targetRef: { kind: "Pod", name, namespace: NAMESPACE },
        },
      ],
    },
    {
      apiVersion: "v1",
      kind: "Pod",
      metadata: { ...meta, labels: { app: name, version } },
      spec: { containers: [{ name, image: "origin" }] },
    },
  ];
}

function documents(objects: readonly unknown[]): string {
  return objects.map((object) => stringify(object)).join("---\n");
}

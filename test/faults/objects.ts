// The objects of a mesh under fault tests, as text of its folder's files: one Gateway, one route with one rule over two
// Services, and EndpointSlices that say where their endpoints are. Pure.
import { stringify } from "yaml";

export const namespace = "faults";
export const gateway = `${namespace}/gateway`;

export interface Backend {
  readonly service: string;
  readonly weight: number;
}

/** What does not change: namespace, class, Gateway, Services and the pods that give versions. */
export function baseFile(listenerPort: number, services: readonly string[]): string {
  return documents([
    { apiVersion: "v1", kind: "Namespace", metadata: { name: namespace } },
    {
      apiVersion: "gateway.networking.k8s.io/v1",
      kind: "GatewayClass",
      metadata: { name: "heddle" },
      spec: { controllerName: "heddle.dev/gateway-controller" },
    },
    {
      apiVersion: "gateway.networking.k8s.io/v1",
      kind: "Gateway",
      metadata: { name: "gateway", namespace },
      spec: { gatewayClassName: "heddle", listeners: [{ name: "http", protocol: "HTTP", port: listenerPort }] },
    },
    ...services.map((name) => ({
      apiVersion: "v1",
      kind: "Service",
      metadata: { name, namespace },
      spec: { selector: { app: name }, ports: [{ name: "http", port: 80, targetPort: 8080 }] },
    })),
  ]);
}

/** The one rule's split. Every response that goes by it says so: x-config is `config`. */
export function routeFile(backends: readonly Backend[], config: string): string {
  return documents([
    {
      apiVersion: "gateway.networking.k8s.io/v1",
      kind: "HTTPRoute",
      metadata: { name: "route", namespace },
      spec: {
        parentRefs: [{ name: "gateway" }],
        rules: [
          {
            filters: [
              {
                type: "ResponseHeaderModifier",
                responseHeaderModifier: { set: [{ name: "x-config", value: config }] },
              },
            ],
            backendRefs: backends.map(({ service, weight }) => ({ name: service, port: 80, weight })),
          },
        ],
      },
    },
  ]);
}

/** Where a Service's endpoints are: ports of 127.0.0.1, each a slice of its own. */
export function endpointsFile(service: string, ports: readonly number[]): string {
  return documents(
    ports.map((port) => ({
      apiVersion: "discovery.k8s.io/v1",
      kind: "EndpointSlice",
      metadata: { name: `${service}-${port}`, namespace, labels: { "kubernetes.io/service-name": service } },
      addressType: "IPv4",
      ports: [{ name: "http", protocol: "TCP", port }],
      endpoints: [{ addresses: ["127.0.0.1"], conditions: { ready: true } }],
    })),
  );
}

function documents(objects: readonly unknown[]): string {
  return objects.map((object) => stringify(object)).join("---\n");
}

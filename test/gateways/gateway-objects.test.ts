// What a Gateway becomes on a cluster, and when its pods are replaced.
import test from "ava";
import { parseAgentConfig } from "../../agent/config.ts";
import {
  containerPortOf,
  gatewayObjects,
  type GatewaySettings,
  type ManagedObject,
  portFault,
} from "../../control-plane/gateways/gateway-objects.ts";
import { servedPorts } from "../../control-plane/gateways/gateway-provisioner.ts";
import { defaultGatewayParameters, type GatewayParameters } from "../../control-plane/gateways/parameters.ts";
import type { Gateway } from "../../control-plane/source/cluster-state.ts";
import { dnsLabel, gatewayObjectName } from "../../proto/kubernetes.ts";
import { makeGateway, makeListener } from "../support/cluster-objects.ts";

const settings: GatewaySettings = {
  image: "docker.io/heddle/heddle:dev",
  imagePullPolicy: "IfNotPresent",
  controlPlaneAddress: "heddle-control-plane.heddle-system.svc:15012",
  otlpEndpoint: "http://jaeger.heddle-traces.svc:4317",
  traceSampling: "1",
  bindAddress: "0.0.0.0",
};

function objectsOf(
  gateway: Gateway,
  parameters: Partial<GatewayParameters> = {},
  more: Partial<GatewaySettings> = {},
): readonly ManagedObject[] {
  return gatewayObjects({
    gateway,
    uid: "uid-1",
    ports: servedPorts(gateway),
    parameters: { ...defaultGatewayParameters, ...parameters },
    settings: { ...settings, ...more },
  });
}

type Tree = { readonly [key: string]: Tree } & readonly Tree[] & string;

function one(objects: readonly ManagedObject[], kind: string): Tree {
  return objects.find((object) => object.kind === kind) as unknown as Tree;
}

function environment(objects: readonly ManagedObject[]): Record<string, string> {
  const { env } = one(objects, "Deployment")["spec"]!["template"]!["spec"]!["containers"]![0] as unknown as {
    env: readonly { name: string; value?: string }[];
  };
  return Object.fromEntries(env.map(({ name, value }) => [name, value ?? "from-a-field"]));
}

test("a Gateway gets a ServiceAccount, a Service and a Deployment, owned by it and labelled as the API asks", (t) => {
  const objects = objectsOf(makeGateway("shop/edge"));
  t.deepEqual(
    objects.map(({ kind }) => kind),
    ["ServiceAccount", "Service", "Deployment"],
  );
  for (const { metadata } of objects) {
    t.is(metadata.name, "edge-heddle");
    t.is(metadata.namespace, "shop");
    t.deepEqual(metadata.labels, {
      "gateway.networking.k8s.io/gateway-name": "edge",
      "gateway.networking.k8s.io/gateway-class-name": "heddle",
      "app.kubernetes.io/managed-by": "heddle",
    });
    t.deepEqual(metadata.ownerReferences, [
      {
        apiVersion: "gateway.networking.k8s.io/v1",
        kind: "Gateway",
        name: "edge",
        uid: "uid-1",
        controller: true,
      },
    ]);
  }
});

test("the environment of the agent is one that the agent takes", (t) => {
  const variables = environment(objectsOf(makeGateway("shop/edge"), { traceSampling: "0.25", logLevel: "debug" }));
  const parsed = parseAgentConfig(variables);
  t.true("config" in parsed, JSON.stringify(parsed));
  if (!("config" in parsed)) return;
  const { config } = parsed;
  t.is(config.gateway, "shop/edge");
  t.is(config.logLevel, "debug");
  t.is(config.serviceName, "", "spans have the Gateway's own name, as on one machine");
  t.is(config.stateDirectory, "/var/lib/heddle");
  t.is(config.tracing.kind === "on" && config.tracing.config.ratio, 0.25);
  t.is(config.tracing.kind === "on" && config.tracing.config.protocol, "grpc");
  for (const port of [80, 443, 1023, 1024, 8080])
    t.is(containerPortOf(port), port < 1024 ? port + config.privilegedPortOffset : port);
});

test("without a collector the agent is told of none", (t) => {
  const variables = environment(objectsOf(makeGateway("shop/edge"), { traceSampling: "0.5" }, { otlpEndpoint: "" }));
  t.deepEqual(
    Object.keys(variables).filter((name) => name.startsWith("OTEL_")),
    [],
  );
});

test("only the installation's settings, the parameters and infrastructure are in the pod template: a listener is not", (t) => {
  const template = (gateway: Gateway, parameters = {}, more = {}): Tree =>
    one(objectsOf(gateway, parameters, more), "Deployment")["spec"]!["template"]!;
  const before = template(makeGateway("shop/edge"));
  const listeners = [
    makeListener(),
    makeListener({ name: "more", port: 8080 }),
    makeListener({ name: "x", port: 443 }),
  ];
  t.deepEqual(template(makeGateway("shop/edge", ...listeners)), before);
  t.deepEqual(template(makeGateway("shop/edge"), { replicas: 3, serviceType: "ClusterIP" }), before);
  t.notDeepEqual(template(makeGateway("shop/edge"), { memoryLimit: "1Gi" }), before);
  t.notDeepEqual(template(makeGateway("shop/edge"), {}, { image: "other" }), before);
});

test("the Service has every distinct port of the listeners that are served, privileged ones at an unprivileged one", (t) => {
  const gateway = makeGateway(
    "shop/edge",
    makeListener({ hostname: "a.example.com" }),
    makeListener({ name: "b", hostname: "b.example.com" }),
    makeListener({ name: "high", port: 8080 }),
    makeListener({ name: "tls", port: 443, protocol: "HTTPS" }),
  );
  const { spec } = one(objectsOf(gateway), "Service") as unknown as { spec: { type: string; ports: unknown } };
  t.is(spec.type, "LoadBalancer");
  t.deepEqual(spec.ports, [
    { name: "port-80", port: 80, protocol: "TCP", appProtocol: "http", targetPort: 64_080 },
    { name: "port-8080", port: 8080, protocol: "TCP", appProtocol: "http", targetPort: 8080 },
  ]);
});

test("a port that the agent needs itself is in no Service", (t) => {
  const ports = [15_019, 15_020, 15_021, 64_000, 64_001, 64_080, 65_023, 65_024];
  t.deepEqual(
    ports.filter((port) => portFault(port) === null),
    [15_019, 64_000, 65_024],
  );
  const gateway = makeGateway("shop/edge", makeListener(), makeListener({ name: "high", port: 64_080 }));
  t.deepEqual(servedPorts(gateway), [80]);
});

test("a Gateway that is refused has no ports", (t) => {
  const gateway = { ...makeGateway("shop/edge"), addresses: [{ type: "example.com/pool", value: "a" }] };
  t.deepEqual(servedPorts(gateway), []);
});

test("infrastructure's labels and annotations are on every object and on the pods; ours win", (t) => {
  const gateway: Gateway = {
    ...makeGateway("shop/edge"),
    infrastructure: {
      labels: { team: "web", "app.kubernetes.io/managed-by": "me", "heddle.dev/inject": "true" },
      annotations: { "example.com/a": "b" },
    },
  };
  const objects = objectsOf(gateway, { replicas: 2 });
  t.is(objects.length, 4);
  const template = one(objects, "Deployment")["spec"]!["template"]!["metadata"] as unknown as ManagedObject["metadata"];
  for (const metadata of [...objects.map(({ metadata }) => metadata), template]) {
    t.is(metadata.labels["team"], "web");
    t.is(metadata.labels["app.kubernetes.io/managed-by"], "heddle");
    t.is(metadata.annotations["example.com/a"], "b");
  }
  t.is(template.labels["heddle.dev/inject"], "false");
});

test("replicas are left to others unless the parameters name them; several get a PodDisruptionBudget", (t) => {
  const gateway = makeGateway("shop/edge");
  t.false("replicas" in one(objectsOf(gateway), "Deployment")["spec"]!);
  t.is(one(objectsOf(gateway), "PodDisruptionBudget"), undefined as unknown as Tree);
  const two = objectsOf(gateway, { replicas: 2 });
  t.is(one(two, "Deployment")["spec"]!["replicas"] as unknown as number, 2);
  t.is(one(two, "PodDisruptionBudget")["spec"]!["maxUnavailable"] as unknown as number, 1);
});

test("the pod meets the restricted pod security standard and has no token of the API", (t) => {
  const pod = one(objectsOf(makeGateway("shop/edge")), "Deployment")["spec"]!["template"]!["spec"]!;
  t.like(pod, {
    automountServiceAccountToken: false,
    serviceAccountName: "edge-heddle",
    securityContext: { runAsNonRoot: true, runAsUser: 5309, seccompProfile: { type: "RuntimeDefault" } },
  });
  t.deepEqual(pod["containers"]![0]!["securityContext"] as unknown, {
    allowPrivilegeEscalation: false,
    readOnlyRootFilesystem: true,
    capabilities: { drop: ["ALL"] },
  });
});

test("names of objects are DNS labels whatever the Gateway is called, and differ where Gateways do", (t) => {
  const label = /^[a-z](?:[-a-z0-9]{0,61}[a-z0-9])?$/;
  t.is(gatewayObjectName("edge", "heddle"), "edge-heddle");
  const long = "a".repeat(200);
  const names = ["edge.example.com", "edge-example.com", "1st", long, `${long}b`, `${"a".repeat(49)}.x`];
  for (const name of names) t.regex(gatewayObjectName(name, "heddle"), label, name);
  t.is(new Set(names.map((name) => gatewayObjectName(name, "heddle"))).size, names.length);
  t.is(dnsLabel(long), dnsLabel(long));
  for (const { metadata } of objectsOf(makeGateway(`shop/${long}`)))
    for (const value of Object.values(metadata.labels)) t.true(value.length <= 63, value);
});

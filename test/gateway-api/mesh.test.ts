// Routes on Services (GAMMA, GEP-1294), from the saved text to what a sidecar answers its application.
import test from "ava";
import { routeYaml, World } from "./world.ts";

const service = (name: string, ports: string, more = ""): string => `
apiVersion: v1
kind: Service
metadata: { name: ${name}, namespace: shop }
spec: { ports: [${ports}]${more} }
`;

test("B.3 producer, consumer and no route: who sees what, and what returns when a route goes", async (t) => {
  const world = await World.start(t, { origins: ["echo", "v1", "v2"], ports: 0 });
  await world.apply({
    "echo.yaml": world.service("echo"),
    "v1.yaml": world.service("v1"),
    "v2.yaml": world.service("v2"),
  });
  const shop = await world.sidecar("shop");
  const client = await world.sidecar("client");
  const url = "http://echo.shop";
  t.is(await world.get(shop, "http://echo/x", "ignored"), "200 echo", "no route: the Service's own endpoints");
  t.is(await world.get(client, `${url}/x`, "ignored"), "200 echo");

  const producer = routeYaml(
    "producer",
    `
  parentRefs: [{ group: "", kind: Service, name: echo }]
  hostnames: [no.meaning.here]
  rules: [{ matches: [{ path: { value: /v1 } }], backendRefs: [{ name: v1, port: 80 }] }]`,
  );
  await world.apply({ "producer.yaml": producer });
  t.is(await world.get(shop, `${url}/v1`, "x"), "200 v1");
  t.is(await world.get(client, `${url}/v1`, "x"), "200 v1");
  t.is(await world.get(client, `${url}/x`, "x"), "404 no_route");
  t.is(await world.get(client, "http://ECHO.Shop.SVC.cluster.local.:80/v1", "x"), "200 v1");

  const consumer = routeYaml(
    "consumer",
    `
  parentRefs: [{ group: "", kind: Service, name: echo, namespace: shop, port: 80 }]
  rules:
    - matches: [{ path: { value: /v2 } }]
      backendRefs: [{ name: v2, namespace: shop, port: 80 }]
    - matches: [{ path: { value: /self } }]
      backendRefs: [{ name: echo, namespace: shop, port: 80 }]`,
    "client",
  );
  await world.apply({ "consumer.yaml": consumer });
  t.is(await world.get(client, `${url}/v2`, "x"), "200 v2");
  t.is(await world.get(client, `${url}/v1`, "x"), "404 no_route", "producer routes are no fallback");
  t.is(await world.get(client, `${url}/self`, "x"), "200 echo", "a backend's own routes are not applied");
  t.is(await world.get(shop, `${url}/v1`, "x"), "200 v1");
  t.is(await world.get(shop, `${url}/v2`, "x"), "404 no_route");
  t.is(world.condition("HTTPRoute client/consumer", "Accepted"), "True/Accepted");
  t.is(world.condition("HTTPRoute client/consumer", "ResolvedRefs"), "True/ResolvedRefs", "no grant is asked for");

  await world.apply({ "consumer.yaml": "" });
  t.is(await world.get(client, `${url}/v1`, "x"), "200 v1", "the producer's again");
  await world.apply({ "producer.yaml": "" });
  t.is(await world.get(client, `${url}/x`, "x"), "200 echo", "implicit forwarding again");
  t.is(await world.get(shop, `${url}/v1`, "x"), "200 echo");
});

test("B.3 ports and sections of a Service; a renamed port; Host in a header match", async (t) => {
  const world = await World.start(t, { origins: ["echo", "v1"], ports: 0 });
  const slice = (name: string): string => `
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: { name: echo-1, namespace: shop, labels: { kubernetes.io/service-name: echo } }
addressType: IPv4
ports: [{ name: ${name}, port: ${world.portOf("echo")} }, { name: other, port: ${world.portOf("echo")} }]
endpoints: [{ addresses: [127.0.0.1] }]
`;
  const ports = (name: string): string => `{ name: ${name}, port: 80 }, { name: other, port: 8080 }`;
  await world.apply({
    "echo.yaml": service("echo", ports("http")),
    "slice.yaml": slice("http"),
    "v1.yaml": world.service("v1"),
    "section.yaml": routeYaml(
      "section",
      `
  parentRefs: [{ group: "", kind: Service, name: echo, sectionName: http }]
  rules:
    - matches: [{ headers: [{ name: HOST, value: echo.shop }] }]
      backendRefs: [{ name: v1, port: 80 }]
    - matches: [{ path: { value: /x } }]
      backendRefs: [{ name: echo, port: 8080 }]`,
    ),
    "neither.yaml": routeYaml(
      "neither",
      `
  parentRefs: [{ group: "", kind: Service, name: echo, sectionName: http, port: 8080 }]
  rules: [{ backendRefs: [{ name: v1, port: 80 }] }]`,
    ),
  });
  const shop = await world.sidecar("shop");
  t.is(await world.get(shop, "http://echo.shop/", "x"), "200 v1");
  t.is(await world.get(shop, "http://echo/", "x"), "404 no_route");
  t.is(await world.get(shop, "http://echo/x", "x"), "200 echo");
  t.is(await world.get(shop, "http://echo.shop:8080/", "x"), "200 echo", "the other port is left alone");
  t.is(world.condition("HTTPRoute shop/neither", "Accepted"), "False/NoMatchingParent");
  t.is(world.condition("HTTPRoute shop/neither", "ResolvedRefs"), "True/ResolvedRefs");

  await world.apply({ "echo.yaml": service("echo", ports("web")) });
  t.is(world.condition("HTTPRoute shop/section", "Accepted"), "False/NoMatchingParent");
  t.is(await world.get(shop, "http://echo/x", "x"), "503 no_endpoint", "no slice has the port's new name yet");
  await world.apply({ "slice.yaml": slice("web") });
  t.is(await world.get(shop, "http://echo/y", "x"), "200 echo");
});

test("D.2 endpoints: several ports, null, IPv6, unready, and slices of other kinds", async (t) => {
  const world = await World.start(t, { origins: ["v1"], ports: 0 });
  const slice = (name: string, body: string): string => `---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: { name: ${name}, namespace: shop, labels: { kubernetes.io/service-name: many } }
${body}
`;
  const port = world.portOf("v1");
  await world.apply({
    "many.yaml":
      service("many", "{ name: a, port: 80, targetPort: 9 }, { name: b, port: 81 }, { name: c, port: 82 }") +
      slice("null-endpoints", `addressType: IPv6\nports: [{ name: a, port: ${port} }]\nendpoints: null`) +
      slice("null-ports", `addressType: IPv4\nports: null\nendpoints: [{ addresses: [127.0.0.1] }]`) +
      slice(
        "null-port",
        `addressType: IPv4\nports: [{ name: c, port: null }]\nendpoints: [{ addresses: [127.0.0.1] }]`,
      ) +
      slice(
        "conditions",
        `addressType: IPv4
ports: [{ name: a, port: ${port}, protocol: null, appProtocol: null }, { name: b, port: 9 }]
endpoints:
  - { addresses: [127.0.0.1], conditions: { ready: null, serving: null, terminating: null }, targetRef: null, nodeName: null }
  - { addresses: [127.0.0.1], conditions: { ready: false } }
  - { addresses: [127.0.0.2], conditions: { ready: false } }
  - { addresses: [127.0.0.3], conditions: { ready: true, serving: true, terminating: true } }`,
      ) +
      slice("names", `addressType: FQDN\nports: [{ name: a, port: 9 }]\nendpoints: [{ addresses: [localhost] }]`),
  });
  const shop = await world.sidecar("shop");
  for (let count = 0; count < 4; count++) t.is(await world.get(shop, "http://many/", "x"), "200 v1");
  t.is(await world.get(shop, "http://many:81/", "x"), "503 connect_failed", "another port, where nobody listens");
  t.is(await world.get(shop, "http://many:82/", "x"), "503 no_endpoint");
});

test("headless and ExternalName parents are refused and what they name is dialled as it is", async (t) => {
  const world = await World.start(t, { origins: ["v1"], ports: 0 });
  await world.apply({
    "services.yaml": [
      service("headless", "{ port: 80 }", ", clusterIP: None"),
      service("outside", "{ port: 80 }", ", type: ExternalName, externalName: example.org"),
    ].join("---"),
    "v1.yaml": world.service("v1"),
    "route.yaml": routeYaml(
      "route",
      `
  parentRefs:
    - { group: "", kind: Service, name: headless }
    - { group: "", kind: Service, name: outside }
    - { group: "", kind: Service, name: missing }
    - { group: other.example, kind: Thing, name: not-ours }
    - { group: "", kind: Service, name: v1 }
  rules: [{ backendRefs: [{ name: outside, port: 80 }, { name: v1, port: 80, weight: 0 }] }]`,
    ),
  });
  const accepted = [0, 1, 2, 3].map((parent) => world.condition("HTTPRoute shop/route", "Accepted", parent));
  t.deepEqual(accepted, [
    "False/UnsupportedValue",
    "False/UnsupportedValue",
    "False/NoMatchingParent",
    "True/Accepted",
  ]);
  const shop = await world.sidecar("shop");
  t.is(await world.get(shop, "http://v1/", "x"), "500 invalid_backend");
  t.is(await world.get(shop, `http://127.0.0.1:${world.portOf("v1")}/`, "x"), "200 v1", "a pod's address passes by");
});

// What happens to traffic and statuses while objects change: grants, selectors, Services, classes, and rules that are
// not supported beside good ones.
import test from "ava";
import { until } from "../support/until.ts";
import { gatewayYaml, routeYaml, World } from "./world.ts";

const grant = (fields = "", name = "grant"): string => `
apiVersion: gateway.networking.k8s.io/v1beta1
kind: ReferenceGrant
metadata: { name: ${name}, namespace: backends }
spec:
  from: [{ group: gateway.networking.k8s.io, kind: HTTPRoute, namespace: shop }]
  to: [{ group: "", kind: Service${fields} }]
`;

test("B.4 a grant that comes and goes while requests are served, for a backend and for a mirror", async (t) => {
  const world = await World.start(t, { origins: ["v1", "far", "copy"] });
  const [port = 0] = world.ports;
  const far = (name: string): string => `
apiVersion: v1
kind: Service
metadata: { name: ${name}, namespace: backends }
spec: { ports: [{ port: 80 }] }
---
${world.slice(name, "backends")}`;
  await world.apply({
    "gateway.yaml": gatewayYaml([`{ name: http, port: ${port}, protocol: HTTP }`]),
    "v1.yaml": world.service("v1"),
    "far.yaml": far("far"),
    "copy.yaml": far("copy"),
    "grant.yaml": grant(),
    "route.yaml": routeYaml(
      "route",
      `
  parentRefs: [{ name: gw }, { group: "", kind: Service, name: v1 }]
  rules:
    - matches: [{ path: { value: /near } }]
      filters: [{ type: RequestMirror, requestMirror: { backendRef: { name: copy, namespace: backends, port: 80 } } }]
      backendRefs: [{ name: v1, port: 80 }]
    - matches: [{ path: { value: /far } }]
      backendRefs: [{ name: far, namespace: backends, port: 80 }]`,
    ),
  });
  await world.gateway("gw");
  const sidecar = await world.sidecar("shop");
  const copies = (): number => world.origins.get("copy")?.requests.length ?? 0;
  t.is(await world.get(port, "/far", "x"), "200 far");
  t.is(await world.get(port, "/near", "x"), "200 v1");
  await until(() => copies() === 1);
  t.is(world.condition("HTTPRoute shop/route", "ResolvedRefs"), "True/ResolvedRefs");

  await world.apply({ "grant.yaml": grant(", name: copy") });
  t.is(await world.get(port, "/far", "x"), "500 invalid_backend");
  t.is(await world.get(port, "/near", "x"), "200 v1");
  await until(() => copies() === 2);
  t.is(world.condition("HTTPRoute shop/route", "ResolvedRefs"), "False/RefNotPermitted");

  await world.apply({ "grant.yaml": "" });
  t.is(await world.get(port, "/near", "x"), "200 v1", "a mirror that is not permitted leaves the request alone");
  t.is(copies(), 2);
  t.is(await world.get(sidecar, "http://v1/far", "x"), "200 far", "the mesh asks for no grant");
  t.is(await world.get(sidecar, "http://v1/near", "x"), "200 v1");
  await until(() => copies() === 3);
  t.is(world.condition("HTTPRoute shop/route", "Accepted", 0), "True/Accepted");
  t.is(world.condition("HTTPRoute shop/route", "ResolvedRefs", 0), "False/RefNotPermitted");
  t.is(world.condition("HTTPRoute shop/route", "ResolvedRefs", 1), "True/ResolvedRefs");

  await world.apply({ "a.yaml": grant(", name: far", "a"), "b.yaml": grant(", name: other", "b") });
  t.is(await world.get(port, "/far", "x"), "200 far");
});

test("B.1 a namespace that gains and loses the label of allowedRoutes' selector", async (t) => {
  const world = await World.start(t, { origins: ["v1"] });
  const [port = 0] = world.ports;
  const namespace = (label: string): string =>
    `apiVersion: v1\nkind: Namespace\nmetadata: { name: team, labels: { exposed: "${label}" } }\n`;
  const listener = (selector: string): string =>
    `{ name: http, port: ${port}, protocol: HTTP, allowedRoutes: { namespaces: { from: Selector, selector: ${selector} } } }`;
  const byLabel = '{ matchLabels: { exposed: "yes" } }';
  await world.apply({
    "gateway.yaml": gatewayYaml([listener(byLabel)]),
    "namespace.yaml": namespace("no"),
    "v1.yaml": world.service("v1").replaceAll("namespace: shop", "namespace: team"),
    "route.yaml": routeYaml(
      "route",
      `
  parentRefs: [{ name: gw, namespace: shop }]
  rules: [{ backendRefs: [{ name: v1, port: 80 }] }]`,
      "team",
    ),
  });
  await world.gateway("gw");
  const attached = (): readonly { attachedRoutes: number }[] =>
    world.status("Gateway shop/gw")?.["listeners"] as ReturnType<typeof attached>;
  t.is(await world.get(port, "/", "x"), "404 no_route");
  t.is(world.condition("HTTPRoute team/route", "Accepted"), "False/NotAllowedByListeners");
  t.is(world.condition("HTTPRoute team/route", "ResolvedRefs"), "True/ResolvedRefs");
  t.like(attached()[0], { attachedRoutes: 0 });
  await world.apply({ "namespace.yaml": namespace("yes") });
  t.is(await world.get(port, "/", "x"), "200 v1");
  t.is(world.condition("HTTPRoute team/route", "Accepted"), "True/Accepted");
  t.like(attached()[0], { attachedRoutes: 1 });
  await world.apply({ "namespace.yaml": "" });
  t.is(await world.get(port, "/", "x"), "404 no_route");
  await world.apply({
    "gateway.yaml": gatewayYaml([
      listener("{ matchExpressions: [{ key: kubernetes.io/metadata.name, operator: In, values: [team] }] }"),
    ]),
  });
  t.is(await world.get(port, "/", "x"), "200 v1", "the name label that every namespace has");
});

test("unsupported rules beside good ones, and a route of nothing else", async (t) => {
  const world = await World.start(t, { origins: ["v1"] });
  const [port = 0] = world.ports;
  const redirect = "{ type: RequestRedirect, requestRedirect: { scheme: https } }";
  await world.apply({
    "gateway.yaml": gatewayYaml([
      `{ name: http, port: ${port}, protocol: HTTP }`,
      `{ name: https, port: 443, protocol: HTTPS, tls: { certificateRefs: [{ name: cert }] } }`,
      `{ name: grpc, port: ${port}, protocol: HTTP, hostname: grpc.example, allowedRoutes: { kinds: [{ kind: GRPCRoute }] } }`,
      `{ name: both, port: ${port}, protocol: HTTP, hostname: both.example, allowedRoutes: { kinds: [{ kind: GRPCRoute }, { kind: HTTPRoute }] } }`,
    ]),
    "v1.yaml": world.service("v1"),
    "mixed.yaml": routeYaml(
      "mixed",
      `
  parentRefs: [{ name: gw, sectionName: http }, { name: gw, sectionName: https }, { name: gw, sectionName: grpc }, { name: gw, sectionName: both }]
  rules:
    - { name: good, matches: [{ path: { value: /good } }], backendRefs: [{ name: v1, port: 80 }] }
    - { name: bad, matches: [{ path: { value: /bad } }], filters: [${redirect}] }
    - { name: slow, matches: [{ path: { value: /slow } }], timeouts: { request: 1s }, backendRefs: [{ name: v1, port: 80 }] }
    - { name: tunnel, matches: [{ path: { value: /tunnel } }, { method: CONNECT }], backendRefs: [{ name: v1, port: 80 }] }`,
    ),
    "nothing.yaml": routeYaml(
      "nothing",
      `
  parentRefs: [{ name: gw, sectionName: http }]
  rules: [{ matches: [{ path: { value: /good/but } }], filters: [${redirect}] }]`,
    ),
  });
  await world.gateway("gw", [port]);
  t.is(await world.get(port, "/good", "x"), "200 v1");
  t.is(await world.get(port, "/bad", "x"), "500 unsupported_rule");
  t.is(await world.get(port, "/slow", "x"), "500 unsupported_rule");
  t.is(await world.get(port, "/tunnel", "x"), "500 unsupported_rule", "CONNECT is never served");
  t.is(await world.get(port, "/good/but", "x"), "500 unsupported_rule");
  t.is(await world.get(port, "/good", "both.example"), "200 v1");
  t.is(await world.get(port, "/good", "grpc.example"), "200 v1", "a listener that takes nothing is not there");
  const route = (type: string, parent: number): string | undefined =>
    world.condition("HTTPRoute shop/mixed", type, parent);
  t.is(route("Accepted", 0), "True/Accepted");
  t.is(route("PartiallyInvalid", 0), "True/UnsupportedValue");
  t.is(route("Accepted", 1), "False/NotAllowedByListeners");
  t.is(route("Accepted", 2), "False/NotAllowedByListeners");
  t.is(route("Accepted", 3), "True/Accepted");
  t.is(route("Accepted", 4), undefined, "one entry for each declared parent");
  t.is(world.condition("HTTPRoute shop/nothing", "Accepted"), "False/UnsupportedValue");
  t.is(world.condition("HTTPRoute shop/nothing", "PartiallyInvalid"), undefined);
  t.is(world.condition("Gateway shop/gw", "Accepted"), "True/ListenersNotValid");
  await until(() => world.condition("Gateway shop/gw", "Programmed") === "True/Programmed");
  const status = world.status("Gateway shop/gw") as {
    addresses: unknown;
    listeners: { name: string; attachedRoutes: number; supportedKinds: unknown[]; conditions: Condition[] }[];
  };
  t.deepEqual(status.addresses, [{ type: "IPAddress", value: "127.0.0.1" }]);
  const kinds = [{ group: "gateway.networking.k8s.io", kind: "HTTPRoute" }];
  t.deepEqual(
    status.listeners.map(({ name, attachedRoutes, supportedKinds, conditions }) => {
      const said = Object.fromEntries(conditions.map(({ type, status: is, reason }) => [type, `${is}/${reason}`]));
      return [name, attachedRoutes, supportedKinds, said["Accepted"], said["Programmed"], said["ResolvedRefs"]];
    }),
    [
      ["http", 1, kinds, "True/Accepted", "True/Programmed", "True/ResolvedRefs"],
      ["https", 0, [], "False/UnsupportedProtocol", "False/Invalid", "True/ResolvedRefs"],
      ["grpc", 0, [], "True/Accepted", "False/Invalid", "False/InvalidRouteKinds"],
      ["both", 1, kinds, "True/Accepted", "False/Invalid", "False/InvalidRouteKinds"],
    ],
  );
});

interface Condition {
  readonly type: string;
  readonly status: string;
  readonly reason: string;
  readonly observedGeneration: number;
}

test("G.1 G.5 every condition is of the newest generation, and parents are what was declared", async (t) => {
  const world = await World.start(t, { origins: ["v1"], ports: 2 });
  const [port = 0, other = 0] = world.ports;
  const foreign = `---
apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: { name: foreign }
spec: { controllerName: example.com/other }
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: { name: foreign, namespace: shop }
spec: { gatewayClassName: foreign, listeners: [{ name: http, port: ${other}, protocol: HTTP }] }
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: { name: classless, namespace: shop }
spec: { gatewayClassName: none, listeners: [{ name: http, port: ${other}, protocol: HTTP }] }
`;
  const gateway = (port2: number): string =>
    gatewayYaml([`{ name: http, port: ${port}, protocol: HTTP }`, `{ name: more, port: ${port2}, protocol: HTTP }`]);
  const route = (backend: string): string =>
    routeYaml(
      "route",
      `
  parentRefs:
    - { name: foreign }
    - { name: gw, sectionName: http }
    - { name: gw, port: ${port}, sectionName: more }
    - { name: missing }
    - { name: classless }
  rules: [{ backendRefs: [{ name: ${backend}, port: 80 }] }]`,
    );
  await world.apply({
    "gateway.yaml": gateway(other),
    "foreign.yaml": foreign,
    "v1.yaml": world.service("v1"),
    "route.yaml": route("v1"),
  });
  await world.gateway("gw");
  t.is(world.status("GatewayClass foreign"), undefined);
  t.is(world.status("Gateway shop/foreign"), undefined);
  t.is(world.status("Gateway shop/classless"), undefined);
  const parents = (): { parentRef: object; controllerName: string; conditions: Condition[] }[] =>
    world.status("HTTPRoute shop/route")?.["parents"] as ReturnType<typeof parents>;
  const ref = { group: "gateway.networking.k8s.io", kind: "Gateway", namespace: "shop" };
  t.deepEqual(
    parents().map(({ parentRef, controllerName }) => [parentRef, controllerName]),
    [
      { ...ref, name: "gw", sectionName: "http" },
      { ...ref, name: "gw", sectionName: "more", port },
    ].map((parentRef) => [parentRef, "heddle.dev/gateway-controller"]),
  );
  const verdicts = (): string[] =>
    parents().map(({ conditions }) => conditions.map(({ status, reason }) => `${status}/${reason}`).join(" "));
  const refused = "False/NoMatchingParent True/ResolvedRefs";
  t.deepEqual(verdicts(), ["True/Accepted True/ResolvedRefs", refused]);
  const generations = (conditions: Condition[]): number[] => [
    ...new Set(conditions.map(({ observedGeneration }) => observedGeneration)),
  ];
  t.deepEqual(generations(parents().flatMap(({ conditions }) => conditions)), [1]);

  await world.apply({ "route.yaml": route("gone"), "gateway.yaml": gateway(port + 1 === other ? port + 2 : port + 1) });
  t.deepEqual(generations(parents().flatMap(({ conditions }) => conditions)), [2]);
  t.is(verdicts()[0], "True/Accepted False/BackendNotFound");
  t.is(await world.get(port, "/", "x"), "500 invalid_backend");
  const status = world.status("Gateway shop/gw") as {
    conditions: Condition[];
    listeners: { conditions: Condition[] }[];
  };
  t.deepEqual(generations([...status.conditions, ...status.listeners.flatMap(({ conditions }) => conditions)]), [2]);
  await world.apply({ "foreign.yaml": foreign.replace("gatewayClassName: none", "gatewayClassName: heddle") });
  t.is(world.condition("HTTPRoute shop/route", "Accepted", 2), "True/Accepted");
  t.is(world.condition("Gateway shop/classless", "Accepted"), "True/Accepted");
  await world.apply({ "gateway.yaml": gateway(other).replace("heddle.dev/gateway-controller", "example.com/taken") });
  t.is(world.status("GatewayClass heddle"), undefined);
  t.is(world.status("Gateway shop/gw"), undefined);
  t.is(world.status("HTTPRoute shop/route"), undefined, "nothing of it is ours");
});

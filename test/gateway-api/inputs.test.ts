// What authors may write in odd ways: nulls are absent fields, as for the API server, and what has the wrong type is
// refused with its place while the last good state goes on serving.
import test from "ava";
import { gatewayYaml, routeYaml, World } from "./world.ts";

const backend = "backendRefs: [{ name: v1, port: 80 }]";

test("null is absent, in every optional field", async (t) => {
  const world = await World.start(t, { origins: ["v1"] });
  const [port = 0] = world.ports;
  await world.apply({
    "gateway.yaml": gatewayYaml([
      `{ name: http, port: ${port}, protocol: HTTP, hostname: null, allowedRoutes: null, tls: null }`,
    ]),
    "v1.yaml": world.service("v1", "selector: null, clusterIP: null, clusterIPs: null, type: null"),
  });
  await world.gateway("gw");
  for (const [index, spec] of [
    `parentRefs: [{ name: gw, group: null, kind: null, namespace: null, sectionName: null, port: null }]
  hostnames: null
  rules: [{ name: null, matches: null, filters: null, timeouts: null, retry: null, sessionPersistence: null, ${backend} }]`,
    `parentRefs: [{ name: gw }]
  rules: [{ backendRefs: [{ name: v1, port: 80, weight: null, group: null, kind: null, namespace: null, filters: null }] }]`,
    `parentRefs: [{ name: gw }]
  rules: [{ matches: [{ path: null, headers: null, queryParams: null, method: null }], ${backend} }]`,
    `parentRefs: [{ name: gw }]
  rules: [{ matches: [{ path: { type: null, value: null } }], ${backend} }]`,
    `parentRefs: [{ name: gw }]
  rules: [{ matches: [], filters: [{ type: RequestHeaderModifier, requestHeaderModifier: { set: null, add: null, remove: null }, requestMirror: null }], ${backend} }]`,
    `parentRefs: [{ name: gw }]
  rules: [{ filters: [{ type: RequestMirror, requestMirror: { percent: null, fraction: { numerator: 1, denominator: null }, backendRef: { name: v1, port: 80 } } }], ${backend} }]`,
  ].entries()) {
    await world.apply({ "route.yaml": routeYaml(`route-${index}`, `  ${spec}`) });
    t.is(await world.get(port, "/", "x"), "200 v1", spec);
    t.is(world.condition(`HTTPRoute shop/route-${index}`, "Accepted"), "True/Accepted");
  }
});

test("a wrong type names its field and changes nothing", async (t) => {
  const world = await World.start(t, { origins: ["v1"] });
  const [port = 0] = world.ports;
  const route = (rule: string): string => routeYaml("route", `  parentRefs: [{ name: gw }]\n  rules: [${rule}]`);
  await world.apply({
    "gateway.yaml": gatewayYaml([`{ name: http, port: ${port}, protocol: HTTP }`]),
    "v1.yaml": world.service("v1"),
    "route.yaml": route(`{ ${backend} }`),
  });
  await world.gateway("gw");
  for (const [rule, field] of [
    ["{ backendRefs: [{ name: v1, port: '80' }] }", "spec.rules[0].backendRefs[0].port"],
    ["{ backendRefs: [{ name: v1, port: 80, weight: 1.5 }] }", "spec.rules[0].backendRefs[0].weight"],
    ["{ backendRefs: [{ name: v1, port: 80, weight: -1 }] }", "spec.rules[0].backendRefs[0].weight"],
    ["{ backendRefs: { name: v1, port: 80 } }", "spec.rules[0].backendRefs"],
    ["{ matches: [{ headers: [{ name: x, value: true }] }] }", "spec.rules[0].matches[0].headers[0].value"],
    ["{ matches: [{ method: get }] }", "spec.rules[0].matches[0].method"],
    ["{ matches: [null] }", "spec.rules[0].matches[0]"],
    ["null", "spec.rules[0]"],
  ] as const) {
    const [error = ""] = world.refusal({ "route.yaml": route(rule) });
    t.true(error.includes(`HTTPRoute shop/route: ${field}: expected `), `${rule}: ${error}`);
    t.is(await world.get(port, "/", "x"), "200 v1");
  }
});

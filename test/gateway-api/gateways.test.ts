// Routes on Gateways, from the saved text to the answer on a socket.
import test from "ava";
import { gatewayYaml, routeYaml, verdict, World } from "./world.ts";

test("the same route on two listeners of one Gateway, each with its own hostnames", async (t) => {
  const world = await World.start(t, { origins: ["v1", "v2"], ports: 2 });
  const [first = 0, second = 0] = world.ports;
  await world.apply({
    "gateway.yaml": gatewayYaml([
      `{ name: one, port: ${first}, protocol: HTTP, hostname: "*.example.com" }`,
      `{ name: two, port: ${second}, protocol: HTTP }`,
      `{ name: three, port: ${second}, protocol: HTTP, hostname: own.example.com }`,
    ]),
    "v1.yaml": world.service("v1"),
    "v2.yaml": world.service("v2"),
    "both.yaml": routeYaml(
      "both",
      `
  parentRefs: [{ name: gw, sectionName: one }, { name: gw, sectionName: two }, { name: gw, sectionName: gone }]
  hostnames: [a.example.com, b.other.org, own.example.com]
  rules: [{ backendRefs: [{ name: v1, port: 80 }] }]`,
    ),
    "own.yaml": routeYaml(
      "own",
      `
  parentRefs: [{ name: gw, port: ${second} }]
  hostnames: [own.example.com]
  rules: [{ matches: [{ path: { value: /own } }], backendRefs: [{ name: v2, port: 80 }] }]`,
    ),
  });
  await world.gateway("gw");
  t.is(await world.get(first, "/", "a.example.com"), "200 v1");
  t.is(await world.get(first, "/", `A.Example.COM:${first}`), "200 v1");
  t.is(await world.get(first, "/", "a.example.com:9"), "200 v1", "the port of Host plays no part");
  t.is(await world.get(first, "/", "b.other.org"), "404 no_listener");
  t.is(await world.get(second, "/", "b.other.org"), "200 v1");
  t.is(await world.get(second, "/", "c.example.com"), "404 no_route");
  t.is(await world.get(second, "/own", "own.example.com"), "200 v2");
  t.is(
    await world.get(second, "/", "own.example.com"),
    "404 no_route",
    "the listener that owns the host is the only one",
  );
  t.is(await world.get(first, "/", "own.example.com"), "200 v1");
  t.is(await world.get(second, "/", ""), "404 no_route", "an empty Host reaches the listener without hostname");
  t.is(await world.get(first, "/", ""), "404 no_listener");
  t.is(await world.get(first, "/", "a.example.com."), "200 v1", "the final dot says the same name");
  t.is(await world.get(first, "/", `a.example.com.:${first}`), "200 v1");
  t.is(await world.get(first, "http://a.example.com./", "ignored"), "200 v1");
  t.is(world.condition("HTTPRoute shop/both", "Accepted", 0), "True/Accepted");
  t.is(world.condition("HTTPRoute shop/both", "Accepted", 1), "True/Accepted");
  t.is(world.condition("HTTPRoute shop/both", "Accepted", 2), "False/NoMatchingParent");
  t.is(world.condition("HTTPRoute shop/both", "ResolvedRefs", 2), "True/ResolvedRefs");
  const listeners = world.status("Gateway shop/gw")?.["listeners"] as { name: string; attachedRoutes: number }[];
  t.deepEqual(
    listeners.map(({ name, attachedRoutes }) => [name, attachedRoutes]),
    [
      ["one", 1],
      ["two", 2],
      ["three", 1],
    ],
  );
});

test("C.1 paths and queries as they were sent, methods and headers", async (t) => {
  const world = await World.start(t, { origins: ["v1", "v2", "v3"] });
  const [port = 0] = world.ports;
  const rule = (match: string, backend: string): string =>
    `    - { matches: [${match}], backendRefs: [{ name: ${backend}, port: 80 }] }\n`;
  await world.apply({
    "gateway.yaml": gatewayYaml([`{ name: http, port: ${port}, protocol: HTTP }`]),
    "v1.yaml": world.service("v1"),
    "v2.yaml": world.service("v2"),
    "v3.yaml": world.service("v3"),
    "route.yaml": routeYaml(
      "route",
      `
  parentRefs: [{ name: gw }]
  rules:
${rule("{ path: { value: /abc/ } }", "v1")}${rule("{ path: { type: Exact, value: /two/ } }", "v2")}${rule(
        "{ path: { value: /q }, queryParams: [{ name: animal, value: whäle & co }] }",
        "v1",
      )}${rule("{ path: { value: /q }, queryParams: [{ name: n, type: RegularExpression, value: '[0-9]+' }] }", "v2")}${rule(
        "{ path: { value: /q } }",
        "v3",
      )}${rule("{ path: { value: /h }, headers: [{ name: X-A, value: 'a, b' }] }", "v1")}${rule(
        "{ path: { value: /h }, method: PUT }",
        "v2",
      )}${rule("{ path: { value: /%2e }, method: GET }", "v2")}`,
    ),
  });
  await world.gateway("gw");
  const get = (target: string, headers = ""): Promise<string> => world.get(port, target, "x", headers);
  t.is(await get("/abc"), "200 v1");
  t.is(await get("/abc/"), "200 v1");
  t.is(await get("/abc?x=/abcd"), "200 v1");
  t.is(await get("/abcd"), "404 no_route");
  t.is(await get("/abc%2Fd"), "404 no_route");
  t.is(await get("/ABC"), "404 no_route");
  t.is(await get("/two/"), "200 v2");
  t.is(await get("/two"), "404 no_route");
  t.is(await get("/two/?"), "200 v2");
  t.is(await get("/q?animal=wh%C3%A4le%20%26%20co"), "200 v1");
  t.is(await get("/q?%61nimal=wh%c3%a4le%20%26%20co&animal=other"), "200 v1");
  t.is(await get("/q?animal=other&animal=wh%C3%A4le%20%26%20co"), "200 v3", "the first value counts");
  t.is(await get("/q?ANIMAL=wh%C3%A4le%20%26%20co"), "200 v3");
  t.is(await get("/q?n=12"), "200 v2");
  t.is(await get("/q?n=12a"), "200 v3");
  t.is(await get("/q?n"), "200 v3");
  t.is(await get("/h", "x-a: a\r\nX-A: b\r\n"), "200 v1");
  t.is(await get("/h", "x-a: b\r\nX-A: a\r\n"), "404 no_route");
  const send = async (method: string, target: string): Promise<number> =>
    (await world.raw(port, `${method} ${target} HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n`)).status;
  t.is(await send("PUT", "/h"), 200);
  t.is(await send("put", "/h"), 501);
  t.is(await send("POST", "/h"), 404);
  t.is((await world.raw(port, "CONNECT x:80 HTTP/1.1\r\nHost: x:80\r\n\r\n")).status, 501);
});

test("D.1 weights, mirrors and filters together", async (t) => {
  const world = await World.start(t, { origins: ["v1", "v2", "copy"] });
  const [port = 0] = world.ports;
  const empty = `
apiVersion: v1
kind: Service
metadata: { name: empty, namespace: shop }
spec: { ports: [{ port: 80 }] }
`;
  await world.apply({
    "gateway.yaml": gatewayYaml([`{ name: http, port: ${port}, protocol: HTTP }`]),
    "v1.yaml": world.service("v1"),
    "v2.yaml": world.service("v2"),
    "copy.yaml": world.service("copy"),
    "empty.yaml": empty,
    "route.yaml": routeYaml(
      "route",
      `
  parentRefs: [{ name: gw }]
  rules:
    - matches: [{ path: { value: /zero } }]
      filters: [{ type: RequestMirror, requestMirror: { backendRef: { name: copy, port: 80 } } }]
      backendRefs: [{ name: v1, port: 80, weight: 0 }, { name: v2, port: 80, weight: 0 }]
    - matches: [{ path: { value: /one } }]
      filters: [{ type: RequestMirror, requestMirror: { backendRef: { name: copy, port: 80 } } }]
      backendRefs: [{ name: v1, port: 80, weight: 0 }, { name: v2, port: 80, weight: 3 }, { name: gone, port: 80, weight: 0 }]
    - matches: [{ path: { value: /empty } }]
      backendRefs: [{ name: empty, port: 80 }]
    - matches: [{ path: { value: /none } }]
    - matches: [{ path: { value: /null } }]
      backendRefs: []
    - matches: [{ path: { value: /mirror-empty } }]
      filters:
        - { type: RequestMirror, requestMirror: { backendRef: { name: empty, port: 80 } } }
        - { type: RequestMirror, requestMirror: { backendRef: { name: gone, port: 80 } } }
        - { type: RequestMirror, requestMirror: { percent: 0, backendRef: { name: copy, port: 80 } } }
      backendRefs: [{ name: v1, port: 80 }]
    - matches: [{ path: { value: /filters } }]
      filters:
        - type: RequestHeaderModifier
          requestHeaderModifier: { set: [{ name: x-set, value: rule }], add: [{ name: X-Add, value: rule }], remove: [x-gone] }
        - type: ResponseHeaderModifier
          responseHeaderModifier: { set: [{ name: x-from, value: rule }], add: [{ name: x-both, value: rule }] }
      backendRefs:
        - name: v1
          port: 80
          filters:
            - type: RequestHeaderModifier
              requestHeaderModifier: { set: [{ name: X-Set, value: backend }], add: [{ name: x-add, value: backend }, { name: x-gone, value: back }] }
            - type: ResponseHeaderModifier
              responseHeaderModifier: { set: [{ name: x-from, value: backend }], add: [{ name: x-both, value: backend }] }
            - { type: RequestMirror, requestMirror: { backendRef: { name: copy, port: 80 } } }`,
    ),
  });
  await world.gateway("gw");
  const copies = (): number => world.origins.get("copy")?.requests.length ?? 0;
  t.is(await world.get(port, "/zero", "x"), "500 no_backend");
  t.is(await world.get(port, "/one", "x"), "200 v2");
  t.is(await world.get(port, "/empty", "x"), "503 no_endpoint");
  t.is(await world.get(port, "/none", "x"), "500 no_backend");
  t.is(await world.get(port, "/null", "x"), "500 no_backend");
  t.is(await world.get(port, "/mirror-empty", "x"), "200 v1");
  const answer = await world.raw(
    port,
    "GET /filters HTTP/1.1\r\nHost: x\r\nX-SET: client\r\nX-GONE: client\r\nx-add: client\r\n\r\n",
  );
  const seen = world.origins.get("v1")?.requests.at(-1)?.headers ?? [];
  const values = (list: typeof seen, wanted: string): string[] =>
    list.filter(([name]) => name.toLowerCase() === wanted).map(([, value]) => value);
  t.deepEqual(values(seen, "x-set"), ["backend"]);
  t.deepEqual(values(seen, "x-add"), ["client", "rule", "backend"]);
  t.deepEqual(values(seen, "x-gone"), ["back"]);
  // On the way back the backend's filters come first (E.1), so the rule has the last word.
  t.deepEqual(values(answer.headers, "x-from"), ["rule"]);
  t.deepEqual(values(answer.headers, "x-both"), ["backend", "rule"]);
  t.is(copies(), 2);
  t.is(world.condition("HTTPRoute shop/route", "ResolvedRefs"), "False/BackendNotFound");
  t.is(world.condition("HTTPRoute shop/route", "Accepted"), "True/Accepted");
});

test("one route on two Gateways; a listener that moves, changes its hostname and goes", async (t) => {
  const world = await World.start(t, { origins: ["v1"], ports: 3 });
  const [first = 0, second = 0, third = 0] = world.ports;
  const gateway = (name: string, listener: string): string =>
    gatewayYaml([listener])
      .replace("name: gw", `name: ${name}`)
      .slice(name === "gw" ? 0 : gatewayYaml([]).indexOf("---"));
  await world.apply({
    "gw.yaml": gateway("gw", `{ name: http, port: ${first}, protocol: HTTP, hostname: a.example }`),
    "other.yaml": gateway("other", `{ name: http, port: ${second}, protocol: HTTP }`),
    "v1.yaml": world.service("v1"),
    "route.yaml": routeYaml(
      "route",
      `
  parentRefs: [{ name: gw }, { name: other }]
  hostnames: [a.example, b.example]
  rules: [{ backendRefs: [{ name: v1, port: 80 }] }]`,
    ),
  });
  await world.gateway("gw", [first]);
  await world.gateway("other", [second]);
  t.is(await world.get(first, "/", "a.example"), "200 v1");
  t.is(await world.get(first, "/", "b.example"), "404 no_listener");
  t.is(await world.get(second, "/", "b.example"), "200 v1");
  await world.apply({
    "gw.yaml": gateway("gw", `{ name: http, port: ${first}, protocol: HTTP, hostname: b.example }`),
  });
  t.is(await world.get(first, "/", "a.example"), "404 no_listener");
  t.is(await world.get(first, "/", "b.example"), "200 v1");
  await world.apply({ "gw.yaml": gateway("gw", `{ name: moved, port: ${third}, protocol: HTTP }`) });
  await world.accepts(third);
  t.is(await world.get(third, "/", "a.example"), "200 v1");
  await t.throwsAsync(world.get(first, "/", "b.example"));
  t.is(await world.get(second, "/", "b.example"), "200 v1");
  await world.apply({ "other.yaml": "" });
  await t.throwsAsync(world.get(second, "/", "b.example"));
  t.is(world.condition("HTTPRoute shop/route", "Accepted", 1), "False/NoMatchingParent");
  t.is(await world.get(third, "/", "a.example"), "200 v1");
});

test("hosts in all their spellings, and requests without one", async (t) => {
  const world = await World.start(t, { origins: ["v1", "v2"] });
  const [port = 0] = world.ports;
  await world.apply({
    "gateway.yaml": gatewayYaml([
      `{ name: any, port: ${port}, protocol: HTTP }`,
      `{ name: own, port: ${port}, protocol: HTTP, hostname: "*.example" }`,
    ]),
    "v1.yaml": world.service("v1"),
    "v2.yaml": world.service("v2"),
    "any.yaml": routeYaml(
      "any",
      "  parentRefs: [{ name: gw, sectionName: any }]\n  rules: [{ backendRefs: [{ name: v1, port: 80 }] }]",
    ),
    "own.yaml": routeYaml(
      "own",
      "  parentRefs: [{ name: gw, sectionName: own }]\n  rules: [{ backendRefs: [{ name: v2, port: 80 }] }]",
    ),
  });
  await world.gateway("gw");
  for (const host of ["a.example", "A.B.EXAMPLE", "a.example:", "a.example.:81", "a.example:81"]) {
    t.is(await world.get(port, "/", host), "200 v2", host);
  }
  for (const host of [
    "example",
    "example.",
    ".example",
    "[::1]:80",
    "[::1]",
    "127.0.0.1",
    "a.example.org",
    "",
    ":80",
  ]) {
    t.is(await world.get(port, "/", host), "200 v1", host);
  }
  t.is(verdict(await world.raw(port, "GET / HTTP/1.0\r\n\r\n")), "200 v1");
  t.is(verdict(await world.raw(port, "GET http://A.example:1/ HTTP/1.0\r\n\r\n")), "200 v2");
  t.is(verdict(await world.raw(port, "OPTIONS * HTTP/1.1\r\nHost: a.example\r\n\r\n", "OPTIONS")), "200 v2");
  t.is((await world.raw(port, "GET / HTTP/1.1\r\n\r\n")).status, 400);
});

// A sidecar's outbound listener without capture: an explicit proxy whose frontends are chosen by the authority.
import test from "ava";
import { RawClient, exchange } from "../support/raw-client.ts";
import { ok, startOrigin } from "../support/raw-server.ts";
import { valuesOf } from "../support/raw-message.ts";
import { backend, match, rule } from "../support/resources.ts";
import { sidecarFor } from "../support/sidecar.ts";
import { until } from "../support/until.ts";

const absolute = (authority: string, target = "/", headers = ""): string =>
  `GET http://${authority}${target} HTTP/1.1\r\nHost: ${authority}\r\n${headers}\r\n`;
const reasonOf = (response: Parameters<typeof valuesOf>[0]): string | undefined =>
  valuesOf(response, "heddle-reason")[0];

test("the authority selects the frontend, its route the backend; headers stay as the application sent them", async (t) => {
  const shop = await startOrigin(t, () => ok("shop"));
  const sidecar = await sidecarFor(t, {
    frontend: "shop:80",
    rules: [rule([backend("shop")])],
    clusters: { shop: [shop.port] },
  });
  const client = await RawClient.connect(t, sidecar.outbound);
  client.write(
    absolute("shop", "/a?b", "X-Forwarded-For: 1.2.3.4\r\nheddle-mirror: kept\r\nProxy-Connection: keep-alive\r\n"),
  );
  t.is((await client.response()).body, "shop");
  client.write("GET /origin-form HTTP/1.1\r\nHost: shop:80\r\n\r\n");
  t.is((await client.response()).body, "shop");
  const [first, second] = shop.requests;
  t.is(first!.startLine, "GET /a?b HTTP/1.1");
  t.deepEqual(first!.headers, [
    ["Host", "shop"],
    ["X-Forwarded-For", "1.2.3.4"],
    ["heddle-mirror", "kept"],
  ]);
  t.deepEqual(second!.headers, [["Host", "shop:80"]]);
  t.deepEqual(sidecar.resolver.touched, ["shop:80", "shop:80"]);
  t.is(sidecar.resolver.asked.length, 0);
});

test("rules of a frontend see the Host header's host, path and headers as at a gateway", async (t) => {
  const beta = await startOrigin(t, () => ok("beta"));
  const stable = await startOrigin(t, () => ok("stable"));
  const sidecar = await sidecarFor(t, {
    frontend: "shop:8080",
    rules: [
      rule([backend("beta")], {
        matches: [match({ headers: [{ name: "x-beta", value: "1", regularExpression: false }] })],
      }),
      rule([backend("stable")]),
    ],
    clusters: { beta: [beta.port], stable: [stable.port] },
  });
  t.is((await exchange(t, sidecar.outbound, absolute("shop:8080", "/", "X-Beta: 1\r\n"))).body, "beta");
  t.is((await exchange(t, sidecar.outbound, absolute("shop:8080"))).body, "stable");
});

test("a first dial waits for its answer and is routed by it, body and all", async (t) => {
  const shop = await startOrigin(t, (request) => ok(request.body));
  const outside = { rules: [], clusters: {}, frontend: "other:80" };
  const sidecar = await sidecarFor(t, outside);
  const client = await RawClient.connect(t, sidecar.outbound);
  const body = "x".repeat(200_000);
  client.write(`POST http://shop/ HTTP/1.1\r\nHost: shop\r\nContent-Length: ${body.length}\r\n\r\n${body}`);
  await until(() => sidecar.resolver.asked.length === 1);
  t.is(sidecar.resolver.asked[0], "shop:80");
  sidecar.configure({ frontend: "shop:80", rules: [rule([backend("shop")])], clusters: { shop: [shop.port] } });
  sidecar.resolver.answer();
  t.true((await client.response()).body === body);
});

test("a destination that is no frontend is passed through as it was named", async (t) => {
  const outside = await startOrigin(t, () => ok("outside"));
  const authority = `127.0.0.1:${outside.port}`;
  const sidecar = await sidecarFor(t, { rules: [], clusters: {}, frontend: "other:80", missing: [authority] });
  const client = await RawClient.connect(t, sidecar.outbound);
  for (let index = 0; index < 3; index++) {
    client.write(absolute(authority));
    t.is((await client.response()).body, "outside");
  }
  t.is(outside.connections(), 1);
  t.deepEqual(outside.requests[0]!.headers, [["Host", authority]]);
});

test("a name of DNS is passed through too", async (t) => {
  const outside = await startOrigin(t, () => ok("outside"));
  const authority = `localhost:${outside.port}`;
  const sidecar = await sidecarFor(t, { rules: [], clusters: {}, frontend: "other:80", missing: [authority] });
  t.is((await exchange(t, sidecar.outbound, absolute(authority))).body, "outside");
});

test("503 unknown_destination when no answer comes: nothing says where the application wanted to go", async (t) => {
  const sidecar = await sidecarFor(t, { rules: [], clusters: {}, frontend: "other:80" });
  const client = await RawClient.connect(t, sidecar.outbound);
  client.write(absolute("shop"));
  await until(() => sidecar.resolver.asked.length === 1);
  sidecar.resolver.answer();
  const response = await client.response();
  t.is(response.status, 503);
  t.is(reasonOf(response), "unknown_destination");
  client.write(absolute("shop"));
  await until(() => sidecar.resolver.asked.length === 2);
});

test("503 frontend_withheld while the configuration of a frontend is refused", async (t) => {
  const sidecar = await sidecarFor(t, { rules: [], clusters: {}, frontend: "other:80", withheld: ["shop:80"] });
  const response = await exchange(t, sidecar.outbound, absolute("shop"));
  t.is(response.status, 503);
  t.is(reasonOf(response), "frontend_withheld");
});

test("508 loop for the sidecar's own listeners", async (t) => {
  const sidecar = await sidecarFor(t, { rules: [], clusters: {}, frontend: "other:80" });
  for (const port of [sidecar.outbound, sidecar.inbound]) {
    sidecar.resolver.own.add(`127.0.0.1:${port}`);
    const response = await exchange(t, sidecar.outbound, absolute(`127.0.0.1:${port}`));
    t.is(response.status, 508);
    t.is(reasonOf(response), "loop");
  }
});

test("501 to CONNECT; 400 without an authority", async (t) => {
  const sidecar = await sidecarFor(t, { rules: [], clusters: {}, frontend: "other:80" });
  const connect = await exchange(t, sidecar.outbound, "CONNECT shop:443 HTTP/1.1\r\nHost: shop:443\r\n\r\n");
  t.is(connect.status, 501);
  t.is(reasonOf(connect), "unsupported_method");
  const nobody = await exchange(t, sidecar.outbound, "GET / HTTP/1.0\r\n\r\n");
  t.is(nobody.status, 400);
  t.is(reasonOf(nobody), "bad_request");
});

test("a client that goes away while its first dial waits changes nothing for the next", async (t) => {
  const shop = await startOrigin(t, () => ok("shop"));
  const sidecar = await sidecarFor(t, { rules: [], clusters: {}, frontend: "other:80" });
  const gone = await RawClient.connect(t, sidecar.outbound);
  gone.write(absolute("shop"));
  await until(() => sidecar.resolver.asked.length === 1);
  gone.reset();
  await until(() => sidecar.listeners.outbound.openConnections === 0);
  sidecar.configure({ frontend: "shop:80", rules: [rule([backend("shop")])], clusters: { shop: [shop.port] } });
  sidecar.resolver.answer();
  t.is((await exchange(t, sidecar.outbound, absolute("shop"))).body, "shop");
  t.is(shop.requests.length, 1);
});

test("an unclaimed frontend without a route goes to its service", async (t) => {
  const shop = await startOrigin(t, () => ok("shop"));
  const sidecar = await sidecarFor(t, {
    frontend: "shop:80",
    rules: [],
    defaultCluster: "shop",
    clusters: { shop: [shop.port] },
  });
  t.is((await exchange(t, sidecar.outbound, absolute("shop"))).body, "shop");
});

test("an HTTP/2 preface is refused where nothing says where to relay it", async (t) => {
  const sidecar = await sidecarFor(t, { rules: [], clusters: {}, frontend: "other:80" });
  const client = await RawClient.connect(t, sidecar.outbound);
  client.write("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
  await client.ended();
  t.true(client.received.endsWith("\0\0\0\x0d"));
});

const service = { address: "10.96.0.10", port: 80 };

test("a captured connection goes by where it was going; its Host and absolute-form are only matched", async (t) => {
  const shop = await startOrigin(t, () => ok("shop"));
  const sidecar = await sidecarFor(t, {
    frontend: "10.96.0.10:80",
    rules: [rule([backend("shop")])],
    clusters: { shop: [shop.port] },
  });
  const client = await RawClient.connect(t, await sidecar.captured(service));
  client.write("GET / HTTP/1.1\r\nHost: anything.example\r\n\r\n");
  t.is((await client.response()).body, "shop");
  client.write(absolute("elsewhere.example:99"));
  t.is((await client.response()).body, "shop");
  t.deepEqual(sidecar.resolver.asked, []);
});

test("a captured first dial: what the client sends while it waits is kept, a request is routed", async (t) => {
  const shop = await startOrigin(t, (request) => ok(request.body));
  const sidecar = await sidecarFor(t, { rules: [], clusters: {}, frontend: "other:80" });
  const client = await RawClient.connect(t, await sidecar.captured(service));
  const body = "x".repeat(500_000);
  client.write(`POST / HTTP/1.1\r\nHost: shop\r\nContent-Length: ${body.length}\r\n\r\n${body}`);
  await until(() => sidecar.resolver.asked.length === 1);
  await new Promise((resolve) => setTimeout(resolve, 50));
  sidecar.configure({ frontend: "10.96.0.10:80", rules: [rule([backend("shop")])], clusters: { shop: [shop.port] } });
  sidecar.resolver.answer();
  t.true((await client.response()).body === body);
});

test("a captured destination that is no frontend is relayed untouched, from its first byte", async (t) => {
  const outside = await startOrigin(t, () => ok("outside"));
  const key = `127.0.0.1:${outside.port}`;
  const sidecar = await sidecarFor(t, { rules: [], clusters: {}, frontend: "other:80", missing: [key] });
  const client = await RawClient.connect(t, await sidecar.captured({ address: "127.0.0.1", port: outside.port }));
  client.write("GET /as-it-is HTTP/1.1\r\nHost: a\r\nConnection: X\r\nX: kept\r\n\r\n");
  t.is((await client.response()).body, "outside");
  t.deepEqual(outside.requests[0]!.headers, [
    ["Host", "a"],
    ["Connection", "X"],
    ["X", "kept"],
  ]);
});

test("a captured first dial that nobody answers for is passed through", async (t) => {
  const outside = await startOrigin(t, () => ok("outside"));
  const sidecar = await sidecarFor(t, { rules: [], clusters: {}, frontend: "other:80" });
  const client = await RawClient.connect(t, await sidecar.captured({ address: "127.0.0.1", port: outside.port }));
  client.write("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  await until(() => sidecar.resolver.asked.length === 1);
  sidecar.resolver.answer();
  t.is((await client.response()).body, "outside");
});

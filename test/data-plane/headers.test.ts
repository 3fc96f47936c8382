// What happens to headers on the way: nothing, but for hop-by-hop ones, our own, and what a route's filters say.
import test from "ava";
import { proxyFor } from "../support/proxy.ts";
import { RawClient } from "../support/raw-client.ts";
import { ok, startOrigin } from "../support/raw-server.ts";
import type { RawMessage } from "../support/raw-message.ts";
import { valuesOf } from "../support/raw-message.ts";
import { backend, match, rule } from "../support/resources.ts";

const toOrigin = (port: number) => ({ rules: [rule([backend("origin")])], clusters: { origin: [port] } });
const modifier = (fields: object) => ({ set: [], add: [], remove: [], ...fields });
const forwarded = ["x-forwarded-for", "x-forwarded-proto", "x-forwarded-host"];

const unusual =
  "hOsT: Shop.Example:8080\r\n" +
  "X-B: 1\r\nx-a:no space\r\nX-B:  spaces around \t \r\nX-Empty:\r\nX-Latin: caf\xe9 \x80\xff\r\n" +
  "Accept: a, b\r\nACCEPT: c\r\nX-Quoted: \"a,b\"; c='d'\r\n!#$%&'*+-.^_`|~0: token\r\nVia: 1.1 other\r\nForwarded: for=x\r\n";

test("case, order, duplicates, white space and octets above 127 stay as they are, both ways", async (t) => {
  const answer = `Set-Cookie: a=1\r\nX-Latin: \xe9\r\nset-cookie: b=2\r\nX-Pad:   x  \r\nServer: s\r\nVia: 1.0 v\r\n`;
  const origin = await startOrigin(t, () => `HTTP/1.1 299 Caf\xe9 time\r\n${answer}Content-Length: 0\r\n\r\n`);
  const proxy = await proxyFor(t, toOrigin(origin.port));
  const client = await RawClient.connect(t, proxy.port);
  client.write(`GET /a?b=%C3%A9 HTTP/1.1\r\n${unusual}\r\n`);
  const response = await client.response();
  t.is(response.head, `HTTP/1.1 299 Caf\xe9 time\r\n${answer}Content-Length: 0\r\n\r\n`);
  const { head } = origin.requests[0]!;
  t.true(head.startsWith(`GET /a?b=%C3%A9 HTTP/1.1\r\n${unusual}`), head);
});

test("hop-by-hop headers and those that Connection lists end here, in both directions", async (t) => {
  const hops =
    "Connection: keep-alive, X-Listed, te\r\nX-Listed: 1\r\nKeep-Alive: timeout=5\r\nProxy-Connection: keep-alive\r\n" +
    "TE: trailers\r\nUpgrade: h2c\r\n";
  const origin = await startOrigin(t, () => ok("", `${hops}X-Kept: 1\r\n`));
  const proxy = await proxyFor(t, toOrigin(origin.port));
  const client = await RawClient.connect(t, proxy.port);
  client.write(`GET / HTTP/1.1\r\nHost: a\r\n${hops}X-Kept: 1\r\n\r\n`);
  const response = await client.response();
  t.deepEqual(
    response.headers.map(([name]) => name),
    ["Content-Length", "X-Kept"],
  );
  t.deepEqual(
    origin.requests[0]!.headers.map(([name]) => name.toLowerCase()).filter((name) => !forwarded.includes(name)),
    ["host", "x-kept"],
  );
});

test("an Upgrade other than websocket is dropped and the request answered as usual", async (t) => {
  const origin = await startOrigin(t, () => ok("plain"));
  const proxy = await proxyFor(t, toOrigin(origin.port));
  const client = await RawClient.connect(t, proxy.port);
  const response = await client.get(
    "/",
    "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAA\r\n",
  );
  t.is(response.body, "plain");
  for (const name of ["upgrade", "connection", "http2-settings"]) t.deepEqual(valuesOf(origin.requests[0]!, name), []);
});

test("a gateway sets X-Forwarded-Proto and -Host and appends to X-Forwarded-For", async (t) => {
  const origin = await startOrigin(t, () => ok(""));
  const proxy = await proxyFor(t, toOrigin(origin.port));
  const client = await RawClient.connect(t, proxy.port);
  await client.get();
  await client.get(
    "/",
    "X-Forwarded-For: 10.0.0.1\r\nx-forwarded-for: 10.0.0.2\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: evil\r\n",
  );
  const [first, second] = origin.requests;
  t.deepEqual(
    forwarded.map((name) => valuesOf(first!, name)),
    [["127.0.0.1"], ["http"], ["shop.example"]],
  );
  t.deepEqual(
    forwarded.map((name) => valuesOf(second!, name)),
    [["10.0.0.1, 10.0.0.2, 127.0.0.1"], ["http"], ["shop.example"]],
  );
});

test("a filter on a header that the gateway sets has the last word", async (t) => {
  const origin = await startOrigin(t, () => ok(""));
  const requestHeaders = modifier({
    set: [{ name: "X-Forwarded-Proto", value: "https" }],
    remove: ["x-forwarded-host"],
  });
  const proxy = await proxyFor(t, {
    rules: [rule([backend("origin")], { requestHeaders })],
    clusters: { origin: [origin.port] },
  });
  await (await RawClient.connect(t, proxy.port)).get();
  t.deepEqual(
    forwarded.map((name) => valuesOf(origin.requests[0]!, name)),
    [["127.0.0.1"], ["https"], []],
  );
});

test("a gateway takes the mirror marker away from clients", async (t) => {
  const origin = await startOrigin(t, () => ok(""));
  const proxy = await proxyFor(t, toOrigin(origin.port));
  await (await RawClient.connect(t, proxy.port)).get("/", "Heddle-Mirror: x\r\nheddle-mirror: y\r\n");
  t.deepEqual(valuesOf(origin.requests[0]!, "heddle-mirror"), []);
});

test("the rule's filters come before the backend's for a request, and after them for a response", async (t) => {
  const origin = await startOrigin(t, () => ok("", "X-Gone: 1\r\nX-Set: old\r\nX-Add: 1\r\n"));
  const header = (name: string, value: string) => ({ name, value });
  const edits = modifier({ set: [header("X-Set", "rule")], add: [header("X-Add", "rule")], remove: ["x-gone"] });
  const more = modifier({ set: [header("x-set", "backend")], add: [header("X-Add", "backend")] });
  const proxy = await proxyFor(t, {
    rules: [
      rule([backend("origin", 1, { requestHeaders: more, responseHeaders: more })], {
        requestHeaders: edits,
        responseHeaders: edits,
      }),
    ],
    clusters: { origin: [origin.port] },
  });
  const client = await RawClient.connect(t, proxy.port);
  const response = await client.get("/", "X-Gone: 1\r\nX-SET: old\r\nX-Add: 1\r\n");
  const seen = (message: RawMessage) => ["x-gone", "x-set", "x-add"].map((name) => valuesOf(message, name));
  t.deepEqual(seen(origin.requests[0]!), [[], ["backend"], ["1", "rule", "backend"]]);
  t.deepEqual(seen(response), [[], ["rule"], ["1", "backend", "rule"]]);
});

test("Host can be set by a filter, once", async (t) => {
  const origin = await startOrigin(t, () => ok(""));
  const requestHeaders = modifier({ set: [{ name: "Host", value: "inner.example" }] });
  const proxy = await proxyFor(t, {
    rules: [rule([backend("origin")], { requestHeaders })],
    clusters: { origin: [origin.port] },
  });
  const client = await RawClient.connect(t, proxy.port);
  await client.get();
  client.write("GET http://outer.example/ HTTP/1.1\r\nHost: other\r\n\r\n");
  await client.response();
  for (const request of origin.requests) t.deepEqual(valuesOf(request, "host"), ["inner.example"]);
});

test("an absolute-form target is sent in origin-form, and its authority is the Host", async (t) => {
  const origin = await startOrigin(t, () => ok(""));
  const proxy = await proxyFor(t, toOrigin(origin.port));
  const client = await RawClient.connect(t, proxy.port);
  client.write("GET http://shop.example:8080/a?b HTTP/1.1\r\nX: 1\r\nHost: other\r\nY: 2\r\n\r\n");
  await client.response();
  client.write("OPTIONS http://shop.example HTTP/1.1\r\nHost: shop.example\r\n\r\n");
  await client.response();
  const [first, second] = origin.requests;
  t.is(first!.startLine, "GET /a?b HTTP/1.1");
  t.deepEqual(first!.headers.slice(0, 3), [
    ["X", "1"],
    ["Host", "shop.example:8080"],
    ["Y", "2"],
  ]);
  t.is(second!.startLine, "OPTIONS * HTTP/1.1");
});

test("T24 X-Beta-User and x-beta-user choose the same rule", async (t) => {
  const beta = await startOrigin(t, () => ok("beta"));
  const stable = await startOrigin(t, () => ok("stable"));
  const proxy = await proxyFor(t, {
    rules: [
      rule([backend("beta")], {
        matches: [match({ headers: [{ name: "x-beta-user", value: "true", regularExpression: false }] })],
      }),
      rule([backend("stable")]),
    ],
    clusters: { beta: [beta.port], stable: [stable.port] },
  });
  const client = await RawClient.connect(t, proxy.port);
  for (const name of ["X-Beta-User", "x-beta-user", "X-BETA-USER"]) {
    t.is((await client.get("/", `${name}: true\r\n`)).body, "beta");
  }
  t.is((await client.get("/", "x-beta-user: True\r\n")).body, "stable");
  t.is((await client.get()).body, "stable");
});

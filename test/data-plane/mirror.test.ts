// What a mirror gets: every request that it is to have, as the backend got it, and nothing of it shows to the client.
import test from "ava";
import { mirrorAccount } from "../support/mirror-target.ts";
import { parsePrometheusText, samplesOf, valueOf } from "../support/prometheus-text.ts";
import { proxyFor } from "../support/proxy.ts";
import { RawClient } from "../support/raw-client.ts";
import type { Origin, RawRequest } from "../support/raw-server.ts";
import { ok, startOrigin } from "../support/raw-server.ts";
import { valuesOf } from "../support/raw-message.ts";
import { mirror } from "../support/resource-set.ts";
import type { SetDescription } from "../support/resources.ts";
import { backend, rule } from "../support/resources.ts";
import { seededRandom } from "../support/seeded-random.ts";
import { until } from "../support/until.ts";

const mirrored = (primary: Origin, shadow: Origin): SetDescription => ({
  rules: [rule([backend("primary")], { mirrors: [mirror("shadow")] })],
  clusters: { primary: [primary.port], shadow: [shadow.port] },
});

/** The head without the marker, which it must have once, and only in the copy. */
function unmarked(copy: RawRequest): string {
  return copy.head.replace(/\r\nheddle-mirror: test\/route\/0(?=\r\n)/, "");
}

const get = "GET /version?a=1&b=%20 HTTP/1.1\r\nHost: shop.example:8080\r\n\r\n";
const bodies: readonly (readonly [name: string, request: string])[] = [
  ["GET", get],
  ["HEAD", get.replace("GET", "HEAD")],
  ["POST with Content-Length", "POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello"],
  ["POST with an empty body", "POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n"],
  [
    "chunked with extensions and trailers",
    "PUT /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\nabc\r\n10\r\n0123456789abcdef\r\n0\r\nX-Sum: 1\r\n\r\n",
  ],
  [
    "300 kB with every octet",
    `POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 307200\r\n\r\n${Array.from({ length: 256 }, (_, octet) =>
      String.fromCharCode(octet),
    )
      .join("")
      .repeat(1200)}`,
  ],
];

for (const [name, request] of bodies) {
  test(`R13 N requests are N answers of the backend and N equal copies: ${name}`, async (t) => {
    const primary = await startOrigin(t, ({ method }) => ok(method === "HEAD" ? "" : "primary"));
    const shadow = await startOrigin(t, ({ method }) => ok(method === "HEAD" ? "" : "shadow"));
    const proxy = await proxyFor(t, mirrored(primary, shadow));
    const client = await RawClient.connect(t, proxy.port);
    const count = 10;
    for (let index = 0; index < count; index++) {
      client.write(request);
      const response = await client.response(name === "HEAD" ? "HEAD" : "GET");
      t.is(response.status, 200);
      if (name !== "HEAD") t.is(response.body, "primary");
    }
    await until(() => mirrorAccount(proxy).total === count);
    t.deepEqual(mirrorAccount(proxy), { copies: count, drops: {}, total: count });
    t.is(shadow.requests.length, count);
    for (const [index, copy] of shadow.requests.entries()) {
      const original = primary.requests[index]!;
      t.is(unmarked(copy), original.head);
      t.deepEqual(valuesOf(copy, "heddle-mirror"), ["test/route/0"]);
      t.deepEqual(valuesOf(original, "heddle-mirror"), []);
      t.true(copy.rawBody === original.rawBody);
      t.true(request.endsWith(original.rawBody));
    }
  });
}

test("case, order, duplicates, white space and Host are copied; hop-by-hop headers are not", async (t) => {
  const primary = await startOrigin(t, () => ok("primary"));
  const shadow = await startOrigin(t, () => ok("shadow"));
  const proxy = await proxyFor(t, mirrored(primary, shadow));
  const client = await RawClient.connect(t, proxy.port);
  const headers =
    "hOsT: Shop.Example:8080\r\nX-B: 1\r\nx-a:no space\r\nX-B:  spaces \t \r\nX-Empty:\r\nX-Latin: caf\xe9\r\n" +
    "Cookie: a=1\r\nAuthorization: Bearer x\r\ntraceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\n";
  const hops = "Connection: X-Listed\r\nX-Listed: 1\r\nKeep-Alive: timeout=5\r\nTE: trailers\r\n";
  client.write(`OPTIONS /a/%2E%2e//b?q=%zz&q HTTP/1.1\r\n${headers}${hops}heddle-mirror: mine\r\n\r\n`);
  await client.response();
  await until(() => shadow.requests.length === 1);
  const copy = shadow.requests[0]!;
  t.true(copy.head.startsWith(`OPTIONS /a/%2E%2e//b?q=%zz&q HTTP/1.1\r\n${headers}`), copy.head);
  t.is(unmarked(copy), primary.requests[0]!.head);
  for (const name of ["connection", "x-listed", "keep-alive", "te"]) t.deepEqual(valuesOf(copy, name), []);
});

test("the rule's header filter has been applied to the copy", async (t) => {
  const primary = await startOrigin(t, () => ok("primary"));
  const shadow = await startOrigin(t, () => ok("shadow"));
  const requestHeaders = { set: [{ name: "X-Set", value: "1" }], add: [], remove: ["X-Gone"] };
  const proxy = await proxyFor(t, {
    ...mirrored(primary, shadow),
    rules: [rule([backend("primary")], { mirrors: [mirror("shadow")], requestHeaders })],
  });
  const client = await RawClient.connect(t, proxy.port);
  await client.get("/", "X-Gone: 1\r\nX-Set: 0\r\n");
  await until(() => shadow.requests.length === 1);
  t.is(unmarked(shadow.requests[0]!), primary.requests[0]!.head);
  t.deepEqual(valuesOf(shadow.requests[0]!, "x-set"), ["1"]);
  t.deepEqual(valuesOf(shadow.requests[0]!, "x-gone"), []);
});

test("several mirrors, of the rule and of the backend that was drawn, each get every request", async (t) => {
  const [one, other, third] = [
    await startOrigin(t, () => ok("one")),
    await startOrigin(t, () => ok("other", "Connection: close\r\n")),
    await startOrigin(t, () => "HTTP/1.1 503 Away\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbusy\r\n0\r\n\r\n"),
  ];
  const primary = await startOrigin(t, () => ok("primary"));
  const proxy = await proxyFor(t, {
    rules: [
      rule([backend("stable", 3, { mirrors: [mirror("third")] }), backend("canary", 1)], {
        mirrors: [mirror("one"), mirror("other")],
      }),
    ],
    clusters: {
      stable: [primary.port],
      canary: [primary.port],
      one: [one.port],
      other: [other.port],
      third: [third.port],
    },
  });
  const client = await RawClient.connect(t, proxy.port);
  for (let index = 0; index < 40; index++) t.is((await client.get(`/${index}`)).body, "primary");
  await until(() => mirrorAccount(proxy).total === 110);
  t.deepEqual(
    [one, other, third].map(({ requests }) => requests.length),
    [40, 40, 30],
  );
  for (const [name, copies] of [
    ["one", 40],
    ["other", 40],
    ["third", 30],
  ] as const) {
    t.deepEqual(mirrorAccount(proxy, name), { copies, drops: {}, total: copies });
  }
  const targets = Array.from({ length: 40 }, (_, index) => `/${index}`);
  t.deepEqual(
    one.requests.map(({ target }) => target),
    targets,
  );
});

test("a fraction of 0/1 copies nothing, 1/1 everything, and is counted as what it is", async (t) => {
  const primary = await startOrigin(t, () => ok("primary"));
  const shadow = await startOrigin(t, () => ok("shadow"));
  const mirrors = [
    mirror("never", { cluster: "shadow", numerator: 0, denominator: 1 }),
    mirror("always", { cluster: "shadow", numerator: 1, denominator: 1 }),
  ];
  const proxy = await proxyFor(t, { ...mirrored(primary, shadow), rules: [rule([backend("primary")], { mirrors })] });
  const client = await RawClient.connect(t, proxy.port);
  for (let index = 0; index < 20; index++) await client.get();
  await until(() => mirrorAccount(proxy).total === 20);
  t.is(mirrorAccount(proxy, "never").total, 0);
  t.is(mirrorAccount(proxy, "always").copies, 20);
  t.is(shadow.requests.length, 20);
});

test("a fraction of 1/4 copies about a quarter, each request by its own draw", async (t) => {
  const primary = await startOrigin(t, () => ok("primary"));
  const shadow = await startOrigin(t, () => ok("shadow"));
  const mirrors = [mirror("shadow", { numerator: 1, denominator: 4 })];
  const proxy = await proxyFor(
    t,
    { ...mirrored(primary, shadow), rules: [rule([backend("primary")], { mirrors })] },
    { random: seededRandom(4) },
  );
  const client = await RawClient.connect(t, proxy.port);
  client.write(get.repeat(2000));
  await client.responses(2000);
  await until(() => proxy.context.metrics.mirrorsActive.value === 0);
  const { copies, drops } = mirrorAccount(proxy);
  t.deepEqual(drops, {});
  t.is(copies, shadow.requests.length);
  // 500 expected, standard deviation 19.4: five of them.
  t.true(Math.abs(copies - 500) < 97, `${copies} of 2000`);
});

test("what a copy is answered goes nowhere: neither to the client nor into the primary's counts", async (t) => {
  const primary = await startOrigin(t, () => ok("primary"));
  const shadow = await startOrigin(
    t,
    () => `HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 500 Broken\r\nSet-Cookie: a=1\r\nContent-Length: 4\r\n\r\noops`,
  );
  const proxy = await proxyFor(t, mirrored(primary, shadow));
  const client = await RawClient.connect(t, proxy.port);
  for (let index = 0; index < 20; index++) {
    const response = await client.get();
    t.is(response.head, "HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n");
  }
  await until(() => mirrorAccount(proxy).total === 20);
  const families = parsePrometheusText(proxy.context.metrics.registry.render());
  const of = { route: "test/route", rule: "0" };
  t.is(valueOf(families, "http_requests_total", { ...of, backend: "primary", status: "200" }), 20);
  t.is(valueOf(families, "http_mirror_requests_total", { ...of, backend: "shadow", status: "500" }), 20);
  t.is(valueOf(families, "http_mirror_request_duration_seconds_count", { ...of, backend: "shadow" }), 20);
  const sum = samplesOf(families, "http_requests_total").reduce((total, { value }) => total + value, 0);
  t.is(sum, 20);
  t.deepEqual(
    samplesOf(families, "http_requests_total").filter(({ labels }) => labels["backend"] === "shadow"),
    [],
  );
  t.is(client.unread, "");
});

test("copies use connections of their own, again and again, beside the primary's to the same endpoint", async (t) => {
  const origin = await startOrigin(t, () => ok("x"));
  const proxy = await proxyFor(t, {
    rules: [rule([backend("origin")], { mirrors: [mirror("origin")] })],
    clusters: { origin: [origin.port] },
  });
  const client = await RawClient.connect(t, proxy.port);
  for (let index = 0; index < 10; index++) {
    await client.get();
    await until(() => mirrorAccount(proxy).total === index + 1);
  }
  t.is(origin.requests.length, 20);
  t.is(origin.connections(), 2);
});

test("a request that the proxy answers itself for want of a good backend is mirrored all the same", async (t) => {
  const shadow = await startOrigin(t, () => ok("shadow"));
  const gone = backend("gone", 1, { cluster: "", invalidReason: "BackendNotFound" });
  const proxy = await proxyFor(t, {
    rules: [rule([gone], { mirrors: [mirror("shadow")] })],
    clusters: { shadow: [shadow.port] },
  });
  const client = await RawClient.connect(t, proxy.port);
  t.is((await client.get()).status, 500);
  await until(() => mirrorAccount(proxy).total === 1);
  t.is(shadow.requests.length, 1);
});

test("an upgrade is not mirrored, and is neither copy nor drop", async (t) => {
  const primary = await startOrigin(t, () => "HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n");
  const shadow = await startOrigin(t, () => ok("shadow"));
  const proxy = await proxyFor(t, mirrored(primary, shadow));
  const client = await RawClient.connect(t, proxy.port);
  const response = await client.get(
    "/",
    "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n",
  );
  t.is(response.status, 403);
  t.is(mirrorAccount(proxy).total, 0);
  t.is(shadow.connections(), 0);
});

test("Expect: 100-continue goes along; the client waits for the backend's word alone", async (t) => {
  const primary = await startOrigin(t, () => ok("primary"));
  const shadow = await startOrigin(t, () => "HTTP/1.1 417 Expectation Failed\r\nContent-Length: 0\r\n\r\n");
  const proxy = await proxyFor(t, mirrored(primary, shadow));
  const client = await RawClient.connect(t, proxy.port);
  client.write("POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n");
  await until(() => primary.connections() === 1 && shadow.connections() === 1);
  t.is(client.received, "");
  client.write("hello");
  t.is((await client.response()).body, "primary");
  await until(() => mirrorAccount(proxy).total === 1);
  t.is(shadow.requests[0]!.body, "hello");
  t.is(unmarked(shadow.requests[0]!), primary.requests[0]!.head);
});

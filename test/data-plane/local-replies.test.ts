// Answers that the proxy makes itself: each reason of the table that a gateway can give, reached by a request.
import test from "ava";
import { emptySnapshot } from "../../agent/snapshot/store.ts";
import { localReplyReasons } from "../../agent/proxy/local-reply.ts";
import { manualClock } from "../support/manual-clock.ts";
import type { TestProxyOptions } from "../support/proxy.ts";
import { proxyFor } from "../support/proxy.ts";
import { RawClient, exchange } from "../support/raw-client.ts";
import type { RawServer } from "../support/raw-server.ts";
import { ok, startOrigin, startRawServer } from "../support/raw-server.ts";
import { valuesOf } from "../support/raw-message.ts";
import type { SetDescription } from "../support/resources.ts";
import { backend, match, rule } from "../support/resources.ts";

const get = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
const nowhere: SetDescription = { rules: [rule([backend("b")])], clusters: { b: [] } };

interface Case {
  readonly status: number;
  readonly request?: string;
  readonly set?: SetDescription;
  readonly options?: TestProxyOptions;
}

const cases: Readonly<Record<string, Case>> = {
  bad_request: { status: 400, request: "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n" },
  target_too_long: { status: 414, request: `GET /${"x".repeat(17_000)} HTTP/1.1\r\nHost: a\r\n\r\n` },
  head_too_large: { status: 431, request: `GET / HTTP/1.1\r\nHost: a\r\nX: ${"x".repeat(70_000)}\r\n\r\n` },
  unsupported_version: { status: 505, request: "GET / HTTP/2.3\r\nHost: a\r\n\r\n" },
  unsupported_method: { status: 501, request: "CONNECT a:80 HTTP/1.1\r\nHost: a:80\r\n\r\n" },
  no_listener: { status: 404, set: { ...nowhere, hostname: "shop.example" } },
  no_route: { status: 404, set: { rules: [rule([], { matches: [match({ method: "PUT" })] })], clusters: {} } },
  unsupported_rule: {
    status: 500,
    set: { rules: [rule([backend("b")], { unsupported: "timeouts" })], clusters: { b: [] } },
  },
  no_backend: { status: 500, set: { rules: [rule([])], clusters: {} } },
  invalid_backend: {
    status: 500,
    set: { rules: [rule([backend("", 1, { invalidReason: "BackendNotFound" })])], clusters: {} },
  },
  no_endpoint: { status: 503, set: nowhere },
  unsupported_protocol: {
    status: 502,
    set: { ...nowhere, clusters: { b: [1] }, protocol: "h2c" },
  },
  connect_failed: { status: 503, set: { ...nowhere, clusters: { b: [1] } } },
};

for (const [reason, { status, request, set, options }] of Object.entries(cases)) {
  test(`${status} heddle-reason: ${reason}`, async (t) => {
    const proxy = await proxyFor(t, set ?? nowhere, options);
    const response = await exchange(t, proxy.port, request ?? get);
    t.is(response.status, status);
    t.deepEqual(valuesOf(response, "heddle-reason"), [reason]);
    t.regex(response.body, /^heddle: .+\n$/);
    t.is(proxy.context.metrics.localReplies.with(reason).value, 1);
  });
}

test("503 not_ready before the first configuration", async (t) => {
  const proxy = await proxyFor(t, nowhere);
  proxy.context.store.swap(emptySnapshot);
  const response = await exchange(t, proxy.port, get);
  t.is(response.status, 503);
  t.deepEqual(valuesOf(response, "heddle-reason"), ["not_ready"]);
});

test("503 connect_timeout when an endpoint does not accept within a second, and one replay", async (t) => {
  const clock = manualClock();
  // TEST-NET-1 (RFC 5737) answers nobody; where it is unreachable at once, that is a connect failure.
  const set = { ...nowhere, clusters: { b: [{ address: "192.0.2.1", port: 80, workloadVersion: "", pod: "" }] } };
  const proxy = await proxyFor(t, set, { now: clock.now });
  const client = await RawClient.connect(t, proxy.port);
  client.write(get);
  const answered = client.response();
  for (let round = 0; round < 200 && client.received === ""; round++) {
    clock.advance(250);
    proxy.context.deadlines.sweep();
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  const response = await answered;
  t.is(response.status, 503);
  const reason = valuesOf(response, "heddle-reason")[0]!;
  t.true(["connect_timeout", "connect_failed"].includes(reason));
  t.is(proxy.context.metrics.replays.with("connect-failure").value, 1);
});

test("502 upstream_reset when an endpoint closes instead of answering", async (t) => {
  const server: RawServer = await startRawServer(t, (socket) => {
    socket.once("data", () => socket.end());
  });
  const proxy = await proxyFor(t, { ...nowhere, clusters: { b: [server.port] } });
  const response = await exchange(t, proxy.port, get);
  t.is(response.status, 502);
  t.deepEqual(valuesOf(response, "heddle-reason"), ["upstream_reset"]);
  t.is(server.connections(), 1, "a fresh connection is not replayed");
});

test("HEAD gets the head of the answer, and the connection goes on", async (t) => {
  const proxy = await proxyFor(t, nowhere);
  const client = await RawClient.connect(t, proxy.port);
  client.write("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n");
  const response = await client.response("HEAD");
  t.true(Number(valuesOf(response, "content-length")[0]) > 0);
  t.is((await client.get()).status, 503);
});

test("every refusal of the codec closes the connection in order, and the endpoint hears nothing", async (t) => {
  const origin = await startOrigin(t, () => ok("x"));
  const proxy = await proxyFor(t, { ...nowhere, clusters: { b: [origin.port] } });
  for (const request of [
    "GET / HTTP/1.1\r\n\r\n",
    "GET / HTTP/1.1\nHost: a\n\n",
    "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: +1\r\n\r\nx",
    "GET / HTTP/1.1\r\nHost: a\r\n folded\r\n\r\n",
    "GET / HTTP/1.1\r\nHost : a\r\n\r\n",
    "GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    "GET /\x00 HTTP/1.1\r\nHost: a\r\n\r\n",
    "NONSENSE\r\n\r\n",
    "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 a TLS hello \r\n\r\n",
    `GET / HTTP/1.1\r\nHost: a\r\n${"X: y\r\n".repeat(101)}\r\n`,
  ]) {
    const client = await RawClient.connect(t, proxy.port);
    client.write(request);
    const response = await client.response();
    t.true(response.status >= 400 && response.status < 500, `${response.status} to ${request.slice(0, 40)}`);
    t.deepEqual(valuesOf(response, "connection"), ["close"]);
    t.is(valuesOf(response, "heddle-reason").length, 1);
    await client.ended();
    t.is(client.closing, "end");
  }
  t.is(origin.requests.length, 0);
});

test("a refused request does not take the answer of the one before it away", async (t) => {
  const origin = await startOrigin(t, () => ok("first"));
  const proxy = await proxyFor(t, { ...nowhere, clusters: { b: [origin.port] } });
  const client = await RawClient.connect(t, proxy.port);
  client.write(`${get}GET / HTTP/1.1\r\nno colon\r\n\r\n`);
  const [first, second] = await client.responses(2);
  t.is(first!.body, "first");
  t.is(second!.status, 400);
});

test("R4 a host that no listener or route serves is a 404", async (t) => {
  const origin = await startOrigin(t, () => ok("x"));
  const proxy = await proxyFor(t, {
    rules: [rule([backend("b")])],
    clusters: { b: [origin.port] },
    hostname: "app.example.com",
  });
  const ask = async (host: string) => (await exchange(t, proxy.port, `GET / HTTP/1.1\r\nHost: ${host}\r\n\r\n`)).status;
  t.is(await ask("other.host"), 404);
  t.is(await ask("app.example.com"), 200);
  t.is(await ask("APP.example.com"), 200);
});

test("X7 the port of the Host header is no part of the hostname", async (t) => {
  const origin = await startOrigin(t, () => ok("x"));
  const proxy = await proxyFor(t, {
    rules: [rule([backend("b")])],
    clusters: { b: [origin.port] },
    hostname: "traffic.split.example",
  });
  const request = "GET /hello HTTP/1.1\r\nhost: traffic.split.example:8080\r\n\r\n";
  t.is((await exchange(t, proxy.port, request)).status, 200);
});

test("K7 the path reaches the endpoint's port unchanged", async (t) => {
  const origin = await startOrigin(t, () => ok("x"));
  const proxy = await proxyFor(t, { ...nowhere, clusters: { b: [origin.port] } });
  for (const target of ["/echo", "/echo/", "/a%2Fb/../c//d?x=%20&y", "/%zz", "/a;b=c"]) {
    await exchange(t, proxy.port, `GET ${target} HTTP/1.1\r\nHost: a\r\n\r\n`);
    t.is(origin.requests.at(-1)!.target, target);
  }
});

test("the table has no reason that nothing tests", (t) => {
  // Proven in the files named: slow-clients, keep-alive, bodies, outbound.
  const elsewhere = [
    "request_timeout",
    "upstream_overflow",
    "bad_response",
    "frontend_withheld",
    "unknown_destination",
    "loop",
  ];
  const here = [...Object.keys(cases), "not_ready", "connect_timeout", "upstream_reset"];
  t.deepEqual([...here, ...elsewhere].sort(), [...localReplyReasons].sort());
});

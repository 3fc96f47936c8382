// What a gateway refuses to read: each by its status, with its reason, on a connection that is closed afterwards; and
// nothing of it reaches a backend.
import test from "ava";
import type { ExecutionContext } from "ava";
import { manualClock } from "../support/manual-clock.ts";
import type { TestProxy, TestProxyOptions } from "../support/proxy.ts";
import { proxyFor } from "../support/proxy.ts";
import { RawClient } from "../support/raw-client.ts";
import type { Origin } from "../support/raw-server.ts";
import { ok, startOrigin } from "../support/raw-server.ts";
import { valuesOf } from "../support/raw-message.ts";
import { backend, rule } from "../support/resources.ts";
import { until } from "../support/until.ts";

async function proxied(
  t: ExecutionContext,
  options: TestProxyOptions = {},
): Promise<{ readonly proxy: TestProxy; readonly origin: Origin }> {
  const origin = await startOrigin(t, (request) => ok(`${request.head.length} ${request.body.length}`));
  const description = { rules: [rule([backend("origin")])], clusters: { origin: [origin.port] } };
  return { origin, proxy: await proxyFor(t, description, options) };
}

const start = "GET / HTTP/1.1\r\nHost: a\r\n";
const chunked = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
const headers = (count: number): string => Array.from({ length: count }, (_, index) => `X-${index}: y\r\n`).join("");
/** A head of exactly so many octets. */
const headOf = (bytes: number): string => `${start}X: ${"y".repeat(bytes - start.length - 7)}\r\n\r\n`;

const refused: readonly (readonly [title: string, request: string, status: number, reason: string, detail: string])[] =
  [
    ["a head of 64 KiB and one octet", headOf(65_537), 431, "head_too_large", "head_too_large"],
    ["101 headers", `${start}${headers(100)}\r\n`, 431, "head_too_large", "too_many_headers"],
    [
      "a target past 16 KiB",
      `GET /${"x".repeat(16_384)} HTTP/1.1\r\nHost: a\r\n\r\n`,
      414,
      "target_too_long",
      "target_too_long",
    ],
    [
      "HTTP/2.0 in a request line",
      "GET / HTTP/2.0\r\nHost: a\r\n\r\n",
      505,
      "unsupported_version",
      "unsupported_version",
    ],
    ["HTTP/1.2", "GET / HTTP/1.2\r\nHost: a\r\n\r\n", 505, "unsupported_version", "unsupported_version"],
    ["CONNECT", "CONNECT a:80 HTTP/1.1\r\nHost: a:80\r\n\r\n", 501, "unsupported_method", ""],
    [
      "a method that nobody registered",
      "BREW / HTTP/1.1\r\nHost: a\r\n\r\n",
      501,
      "unsupported_method",
      "unknown_method",
    ],
    ["a method in lower case", "get / HTTP/1.1\r\nHost: a\r\n\r\n", 501, "unsupported_method", "unknown_method"],
    ["no Host", "GET / HTTP/1.1\r\n\r\n", 400, "bad_request", "missing_host"],
    ["two Hosts", `${start}Host: b\r\n\r\n`, 400, "bad_request", "repeated_host"],
    ["a Host with user information", "GET / HTTP/1.1\r\nHost: u@a\r\n\r\n", 400, "bad_request", "bad_host"],
    [
      "two lengths",
      `${start}Content-Length: 1\r\nContent-Length: 2\r\n\r\n`,
      400,
      "bad_request",
      "repeated_content_length",
    ],
    ["a length that is none", `${start}Content-Length: +1\r\n\r\n`, 400, "bad_request", "bad_content_length"],
    [
      "a length and chunks",
      `${start}Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
      400,
      "bad_request",
      "content_length_with_transfer_encoding",
    ],
    ["a space before a colon", `${start}X : y\r\n\r\n`, 400, "bad_request", "space_before_colon"],
    ["a folded line", `${start}X: y\r\n z\r\n\r\n`, 400, "bad_request", "obsolete_folding"],
    ["a bare line feed", `${start}X: y\n\r\n\r\n`, 400, "bad_request", "bare_line_feed"],
    ["a control character", `${start}X: \x01\r\n\r\n`, 400, "bad_request", "bad_header_value"],
    ["a target without a slash", "GET x HTTP/1.1\r\nHost: a\r\n\r\n", 400, "bad_request", "bad_request_target"],
    ["a line with a space too many", "GET  / HTTP/1.1\r\nHost: a\r\n\r\n", 400, "bad_request", "bad_request_target"],
  ];

for (const [title, request, status, reason, detail] of refused) {
  for (const byByte of request.length < 200 ? [false, true] : [false]) {
    test(`${status} ${reason}: ${title}${byByte ? ", byte by byte" : ""}`, async (t) => {
      const { proxy, origin } = await proxied(t);
      const client = await RawClient.connect(t, proxy.port);
      if (byByte) {
        for (const character of request) {
          client.write(character);
          await new Promise(setImmediate);
        }
      } else client.write(request);
      const response = await client.response();
      t.is(response.status, status);
      t.deepEqual(valuesOf(response, "heddle-reason"), [reason]);
      // CONNECT can be read: it is answered on a connection that goes on.
      if (detail !== "") {
        t.true(response.body.endsWith(`(${detail})\n`), response.body);
        t.deepEqual(valuesOf(response, "connection"), ["close"]);
        await client.ended();
        t.is(proxy.context.metrics.protocolErrors.with(detail).value, 1);
      }
      t.is(proxy.context.metrics.localReplies.with(reason).value, 1);
      t.is(client.unread, "");
      t.is(origin.requests.length, 0);
    });
  }
}

test("what is just within the limits passes: 64 KiB of head, 100 headers, 16 KiB of target", async (t) => {
  const { proxy, origin } = await proxied(t);
  const client = await RawClient.connect(t, proxy.port);
  const target = `/${"x".repeat(16_383)}`;
  for (const request of [headOf(65_536), `${start}${headers(99)}\r\n`, `GET ${target} HTTP/1.1\r\nHost: a\r\n\r\n`]) {
    client.write(request);
    t.is((await client.response()).status, 200);
  }
  t.is(origin.requests[2]!.target, target);
});

const chunkLimits: readonly (readonly [title: string, body: string, detail: string])[] = [
  ["an extension past 1 KiB", `1;${"x".repeat(1024)}\r\na\r\n0\r\n\r\n`, "chunk_extension_too_large"],
  [
    "extensions past 16 KiB together",
    `${`1;${"x".repeat(1000)}\r\na\r\n`.repeat(17)}0\r\n\r\n`,
    "chunk_extension_too_large",
  ],
  ["a size past 2^53", "20000000000000\r\n", "chunk_too_large"],
  ["trailers past 16 KiB", `0\r\n${`X: ${"y".repeat(1000)}\r\n`.repeat(17)}\r\n`, "trailer_too_large"],
  ["101 trailers", `0\r\n${headers(101)}\r\n`, "too_many_trailers"],
  ["a size that is none", "0x1\r\n", "bad_chunk_size"],
  ["a trailer that frames", "0\r\nContent-Length: 1\r\n\r\n", "forbidden_trailer"],
];

for (const [title, body, detail] of chunkLimits) {
  for (const apart of [false, true]) {
    test(`400 bad_request: chunks with ${title}, ${apart ? "after" : "with"} the head`, async (t) => {
      const { proxy, origin } = await proxied(t);
      const client = await RawClient.connect(t, proxy.port);
      client.write(apart ? chunked : `${chunked}${body}`);
      if (apart) {
        await until(() => origin.connections() === 1);
        client.write(body);
      }
      const response = await client.response();
      t.is(response.status, 400);
      t.deepEqual(valuesOf(response, "heddle-reason"), ["bad_request"]);
      t.true(response.body.includes(`(${detail})`), response.body);
      t.deepEqual(valuesOf(response, "connection"), ["close"]);
      await client.ended();
      t.is(origin.requests.length, 0, "no complete request");
      await until(() => origin.sockets.size === 0);
    });
  }
}

test("chunk extensions within the limits pass as they are", async (t) => {
  const { proxy, origin } = await proxied(t);
  const client = await RawClient.connect(t, proxy.port);
  const body = `1;${"x".repeat(1023)}\r\na\r\n0\r\n${headers(100)}\r\n`;
  client.write(chunked + body);
  t.is((await client.response()).status, 200);
  t.is(origin.requests[0]!.rawBody, body);
});

test("requests before a refused one are answered; what follows it is not read", async (t) => {
  const { proxy, origin } = await proxied(t);
  const client = await RawClient.connect(t, proxy.port);
  client.write(`${start}\r\n${start}\r\nGET / HTTP/1.1\r\n\r\n${start}\r\n`);
  t.deepEqual(
    (await client.responses(3)).map(({ status }) => status),
    [200, 200, 400],
  );
  await client.ended();
  t.is(client.unread, "");
  t.is(origin.requests.length, 2);
});

test("the answer can be read although the client sends on, and the connection ends 2 s later at the latest", async (t) => {
  const clock = manualClock();
  const { proxy } = await proxied(t, { now: clock.now });
  const client = await RawClient.connect(t, proxy.port);
  client.write(headOf(70_000));
  // Far more than sockets buffer: closing with this unread would reset the connection and take the answer away.
  const block = "z".repeat(1024 * 1024);
  for (let sent = 0; sent < 16; sent++) client.write(block);
  await until(() => client.socket.writableLength === 0);
  const response = await client.response();
  t.is(response.status, 431);
  await client.ended();
  t.is(client.closing, "end");
  t.is(proxy.listener.openConnections, 1);
  clock.advance(2000);
  proxy.context.deadlines.sweep();
  await until(() => proxy.listener.openConnections === 0);
});

test("a listener's connections are bounded: one more is reset, and there is room again when one ends", async (t) => {
  const { proxy } = await proxied(t, { maxConnections: 2 });
  const [first, second] = [await RawClient.connect(t, proxy.port), await RawClient.connect(t, proxy.port)];
  await first.get();
  await second.get();
  const third = await RawClient.connect(t, proxy.port).catch(() => null);
  await third?.until(() => third.closed);
  t.is(third?.closing ?? "reset", "reset");
  t.is(third?.received ?? "", "");
  t.is((await first.get()).status, 200);
  second.end();
  await until(() => proxy.listener.openConnections === 1);
  const fourth = await RawClient.connect(t, proxy.port);
  t.is((await fourth.get()).status, 200);
});

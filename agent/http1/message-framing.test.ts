// What a head says about its body and its connection: RFC 9112 sections 6 and 9, RFC 9110 sections 7.6.1, 7.8 and 10.1.
import test from "ava";
import { HeadParser } from "./head-parser.ts";
import { FRAMING, HOP_BY_HOP, type MessageHead, REPLACED_HOST } from "./message-head.ts";

function read(kind: "request" | "response", text: string, requestMethod = "GET"): MessageHead {
  const parser = new HeadParser(kind);
  parser.requestMethod = requestMethod;
  const bytes = Buffer.from(`${text}\r\n\r\n`);
  const consumed = parser.parse(bytes, 0, bytes.length);
  if (consumed !== bytes.length) throw new Error(parser.failure?.reason ?? `consumed ${consumed}`);
  return parser.head;
}
const request = (headers: string, startLine = "POST / HTTP/1.1"): MessageHead =>
  read("request", `${startLine}\r\nHost: a\r\n${headers}`.trimEnd());
const response = (head: string, requestMethod?: string): MessageHead =>
  read("response", `HTTP/1.1 ${head}`, requestMethod);
const flagsOf = (head: MessageHead): Record<string, number> =>
  Object.fromEntries(
    Array.from({ length: head.count }, (_, index) => [head.nameAt(index), head.flags[index] as number]),
  );

test("6.3 a request without framing has no body; Content-Length and chunked give it one", (t) => {
  t.like(request(""), { framing: "none", contentLength: 0 });
  t.like(request("Content-Length: 12"), { framing: "length", contentLength: 12 });
  t.like(request("Content-Length: 0"), { framing: "none", contentLength: 0 });
  t.like(request("Content-Length: 007"), { framing: "length", contentLength: 7 });
  t.like(request("Content-Length: 9007199254740991"), { contentLength: Number.MAX_SAFE_INTEGER });
  t.like(request("Transfer-Encoding: Chunked"), { framing: "chunked", contentLength: 0 });
  t.like(request("Content-Length: 3", "GET / HTTP/1.1"), { framing: "length" });
});

test("6.3 a response without framing ends with the connection", (t) => {
  t.like(response("200 OK"), { framing: "close", keepAlive: false });
  t.like(response("200 OK\r\nContent-Length: 5"), { framing: "length", contentLength: 5, keepAlive: true });
  t.like(response("200 OK\r\nContent-Length: 0"), { framing: "none", keepAlive: true });
  t.like(response("200 OK\r\nTransfer-Encoding: chunked"), { framing: "chunked", keepAlive: true });
});

test("6.3 answers to HEAD, 1xx, 204, 304 and 2xx to CONNECT have no body", (t) => {
  t.like(response("200 OK\r\nContent-Length: 5", "HEAD"), { framing: "none", contentLength: 5, keepAlive: true });
  t.like(response("200 OK\r\nTransfer-Encoding: chunked", "HEAD"), { framing: "none", contentLength: -1 });
  t.like(response("200 OK", "HEAD"), { framing: "none", contentLength: -1, keepAlive: true });
  t.like(response("304 Not Modified\r\nContent-Length: 5"), { framing: "none", contentLength: 5 });
  t.like(response("100 Continue"), { framing: "none", keepAlive: true });
  t.like(response("204 No Content"), { framing: "none", contentLength: 0 });
  t.like(response("200 OK", "CONNECT"), { framing: "none" });
  t.like(response("403 Forbidden\r\nContent-Length: 5", "CONNECT"), { framing: "length" });
});

test("RFC 9110 8.6 a Content-Length: 0 that 204 must not have is marked to be dropped, that of 304 is kept", (t) => {
  t.deepEqual(flagsOf(response("204 No Content\r\nContent-Length: 0")), { "Content-Length": HOP_BY_HOP });
  t.deepEqual(flagsOf(response("304 Not Modified\r\nContent-Length: 0")), { "Content-Length": FRAMING });
});

test("9.3 persistence: 1.1 unless close, 1.0 only if keep-alive", (t) => {
  t.true(request("").keepAlive);
  t.false(request("Connection: Close").keepAlive);
  t.false(request("Connection: keep-alive, close").keepAlive);
  t.false(request("Connection: keep-alive\r\nConnection: close").keepAlive);
  t.true(request("Connection: closed, x").keepAlive);
  t.false(request("", "GET / HTTP/1.0").keepAlive);
  t.true(request("Connection: ,Keep-Alive ,", "GET / HTTP/1.0").keepAlive);
  t.true(read("response", "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 1").keepAlive);
  t.false(read("response", "HTTP/1.0 200 OK\r\nConnection: keep-alive").keepAlive, "delimited by the close");
});

test("RFC 9110 7.6.1 hop-by-hop headers and those that Connection lists are marked, framing headers with their own bit", (t) => {
  const head = request(
    "Connection: keep-alive, X-Hop, trailer, transfer-encoding\r\nKeep-Alive: timeout=5\r\nProxy-Connection: x\r\nTE: trailers\r\n" +
      "Trailer: X-Sum\r\nTransfer-Encoding: chunked\r\nUpgrade: h2c\r\nHTTP2-Settings: a\r\nx-hop: 1\r\nX-HOP: 2\r\nX-End: 3",
  );
  t.deepEqual(flagsOf(head), {
    Host: 0,
    Connection: HOP_BY_HOP,
    "Keep-Alive": HOP_BY_HOP,
    "Proxy-Connection": HOP_BY_HOP,
    TE: HOP_BY_HOP,
    Trailer: FRAMING,
    "Transfer-Encoding": FRAMING,
    Upgrade: HOP_BY_HOP,
    "HTTP2-Settings": HOP_BY_HOP,
    "x-hop": HOP_BY_HOP,
    "X-HOP": HOP_BY_HOP,
    "X-End": 0,
  });
  t.true(head.acceptsTrailers);
  t.is(head.keepAliveTimeoutSeconds, 5);
});

test("marks of a message do not survive into the next", (t) => {
  const parser = new HeadParser("request");
  for (const [text, flag] of [
    ["GET / HTTP/1.1\r\nConnection: host2\r\nHost2: b\r\nHost: a\r\n\r\n", HOP_BY_HOP],
    ["GET / HTTP/1.1\r\nX-A: host2\r\nHost2: b\r\nHost: a\r\n\r\n", 0],
  ] as const) {
    const bytes = Buffer.from(text);
    t.is(parser.parse(bytes, 0, bytes.length), bytes.length);
    t.is(parser.head.flags[1], flag);
  }
});

test("Connection may list 32 names of its own, no more", (t) => {
  const options = (count: number): string => Array.from({ length: count }, (_, index) => `x-${index}`).join(", ");
  t.notThrows(() => request(`Connection: close, ${options(32)}`));
  t.throws(() => request(`Connection: ${options(33)}`), { message: "too_many_connection_options" });
});

test("RFC 9110 7.8 an upgrade needs the option and HTTP/1.1", (t) => {
  t.is(request("Connection: Upgrade\r\nUpgrade: WebSocket").upgrade, "websocket");
  t.is(request("Connection: keep-alive, upgrade\r\nUpgrade: a/1, b").upgrade, "a/1, b");
  t.is(request("Upgrade: websocket").upgrade, "");
  t.is(request("Connection: upgrade").upgrade, "");
  t.is(request("Connection: upgrade\r\nUpgrade: websocket", "GET / HTTP/1.0").upgrade, "");
  t.is(response("101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket").upgrade, "websocket");
});

test("RFC 9110 10.1.1 only 100-continue, and only in HTTP/1.1, is waited for", (t) => {
  t.true(request("Expect: 100-Continue").expectContinue);
  t.false(request("Expect: 100-continue", "POST / HTTP/1.0").expectContinue);
  t.false(request("Expect: else").expectContinue);
  t.false(request("").expectContinue);
});

test("3.2.2 a Host that differs from an absolute-form target is marked as replaced", (t) => {
  t.is(request("", "GET http://b/ HTTP/1.1").flags[0], REPLACED_HOST);
  t.is(request("", "GET http://a/ HTTP/1.1").flags[0], 0);
});

test("Keep-Alive: timeout is read in its usual spellings", (t) => {
  const timeout = (value: string): number => response(`200 OK\r\nKeep-Alive: ${value}`).keepAliveTimeoutSeconds;
  t.is(timeout("timeout=72"), 72);
  t.is(timeout("max=100, Timeout=5"), 5);
  t.is(timeout("xtimeout=5"), 0);
  t.is(timeout("timeout=x"), 0);
  t.is(response("200 OK").keepAliveTimeoutSeconds, 0);
});

// Request and response heads by sections of RFC 9112. What must be refused because it could be read as another message is
// in smuggling.test.ts, what the headers say about the body and the connection in message-framing.test.ts.
import test from "ava";
import { type HeadLimits, HeadParser } from "./head-parser.ts";
import { HEADER_NAMES, HeaderId } from "./header-names.ts";
import { MessageHead } from "./message-head.ts";
import { METHODS } from "./request-target.ts";

function parse(kind: "request" | "response", text: string, limits: HeadLimits = {}): HeadParser {
  const parser = new HeadParser(kind, new MessageHead(), limits);
  const bytes = Buffer.from(text, "latin1");
  parser.parse(bytes, 0, bytes.length);
  return parser;
}

function request(startLine: string, headers = "Host: example.com\r\n", limits: HeadLimits = {}): MessageHead {
  const parser = parse("request", `${startLine}\r\n${headers}\r\n`, limits);
  if (parser.failure !== null) throw new Error(parser.failure.reason);
  return parser.head;
}

function refusal(text: string, limits: HeadLimits = {}): string {
  const { failure } = parse("request", text, limits);
  return failure === null ? "accepted" : `${failure.status} ${failure.reason}`;
}

test("3 a request line is method, target and version, with single spaces", (t) => {
  const head = request("GET /a/b?c=d&e HTTP/1.1");
  t.like(head, { method: "GET", target: "/a/b?c=d&e", path: "/a/b", query: "c=d&e", versionMinor: 1 });
  t.is(refusal("GET  / HTTP/1.1\r\n"), "400 bad_request_target");
  t.is(refusal("GET / HTTP/1.1 \r\n"), "400 bad_request_line");
  t.is(refusal("GET /  HTTP/1.1\r\n"), "400 bad_request_line");
  t.is(refusal("GET\t/ HTTP/1.1\r\n"), "400 bad_request_line");
  t.is(refusal(" GET / HTTP/1.1\r\n"), "400 bad_request_line");
  t.is(refusal("GET /\r\n"), "400 bad_request_target");
  t.is(refusal("GET / HTTP/1.1\n"), "400 bare_line_feed");
  t.is(refusal("GET / HTTP/1.1\r\r\n"), "400 bare_carriage_return");
});

test("3.1 every registered method is known, in its own case only; others get 501", (t) => {
  for (const method of METHODS) {
    const target = method === "CONNECT" ? "example.com:443" : "/";
    t.is(request(`${method} ${target} HTTP/1.1`).method, method);
  }
  t.is(refusal("get / HTTP/1.1\r\n"), "501 unknown_method");
  t.is(refusal("BREW / HTTP/1.1\r\n"), "501 unknown_method");
  t.is(refusal("VERYVERYLONGMETHOD / HTTP/1.1\r\n"), "501 unknown_method");
});

test("2.3 HTTP/1.0 and HTTP/1.1 are spoken, other versions get 505, other protocols 400", (t) => {
  t.is(request("GET / HTTP/1.0").versionMinor, 0);
  t.is(refusal("GET / HTTP/1.2\r\n"), "505 unsupported_version");
  t.is(refusal("GET / HTTP/2.0\r\n"), "505 unsupported_version");
  t.is(refusal("GET / HTTP/0.9\r\n"), "505 unsupported_version");
  t.is(refusal("GET / http/1.1\r\n"), "400 bad_request_line");
  t.is(refusal("GET / HTTP/1.10\r\n"), "400 bad_request_line");
  t.is(refusal("GET / SPDY/1.1\r\n"), "400 bad_request_line");
});

test("3.2.1 origin-form keeps its path and query as received", (t) => {
  t.like(request("GET //a/../%2e/? HTTP/1.1"), { path: "//a/../%2e/", query: "", originTarget: "//a/../%2e/?" });
  t.like(request("GET /a?b?c HTTP/1.1"), { path: "/a", query: "b?c" });
  t.like(request('GET /"<>\\^`{|} HTTP/1.1'), { path: '/"<>\\^`{|}' });
  t.is(refusal("GET /a#b HTTP/1.1\r\n"), "400 bad_request_target");
  t.is(refusal("GET /\xe9 HTTP/1.1\r\n"), "400 bad_request_target");
  t.is(refusal("GET /\0 HTTP/1.1\r\n"), "400 bad_request_target");
  t.is(refusal("GET a HTTP/1.1\r\nHost: a\r\n\r\n"), "400 bad_request_target");
});

test("3.2.2 the authority of an absolute-form target wins over Host", (t) => {
  const head = request("GET HTTP://Example.com:8080/a?b HTTP/1.1", "Host: other\r\n");
  t.like(head, { targetForm: "absolute", authority: "Example.com:8080", host: "example.com", path: "/a", query: "b" });
  t.is(head.originTarget, "/a?b");
  t.is(head.header("host"), "Example.com:8080");
  t.like(request("GET https://a HTTP/1.1"), { path: "/", originTarget: "/" });
  t.like(request("GET http://a?b HTTP/1.1"), { path: "/", query: "b", originTarget: "/?b" });
  t.like(request("OPTIONS http://a HTTP/1.1"), { path: "*", originTarget: "*" });
  for (const target of [
    "ftp://a/",
    "http://",
    "http:///a",
    "http://:80/",
    "http://u@a/",
    "http://a:x/",
    "http://[::1/",
  ]) {
    t.is(refusal(`GET ${target} HTTP/1.1\r\nHost: a\r\n\r\n`), "400 bad_request_target", target);
  }
});

test("3.2.3 CONNECT takes an authority with a port", (t) => {
  t.like(request("CONNECT example.com:443 HTTP/1.1"), {
    targetForm: "authority",
    authority: "example.com:443",
    path: "",
  });
  t.like(request("CONNECT [::1]:443 HTTP/1.1"), { host: "[::1]" });
  for (const target of ["/", "example.com", "example.com:", ":443", "[::1]", "a:b:1", "http://a:1"]) {
    t.is(refusal(`CONNECT ${target} HTTP/1.1\r\nHost: a\r\n\r\n`), "400 bad_request_target", target);
  }
});

test("3.2.4 asterisk-form belongs to OPTIONS", (t) => {
  t.like(request("OPTIONS * HTTP/1.1"), { targetForm: "asterisk", path: "*", originTarget: "*" });
  t.is(refusal("GET * HTTP/1.1\r\nHost: a\r\n\r\n"), "400 bad_request_target");
});

test("3.2 HTTP/1.1 needs exactly one valid Host; HTTP/1.0 may do without", (t) => {
  t.is(refusal("GET / HTTP/1.1\r\n\r\n"), "400 missing_host");
  t.is(request("GET / HTTP/1.0", "").authority, "");
  t.is(request("GET / HTTP/1.0", "").header("host"), undefined);
  t.is(request("GET / HTTP/1.1", "Host:\r\n").host, "");
  for (const host of ["a b", "a/b", "u@a", "a,b", "a:b", "a:65536", "[::1", "::1", "a%2", "[]", "a?b"]) {
    const expected = host === "a,b" ? "accepted" : "400 bad_host";
    t.is(refusal(`GET / HTTP/1.1\r\nHost: ${host}\r\n\r\n`), expected, host);
  }
});

test("host is the authority in lower case without its port", (t) => {
  const hosts = {
    "Example.COM": "example.com",
    "a.b:80": "a.b",
    "a:": "a",
    "[2001:DB8::1]:80": "[2001:db8::1]",
    "1.2.3.4:5": "1.2.3.4",
  };
  const parser = new HeadParser("request");
  for (const [value, host] of Object.entries(hosts)) {
    const bytes = Buffer.from(`GET / HTTP/1.1\r\nHost: ${value}\r\n\r\n`);
    t.is(parser.parse(bytes, 0, bytes.length), bytes.length);
    t.is(parser.head.authority, value);
    t.is(parser.head.host, host);
    t.is(parser.head.host, host, "cached");
  }
});

test("a bad Host is refused although the request before it was good", (t) => {
  const parser = new HeadParser("request");
  for (const [host, consumed] of [
    ["a", 27],
    ["a", 27],
    ["/", -1],
  ] as const) {
    const bytes = Buffer.from(`GET / HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
    t.is(parser.parse(bytes, 0, bytes.length), consumed);
  }
});

test("4 a status line is version, status and reason", (t) => {
  t.like(parse("response", "HTTP/1.1 200 OK\r\n\r\n").head, { statusCode: 200, reason: "OK", versionMinor: 1 });
  t.like(parse("response", "HTTP/1.0 404 Not  Found\xe9\t\r\n\r\n").head, {
    reason: "Not  Found\xe9\t",
    versionMinor: 0,
  });
  t.like(parse("response", "HTTP/1.1 200 \r\n\r\n").head, { statusCode: 200, reason: "" });
  t.like(parse("response", "HTTP/1.1 200\r\n\r\n").head, { statusCode: 200, reason: "" });
  for (const line of [
    "HTTP/1.1  200 OK",
    "HTTP/1.1 20 OK",
    "HTTP/1.1 2000 OK",
    "HTTP/1.1 099 OK",
    "ICY 200 OK",
    "\r\nHTTP/1.1 200 OK",
    "HTTP/1.1 200 a\0b",
  ]) {
    t.deepEqual(parse("response", `${line}\r\n\r\n`).failure, { status: 502, reason: "bad_status_line" }, line);
  }
  t.is(parse("response", "HTTP/2.0 200 OK\r\n\r\n").failure?.reason, "unsupported_version");
});

test("5 header lines keep their case, order and duplicates; white space around values goes", (t) => {
  const head = request(
    "GET / HTTP/1.1",
    "hOsT:a\r\nX-A: \t b c \t\r\nx-a:d\r\nX-Empty:\r\nX-Blank: \t \r\nX-L: caf\xe9\r\n",
  );
  const headers = Array.from({ length: head.count }, (_, index) => [head.nameAt(index), head.valueAt(index)]);
  t.deepEqual(headers, [
    ["hOsT", "a"],
    ["X-A", "b c"],
    ["x-a", "d"],
    ["X-Empty", ""],
    ["X-Blank", ""],
    ["X-L", "caf\xe9"],
  ]);
  t.is(
    head.text,
    "GET / HTTP/1.1\r\nhOsT:a\r\nX-A: \t b c \t\r\nx-a:d\r\nX-Empty:\r\nX-Blank: \t \r\nX-L: caf\xe9\r\n",
  );
  t.is(head.text.slice(head.headersStart, head.headersStart + 6), "hOsT:a");
});

test("T24 header names match in any case; repeated headers are joined", (t) => {
  const head = request("GET / HTTP/1.1", "Host: a\r\nX-User: 1\r\nX-Other: 0\r\nx-USER: 2\r\n");
  t.is(head.header("x-user"), "1, 2");
  t.is(head.header("x-use"), undefined);
  t.true(head.nameIs(1, "x-user"));
  t.false(head.nameIs(1, "x-usex"));
  t.false(head.nameIs(1, "x-userx"));
});

test("every well-known header is recognised in any case, and nothing else is", (t) => {
  for (const [id, name] of HEADER_NAMES.entries()) {
    if (id < HeaderId.LAST_FRAMING) continue;
    for (const spelled of [name, name.toUpperCase()]) {
      const head = request("GET / HTTP/1.1", `Host: a\r\n${spelled}: x\r\n`);
      t.is(head.indexOf(id), 1, spelled);
    }
    for (const spelled of [`${name}x`, `x${name}`, `${name.slice(0, -1)}!`]) {
      if (HEADER_NAMES.includes(spelled)) continue;
      t.is(request("GET / HTTP/1.1", `Host: a\r\n${spelled}: x\r\n`).ids[1], HeaderId.UNKNOWN, spelled);
    }
  }
});

test("2.2 one empty line before a request is skipped, and only a whole one", (t) => {
  t.is(refusal("\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"), "accepted");
  t.is(refusal("\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"), "400 bad_request_line");
  t.is(refusal("\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"), "400 bare_line_feed");
  t.is(refusal("\rGET / HTTP/1.1\r\nHost: a\r\n\r\n"), "400 bare_carriage_return");
  const parser = parse("request", "\r\n");
  t.false(parser.started, "an idle client's empty line does not begin a request");
  parser.parse(Buffer.from("G"), 0, 1);
  t.true(parser.started);
});

test("a head in any two pieces, or byte by byte, reads as the whole, and leaves what follows", (t) => {
  const text = "\r\nPOST /a?b HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nX-A:  b \r\n\r\n";
  const bytes = Buffer.from(`${text}bodyGET`);
  const whole = parse("request", text).head;
  const check = (parser: HeadParser, cut: number): void => {
    t.deepEqual(parser.head, whole, `cut at ${cut}`);
  };
  for (let cut = 1; cut < text.length; cut++) {
    const parser = new HeadParser("request");
    t.is(parser.parse(bytes, 0, cut), 0);
    t.is(parser.parse(bytes, cut, bytes.length), text.length - cut, `cut at ${cut}`);
    check(parser, cut);
  }
  const parser = new HeadParser("request");
  for (let index = 0; index < text.length - 1; index++) t.is(parser.parse(bytes, index, index + 1), 0);
  t.is(parser.parse(bytes, text.length - 1, bytes.length), 1);
  check(parser, 1);
});

test("a parser reads message after message from one buffer, also where it does not begin", (t) => {
  const parser = new HeadParser("request");
  const one = "GET /1 HTTP/1.1\r\nHost: a\r\n\r\n";
  const two = "POST /22 HTTP/1.0\r\nX-A: b\r\nX-C: d\r\n\r\n";
  const bytes = Buffer.from(one + two);
  t.is(parser.parse(bytes, 0, bytes.length), one.length);
  t.is(parser.head.path, "/1");
  t.is(parser.parse(bytes, one.length, bytes.length), two.length);
  t.like(parser.head, { path: "/22", method: "POST", count: 2, authority: "", keepAlive: false });
});

test("a refused parser stays refused until reset", (t) => {
  const parser = parse("request", "BAD\n");
  const good = Buffer.from("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  t.is(parser.parse(good, 0, good.length), -1);
  parser.reset();
  t.is(parser.parse(good, 0, good.length), good.length);
});

test("limits: octets of the head 431, headers 431, octets of the target 414; exactly the limit is fine", (t) => {
  const text = "GET /12345 HTTP/1.1\r\nHost: a\r\nX-A: b\r\n\r\n";
  t.is(refusal(text, { maxHeadBytes: text.length }), "accepted");
  t.is(refusal(text, { maxHeadBytes: text.length - 1 }), "431 head_too_large");
  t.is(refusal(text, { maxHeaders: 2 }), "accepted");
  t.is(refusal(text, { maxHeaders: 1 }), "431 too_many_headers");
  t.is(refusal(text, { maxTargetBytes: 6 }), "accepted");
  t.is(refusal(text, { maxTargetBytes: 5 }), "414 target_too_long");
});

test("limits hold byte by byte, with no more memory than the limit", (t) => {
  const parser = new HeadParser("request", new MessageHead(), { maxHeadBytes: 100 });
  const bytes = Buffer.from(`GET / HTTP/1.1\r\nX-A: ${"a".repeat(200)}`);
  for (let index = 0; index < 99; index++) t.is(parser.parse(bytes, index, index + 1), 0);
  t.is(parser.parse(bytes, 99, 100), -1);
  t.is(parser.failure?.reason, "head_too_large");
});

test("defaults: 64 KiB of head, 100 headers, 16 KiB of target", (t) => {
  const head = (target: string, headers: string): string => `GET ${target} HTTP/1.1\r\nHost: a\r\n${headers}\r\n`;
  t.is(refusal(head("/", "X: y\r\n".repeat(99))), "accepted");
  t.is(refusal(head("/", "X: y\r\n".repeat(100))), "431 too_many_headers");
  t.is(refusal(head(`/${"a".repeat(16 * 1024 - 1)}`, "")), "accepted");
  t.is(refusal(head(`/${"a".repeat(16 * 1024)}`, "")), "414 target_too_long");
  t.is(refusal(head("/", `X: ${"y".repeat(64 * 1024 - 32)}\r\n`)), "accepted");
  t.is(refusal(head("/", `X: ${"y".repeat(64 * 1024 - 31)}\r\n`)), "431 head_too_large");
});

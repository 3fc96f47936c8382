// Heads written out again: what is kept is kept byte for byte.
import test from "ava";
import { HeadParser } from "./head-parser.ts";
import { requestStartLine, responseStartLine, writeHead } from "./head-writer.ts";
import { FRAMING, HOP_BY_HOP, type MessageHead } from "./message-head.ts";

function read(kind: "request" | "response", text: string): MessageHead {
  const parser = new HeadParser(kind);
  const bytes = Buffer.from(text, "latin1");
  if (parser.parse(bytes, 0, bytes.length) !== bytes.length) throw new Error(parser.failure?.reason);
  return parser.head;
}

const text =
  "GET /a?b HTTP/1.1\r\nX-First:1\r\nHost: a\r\nConnection: x-hop\r\nX-Hop: 1\r\nX-DUP:  \t2 \r\nx-dup: caf\xe9\r\n" +
  "Content-Length: 3\r\nX-Last: z\r\n\r\n";

test("nothing dropped: the head is what was received", (t) => {
  const head = read("request", text);
  t.is(writeHead(head, requestStartLine(head), 0, [], ""), text);
});

test("hop-by-hop headers go, case, order, spaces and duplicates stay, additions come last", (t) => {
  const head = read("request", text);
  t.is(
    writeHead(head, "POST / HTTP/1.1\r\n", HOP_BY_HOP, [], "A: b\r\nC: d\r\n"),
    "POST / HTTP/1.1\r\nX-First:1\r\nHost: a\r\nX-DUP:  \t2 \r\nx-dup: caf\xe9\r\nContent-Length: 3\r\nX-Last: z\r\nA: b\r\nC: d\r\n\r\n",
  );
});

test("names are dropped in any case, also the first and the last; framing by its own bit", (t) => {
  const head = read("request", text);
  t.is(
    writeHead(head, "S\r\n", HOP_BY_HOP | FRAMING, ["x-first", "x-dup", "x-last", "absent"], ""),
    "S\r\nHost: a\r\n\r\n",
  );
});

test("an absolute-form target becomes origin-form and its authority replaces Host where it stood", (t) => {
  const head = read("request", "GET http://B:1/x?y HTTP/1.1\r\nA: 1\r\nHost: other\r\nC: 2\r\n\r\n");
  t.is(
    writeHead(head, requestStartLine(head), HOP_BY_HOP, [], ""),
    "GET /x?y HTTP/1.1\r\nA: 1\r\nHost: B:1\r\nC: 2\r\n\r\n",
  );
  t.is(writeHead(head, "S\r\n", HOP_BY_HOP, ["host"], "Host: c\r\n"), "S\r\nA: 1\r\nC: 2\r\nHost: c\r\n\r\n");
});

test("an HTTP/1.0 request without Host leaves with one", (t) => {
  const head = read("request", "GET / HTTP/1.0\r\nA: 1\r\n\r\n");
  t.is(writeHead(head, requestStartLine(head), HOP_BY_HOP, [], ""), "GET / HTTP/1.1\r\nA: 1\r\nHost: \r\n\r\n");
  const absolute = read("request", "GET http://b/ HTTP/1.0\r\n\r\n");
  t.is(writeHead(absolute, requestStartLine(absolute), 0, [], ""), "GET / HTTP/1.1\r\nHost: b\r\n\r\n");
});

test("a response keeps its reason and gets our version", (t) => {
  const head = read("response", "HTTP/1.0 200 Sure thing\r\nServer: x\r\nConnection: close\r\n\r\n");
  t.is(writeHead(head, responseStartLine(head), HOP_BY_HOP, [], ""), "HTTP/1.1 200 Sure thing\r\nServer: x\r\n\r\n");
});

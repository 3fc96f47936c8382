// Chunked bodies, RFC 9112 section 7.1. What must be refused is in smuggling.test.ts.
import test from "ava";
import { type ChunkedLimits, ChunkedScanner } from "./chunked-scanner.ts";

interface Scanned {
  readonly end: number;
  readonly done: boolean;
  readonly reason: string | undefined;
  readonly data: string;
  readonly trailers: string;
}

function scan(pieces: readonly string[], limits: ChunkedLimits = {}): Scanned {
  const scanner = new ChunkedScanner(limits);
  let data = "";
  let trailers = "";
  let end = 0;
  const sink = {
    onData: (bytes: Uint8Array, from: number, to: number): void => {
      data += Buffer.from(bytes).toString("latin1", from, to);
    },
    onTrailerData: (bytes: Uint8Array, from: number, to: number): void => {
      trailers += Buffer.from(bytes).toString("latin1", from, to);
    },
  };
  for (const piece of pieces) {
    const bytes = Buffer.from(piece, "latin1");
    const consumed = scanner.scan(bytes, 0, bytes.length, sink);
    if (consumed < 0) return { end: -1, done: false, reason: scanner.failure?.reason, data, trailers };
    end += consumed;
  }
  return { end, done: scanner.done, reason: undefined, data, trailers };
}

const body =
  '5\r\nhello\r\n00A;a;b=c;d="e \\" f"\r\n0123456789\r\nc\r\n01234\r\n0\r\nab\r\n0;last\r\nX-Sum: abc\r\nX-Empty:\r\n\r\n';
const expected: Scanned = {
  end: body.length,
  done: true,
  reason: undefined,
  data: "hello012345678901234\r\n0\r\nab",
  trailers: "X-Sum: abc\r\nX-Empty:\r\n\r\n",
};

test("7.1 sizes in hexadecimal, extensions, data that looks like chunks, trailers", (t) => {
  t.deepEqual(scan([body]), expected);
  t.like(scan(["0\r\n\r\n"]), { end: 5, done: true, data: "", trailers: "\r\n" });
  t.like(scan(["000\r\n\r\n"]), { done: true });
  t.like(scan(["1FFFFFFFFFFFFF\r\nx"]), { reason: undefined, data: "x" });
});

test("octets after the body are left to the next message", (t) => {
  t.deepEqual(scan([`${body}GET / HTTP/1.1`]), expected);
});

test("a body in any two pieces, or byte by byte, reads as the whole", (t) => {
  for (let cut = 1; cut < body.length; cut++)
    t.deepEqual(scan([body.slice(0, cut), body.slice(cut)]), expected, `${cut}`);
  t.deepEqual(scan(Array.from(body)), expected);
});

test("a body that is not complete is not done", (t) => {
  for (let cut = 1; cut < body.length; cut++)
    t.like(scan([body.slice(0, cut)]), { done: false, end: cut, reason: undefined });
});

test("a scanner reads body after body, with or without a sink", (t) => {
  const scanner = new ChunkedScanner();
  const bytes = Buffer.from("3\r\nabc\r\n0\r\nX-A: b\r\n\r\n");
  for (let round = 0; round < 3; round++) {
    t.is(scanner.scan(bytes, 0, bytes.length), bytes.length);
    t.true(scanner.done);
    scanner.reset();
    t.false(scanner.done);
  }
});

test("limits: extensions of a chunk and of a body, trailer octets and lines; exactly the limit is fine", (t) => {
  const extended = "1;abc\r\nx\r\n1;abc\r\nx\r\n0\r\n\r\n";
  t.like(scan([extended], { maxChunkExtensionBytes: 4, maxExtensionBytes: 8 }), { done: true });
  t.is(scan([extended], { maxChunkExtensionBytes: 3 }).reason, "chunk_extension_too_large");
  t.is(scan([extended], { maxExtensionBytes: 7 }).reason, "chunk_extension_too_large");
  const trailed = "0\r\nA: b\r\nC: d\r\n\r\n";
  t.like(scan([trailed], { maxTrailerBytes: 14, maxTrailers: 2 }), { done: true });
  t.is(scan([trailed], { maxTrailerBytes: 13 }).reason, "trailer_too_large");
  t.is(scan([trailed], { maxTrailers: 1 }).reason, "too_many_trailers");
});

test("default limits: 1 KiB of extensions for a chunk, 16 KiB for a body, 16 KiB and 100 lines of trailers", (t) => {
  t.is(scan([`1;${"a".repeat(1024)}\r\n`]).reason, "chunk_extension_too_large");
  t.is(scan([`1;${"a".repeat(1000)}\r\nx\r\n`.repeat(17)]).reason, "chunk_extension_too_large");
  t.is(scan([`0\r\nA: ${"a".repeat(16 * 1024)}`]).reason, "trailer_too_large");
  t.is(scan([`0\r\n${"A: b\r\n".repeat(101)}`]).reason, "too_many_trailers");
});

test("a long trailer name that begins like a forbidden one is allowed; case does not hide one", (t) => {
  t.like(scan(["0\r\nContent-Length-But-Very-Much-Longer: 1\r\n\r\n"]), { done: true });
  t.is(scan(["0\r\nCONTENT-", "LENGTH: 1\r\n\r\n"]).reason, "forbidden_trailer");
});

// RFC 9112 section 11, case by case: whatever could be read as another message by the next server is refused.
import test from "ava";
import { ChunkedScanner } from "./chunked-scanner.ts";
import { HeadParser } from "./head-parser.ts";

function refusal(kind: "request" | "response", text: string, requestMethod = "GET"): string {
  const parser = new HeadParser(kind);
  parser.requestMethod = requestMethod;
  const bytes = Buffer.from(text, "latin1");
  const consumed = parser.parse(bytes, 0, bytes.length);
  if (consumed === 0) return "incomplete";
  return consumed > 0 ? "accepted" : (parser.failure?.reason ?? "");
}

function chunkedRefusal(text: string): string {
  const scanner = new ChunkedScanner();
  const bytes = Buffer.from(text, "latin1");
  const end = scanner.scan(bytes, 0, bytes.length);
  if (end < 0) return scanner.failure?.reason ?? "";
  return scanner.done ? "accepted" : "incomplete";
}

interface Case {
  readonly title: string;
  readonly headers: string;
  readonly reason: string;
  readonly version?: string;
}

const requestCases: readonly Case[] = [
  {
    title: "6.1 Content-Length and Transfer-Encoding (CL.TE, TE.CL)",
    headers: "Content-Length: 5\r\nTransfer-Encoding: chunked",
    reason: "content_length_with_transfer_encoding",
  },
  {
    title: "6.1 the same in the other order and case",
    headers: "transfer-encoding: Chunked\r\ncontent-length: 0",
    reason: "content_length_with_transfer_encoding",
  },
  {
    title: "6.3 two Content-Length that differ",
    headers: "Content-Length: 5\r\nContent-Length: 6",
    reason: "repeated_content_length",
  },
  {
    title: "6.3 two Content-Length that are equal",
    headers: "Content-Length: 5\r\nContent-Length: 5",
    reason: "repeated_content_length",
  },
  { title: "6.3 a list of lengths", headers: "Content-Length: 5, 5", reason: "bad_content_length" },
  { title: "6.2 a signed length", headers: "Content-Length: +5", reason: "bad_content_length" },
  { title: "6.2 a negative length", headers: "Content-Length: -1", reason: "bad_content_length" },
  { title: "6.2 a hexadecimal length", headers: "Content-Length: 0x5", reason: "bad_content_length" },
  { title: "6.2 white space within a length", headers: "Content-Length: 1 0", reason: "bad_content_length" },
  { title: "6.2 an empty length", headers: "Content-Length: ", reason: "bad_content_length" },
  { title: "6.2 a fraction", headers: "Content-Length: 5.0", reason: "bad_content_length" },
  { title: "6.2 a length past 2^53", headers: "Content-Length: 9007199254740992", reason: "bad_content_length" },
  { title: "6.2 a length past 2^64", headers: "Content-Length: 18446744073709551621", reason: "bad_content_length" },
  { title: "5.5 a length with a tab", headers: "Content-Length: 5\t", reason: "bad_content_length" },
  { title: "6.1 chunked not last", headers: "Transfer-Encoding: chunked, gzip", reason: "bad_transfer_encoding" },
  { title: "6.1 chunked twice", headers: "Transfer-Encoding: chunked, chunked", reason: "bad_transfer_encoding" },
  {
    title: "6.1 chunked in the middle",
    headers: "Transfer-Encoding: a, chunked, chunked",
    reason: "bad_transfer_encoding",
  },
  {
    title: "6.1 chunked in two lines",
    headers: "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
    reason: "repeated_transfer_encoding",
  },
  {
    title: "6.1 chunked hidden behind another coding (TE.TE)",
    headers: "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity",
    reason: "repeated_transfer_encoding",
  },
  {
    title: "6.1 a coding that is nearly chunked",
    headers: "Transfer-Encoding: xchunked",
    reason: "bad_transfer_encoding",
  },
  { title: "6.1 chunked in quotes", headers: 'Transfer-Encoding: "chunked"', reason: "bad_transfer_encoding" },
  { title: "6.1 chunked with a parameter", headers: "Transfer-Encoding: chunked;q=1", reason: "bad_transfer_encoding" },
  {
    title: "6.1 chunked after an empty member",
    headers: "Transfer-Encoding: , chunked",
    reason: "bad_transfer_encoding",
  },
  { title: "6.1 identity", headers: "Transfer-Encoding: identity", reason: "bad_transfer_encoding" },
  { title: "6.1 no coding at all", headers: "Transfer-Encoding:", reason: "bad_transfer_encoding" },
  { title: "6.1 chunked and a tab", headers: "Transfer-Encoding: chunked\t", reason: "bad_transfer_encoding" },
  { title: "6.1 chunked and a vertical tab", headers: "Transfer-Encoding: \x0bchunked", reason: "bad_header_value" },
  {
    title: "6.1 a coding we do not know before chunked: 501",
    headers: "Transfer-Encoding: gzip, chunked",
    reason: "unsupported_transfer_encoding",
  },
  {
    title: "6.1 Transfer-Encoding in HTTP/1.0",
    headers: "Transfer-Encoding: chunked",
    version: "1.0",
    reason: "transfer_encoding_in_http_1_0",
  },
  { title: "5.1 a space before the colon", headers: "Transfer-Encoding : chunked", reason: "space_before_colon" },
  { title: "5.1 a tab before the colon", headers: "Content-Length\t: 5", reason: "space_before_colon" },
  { title: "5.2 a folded line", headers: "X-A: b\r\n Transfer-Encoding: chunked", reason: "obsolete_folding" },
  { title: "5.2 a folded line with a tab", headers: "X-A: b\r\n\tc", reason: "obsolete_folding" },
  { title: "2.2 white space before the first header", headers: " X-A: b", reason: "obsolete_folding" },
  { title: "2.2 a bare CR in a value", headers: "X-A: b\rTransfer-Encoding: chunked", reason: "bare_carriage_return" },
  { title: "2.2 a bare LF ends a value", headers: "X-A: b\nTransfer-Encoding: chunked", reason: "bare_line_feed" },
  { title: "2.2 CR CR LF", headers: "X-A: b\r\r\nX-B: c", reason: "bare_carriage_return" },
  { title: "5.5 NUL in a value", headers: "X-A: b\0c", reason: "bad_header_value" },
  { title: "5.5 DEL in a value", headers: "X-A: b\x7fc", reason: "bad_header_value" },
  { title: "5.1 a NUL in a name", headers: "Transfer\0-Encoding: chunked", reason: "bad_header_name" },
  { title: "5.1 an octet above 0x7f in a name", headers: "Transfer-Encoding\xa0: chunked", reason: "bad_header_name" },
  { title: "5.1 a line without a colon", headers: "Transfer-Encoding", reason: "bad_header_name" },
  { title: "5.1 an empty name", headers: ": chunked", reason: "bad_header_name" },
  { title: "3.2 two Hosts", headers: "Host: other", reason: "repeated_host" },
  {
    title: "9.1 Connection strips Content-Length",
    headers: "Content-Length: 5\r\nConnection: content-length",
    reason: "bad_connection_option",
  },
  { title: "9.1 Connection strips Host", headers: "Connection: close, HOST", reason: "bad_connection_option" },
  {
    title: "9.1 a Connection option that is no token",
    headers: "Connection: close;x",
    reason: "bad_connection_option",
  },
];

for (const { title, headers, reason, version } of requestCases) {
  test(`request smuggling, RFC 9112 ${title}`, (t) => {
    t.is(refusal("request", `POST / HTTP/${version ?? "1.1"}\r\nHost: a\r\n${headers}\r\n\r\n`), reason);
  });
}

test("a name that only looks like Transfer-Encoding is another header", (t) => {
  t.is(refusal("request", "GET / HTTP/1.1\r\nHost: a\r\nTransfer_Encoding: chunked\r\n\r\n"), "accepted");
});

test("CONNECT with content is refused: the tunnel's first octets could be taken for it", (t) => {
  t.is(refusal("request", "CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\nContent-Length: 3\r\n\r\n"), "content_in_connect");
  t.is(
    refusal("request", "CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\nTransfer-Encoding: chunked\r\n\r\n"),
    "content_in_connect",
  );
  t.is(refusal("request", "CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\nContent-Length: 0\r\n\r\n"), "accepted");
});

test("response splitting: a response is framed by exactly one rule", (t) => {
  const response = (head: string, method?: string): string => refusal("response", `HTTP/1.1 ${head}\r\n\r\n`, method);
  t.is(response("200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked"), "content_length_with_transfer_encoding");
  t.is(response("200 OK\r\nContent-Length: 5\r\nContent-Length: 5"), "repeated_content_length");
  t.is(response("200 OK\r\nTransfer-Encoding: gzip"), "bad_transfer_encoding");
  t.is(response("204 No Content\r\nTransfer-Encoding: chunked"), "transfer_encoding_without_body");
  t.is(response("101 Switching Protocols\r\nTransfer-Encoding: chunked"), "transfer_encoding_without_body");
  t.is(response("204 No Content\r\nContent-Length: 5"), "content_length_without_body");
  t.is(response("100 Continue\r\nContent-Length: 5"), "content_length_without_body");
  t.is(response("200 OK\r\nContent-Length: 5", "CONNECT"), "content_length_without_body");
  t.is(response("200 OK\nSet-Cookie: a=b"), "bare_line_feed");
  t.is(response("200 OK\rX"), "bare_carriage_return");
  t.is(response("200 OK\r\nX-A: b\r\n folded"), "obsolete_folding");
});

const chunkedCases: readonly { title: string; body: string; reason: string }[] = [
  { title: "a size with a prefix", body: "0x1\r\na\r\n0\r\n\r\n", reason: "bad_chunk_size" },
  { title: "a signed size", body: "+1\r\na\r\n0\r\n\r\n", reason: "bad_chunk_size" },
  { title: "a negative size", body: "-1\r\na\r\n0\r\n\r\n", reason: "bad_chunk_size" },
  { title: "an empty size", body: "\r\na\r\n0\r\n\r\n", reason: "bad_chunk_size" },
  { title: "white space before a size", body: " 1\r\na\r\n0\r\n\r\n", reason: "bad_chunk_size" },
  { title: "white space after a size", body: "1 \r\na\r\n0\r\n\r\n", reason: "bad_chunk_size" },
  { title: "an underscore in a size", body: "1_0\r\n", reason: "bad_chunk_size" },
  { title: "a size that overflows 2^53", body: "20000000000000\r\n", reason: "chunk_too_large" },
  { title: "a size that overflows 2^64 to 1", body: "10000000000000001\r\na\r\n", reason: "chunk_too_large" },
  { title: "a bare LF after a size", body: "1\na\r\n0\r\n\r\n", reason: "bare_line_feed" },
  { title: "a bare CR after a size", body: "1\ra\r\n0\r\n\r\n", reason: "bare_carriage_return" },
  { title: "a bare LF after data", body: "1\r\na\n0\r\n\r\n", reason: "bad_chunk_end" },
  { title: "a bare CR after data", body: "1\r\na\r0\r\n\r\n", reason: "bad_chunk_end" },
  { title: "more data than the size says", body: "1\r\nab\r\n0\r\n\r\n", reason: "bad_chunk_end" },
  { title: "less data than the size says", body: "5\r\nab\r\n0\r\n\r\n", reason: "bad_chunk_size" },
  { title: "a bare LF in an extension (TERM.EXT)", body: "1;a\na\r\n0\r\n\r\n", reason: "bare_line_feed" },
  { title: "a bare CR in an extension", body: "1;a\rb\r\n", reason: "bare_carriage_return" },
  { title: "a line end in a quoted extension", body: '1;a="\r\n"\r\na\r\n', reason: "bad_chunk_extension" },
  { title: "an extension without a name", body: "1;\r\na\r\n0\r\n\r\n", reason: "bad_chunk_extension" },
  { title: "a bare LF at the end (EXT.TERM)", body: "0\r\n\n", reason: "bare_line_feed" },
  { title: "a space before a trailer's colon", body: "0\r\nX-A : b\r\n\r\n", reason: "space_before_colon" },
  { title: "a folded trailer", body: "0\r\nX-A: b\r\n c\r\n\r\n", reason: "obsolete_folding" },
  { title: "Content-Length in the trailers", body: "0\r\ncontent-length: 5\r\n\r\n", reason: "forbidden_trailer" },
  {
    title: "Transfer-Encoding in the trailers",
    body: "0\r\nTransfer-Encoding: chunked\r\n\r\n",
    reason: "forbidden_trailer",
  },
  { title: "Host in the trailers", body: "0\r\nHost: b\r\n\r\n", reason: "forbidden_trailer" },
  { title: "Authorization in the trailers", body: "0\r\nAuthorization: b\r\n\r\n", reason: "forbidden_trailer" },
  { title: "X-Forwarded-For in the trailers", body: "0\r\nX-Forwarded-For: b\r\n\r\n", reason: "forbidden_trailer" },
];

for (const { title, body, reason } of chunkedCases) {
  test(`chunked smuggling, RFC 9112 7.1: ${title}`, (t) => {
    t.is(chunkedRefusal(body), reason);
  });
}

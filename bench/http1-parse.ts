// Cost of the HTTP/1.1 codec alone, in nanoseconds of CPU time for one head: node bench/http1-parse.ts. Prints the median and
// the best of several rounds, and llhttp through Node's own binding beside it, from the same run.
import { createRequire } from "node:module";
import { ChunkedScanner } from "../agent/http1/chunked-scanner.ts";
import { HeadParser } from "../agent/http1/head-parser.ts";
import { requestStartLine, writeHead } from "../agent/http1/head-writer.ts";
import { HOP_BY_HOP } from "../agent/http1/message-head.ts";

const ROUNDS = 15;

const typicalRequest = Buffer.from(
  "GET /api/v1/tasks?limit=20&offset=40 HTTP/1.1\r\n" +
    "Host: task-api.default.svc.cluster.local:8080\r\n" +
    "User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0\r\n" +
    "Accept: application/json, text/plain, */*\r\n" +
    "Accept-Encoding: gzip, deflate, br\r\n" +
    "Accept-Language: en-US,en;q=0.9\r\n" +
    "Connection: keep-alive\r\n" +
    "x-beta-user: true\r\n" +
    "Cookie: session=8f14e45fceea167a5a36dedd4bea2543\r\n\r\n",
);
const shortRequest = Buffer.from("GET / HTTP/1.1\r\nHost: localhost:8080\r\nUser-Agent: wrk\r\n\r\n");
const typicalResponse = Buffer.from(
  "HTTP/1.1 200 OK\r\nX-Powered-By: Express\r\nContent-Type: application/json; charset=utf-8\r\nContent-Length: 130\r\n" +
    'ETag: W/"82-tZ0Vn8YAJ3kFmRrT9K1mCw"\r\nDate: Sat, 21 Nov 2026 03:00:00 GMT\r\nConnection: keep-alive\r\n' +
    "Keep-Alive: timeout=5\r\n\r\n",
);
const chunkedBody = Buffer.from(`400\r\n${"x".repeat(1024)}\r\n`.repeat(16) + "0\r\n\r\n");

let kept = 0;

function parsing(kind: "request" | "response", message: Buffer): () => void {
  const parser = new HeadParser(kind);
  return () => {
    if (parser.parse(message, 0, message.length) !== message.length) throw new Error(parser.failure?.reason);
    kept += parser.head.count;
  };
}

function routing(message: Buffer): () => void {
  const parser = new HeadParser("request");
  return () => {
    parser.parse(message, 0, message.length);
    const { head } = parser;
    kept += head.host.length + head.path.length + (head.header("x-beta-user") ?? "").length;
  };
}

function forwarding(message: Buffer): () => void {
  const parser = new HeadParser("request");
  const out = Buffer.alloc(8192);
  return () => {
    parser.parse(message, 0, message.length);
    const { head } = parser;
    const text = writeHead(head, requestStartLine(head), HOP_BY_HOP, ["traceparent"], "traceparent: 00-x\r\n");
    kept += out.write(text, "latin1");
  };
}

function inPieces(message: Buffer): () => void {
  const parser = new HeadParser("request");
  const cut = message.length >> 1;
  return () => {
    parser.parse(message, 0, cut);
    kept += parser.parse(message, cut, message.length);
  };
}

function scanning(body: Buffer): () => void {
  const scanner = new ChunkedScanner();
  return () => {
    scanner.reset();
    kept += scanner.scan(body, 0, body.length);
  };
}

interface NodeParser {
  initialize(type: number, resource: object, maxHeaderSize: number, lenient: number): void;
  execute(bytes: Buffer): number;
  [callback: number]: unknown;
}
interface NodeParserClass {
  new (): NodeParser;
  readonly REQUEST: number;
  readonly RESPONSE: number;
  readonly kOnHeadersComplete: number;
}

function llhttp(kind: "REQUEST" | "RESPONSE", message: Buffer): () => void {
  // The module warns that it is internal; there is no other way to llhttp without a socket.
  const { HTTPParser } = createRequire(import.meta.url)("node:_http_common") as { HTTPParser: NodeParserClass };
  const parser = new HTTPParser();
  parser.initialize(HTTPParser[kind], {}, 65536, 0);
  parser[HTTPParser.kOnHeadersComplete] = (): number => {
    kept++;
    return kind === "RESPONSE" ? 1 : 0;
  };
  return () => {
    parser.execute(message);
  };
}

function measure(name: string, run: () => void, perRound = 50_000): void {
  for (let warmUp = 0; warmUp < perRound; warmUp++) run();
  const results: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const start = process.threadCpuUsage();
    for (let count = 0; count < perRound; count++) run();
    const spent = process.threadCpuUsage(start);
    results.push(((spent.user + spent.system) * 1000) / perRound);
  }
  results.sort((left, right) => left - right);
  const median = results[ROUNDS >> 1] as number;
  console.log(`${name.padEnd(52)} ${median.toFixed(0).padStart(6)} ns  (best ${(results[0] as number).toFixed(0)})`);
}

measure(`short request, 2 headers, ${shortRequest.length} bytes`, parsing("request", shortRequest));
measure(`request, 8 headers, ${typicalRequest.length} bytes`, parsing("request", typicalRequest));
measure("  and host, path, one header for routing", routing(typicalRequest));
measure("  and written out again", forwarding(typicalRequest));
measure("  parsed in two pieces", inPieces(typicalRequest));
measure(`response, 7 headers, ${typicalResponse.length} bytes`, parsing("response", typicalResponse));
measure("chunked body, 16 chunks of 1 KB", scanning(chunkedBody));
measure("llhttp through Node's binding, the same request", llhttp("REQUEST", typicalRequest));
measure("llhttp through Node's binding, the same response", llhttp("RESPONSE", typicalResponse));
if (kept < 0) console.log(kept);

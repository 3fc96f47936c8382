// Two readings of the same octets as a sequence of HTTP/1.1 messages: Heddle's codec, and llhttp as Node ships it, in strict
// mode. Both are driven as a proxy drives them: a HEAD, 304, 1xx or 204 answer has no content, a connection ends with its
// last message or with an upgrade. A message with Proxy-Connection is taken for the last: llhttp reads that header like
// Connection, which RFC 9112 appendix C.2.2 does not allow.
import { createRequire } from "node:module";
import { ChunkedScanner } from "../../agent/http1/chunked-scanner.ts";
import { HeadParser } from "../../agent/http1/head-parser.ts";
import type { MessageHead } from "../../agent/http1/message-head.ts";

export interface ReadMessage {
  startLine: string;
  headers: string[];
  keepAlive: boolean;
  body: string;
  trailers: string[];
  /** Offset of the octet after the message. */
  end: number;
}

export interface Reading {
  readonly messages: ReadMessage[];
  /** Where it stood when the octets, or the sequence, ended. */
  outcome: "refused" | "head" | "body" | "closed" | "upgraded";
  reason: string;
  /** The message whose head was read and whose end was not. */
  partial: ReadMessage | null;
}

export type Kind = "request" | "response";

export function readWithHeddle(kind: Kind, pieces: readonly Buffer[], requestMethod: string): Reading {
  const reading: Reading = { messages: [], outcome: "head", reason: "", partial: null };
  const parser = new HeadParser(kind);
  parser.requestMethod = requestMethod;
  const scanner = new ChunkedScanner();
  const { head } = parser;
  let remaining = 0;
  let body = "";
  let trailer = "";
  const sink = {
    onData: (bytes: Uint8Array, start: number, end: number): void => {
      body += Buffer.from(bytes.subarray(start, end)).toString("latin1");
    },
    onTrailerData: (bytes: Uint8Array, start: number, end: number): void => {
      trailer += Buffer.from(bytes.subarray(start, end)).toString("latin1");
    },
  };
  let before = 0;
  const complete = (end: number): void => {
    const message = reading.partial as ReadMessage;
    const closes = !message.keepAlive;
    message.body = body;
    message.trailers = trailer === "" ? [] : linesToHeaders(trailer.slice(0, -2));
    message.end = end;
    reading.messages.push(message);
    reading.partial = null;
    body = trailer = "";
    const upgraded = isUpgrade(kind, message.startLine, message.headers, requestMethod);
    reading.outcome = upgraded ? "upgraded" : closes ? "closed" : "head";
  };
  for (const piece of pieces) {
    let position = 0;
    while (position < piece.length && (reading.outcome === "head" || reading.outcome === "body")) {
      if (reading.outcome === "head") {
        const consumed = parser.parse(piece, position, piece.length);
        if (consumed === 0) break;
        if (consumed < 0) {
          reading.outcome = "refused";
          reading.reason = parser.failure?.reason ?? "none";
          break;
        }
        position += consumed;
        reading.partial = snapshotOf(kind, head);
        remaining = head.contentLength;
        if (head.framing === "none") complete(before + position);
        else {
          reading.outcome = "body";
          if (head.framing === "chunked") scanner.reset();
        }
      } else if (head.framing === "chunked") {
        position = scanner.scan(piece, position, piece.length, sink);
        if (position < 0) {
          reading.outcome = "refused";
          reading.reason = scanner.failure?.reason ?? "none";
          break;
        }
        if (scanner.done) complete(before + position);
      } else {
        const end = head.framing === "close" ? piece.length : Math.min(piece.length, position + remaining);
        sink.onData(piece, position, end);
        remaining -= end - position;
        position = end;
        if (remaining === 0 && head.framing === "length") complete(before + position);
      }
    }
    before += piece.length;
  }
  if (reading.partial !== null) reading.partial.body = body;
  return reading;
}

function snapshotOf(kind: Kind, head: MessageHead): ReadMessage {
  const headers: string[] = [];
  for (let index = 0; index < head.count; index++) headers.push(head.nameAt(index), head.valueAt(index));
  const startLine =
    kind === "request"
      ? `${head.method} ${head.target} 1.${head.versionMinor}`
      : `1.${head.versionMinor} ${head.statusCode} ${head.reason}`;
  const keepAlive = head.keepAlive && !has(headers, "proxy-connection");
  return { startLine, headers, keepAlive, body: "", trailers: [], end: 0 };
}

/** Whether what follows the message is no HTTP/1.1: both readers are stopped there. */
function isUpgrade(kind: Kind, startLine: string, headers: readonly string[], requestMethod: string): boolean {
  if (kind === "response") {
    const status = Number(startLine.split(" ")[1]);
    return status === 101 || (requestMethod === "CONNECT" && status >= 200 && status < 300);
  }
  return startLine.startsWith("CONNECT ") || (has(headers, "upgrade") && optionsOf(headers).includes("upgrade"));
}

function has(headers: readonly string[], name: string): boolean {
  return headers.some((field, index) => index % 2 === 0 && field.toLowerCase() === name);
}

function optionsOf(headers: readonly string[]): string[] {
  return headers
    .filter((_, index) => index % 2 === 1 && headers[index - 1]?.toLowerCase() === "connection")
    .flatMap((value) => value.toLowerCase().split(","))
    .map((option) => option.trim());
}

function linesToHeaders(lines: string): string[] {
  return lines
    .split("\r\n")
    .filter((line) => line !== "")
    .flatMap((line) => {
      const colon = line.indexOf(":");
      return [line.slice(0, colon), line.slice(colon + 1).replaceAll(/^[ \t]+|[ \t]+$/g, "")];
    });
}

interface NodeParser {
  initialize(type: number, resource: object, maxHeaderSize: number, lenientFlags: number): void;
  execute(bytes: Buffer): number | (Error & { code: string; bytesParsed: number });
  close(): void;
  [callback: number]: (...values: never[]) => unknown;
}

// Internal to Node, and the only way to llhttp as it is without a socket.
const { HTTPParser, methods } = createRequire(import.meta.url)("node:_http_common") as {
  HTTPParser: { new (): NodeParser } & Record<
    | "REQUEST"
    | "RESPONSE"
    | "kOnHeaders"
    | "kOnHeadersComplete"
    | "kOnBody"
    | "kOnMessageComplete"
    | "kOnMessageBegin"
    | "kLenientNone",
    number
  >;
  methods: readonly string[];
};
const MAX_HEAD_BYTES = 1 << 20;

/** llhttp's number of QUERY; between it and the others it keeps the methods of RTSP. */
const QUERY = 46;

function methodName(method: number | undefined): string {
  return method === QUERY ? "QUERY" : (methods[method ?? -1] ?? "");
}

/** RFC 9112 section 9.3, for a response whose end does not depend on the connection. */
function keepsAlive(minor: number, headers: readonly string[]): boolean {
  const options = optionsOf(headers);
  return !options.includes("close") && (minor === 1 || options.includes("keep-alive"));
}

export function readWithLlhttp(kind: Kind, pieces: readonly Buffer[], requestMethod: string): Reading {
  const reading: Reading = { messages: [], outcome: "head", reason: "", partial: null };
  const parser = new HTTPParser();
  parser.initialize(
    kind === "request" ? HTTPParser.REQUEST : HTTPParser.RESPONSE,
    {},
    MAX_HEAD_BYTES,
    HTTPParser.kLenientNone,
  );
  let early: string[] = [];
  let upgraded = false;
  let closed = false;
  let before = 0;
  let earlyUrl = "";
  parser[HTTPParser.kOnHeaders] = (headers: string[], url: string): void => {
    earlyUrl = url;
    if (reading.partial === null) early.push(...headers);
    else reading.partial.trailers.push(...headers);
  };
  parser[HTTPParser.kOnHeadersComplete] = (
    _major: number,
    minor: number,
    headers: string[] | undefined,
    method: number | undefined,
    url: string | undefined,
    statusCode: number,
    statusMessage: string,
    _upgrade: boolean,
    keepAlive: boolean,
  ): number => {
    // What comes after the last message of a connection is nobody's.
    if (reading.outcome === "closed" || reading.outcome === "upgraded") return 0;
    const startLine =
      kind === "request"
        ? `${methodName(method)} ${url ?? earlyUrl} 1.${minor}`
        : `1.${minor} ${statusCode} ${statusMessage}`;
    const fields = headers ?? early;
    // llhttp answers before it is told that there is no content, and takes such a response for delimited by the close.
    const withoutContent =
      kind === "response" && (requestMethod === "HEAD" || (requestMethod === "CONNECT" && statusCode < 300));
    const persists = (withoutContent ? keepsAlive(minor, fields) : keepAlive) && !has(fields, "proxy-connection");
    reading.partial = { startLine, headers: fields, keepAlive: persists, body: "", trailers: [], end: 0 };
    early = [];
    reading.outcome = "body";
    closed = !persists;
    upgraded = isUpgrade(kind, startLine, fields, requestMethod);
    const tunnelled = kind === "response" ? upgraded : methodName(method) === "CONNECT";
    if (tunnelled) return 2;
    if (kind === "request") return 0;
    return requestMethod === "HEAD" || statusCode < 200 || statusCode === 204 || statusCode === 304 ? 1 : 0;
  };
  parser[HTTPParser.kOnBody] = (bytes: Buffer): void => {
    if (reading.partial !== null) reading.partial.body += bytes.toString("latin1");
  };
  parser[HTTPParser.kOnMessageComplete] = (): void => {
    if (reading.partial === null || reading.outcome !== "body") return;
    reading.partial.end = before;
    reading.messages.push(reading.partial);
    reading.partial = null;
    reading.outcome = upgraded ? "upgraded" : closed ? "closed" : "head";
  };
  for (const piece of pieces) {
    before += piece.length;
    const result = parser.execute(piece);
    if (reading.outcome === "closed" || reading.outcome === "upgraded") break;
    // In a request that asks for an upgrade the binding tells of an error only by stopping short.
    if (result !== piece.length) {
      reading.outcome = "refused";
      reading.reason = typeof result === "number" ? "stopped" : result.code;
      break;
    }
  }
  parser.close();
  return reading;
}

// Arbitrary HTTP/1.1 messages for fast-check: built from the grammar with a taste for what parsers disagree about, then, most
// of them, mutated octet by octet. One value is a whole connection: one to three messages.
import * as fc from "fast-check";
import type { Kind } from "./http1-readers.ts";

export interface FuzzedConnection {
  readonly kind: Kind;
  /** Of the request that responses answer. */
  readonly requestMethod: string;
  readonly octets: Buffer;
  /** Where it is cut once, as a fraction. */
  readonly cut: number;
}

function weighted(weights: Readonly<Record<string, number>>): fc.Arbitrary<string> {
  return fc.oneof(...Object.entries(weights).map(([value, weight]) => ({ arbitrary: fc.constant(value), weight })));
}

const method = weighted({
  GET: 40,
  POST: 40,
  HEAD: 4,
  PUT: 4,
  OPTIONS: 4,
  CONNECT: 1,
  "M-SEARCH": 1,
  QUERY: 1,
  get: 1,
  PRI: 1,
  BREW: 1,
  "": 1,
});
const target = weighted({
  "/": 50,
  "/a/b?c=d&e": 30,
  "/?": 2,
  "//evil/..//%2e": 2,
  "*": 1,
  "http://example.com/x?y": 10,
  "http://example.com": 1,
  "HTTPS://EXAMPLE.com:8443?q": 1,
  "http://user@example.com/": 1,
  "http://[::1]:80/": 1,
  "http://[::1": 1,
  "ftp://example.com/": 1,
  "example.com:443": 1,
  "[::1]:443": 1,
  "example.com": 1,
  "/#fragment": 1,
  "/\u00e9": 1,
  "/a b": 1,
  '/"<>\\^`{|}': 1,
  "": 1,
});
const version = weighted({
  "HTTP/1.1": 150,
  "HTTP/1.0": 15,
  "HTTP/1.2": 1,
  "HTTP/2.0": 1,
  "HTTP/0.9": 1,
  "http/1.1": 1,
  "HTTP/1.1 ": 1,
  "HTTP/11": 1,
  "": 1,
});
const statusLine = weighted({
  "HTTP/1.1 200 OK": 80,
  "HTTP/1.0 200 OK": 10,
  "HTTP/1.1 204 No Content": 4,
  "HTTP/1.1 304 Not Modified": 10,
  "HTTP/1.1 100 Continue": 4,
  "HTTP/1.1 103 Early Hints": 1,
  "HTTP/1.1 101 Switching Protocols": 2,
  "HTTP/1.1 200": 1,
  "HTTP/1.1 200 ": 1,
  "HTTP/1.1 599 caf\u00e9\tx": 1,
  "HTTP/1.1 999 Odd": 1,
  "HTTP/1.1 099 Odd": 1,
  "HTTP/1.1 20 Short": 1,
  "HTTP/1.1 2000 Long": 1,
  "HTTP/1.1  200 OK": 1,
  "HTTP/1.2 200 OK": 1,
  "HTTP/1.1 200\tOK": 1,
  "ICY 200 OK": 1,
});
const harmlessHeader = weighted({
  "Accept: */*": 4,
  "accept: text/html, a;q=0.1": 1,
  "X-Empty:": 2,
  "X-Blank:  \t ": 1,
  "X-Padded: \t a b \t": 1,
  "x-latin: caf\u00e9\u00ff": 1,
  "X-Same: 1": 1,
  "x-same: 2": 1,
  "Cookie: a=b; c=d": 1,
  "!#$%&'*+-.^_`|~09Az: token": 1,
  "Expect: 100-continue": 1,
  "Trailer: X-Sum": 1,
  "TE: trailers": 1,
});
const connectionHeader = weighted({
  "Connection: keep-alive": 20,
  "Connection: close": 4,
  "connection: Close": 1,
  "Connection: keep-alive, close": 1,
  "Connection: x-same": 4,
  "Connection: ,, keep-alive ,": 4,
  "Connection: closed": 1,
  "Connection: close x": 1,
  "Connection: Host": 1,
  "Connection: upgrade\r\nUpgrade: websocket": 2,
  "Upgrade: h2c": 1,
  "Proxy-Connection: keep-alive": 1,
  "Connection:": 1,
  "Connection: keep-alive\r\nConnection: close": 1,
});
const oddHeader = weighted({
  "Content-Length: 3": 2,
  "Content-Length: 03": 1,
  "Content-Length: +3": 1,
  "Content-Length: -3": 1,
  "Content-Length: 3, 3": 1,
  "Content-Length: 3 3": 1,
  "Content-Length: 0x3": 1,
  "Content-Length:": 1,
  "Content-Length: 99999999999999999999": 1,
  "Content-Length: 9007199254740993": 1,
  "Content-Length : 3": 1,
  "Transfer-Encoding: chunked": 2,
  "Transfer-Encoding: gzip, chunked": 1,
  "Transfer-Encoding: chunked, gzip": 1,
  "Transfer-Encoding: chunked, chunked": 1,
  "Transfer-Encoding: xchunked": 1,
  "Transfer-Encoding: identity": 1,
  "Transfer-Encoding:\tchunked": 1,
  "Transfer-Encoding: chunked\t": 3,
  "Content-Length: 3\t": 3,
  "Connection: close\t": 3,
  "Connection: \tkeep-alive\t, close": 2,
  "Transfer-Encoding: chunked;q=1": 1,
  "Transfer-Encoding:": 1,
  "Transfer_Encoding: chunked": 1,
  "Transfer-Encoding : chunked": 1,
  " Transfer-Encoding: chunked": 1,
  "X-Folded: a\r\n b": 1,
  "X-Bad\u00e9: a": 1,
  "X-Nul: a\0b": 1,
  "X-Delete: a\u007fb": 1,
  "X-Cr: a\rb": 1,
  "X-Lf: a\nb": 1,
  "No colon": 1,
  ": no name": 1,
  "Host: other": 1,
});
const host = weighted({
  "Host: example.com": 90,
  "hOsT:Example.com:80": 8,
  "Host:": 4,
  "Host: [::1]:80": 4,
  "Host: a b": 1,
  "Host: a/b": 1,
  "Host: a@b": 1,
  "Host: a,b": 1,
  "Host: a:b": 1,
  "Host: a%2": 1,
});

const token = weighted({ a: 3, "x-y": 1, "q!": 1 });
const extension = fc.oneof(
  { weight: 60, arbitrary: fc.constant("") },
  { weight: 6, arbitrary: fc.tuple(token, token).map(([name, value]) => `;${name}=${value}`) },
  {
    weight: 1,
    arbitrary: weighted({
      ";a": 2,
      ';a="b\\"c"': 2,
      ";": 1,
      " ;a": 1,
      "; a": 1,
      ";a=": 1,
      ';a="b': 1,
      ";a=b c": 1,
      " ": 1,
    }),
  },
);
const chunkText = fc.string({ unit: fc.constantFrom("a", "b", "\r", "\n", "0", "G"), minLength: 1, maxLength: 20 });
const chunk = fc.tuple(chunkText, extension, fc.nat(150)).map(([text, ext, oddity]) => {
  const size = text.length.toString(16);
  if (oddity === 0) return `0x${size}${ext}\r\n${text}\r\n`;
  if (oddity === 1) return `${size}${ext}\r\n${text}\n`;
  if (oddity === 2) return `${size} ${ext}\r\n${text}\r\n`;
  if (oddity === 3) return `00${size.toUpperCase()}${ext}\r\n${text}\r\n`;
  if (oddity === 4) return `${size}${ext}\n${text}\r\n`;
  if (oddity === 5) return `-${size}${ext}\r\n${text}\r\n`;
  if (oddity === 6) return `FFFFFFFFFFFFFFFF${ext}\r\n${text}\r\n`;
  if (oddity === 7) return `${size}${ext}\r\n${text}x\r\n`;
  return `${size}${ext}\r\n${text}\r\n`;
});
const trailer = weighted({
  "X-Sum: abc": 40,
  "X-Empty:": 10,
  "Content-Length: 3": 1,
  "Host: evil": 1,
  "transfer-encoding: chunked": 1,
  "Bad : x": 1,
  " folded": 1,
});
const chunkedBody = fc
  .tuple(
    fc.array(chunk, { maxLength: 3 }),
    weighted({ "0": 50, "000": 4, "0;a=b": 1, "": 1 }),
    fc.array(trailer, { maxLength: 2 }),
  )
  .map(
    ([chunks, last, trailers]) => `${chunks.join("")}${last}\r\n${trailers.map((line) => `${line}\r\n`).join("")}\r\n`,
  );

interface Parts {
  readonly headers: readonly string[];
  readonly body: string;
}
const framed: fc.Arbitrary<Parts> = fc.oneof(
  { weight: 10, arbitrary: fc.constant({ headers: [], body: "" }) },
  { weight: 10, arbitrary: chunkText.map((body) => ({ headers: [`Content-Length: ${body.length}`], body })) },
  { weight: 1, arbitrary: fc.constant({ headers: ["content-length: 0"], body: "" }) },
  { weight: 15, arbitrary: chunkedBody.map((body) => ({ headers: ["Transfer-Encoding: chunked"], body })) },
  {
    weight: 1,
    arbitrary: chunkedBody.map((body) => ({ headers: ["Content-Length: 5", "transfer-encoding: Chunked"], body })),
  },
);
const extraHeaders = fc
  .tuple(
    fc.array(harmlessHeader, { maxLength: 4 }),
    fc.option(connectionHeader, { nil: "", freq: 2 }),
    fc.oneof({ weight: 5, arbitrary: fc.constant("") }, { weight: 1, arbitrary: oddHeader }),
  )
  .map(([harmless, connection, odd]) => [...harmless, connection, odd].filter((line) => line !== ""));

const request = fc
  .tuple(
    method,
    target,
    version,
    host,
    extraHeaders,
    framed,
    fc.boolean(),
    weighted({ "": 150, "\r\n": 6, "\n": 1, " ": 1 }),
  )
  .map(([method, target, version, host, extra, { headers, body }, hostLast, before]) => {
    const lines = hostLast ? [...extra, ...headers, host] : [host, ...headers, ...extra];
    return `${before}${method} ${target} ${version}\r\n${lines.map((line) => `${line}\r\n`).join("")}\r\n${body}`;
  });
const response = fc
  .tuple(statusLine, extraHeaders, framed, fc.boolean())
  .map(([statusLine, extra, { headers, body }, extraFirst]) => {
    const lines = extraFirst ? [...extra, ...headers] : [...headers, ...extra];
    return `${statusLine}\r\n${lines.map((line) => `${line}\r\n`).join("")}\r\n${body}`;
  });

const insertions = [
  ...Array.from('\r\n\0 \t:,;="\\\u007f\u0080\u00ff+-0aFxX#?*/@[]%'),
  "\r\n",
  "\r\n\r\n",
  "\r\n ",
  "\n\n",
  "\r\r\n",
  "chunked",
  ", chunked",
  "0\r\n\r\n",
  "\r\nContent-Length: 4",
  "\r\nTransfer-Encoding: chunked",
  "\r\nHost: b",
  "\r\nConnection: close",
  "GET / HTTP/1.1\r\nHost: smuggled\r\n\r\n",
  "HTTP/1.0",
] as const;

interface Mutation {
  readonly at: number;
  readonly remove: number;
  readonly insert: string;
  readonly flip: boolean;
}
const mutation: fc.Arbitrary<Mutation> = fc.record({
  at: fc.nat(0xffff),
  remove: fc.oneof({ weight: 3, arbitrary: fc.constant(0) }, { weight: 3, arbitrary: fc.constant(1) }, fc.nat(12)),
  insert: fc.oneof({ weight: 2, arbitrary: fc.constant("") }, { weight: 4, arbitrary: fc.constantFrom(...insertions) }),
  flip: fc.boolean(),
});

function mutate(text: string, mutations: readonly Mutation[]): string {
  let result = text;
  for (const { at, remove, insert, flip } of mutations) {
    const position = at % (result.length + 1);
    const flipped =
      flip && insert === "" && remove === 1 && position < result.length
        ? String.fromCharCode(result.charCodeAt(position) ^ (1 << (at & 7)))
        : insert;
    result = result.slice(0, position) + flipped + result.slice(position + remove);
  }
  return result;
}

const mutations = fc.oneof(
  { weight: 1, arbitrary: fc.constant([]) },
  { weight: 1, arbitrary: fc.array(mutation, { minLength: 1, maxLength: 4 }) },
);

/** A connection's worth of octets in one direction. */
export const fuzzedConnection: fc.Arbitrary<FuzzedConnection> = fc
  .constantFrom<Kind>("request", "response")
  .chain((kind) =>
    fc
      .tuple(
        fc.array(kind === "request" ? request : response, { minLength: 1, maxLength: 3 }),
        mutations,
        kind === "request" ? fc.constant("GET") : weighted({ GET: 6, HEAD: 2, CONNECT: 1 }),
        fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true }),
      )
      .map(([messages, mutations, requestMethod, cut]) => ({
        kind,
        requestMethod,
        octets: Buffer.from(mutate(messages.join(""), mutations), "latin1"),
        cut,
      })),
  );

// What the codec accepts it also writes safely: the head that goes on says the same to the next reader, by Heddle's reading
// and by llhttp's, and nothing that ends at this hop goes with it.
import { randomInt } from "node:crypto";
import test from "ava";
import * as fc from "fast-check";
import { HeadParser } from "../../agent/http1/head-parser.ts";
import { requestStartLine, responseStartLine, writeHead } from "../../agent/http1/head-writer.ts";
import { HOP_BY_HOP, type MessageHead } from "../../agent/http1/message-head.ts";
import { fuzzedConnection } from "./http1-messages.ts";
import { readWithLlhttp } from "./http1-readers.ts";

const CONNECTIONS = 3_000;

const meaning = (head: MessageHead): unknown[] => [
  head.method,
  head.originTarget,
  head.authority,
  head.host,
  head.statusCode,
  head.reason,
  head.framing,
  head.contentLength,
];

test("a forwarded head is accepted again, means the same, and has no hop-by-hop header left", (t) => {
  const seed = Number(process.env["HEDDLE_FUZZ_SEED"] ?? randomInt(2 ** 31));
  t.log(`seed ${seed}`);
  let forwarded = 0;
  fc.assert(
    fc.property(fuzzedConnection, ({ kind, requestMethod, octets }) => {
      const received = new HeadParser(kind);
      received.requestMethod = requestMethod;
      if (received.parse(octets, 0, octets.length) <= 0) return;
      forwarded++;
      const { head } = received;
      const startLine = kind === "request" ? requestStartLine(head) : responseStartLine(head);
      const octetsOut = Buffer.from(writeHead(head, startLine, HOP_BY_HOP, [], ""), "latin1");
      const again = new HeadParser(kind);
      again.requestMethod = requestMethod;
      if (again.parse(octetsOut, 0, octetsOut.length) !== octetsOut.length) {
        throw new Error(`refused: ${again.failure?.reason}\n${JSON.stringify(octetsOut.toString("latin1"))}`);
      }
      t.deepEqual(meaning(again.head), meaning(head));
      t.false(again.head.flags.subarray(0, again.head.count).some((flag) => (flag & HOP_BY_HOP) !== 0));
      const llhttp = readWithLlhttp(kind, [octetsOut], requestMethod);
      t.is(llhttp.reason, "");
      t.true(llhttp.messages.length === 1 || llhttp.partial !== null);
    }),
    { numRuns: CONNECTIONS, seed, includeErrorInReport: true },
  );
  t.true(forwarded > CONNECTIONS / 4, `only ${forwarded} heads were accepted`);
});

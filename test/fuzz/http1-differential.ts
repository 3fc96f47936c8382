// The differential property of the HTTP/1.1 codec against llhttp in strict mode: Heddle never accepts what llhttp refuses,
// whatever both accept they read the same, and neither depends on how the octets are cut. See the table for where Heddle is
// stricter on purpose.
import { isDeepStrictEqual } from "node:util";
import * as fc from "fast-check";
import type { RefusalReason } from "../../agent/http1/refusal.ts";
import { type FuzzedConnection, fuzzedConnection } from "./http1-messages.ts";
import { type Reading, readWithHeddle, readWithLlhttp } from "./http1-readers.ts";

/** Every reason for which Heddle refuses what llhttp in strict mode reads, and why. A refusal not listed here is a finding. */
export const stricterThanLlhttp: Readonly<Partial<Record<RefusalReason, string>>> = {
  bad_request_line:
    "llhttp skips any number of empty lines, and of spaces before the target; RFC 9112 3 allows neither",
  bad_status_line:
    "llhttp takes status 000 to 099, empty lines and control characters in the reason; RFC 9112 4 does not",
  unknown_method: "llhttp skips what we take for the start of the next request",
  bad_request_target:
    "userinfo, other schemes, fragments, obs-text, * without OPTIONS, CONNECT without a port: RFC 9112 3.2",
  unsupported_version: "llhttp knows HTTP/0.9 and HTTP/2.0 start lines",
  bare_line_feed: "llhttp takes a bare LF for an empty line before a message",
  bare_carriage_return: "llhttp takes a bare CR for an empty line before a message",
  missing_host: "RFC 9112 3.2: 400",
  repeated_host: "RFC 9112 3.2: 400",
  bad_host: "RFC 9112 3.2: 400",
  content_length_with_transfer_encoding: "RFC 9112 6.3: ought to be handled as an error",
  bad_content_length: "llhttp counts to 2^64; past 2^53 a JavaScript number is another number",
  repeated_content_length: "RFC 9112 6.3: equal values may be refused",
  repeated_transfer_encoding: "llhttp looks at the last one; others look at the first",
  bad_transfer_encoding: "llhttp reads a response whose last coding is not chunked up to the close; others read chunks",
  unsupported_transfer_encoding: "RFC 9112 6.1: a coding that is not understood is answered 501",
  transfer_encoding_in_http_1_0: "RFC 9112 6.1: faulty framing",
  transfer_encoding_without_body: "RFC 9112 6.1: must not be sent in 1xx and 204",
  content_length_without_body: "RFC 9110 8.6: must not be sent in 1xx and 204",
  content_in_connect: "RFC 9110 9.3.6: content of CONNECT has no meaning",
  bad_connection_option:
    "options that are no tokens, that strip Host or Content-Length, close with keep-alive in HTTP/1.0",
  too_many_connection_options: "a bound of ours",
  chunk_too_large: "llhttp counts to 2^64 and any number of digits",
  bad_chunk_extension: "llhttp takes an empty value after =; RFC 9112 7.1.1 wants a token or a quoted string",
  forbidden_trailer: "RFC 9110 6.5.1: framing, routing and authentication have no place in trailers",
};

export interface DifferentialResult {
  readonly seed: number;
  /** Connections of which both read at least one message. */
  readonly agreed: number;
  /** Connections that Heddle refused and llhttp did not, by Heddle's reason. */
  readonly stricter: ReadonlyMap<string, number>;
}

/** Throws a counterexample, with seed and path. */
export function compareWithLlhttp(connections: number, seed: number): DifferentialResult {
  let agreed = 0;
  const stricter = new Map<string, number>();
  fc.assert(
    fc.property(fuzzedConnection, (connection) => {
      const { heddle, llhttp } = compare(connection);
      if (heddle.messages.length > 0 && llhttp.messages.length > 0) agreed++;
      if (heddle.outcome === "refused" && llhttp.outcome !== "refused") {
        stricter.set(heddle.reason, (stricter.get(heddle.reason) ?? 0) + 1);
      }
    }),
    { numRuns: connections, seed, includeErrorInReport: true },
  );
  return { seed, agreed, stricter };
}

function compare({ kind, requestMethod, octets, cut }: FuzzedConnection): { heddle: Reading; llhttp: Reading } {
  const cutAt = Math.floor(cut * octets.length);
  const bytewise = Array.from(octets, (_, index) => octets.subarray(index, index + 1));
  const heddle = readWithHeddle(kind, bytewise, requestMethod);
  const llhttp = readWithLlhttp(kind, bytewise, requestMethod);
  agree(octets, heddle, llhttp);
  for (const pieces of [[octets], [octets.subarray(0, cutAt), octets.subarray(cutAt)]]) {
    const again = readWithHeddle(kind, pieces, requestMethod);
    if (!isDeepStrictEqual(again, heddle)) fail(octets, "depends on the cut", again, heddle);
    const llhttpAgain = readWithLlhttp(kind, pieces, requestMethod);
    // Within one piece llhttp does not say where a message ends.
    for (const [index, message] of llhttpAgain.messages.entries()) message.end = llhttp.messages[index]?.end ?? -1;
    agree(octets, heddle, llhttpAgain);
  }
  return { heddle, llhttp };
}

function agree(octets: Buffer, heddle: Reading, llhttp: Reading): void {
  const common = Math.min(heddle.messages.length, llhttp.messages.length);
  for (let index = 0; index < common; index++) {
    if (!isDeepStrictEqual(heddle.messages[index], llhttp.messages[index])) {
      fail(octets, `message ${index} is read differently`, heddle, llhttp);
    }
  }
  if (heddle.messages.length > common) fail(octets, "Heddle accepts more messages", heddle, llhttp);
  if (heddle.outcome === "refused") return;
  if (llhttp.messages.length > common) fail(octets, "Heddle sees fewer messages and refuses none", heddle, llhttp);
  if (llhttp.outcome === "refused") {
    // A head that is not complete yet is not accepted yet: some rules look at it as a whole.
    if (heddle.outcome === "head") return;
    fail(octets, "Heddle accepts what llhttp refuses", heddle, llhttp);
  }
  if (heddle.outcome !== llhttp.outcome) fail(octets, "they stop in different places", heddle, llhttp);
  if (heddle.partial !== null && !isDeepStrictEqual(heddle.partial, llhttp.partial)) {
    fail(octets, "the unfinished message is read differently", heddle, llhttp);
  }
}

function fail(octets: Buffer, what: string, one: Reading, other: Reading): never {
  throw new Error(
    `${what}\n${JSON.stringify(octets.toString("latin1"))}\n${JSON.stringify(one)}\n${JSON.stringify(other)}`,
  );
}

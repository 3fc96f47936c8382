// The differential property of the HTTP/1.1 codec against llhttp in strict mode: Heddle never accepts what llhttp refuses,
// whatever both accept they read the same, and neither depends on how the octets are cut. See the table for where Heddle is
// stricter on purpose.
import { isDeepStrictEqual } from "node:util";
import fc from "fast-check";
import { type FuzzedConnection, fuzzedConnection } from "./http1-messages.ts";
import { type Reading, readWithHeddle, readWithLlhttp } from "./http1-readers.ts";

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

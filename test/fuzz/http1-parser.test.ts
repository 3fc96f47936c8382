// The differential property of the HTTP/1.1 codec, briefly; test/soak/http1-parser.test.ts runs it at length.
import { randomInt } from "node:crypto";
import test from "ava";
import { compareWithLlhttp, stricterThanLlhttp } from "./http1-differential.ts";

const CONNECTIONS = 5_000;

test("Heddle accepts nothing that llhttp refuses, and both read the same, however the octets are cut", (t) => {
  const seed = Number(process.env["HEDDLE_FUZZ_SEED"] ?? randomInt(2 ** 31));
  t.log(`seed ${seed}`);
  const { agreed, stricter } = compareWithLlhttp(CONNECTIONS, seed);
  t.true(agreed > CONNECTIONS / 5, `only ${agreed} connections were read by both`);
  const unexplained = [...stricter.keys()].filter((reason) => !Object.hasOwn(stricterThanLlhttp, reason));
  t.deepEqual(unexplained, [], "refused by Heddle alone, for a reason that the table does not explain");
});

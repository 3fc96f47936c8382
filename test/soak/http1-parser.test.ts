// The differential property of the HTTP/1.1 codec against llhttp, at length.
import { randomInt } from "node:crypto";
import test from "ava";
import { compareWithLlhttp, stricterThanLlhttp } from "../fuzz/http1-differential.ts";

const CONNECTIONS = 200_000;

test("200,000 connections: Heddle accepts nothing that llhttp refuses, and both read the same", (t) => {
  t.timeout(10 * 60_000);
  const seed = Number(process.env["HEDDLE_FUZZ_SEED"] ?? randomInt(2 ** 31));
  t.log(`seed ${seed}`);
  const { agreed, stricter } = compareWithLlhttp(CONNECTIONS, seed);
  t.log(`${agreed} read by both; refused by Heddle alone: ${JSON.stringify(Object.fromEntries(stricter))}`);
  t.true(agreed > CONNECTIONS / 5);
  const unexplained = [...stricter.keys()].filter((reason) => !Object.hasOwn(stricterThanLlhttp, reason));
  t.deepEqual(unexplained, []);
});

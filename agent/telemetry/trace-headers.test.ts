import test from "ava";
import * as fc from "fast-check";
import { isTraceState, parseB3Multi, parseB3Single, parseTraceParent } from "./trace-headers.ts";

const traceId = "4bf92f3577b34da6a3ce929d0e0e4736";
const spanId = "00f067aa0ba902b7";

test("a traceparent of version 00 is read with its flags", (t) => {
  for (const [flags, sampled, randomFlag] of [
    ["00", false, false],
    ["01", true, false],
    ["02", false, true],
    ["03", true, true],
    ["09", true, false],
    ["ff", true, true],
  ] as const) {
    t.deepEqual(parseTraceParent(`00-${traceId}-${spanId}-${flags}`), { traceId, spanId, sampled, randomFlag }, flags);
  }
});

test("a traceparent of a later version is read as far as version 00 goes", (t) => {
  const expected = { traceId, spanId, sampled: true, randomFlag: false };
  t.deepEqual(parseTraceParent(`01-${traceId}-${spanId}-01`), expected);
  t.deepEqual(parseTraceParent(`cc-${traceId}-${spanId}-01-what-the-future-adds`), expected);
  t.is(parseTraceParent(`cc-${traceId}-${spanId}-01.what-it-may-not`), null);
  t.is(parseTraceParent(`cc-${traceId}-${spanId}-010`), null);
});

test("a malformed traceparent is no context", (t) => {
  for (const value of [
    "",
    "00",
    `ff-${traceId}-${spanId}-01`,
    `0g-${traceId}-${spanId}-01`,
    `00-${traceId.toUpperCase()}-${spanId}-01`,
    `00-${traceId}-${spanId.toUpperCase()}-01`,
    `00-${"0".repeat(32)}-${spanId}-01`,
    `00-${traceId}-${"0".repeat(16)}-01`,
    `00-${traceId}-${spanId}-1`,
    `00-${traceId}-${spanId}-0x`,
    `00-${traceId}-${spanId}-01-`,
    `00-${traceId}-${spanId}-01-extra`,
    `00_${traceId}_${spanId}_01`,
    ` 00-${traceId}-${spanId}-01`,
    `00-${traceId.slice(1)}-${spanId}a-01`,
    `00-${traceId}-${spanId}-01, 00-${traceId}-${spanId}-01`,
    `01-${traceId}-${spanId}-01, 01-${traceId}-${spanId}-01`,
  ]) {
    t.is(parseTraceParent(value), null, value);
  }
});

test("whatever text is sent as traceparent, reading it ends and what is read is well formed", (t) => {
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string({ maxLength: 80 }),
        fc.stringMatching(/^0[01]-[0-9a-f]{31,33}-[0-9a-f]{15,17}-[0-9a-g]{2}-?$/),
      ),
      (value) => {
        const parent = parseTraceParent(value);
        return parent === null || (/^[0-9a-f]{32}$/.test(parent.traceId) && /^[0-9a-f]{16}$/.test(parent.spanId));
      },
    ),
  );
  t.pass();
});

test("a tracestate passes when every member is key=value, at most 32, each key once", (t) => {
  const members = (count: number): string => Array.from({ length: count }, (_, index) => `k${index}=v`).join(",");
  for (const value of ["congo=t61rcWkgMzE", "a=1,b=2", "a=1 , b=2", "a=1,,b=2", "0tenant@system=x y", members(32)]) {
    t.true(isTraceState(value), value);
  }
  for (const value of ["", ",", "a", "a=", "=1", "A=1", "a=1=2", "a=1,a=2", "a=\u00e9", members(33), "a=1,b"]) {
    t.false(isTraceState(value), value);
  }
  t.true(isTraceState(`${"k".repeat(256)}=${"v".repeat(256)}`));
  t.false(isTraceState(`${"k".repeat(257)}=v`));
  t.false(isTraceState(`k=${"v".repeat(257)}`));
});

test("a b3 header is ids with an optional decision, or a decision alone", (t) => {
  const ids = { traceId, spanId, debug: false, shortTraceId: false };
  t.deepEqual(parseB3Single(`${traceId}-${spanId}`), { ...ids, sampled: undefined });
  t.deepEqual(parseB3Single(`${traceId}-${spanId}-1`), { ...ids, sampled: true });
  t.deepEqual(parseB3Single(`${traceId}-${spanId}-0-05e3ac9a4f6e3b90`), { ...ids, sampled: false });
  t.deepEqual(parseB3Single(`${traceId}-${spanId}-d`), { ...ids, sampled: true, debug: true });
  t.deepEqual(parseB3Single(`${traceId.slice(16)}-${spanId}-1`), {
    ...ids,
    traceId: `0000000000000000${traceId.slice(16)}`,
    sampled: true,
    shortTraceId: true,
  });
  t.deepEqual(parseB3Single("0"), { traceId: "", spanId: "", sampled: false, debug: false, shortTraceId: false });
  for (const value of [
    "",
    "2",
    traceId,
    `${traceId}-${spanId}-2`,
    `${traceId}-${spanId}-`,
    `${traceId}-${spanId}-1-`,
    `${traceId.toUpperCase()}-${spanId}-1`,
    `${"0".repeat(32)}-${spanId}-1`,
    `${"0".repeat(16)}-${spanId}-1`,
    `${traceId}-${"0".repeat(16)}-1`,
  ]) {
    t.is(parseB3Single(value), null, value);
  }
});

test("X-B3 headers are both ids with an optional decision, or a decision alone", (t) => {
  const ids = { traceId, spanId, debug: false, shortTraceId: false };
  const none = { traceId: "", spanId: "", debug: false, shortTraceId: false };
  t.deepEqual(parseB3Multi(traceId, spanId, "1", undefined), { ...ids, sampled: true });
  t.deepEqual(parseB3Multi(traceId, spanId, "false", undefined), { ...ids, sampled: false });
  t.deepEqual(parseB3Multi(traceId, spanId, undefined, undefined), { ...ids, sampled: undefined });
  t.deepEqual(parseB3Multi(traceId, spanId, "0", "1"), { ...ids, sampled: true, debug: true });
  t.deepEqual(parseB3Multi(undefined, undefined, "0", undefined), { ...none, sampled: false });
  t.deepEqual(parseB3Multi(traceId, undefined, "1", undefined), { ...none, sampled: true });
  t.is(parseB3Multi(traceId, undefined, undefined, undefined), null);
  t.is(parseB3Multi(traceId, "xyz", "1", undefined), null);
  t.is(parseB3Multi("12", spanId, "1", undefined), null);
});

import test from "ava";
import { bytesOf, numberOf, readFields, textOf } from "./protobuf-reader.ts";

test("fields of every wire type", (t) => {
  const message = Buffer.from([
    0x08, 0x96, 0x01, 0x12, 0x02, 0x68, 0x69, 0x19, 0, 0, 0, 0, 0, 0, 0xf8, 0x3f, 0x25, 7, 0, 0, 0,
  ]);
  const fields = readFields(message);
  t.is(numberOf(fields, 1), 150);
  t.is(textOf(fields, 2), "hi");
  t.is(numberOf(fields, 3), 1.5);
  t.is(numberOf(fields, 4), 7);
  t.is(numberOf(fields, 5), 0);
  t.deepEqual(bytesOf(fields, 1), []);
});

test("a message cut short anywhere is a RangeError, never a wrong answer", (t) => {
  const message = Buffer.from([0x12, 0x02, 0x68, 0x69, 0x08, 0x96, 0x01]);
  for (const length of [1, 2, 3, 5, 6]) {
    t.throws(() => readFields(message.subarray(0, length)), { instanceOf: RangeError }, String(length));
  }
  t.throws(() => readFields(Buffer.from([0x0b])), { instanceOf: RangeError }, "groups");
});

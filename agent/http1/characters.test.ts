// The character classes that framing depends on, octet by octet.
import test from "ava";
import { FIELD_VALUE, TARGET, TOKEN, endOfFieldValue } from "./characters.ts";

const members = (table: Uint8Array): string =>
  String.fromCharCode(...Array.from(table.keys()).filter((octet) => table[octet] === 1));

test("RFC 9110 5.6.2 tchar", (t) => {
  t.is(members(TOKEN), "!#$%&'*+-.0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ^_`abcdefghijklmnopqrstuvwxyz|~");
});

test("RFC 9110 5.5 field values: tab, space, visible ASCII and obs-text", (t) => {
  for (let octet = 0; octet < 256; octet++) {
    const expected = octet === 9 || (octet >= 0x20 && octet !== 0x7f);
    t.is(FIELD_VALUE[octet] === 1, expected, `octet ${octet}`);
  }
});

test("targets: visible ASCII but #", (t) => {
  for (let octet = 0; octet < 256; octet++) t.is(TARGET[octet] === 1, octet > 0x20 && octet < 0x7f && octet !== 0x23);
});

test("the end of a value is found for every octet, before and after every octet, at every alignment", (t) => {
  const bytes = Buffer.alloc(24);
  const naive = (start: number, limit: number): number => {
    let position = start;
    while (position < limit && FIELD_VALUE[bytes[position] as number] === 1) position++;
    return position;
  };
  let wrong = 0;
  for (const filler of [0x61, 0x80, 0xff, 0x20, 0x09]) {
    for (let octet = 0; octet < 256; octet++) {
      for (let at = 0; at < 12; at++) {
        for (const follower of [filler, 0x0d, 0x7f, 0x09]) {
          bytes.fill(filler);
          bytes[at] = octet;
          bytes[at + 1] = follower;
          for (const [start, limit] of [
            [0, 24],
            [1, 14],
            [3, at + 2],
          ] as const) {
            if (start <= limit && endOfFieldValue(bytes, start, limit) !== naive(start, limit)) wrong++;
          }
        }
      }
    }
  }
  t.is(wrong, 0);
});

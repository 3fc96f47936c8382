// The Secret's data and back, and that nothing else is taken for a state.
import test from "ava";
import * as fc from "fast-check";
import { issueServingCertificate, makeAuthority } from "./authority.ts";
import type { AuthorityState } from "./authority-plan.ts";
import { decodeAuthorities, encodeAuthorities } from "./authority-secret.ts";

const dayMs = 86_400_000;
const nowMs = Date.UTC(2026, 0, 1);
const made = await Promise.all([0, 1, 2, 3].map(() => makeAuthority(nowMs, dayMs)));
const [signing, next, old, older] = made as [(typeof made)[0], (typeof made)[0], (typeof made)[0], (typeof made)[0]];
const full: AuthorityState = {
  signing,
  next: { authority: next, distributedAtMs: nowMs + 5 },
  retired: [
    { certificate: old.certificate, untilMs: nowMs + 7 },
    { certificate: older.certificate, untilMs: nowMs + 9 },
  ],
};

for (const [what, state] of [
  ["one authority", { ...full, next: null, retired: [] }],
  ["one that is not everywhere yet", { ...full, next: { authority: next, distributedAtMs: null }, retired: [] }],
  ["all there can be", full],
] as const) {
  test(`what is written is read again: ${what}`, (t) => {
    t.deepEqual(decodeAuthorities(encodeAuthorities(state)), { ok: true, state });
  });
}

test("authorities differ in name, key and serial number", (t) => {
  t.is(new Set(made.map(({ certificate }) => certificate)).size, 4);
  t.is(new Set(made.map(({ key }) => key)).size, 4);
});

const base64 = (text: string): string => Buffer.from(text).toString("base64");
const data = encodeAuthorities(full);

const faults: readonly (readonly [string, Record<string, string>, RegExp])[] = [
  ["nothing", {}, /^ca\.crt and ca\.key: the certificate cannot be read$/],
  ["no key", { ...data, "ca.key": "" }, /^ca\.crt and ca\.key: the key cannot be read$/],
  ["the key of another", { ...data, "ca.key": base64(next.key) }, /^ca\.crt and ca\.key: the key is not that of/],
  ["half of the next", { ...data, "next.key": "" }, /^next\.crt and next\.key: the key cannot be read$/],
  ["no time", { ...data, "next.distributed": base64("soon") }, /^next\.distributed: no time$/],
  [
    "a retired one without time",
    { ...data, "retired.until": base64("") },
    /^retired\.crt: 2 certificates and 1 times$/,
  ],
];

for (const [what, wrong, fault] of faults) {
  test(`not a state: ${what}`, (t) => {
    const result = decodeAuthorities(wrong);
    t.false(result.ok);
    if (!result.ok) t.regex(result.fault, fault);
  });
}

test("a server's certificate is no authority", async (t) => {
  const { certificate, key } = await issueServingCertificate(signing, ["a.example"], nowMs, dayMs);
  const result = decodeAuthorities({ "ca.crt": base64(certificate), "ca.key": base64(key) });
  t.deepEqual(result, { ok: false, fault: "ca.crt and ca.key: the certificate is not a CA's" });
});

test("random data is never taken for a state, and never throws or tells a key", (t) => {
  const value = fc.oneof(fc.string(), fc.base64String(), fc.constantFrom(...Object.values(data)));
  const secret = fc.dictionary(fc.constantFrom(...Object.keys(data), "other"), value, { maxKeys: 8 });
  fc.assert(
    fc.property(secret, (found) => {
      const result = decodeAuthorities(found);
      if (!result.ok) t.notRegex(result.fault, /PRIVATE KEY/);
      else t.truthy(result.state.signing.key);
    }),
    { numRuns: 200 },
  );
});

// What the leader does next, and that no order of events makes a server show what cannot be verified.
import test from "ava";
import * as fc from "fast-check";
import type { Authority } from "./authority.ts";
import { afterAction, bundleOf, planAuthority, type AuthorityState, type CertificateTerms } from "./authority-plan.ts";

const terms: CertificateTerms = {
  authorityLifetimeMs: 1000,
  servingLifetimeMs: 40,
  settleMs: 20,
  replicaLagMs: 10,
  removedTrustMs: 5,
};

let count = 0;

function authority(notBeforeMs: number): Authority {
  const name = `<CA ${(count += 1)}>`;
  return { certificate: name, key: "", notBeforeMs, notAfterMs: notBeforeMs + terms.authorityLifetimeMs };
}

/** `state` after everything that is to be done at `nowMs`. */
function settled(state: AuthorityState | null, nowMs: number, isDistributed: boolean): AuthorityState {
  let current = state;
  for (let step = 0; ; step++) {
    const action = planAuthority(current, nowMs, isDistributed, terms);
    if (action === null && current !== null) return current;
    if (action === null || step > 6) throw new Error(`the plan does not end: ${action}`);
    const before = current === null ? "" : bundleOf(current);
    current = afterAction(current, action, authority(nowMs), nowMs, terms);
    // Another bundle is nowhere yet.
    if (bundleOf(current) !== before) isDistributed = false;
  }
}

const first = authority(0);
const stable: AuthorityState = { signing: first, next: null, retired: [] };
const second = authority(700);
const introduced: AuthorityState = {
  signing: first,
  next: { authority: second, distributedAtMs: null },
  retired: [],
};
const distributed: AuthorityState = {
  signing: first,
  next: { authority: second, distributedAtMs: 710 },
  retired: [],
};

const cases: readonly (readonly [string, AuthorityState | null, number, boolean, ReturnType<typeof planAuthority>])[] =
  [
    ["nothing: create", null, 0, false, "create"],
    ["a young authority: nothing", stable, 600, true, null],
    ["two thirds of its life over: introduce", stable, 667, true, "introduce"],
    ["expired and no other: create", stable, 1000, true, "create"],
    ["made while the clock was ahead: create", stable, -1, true, "create"],
    ["the new one is not everywhere: wait", introduced, 720, false, null],
    ["the new one is everywhere: note that", introduced, 720, true, "distribute"],
    ["not settled: wait", distributed, 729, true, null],
    ["settled: promote", distributed, 730, true, "promote"],
    [
      "settled, and a namespace was added that lacks the bundle: promote all the same",
      distributed,
      730,
      false,
      "promote",
    ],
    ["the old one ends within a certificate's life: promote what is nowhere", introduced, 960, false, "promote"],
    [
      "the new one has expired too: introduce another",
      { ...introduced, next: { authority: { ...second, notAfterMs: 800 }, distributedAtMs: null } },
      900,
      true,
      "introduce",
    ],
    ["retired and valid: keep", { ...stable, retired: [{ certificate: "x", untilMs: 50 }] }, 49, true, null],
    ["retired and over: forget", { ...stable, retired: [{ certificate: "x", untilMs: 50 }] }, 50, true, "forget"],
  ];

for (const [title, state, nowMs, isDistributed, expected] of cases) {
  test(title, (t) => t.is(planAuthority(state, nowMs, isDistributed, terms), expected));
}

test("the old one is trusted for as long as anything that it signed, also by a replica that lags", (t) => {
  const after = afterAction(distributed, "promote", second, 730, terms);
  t.is(after.signing, second);
  t.is(after.next, null);
  t.deepEqual(after.retired, [{ certificate: first.certificate, untilMs: 730 + 10 + 40 }]);
  t.is(bundleOf(after), second.certificate + first.certificate);
});

test("one that is not valid yet stays trusted for a while by those whose clock says that it is", (t) => {
  const after = afterAction(stable, "create", second, -100, terms);
  t.is(after.signing, second);
  t.deepEqual(after.retired, [{ certificate: first.certificate, untilMs: -100 + terms.removedTrustMs }]);
});

test("whatever happens when, a serving certificate is verified by every bundle of its life", (t) => {
  // Steps of time; whether the bundle of that moment reaches everybody, and how far a replica lags behind.
  const step = fc.record({
    passMs: fc.integer({ min: 1, max: 9 }),
    isDistributed: fc.boolean(),
    lag: fc.integer({ min: 0, max: 1 }),
  });
  fc.assert(
    fc.property(fc.array(step, { minLength: 300, maxLength: 600 }), (steps) => {
      let nowMs = 0;
      let state = settled(null, nowMs, false);
      let before = state;
      const served: { certificate: string; untilMs: number }[] = [];
      for (const { passMs, isDistributed, lag } of steps) {
        nowMs += passMs;
        before = state;
        state = settled(state, nowMs, isDistributed);
        // A replica signs with what it read last.
        const { signing } = lag === 0 ? state : before;
        served.push({
          certificate: signing.certificate,
          untilMs: Math.min(nowMs + terms.servingLifetimeMs, signing.notAfterMs),
        });
        const bundle = bundleOf(state);
        for (const { certificate, untilMs } of served) {
          if (untilMs > nowMs) t.true(bundle.includes(certificate), `at ${nowMs}: ${certificate} is not in ${bundle}`);
        }
        t.true(state.signing.notAfterMs > nowMs, "what signs is valid");
        t.true(state.retired.length + (state.next === null ? 0 : 1) <= 2, "a bundle of three at most");
      }
    }),
    { numRuns: 100 },
  );
});

test("while bundles arrive, no authority signs that was not everywhere for the settling time", (t) => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 300, maxLength: 600 }), (passes) => {
      let nowMs = 0;
      let state = settled(null, nowMs, false);
      const knownSince = new Map([[state.signing.certificate, -Infinity]]);
      for (const passMs of passes) {
        // The bundle of the moment before has arrived by now.
        for (const found of bundleOf(state).match(/<CA \d+>/g) ?? []) {
          if (!knownSince.has(found)) knownSince.set(found, nowMs);
        }
        nowMs += passMs;
        state = settled(state, nowMs, true);
        const since = knownSince.get(state.signing.certificate) ?? Infinity;
        t.true(nowMs - since >= terms.settleMs, `${state.signing.certificate} signs at ${nowMs}, known since ${since}`);
      }
    }),
    { numRuns: 50 },
  );
});

// How often a request is copied.
import test from "ava";
import { seededRandom } from "../../test/support/seeded-random.ts";
import { drawMirror } from "./mirror-sampling.ts";

function copies(numerator: number, denominator: number, count: number): number {
  const random = seededRandom(7);
  const cluster = { name: "canary", protocol: "http1", endpoints: [] } as const;
  let drawn = 0;
  for (let index = 0; index < count; index++) {
    if (drawMirror({ displayName: "canary", cluster, numerator, denominator }, random)) drawn++;
  }
  return drawn;
}

test("all of the requests or none need no luck", (t) => {
  t.is(copies(100, 100, 1000), 1000);
  t.is(copies(1, 1, 1000), 1000);
  t.is(copies(0, 100, 1000), 0);
});

for (const [numerator, denominator] of [
  [20, 100],
  [25, 50],
  [35, 100],
  [1, 1000],
] as const) {
  test(`${numerator}/${denominator} copies that share, within three standard deviations`, (t) => {
    const count = 20_000;
    const share = numerator / denominator;
    const tolerance = 3 * Math.sqrt(count * share * (1 - share));
    t.true(Math.abs(copies(numerator, denominator, count) - count * share) <= tolerance);
  });
}

// The exact split: shares per period, unpredictable order, weight 0.
import test from "ava";
import * as fc from "fast-check";
import { seededRandom } from "../../test/support/seeded-random.ts";
import { createSplit } from "./split.ts";
import type { Split } from "../snapshot/compiled.ts";

function split(weights: readonly number[], seed = 1): Split {
  const created = createSplit(weights, seededRandom(seed));
  if (created === null) throw new Error("nothing to draw");
  return created;
}

function draw(from: Split, count: number, backends: number): readonly number[] {
  const counts = Array.from({ length: backends }, () => 0);
  for (let index = 0; index < count; index++) counts[from.next()]!++;
  return counts;
}

for (const [title, weights, count, expected] of [
  ["K5 50/50 over 10 requests", [50, 50], 10, [5, 5]],
  ["K6 90/10 over 100 requests", [90, 10], 100, [90, 10]],
  ["T1 weights 90 and 10 split 90 % to 10 %", [90, 10], 100, [90, 10]],
  ["T2 weights 9 and 1 split as 90 and 10 do", [9, 1], 100, [90, 10]],
  ["T5 95/5 over 100 requests", [95, 5], 100, [95, 5]],
  ["T7 stages 75/25", [75, 25], 100, [75, 25]],
  ["T8 a lone backend takes everything", [100], 100, [100]],
  ["T13 after a rollback to 100/0 the canary gets nothing", [100, 0], 20, [20, 0]],
  ["T19 a blue-green swap to 0/100", [0, 100], 20, [0, 20]],
  ["R15 90/10 over 100 requests", [90, 10], 100, [90, 10]],
  ["A6 10/10/80 over 20 requests shows all three versions", [10, 10, 80], 20, [2, 2, 16]],
  ["A8 weights left out are 1 each", [1, 1, 1], 99, [33, 33, 33]],
] as const) {
  test(`${title}, in every run of that many`, (t) => {
    const tested = split(weights);
    for (let round = 0; round < 50; round++) t.deepEqual(draw(tested, count, weights.length), expected);
  });
}

test("no weight above 0 is no split", (t) => {
  t.is(createSplit([], Math.random), null);
  t.is(createSplit([0], Math.random), null);
  t.is(createSplit([0, 0, 0], Math.random), null);
});

test("the order is shuffled anew for every bag", (t) => {
  const tested = split([1, 1, 1, 1, 1, 1, 1, 1]);
  const bags = new Set(Array.from({ length: 20 }, () => Array.from({ length: 8 }, () => tested.next()).join("")));
  t.true(bags.size > 15, `${bags.size} different bags of 20`);
});

test("every order of a bag is equally likely", (t) => {
  const orders = new Map<string, number>();
  for (let seed = 0; seed < 6000; seed++) {
    const tested = split([1, 1, 1], seed);
    const order = `${tested.next()}${tested.next()}${tested.next()}`;
    orders.set(order, (orders.get(order) ?? 0) + 1);
  }
  t.is(orders.size, 6);
  // 1000 expected each, standard deviation 29.
  for (const count of orders.values()) t.true(count > 870 && count < 1130, JSON.stringify([...orders]));
});

test("each place in a bag is as likely as any other to be the canary's", (t) => {
  const tested = split([19, 1]);
  const places = Array.from({ length: 20 }, () => 0);
  for (let bag = 0; bag < 4000; bag++) {
    for (let place = 0; place < 20; place++) if (tested.next() === 1) places[place]!++;
  }
  // 200 expected per place, standard deviation 13.8.
  for (const count of places) t.true(count > 130 && count < 270, places.join(" "));
});

test("two agents do not deal in the same order", (t) => {
  const sequence = (seed: number): string => {
    const tested = split([95, 5], seed);
    return Array.from({ length: 200 }, () => tested.next()).join("");
  };
  t.not(sequence(1), sequence(2));
});

const weights = fc.array(fc.oneof(fc.constant(0), fc.nat({ max: 120 })), { minLength: 1, maxLength: 16 });

test("every period holds exactly the shares, whatever the weights", (t) => {
  fc.assert(
    fc.property(weights, fc.integer({ min: 1, max: 9 }), fc.nat(), (reduced, factor, seed) => {
      const created = createSplit(
        reduced.map((weight) => weight * factor),
        seededRandom(seed),
      );
      const period = reduced.reduce((sum, weight) => sum + weight, 0);
      if (created === null) return period === 0;
      for (let round = 0; round < 3; round++) t.deepEqual(draw(created, period, reduced.length), reduced);
      return true;
    }),
  );
});

test("past 1000 slots, every period holds exactly the shares too", (t) => {
  const large = fc.array(fc.integer({ min: 300, max: 900 }), { minLength: 4, maxLength: 5 });
  fc.assert(
    fc.property(large, fc.nat(), (list, seed) => {
      const created = split([...list, 1], seed);
      const period = list.reduce((sum, weight) => sum + weight, 1);
      for (let round = 0; round < 3; round++) t.deepEqual(draw(created, period, list.length + 1), [...list, 1]);
    }),
    { numRuns: 30 },
  );
});

test("past 1000 slots, any stretch of requests is as close to the shares as smooth round robin is", (t) => {
  const large = fc.array(fc.integer({ min: 1, max: 1_000_000 }), { minLength: 2, maxLength: 6 });
  fc.assert(
    fc.property(large, fc.nat(), fc.integer({ min: 1, max: 3000 }), (list, seed, count) => {
      const total = list.reduce((sum, weight) => sum + weight, 0);
      // A list that reduces to a bag is shuffled, and may be further off within it.
      if (total / list.reduce((left, right) => commonDivisor(left, right)) <= 1000) return;
      const counts = draw(split(list, seed), count, list.length);
      for (const [index, weight] of list.entries()) {
        const expected = (count * weight) / total;
        t.true(Math.abs(counts[index]! - expected) <= list.length, `${counts[index]} for ${expected}`);
      }
    }),
    { numRuns: 50 },
  );
});

test("past 1000 slots, agents start at different places", (t) => {
  const firstOfSecond = (seed: number): number => {
    const tested = split([999, 2], seed);
    let position = 0;
    while (tested.next() === 0) position++;
    return position;
  };
  t.true(new Set(Array.from({ length: 20 }, (_, seed) => firstOfSecond(seed + 1))).size > 10);
});

function commonDivisor(left: number, right: number): number {
  return right === 0 ? left : commonDivisor(right, left % right);
}

import test from "ava";
import { median, percentile } from "./statistics.ts";

test("the median is the middle value, or the mean of the two in the middle", (t) => {
  t.is(median([3, 1, 2]), 2);
  t.is(median([4, 1, 2, 3]), 2.5);
  t.true(Number.isNaN(median([])));
});

test("a percentile is a value that was measured", (t) => {
  const values = Array.from({ length: 200 }, (_, index) => 200 - index);
  t.is(percentile(values, 0.99), 198);
  t.is(percentile([7], 0.99), 7);
  t.is(percentile([1, 2], 0.5), 1);
});

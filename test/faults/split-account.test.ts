// The account of the split finds a share that no exact split can give.
import test from "ava";
import { SplitAccount } from "./split-account.ts";

const backends = [
  { service: "stable", weight: 90 },
  { service: "canary", weight: 10 },
];

function account(stable: number, canary: number): SplitAccount {
  const kept = new SplitAccount();
  for (let request = 0; request < stable; request++) kept.count({ id: "", config: "c", servedBy: "stable-0" });
  for (let request = 0; request < canary; request++) kept.count({ id: "", config: "c", servedBy: "canary-3" });
  return kept;
}

test("whole blocks hold the exact shares", (t) => {
  t.deepEqual(account(18, 2).faults("c", backends), []);
  t.deepEqual(account(19, 1).faults("c", backends), [
    "c: stable served 19 of 20 at 9/10, not 18 to 18",
    "c: canary served 1 of 20 at 1/10, not 2 to 2",
  ]);
});

test("a block under way may stand anywhere between its ends", (t) => {
  t.deepEqual(account(3, 0).faults("c", backends), []);
  t.deepEqual(account(2, 1).faults("c", backends), []);
  t.is(account(1, 2).faults("c", backends).length, 2);
  t.deepEqual(account(0, 0).faults("c", backends), []);
});

test("a weight of zero gets nothing", (t) => {
  const off = [
    { service: "stable", weight: 5 },
    { service: "canary", weight: 0 },
  ];
  t.deepEqual(account(7, 0).faults("c", off), []);
  t.is(account(6, 1).faults("c", off).length, 2);
});

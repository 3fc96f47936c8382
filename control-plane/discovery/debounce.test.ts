import test from "ava";
import { ManualClock } from "../../test/protocol/fixture.ts";
import { Debounce } from "./debounce.ts";

function start(): { readonly clock: ManualClock; readonly debounce: Debounce; readonly runs: number[] } {
  const clock = new ManualClock();
  const runs: number[] = [];
  return { clock, runs, debounce: new Debounce({ clock, run: () => runs.push(clock.monotonicMs()) }) };
}

test("runs once after 20 ms of quiet", (t) => {
  const { clock, debounce, runs } = start();
  debounce.notify();
  clock.advance(19);
  debounce.notify();
  clock.advance(19);
  t.deepEqual(runs, []);
  clock.advance(1);
  t.deepEqual(runs, [39]);
  clock.advance(1000);
  t.deepEqual(runs, [39]);
});

test("waits 500 ms at most, however often something changes", (t) => {
  const { clock, debounce, runs } = start();
  for (let change = 0; change < 100; change++) {
    debounce.notify();
    clock.advance(10);
  }
  t.deepEqual(runs, [500, 1000]);
});

test("an urgent change runs at once and takes with it what waited", (t) => {
  const { clock, debounce, runs } = start();
  debounce.notify();
  clock.advance(5);
  debounce.notify("urgent");
  t.deepEqual(runs, [5]);
  clock.advance(1000);
  t.deepEqual(runs, [5]);
  t.is(clock.pendingCount, 0);
});

test("nothing runs after close", (t) => {
  const { clock, debounce, runs } = start();
  debounce.notify();
  debounce.close();
  debounce.notify("urgent");
  clock.advance(1000);
  t.deepEqual(runs, []);
});

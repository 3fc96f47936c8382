// The one reference to the current snapshot.
import test from "ava";
import { emptySnapshot, SnapshotStore } from "./store.ts";

const next = { ...emptySnapshot, generation: "test.1" };

test("before the first swap the snapshot is empty", (t) => {
  t.is(new SnapshotStore().current(), emptySnapshot);
  t.is(emptySnapshot.generation, "");
});

test("subscribers are called after the swap, with both snapshots, until they leave", (t) => {
  const store = new SnapshotStore();
  const calls: string[] = [];
  const unsubscribe = store.onSwap((to, from) => {
    calls.push(`${from.generation}->${to.generation}, current ${store.current().generation}`);
  });
  store.swap(next);
  unsubscribe();
  unsubscribe();
  store.swap(emptySnapshot);
  t.deepEqual(calls, ["->test.1, current test.1"]);
});

test("one function may subscribe twice and leaves once at a time", (t) => {
  const store = new SnapshotStore();
  let calls = 0;
  const count = (): void => {
    calls++;
  };
  const first = store.onSwap(count);
  store.onSwap(count);
  store.swap(next);
  first();
  store.swap(next);
  t.is(calls, 3);
});

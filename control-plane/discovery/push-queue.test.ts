import test from "ava";
import { PushQueue } from "./push-queue.ts";

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test("serves in order, each item once however often it was put in, a batch per turn", async (t) => {
  const pushed: number[] = [];
  const queue = new PushQueue<number>({ push: (item) => pushed.push(item), batchSize: 2 });
  for (const item of [1, 2, 1, 3, 4, 5, 3]) queue.enqueue(item);
  t.is(queue.size, 5);
  queue.delete(4);
  t.deepEqual(pushed, [], "not in the turn of the change itself");
  await turn();
  t.deepEqual(pushed, [1, 2]);
  await turn();
  t.deepEqual(pushed, [1, 2, 3, 5]);
  queue.enqueue(1);
  await turn();
  t.deepEqual(pushed, [1, 2, 3, 5, 1]);
  queue.enqueue(9);
  queue.close();
  await turn();
  t.is(pushed.length, 5);
});

import test from "ava";
import { ManualClock } from "../../test/protocol/fixture.ts";
import { RetryQueue } from "./retry-queue.ts";

interface Setup {
  readonly clock: ManualClock;
  readonly queue: RetryQueue;
  /** "key at ms", as rounds began. */
  readonly rounds: string[];
  /** Ends the oldest round under way, and lets what follows from it happen. */
  readonly finish: (outcome: "done" | "retry") => Promise<void>;
}

function start(): Setup {
  const clock = new ManualClock();
  const startMs = clock.monotonicMs();
  const rounds: string[] = [];
  const underWay: ((outcome: "done" | "retry") => void)[] = [];
  const queue = new RetryQueue({
    clock,
    run: (key) => {
      rounds.push(`${key} at ${clock.monotonicMs() - startMs}`);
      return new Promise((resolve) => underWay.push(resolve));
    },
  });
  return {
    clock,
    queue,
    rounds,
    async finish(outcome) {
      underWay.shift()?.(outcome);
      await new Promise((resolve) => {
        setImmediate(resolve);
      });
    },
  };
}

test("one round of a key at a time; what comes meanwhile makes one more", async (t) => {
  const { queue, rounds, finish } = start();
  queue.add("a", "fresh");
  queue.add("a", "fresh");
  queue.add("a", "again");
  t.deepEqual(rounds, ["a at 0"]);
  await finish("done");
  t.deepEqual(rounds, ["a at 0", "a at 0"]);
  await finish("done");
  t.is(rounds.length, 2);
});

test("four rounds at once, the others wait their turn", async (t) => {
  const { queue, rounds, finish } = start();
  for (const key of ["a", "b", "c", "d", "e", "f"]) queue.add(key, "fresh");
  t.is(rounds.length, 4);
  await finish("done");
  t.deepEqual(rounds.slice(4), ["e at 0"]);
});

test("a round that asks to be repeated is, after pauses that double", async (t) => {
  const { clock, queue, rounds, finish } = start();
  queue.add("a", "fresh");
  for (let round = 0; round < 12; round++) {
    await finish("retry");
    clock.advance(60_000);
  }
  t.is(rounds.length, 13, "no pause is longer than a minute");

  const other = start();
  other.queue.add("b", "fresh");
  await other.finish("retry");
  other.clock.advance(499);
  t.is(other.rounds.length, 1);
  other.clock.advance(1);
  t.is(other.rounds.length, 2);
  await other.finish("retry");
  other.clock.advance(999);
  t.is(other.rounds.length, 2);
  other.clock.advance(1);
  t.is(other.rounds.length, 3);
});

test("somebody's edits wait for the pause, something new of ours does not", async (t) => {
  const { clock, queue, rounds, finish } = start();
  queue.add("a", "fresh");
  await finish("retry");
  queue.add("a", "again");
  t.is(rounds.length, 1);
  queue.add("a", "fresh");
  t.is(rounds.length, 2);
  await finish("done");
  clock.advance(120_000);
  t.is(rounds.length, 2);
});

test("close waits for what is under way and begins nothing", async (t) => {
  const { clock, queue, rounds, finish } = start();
  queue.add("a", "fresh");
  let isClosed = false;
  const closed = queue.close().then(() => (isClosed = true));
  queue.add("b", "fresh");
  await new Promise((resolve) => {
    setImmediate(resolve);
  });
  t.false(isClosed);
  await finish("retry");
  await closed;
  clock.advance(120_000);
  t.deepEqual(rounds, ["a at 0"]);
});

// The election against a store of Leases whose calls are slow, lost, cut off and late, in time that the test moves.
import test from "ava";
import * as fc from "fast-check";
import { SimulatedProcess, SimulatedTime } from "../../test/support/simulated-time.ts";
import { Election, type ElectionTimes } from "./leader-election.ts";
import type { Lease, LeaseStore, StoredLease } from "./lease-store.ts";

/** What the network does to one call: how long each way takes, and whether the request or the answer is lost. */
interface Weather {
  readonly thereMs: number;
  readonly backMs: number;
  readonly fate: "arrives" | "request lost" | "answer lost" | "refused";
}

const calm: Weather = { thereMs: 5, backMs: 5, fate: "arrives" };

/** One Lease with the API server's rule: a write must name the version it replaces. */
class Cluster {
  stored: StoredLease | null = null;
  writes = 0;
  #versions = 0;
  readonly #time: SimulatedTime;
  weather: () => Weather = () => calm;

  constructor(time: SimulatedTime) {
    this.#time = time;
  }

  write(lease: Lease, version: string | null): StoredLease | null {
    if ((this.stored?.version ?? null) !== version) return null;
    this.writes += 1;
    this.stored = { lease, version: String(++this.#versions) };
    return this.stored;
  }

  storeOf(process: SimulatedProcess): LeaseStore {
    const call = <Result>(run: () => Result): Promise<Result> => {
      const { thereMs, backMs, fate } = this.weather();
      return new Promise((resolve, reject) => {
        if (fate === "request lost") return;
        // Once sent it is the network's: what the process does meanwhile, its end even, does not stop it.
        this.#time.after(thereMs, () => {
          if (fate === "refused") {
            this.#time.after(backMs, () => reject(new Error("refused")), process);
            return;
          }
          const result = run();
          if (fate === "arrives") this.#time.after(backMs, () => resolve(result), process);
        });
      });
    };
    return {
      read: () => call(() => this.stored),
      write: (lease, version) => call(() => this.write(lease, version)),
      close: () => undefined,
    };
  }
}

interface Replica {
  readonly process: SimulatedProcess;
  readonly election: Election;
  readonly changes: boolean[];
}

function replica(
  cluster: Cluster,
  time: SimulatedTime,
  identity: string,
  { rate = 1, offsetMs = 0, ...times }: { rate?: number; offsetMs?: number } & Partial<ElectionTimes> = {},
): Replica {
  const process = new SimulatedProcess(time, rate, offsetMs);
  const changes: boolean[] = [];
  const onChange = (isLeader: boolean): void => void changes.push(isLeader);
  const election = new Election(cluster.storeOf(process), { identity, clock: process, onChange, times });
  election.start();
  return { process, election, changes };
}

const leaders = (replicas: readonly Replica[]): readonly Replica[] =>
  replicas.filter(({ election, process }) => !process.isDead && election.isLeader);

/** A world of two calm replicas, and the one that leads after a second. */
async function calmPair(): Promise<{
  time: SimulatedTime;
  cluster: Cluster;
  leader: Replica;
  follower: Replica;
}> {
  const time = new SimulatedTime();
  const cluster = new Cluster(time);
  const replicas = [replica(cluster, time, "a"), replica(cluster, time, "b")];
  await time.pass(1000);
  const [leader] = leaders(replicas);
  const follower = replicas.find((other) => other !== leader);
  if (leader === undefined || follower === undefined) throw new Error("nobody leads");
  return { time, cluster, leader, follower };
}

test("one of two leads, renews, and stays for hours", async (t) => {
  const { time, cluster, leader, follower } = await calmPair();
  await time.pass(3_600_000);
  t.deepEqual(leader.changes, [true]);
  t.deepEqual(follower.changes, []);
  t.is(cluster.stored?.lease.transitions, 0);
  t.true(cluster.writes > 1700 && cluster.writes < 1900, `${cluster.writes} writes in an hour`);
});

test("a killed leader is followed within 15 seconds", async (t) => {
  const { time, cluster, leader, follower } = await calmPair();
  await time.pass(1999);
  leader.process.isDead = true;
  await time.pass(8000);
  t.false(follower.election.isLeader, "not before the lease is over");
  await time.pass(7000);
  t.true(follower.election.isLeader);
  t.is(cluster.stored?.lease.transitions, 1);
});

test("an orderly end hands over at the next look", async (t) => {
  const { time, cluster, leader, follower } = await calmPair();
  const closed = leader.election.close();
  t.false(leader.election.isLeader, "at once");
  await time.pass(2100);
  await closed;
  t.deepEqual(leader.changes, [true, false]);
  t.true(follower.election.isLeader);
  const ended = follower.election.close();
  await time.pass(100);
  await ended;
  t.is(cluster.stored?.lease.holder, "");
  const writes = cluster.writes;
  await time.pass(60_000);
  t.is(cluster.writes, writes, "nothing goes on");
});

test("close ends in time although the API server says nothing", async (t) => {
  const { time, cluster, leader } = await calmPair();
  cluster.weather = () => ({ ...calm, fate: "request lost" });
  let isClosed = false;
  void leader.election.close().then(() => (isClosed = true));
  await time.pass(2100);
  t.true(isClosed);
  t.false(leader.election.isLeader);
});

test("a leader that cannot renew steps down before its lease can be taken, and leads again when it can", async (t) => {
  const { time, cluster, leader } = await calmPair();
  cluster.weather = () => ({ ...calm, fate: "request lost" });
  await time.pass(9000);
  t.deepEqual(leader.changes, [true, false]);
  cluster.weather = () => calm;
  await time.pass(5000);
  t.is(cluster.stored?.lease.holder, "a");
  t.deepEqual(leader.changes, [true, false, true]);
});

test("a stopped process does not take itself for the leader when it goes on", async (t) => {
  const { time, leader, follower } = await calmPair();
  leader.process.pausedUntilMs = time.nowMs + 60_000;
  await time.pass(59_999);
  t.true(follower.election.isLeader);
  t.false(leader.election.isLeader);
  await time.pass(5000);
  t.deepEqual(leader.changes, [true, false]);
  t.true(follower.election.isLeader);
});

test("a restarted process with its old name leads at once", async (t) => {
  const { time, cluster, leader } = await calmPair();
  leader.process.isDead = true;
  const again = replica(cluster, time, cluster.stored?.lease.holder ?? "");
  await time.pass(100);
  t.true(again.election.isLeader);
});

const weather: fc.Arbitrary<Weather> = fc.record({
  thereMs: fc.integer({ min: 0, max: 9000 }),
  backMs: fc.integer({ min: 0, max: 9000 }),
  fate: fc.constantFrom("arrives", "arrives", "arrives", "request lost", "answer lost", "refused"),
});
const fair: fc.Arbitrary<Weather> = fc.record({
  thereMs: fc.integer({ min: 0, max: 50 }),
  backMs: fc.integer({ min: 0, max: 50 }),
  fate: fc.constant("arrives"),
});
const disturbance = fc.record({
  afterMs: fc.integer({ min: 0, max: 20_000 }),
  replica: fc.nat({ max: 2 }),
  kind: fc.constantFrom("pause", "kill", "close", "none"),
  forMs: fc.integer({ min: 0, max: 30_000 }),
});

test("two are never leaders at once, whatever the network, the clocks and the processes do; in the end one leads", async (t) => {
  const weathers = fc.array(fc.oneof(weather, { arbitrary: fair, weight: 4 }), { minLength: 1, maxLength: 60 });
  const rates = fc.array(fc.double({ min: 0.9, max: 1.1, noNaN: true }), { minLength: 3, maxLength: 3 });
  let handovers = 0;
  await fc.assert(
    fc.asyncProperty(weathers, rates, fc.array(disturbance, { maxLength: 6 }), async (sky, speeds, disturbances) => {
      const time = new SimulatedTime();
      const cluster = new Cluster(time);
      let calls = 0;
      cluster.weather = () => sky[calls++ % sky.length] ?? calm;
      const replicas = speeds.map((rate, index) =>
        // Safe without a call's timeout too: it is there to try again in time.
        replica(cluster, time, `r${index}`, { rate, offsetMs: index * 1e6, callTimeoutMs: 9000 }),
      );
      const observe = (): void => {
        if (leaders(replicas).length > 1) throw new Error(`two leaders at ${time.nowMs} ms`);
      };
      for (const { afterMs, replica: index, kind, forMs } of disturbances) {
        await time.pass(afterMs, observe);
        const victim = replicas[index];
        if (victim === undefined) continue;
        if (kind === "pause") victim.process.pausedUntilMs = time.nowMs + forMs;
        if (kind === "kill" && index > 0) victim.process.isDead = true;
        if (kind === "close" && index > 0) void victim.election.close();
        observe();
      }
      await time.pass(40_000, observe);
      cluster.weather = () => calm;
      // The last late calls arrive, a lease that they wrote ends, and the next look finds it.
      await time.pass(40_000, observe);
      if (leaders(replicas).length !== 1) throw new Error("nobody leads although all is well");
      handovers += cluster.stored?.lease.transitions ?? 0;
    }),
    { numRuns: 150 },
  );
  t.true(handovers > 20, `${handovers} handovers were tried`);
});

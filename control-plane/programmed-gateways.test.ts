// When a Gateway counts as programmed: by acknowledgement, through a short absence of its agents, and not beyond it.
import test from "ava";
import { SimulatedProcess, SimulatedTime } from "../test/support/simulated-time.ts";
import type { ConnectedAgent } from "./discovery/stream.ts";
import { ProgrammedGateways } from "./programmed-gateways.ts";
import type { Snapshot } from "./snapshot/snapshot.ts";

const key = "shop/gw";

function world() {
  const time = new SimulatedTime();
  let missed = 0;
  const programmed = new ProgrammedGateways({ clock: new SimulatedProcess(time), onMissed: () => (missed += 1) });
  const publish = (counter: number, ...listeners: string[]): void =>
    programmed.published({ generation: `e.${counter}`, gateways: new Map([[key, listeners]]) } as unknown as Snapshot);
  const agent = (acknowledged: number, ...withheld: string[]) =>
    ({
      node: { mode: "GATEWAY" },
      subscriptions: [`gateway:${key}`],
      acknowledgedGeneration: `e.${acknowledged}`,
      withheld: new Set(withheld),
    }) as unknown as ConnectedAgent;
  publish(1, `${key}/http`);
  return { time, programmed, publish, agent, missed: () => missed };
}

test("a Gateway is programmed once an agent acknowledged a snapshot that has it", (t) => {
  const { programmed, agent } = world();
  t.false(programmed.update([agent(0)]));
  t.deepEqual([...programmed.gateways], []);
  t.true(programmed.update([agent(1)]));
  t.deepEqual([...programmed.gateways], [key]);
});

test("it stays so while its agents are away for less than 10 seconds, however often", async (t) => {
  const { time, programmed, agent, missed } = world();
  programmed.update([agent(1)]);
  for (let round = 0; round < 3; round++) {
    t.false(programmed.update([]));
    await time.pass(9_900);
    // A new agent that has not acknowledged anything yet.
    t.false(programmed.update([agent(0)]));
    t.false(programmed.update([agent(1)]));
  }
  await time.pass(60_000);
  t.deepEqual([...programmed.gateways], [key]);
  t.is(missed(), 0);
});

test("it is not any more when they stay away", async (t) => {
  const { time, programmed, agent, missed } = world();
  programmed.update([agent(1)]);
  programmed.update([]);
  await time.pass(5_000);
  programmed.update([]);
  await time.pass(5_100);
  t.deepEqual([...programmed.gateways], []);
  t.is(missed(), 1);
});

test("nor when its listeners change while nobody is there, nor when its only agent refuses one", (t) => {
  const { programmed, publish, agent } = world();
  programmed.update([agent(1)]);
  programmed.update([]);
  publish(2, `${key}/http`);
  t.deepEqual([...programmed.gateways], [key], "the same listeners");
  publish(3, `${key}/http`, `${key}/other`);
  t.deepEqual([...programmed.gateways], []);
  programmed.update([agent(3)]);
  t.true(programmed.update([agent(3, `LISTENER/${key}/http`)]));
  t.deepEqual([...programmed.gateways], []);
});

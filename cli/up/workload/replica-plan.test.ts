import test from "ava";
import { planReplicas, type RunningReplica } from "./replica-plan.ts";

const replica = (hash: string, ordinal: number, ready = true): RunningReplica => ({
  name: `${hash}-${ordinal}`,
  hash,
  ordinal,
  ready,
});

for (const { title, replicas, running, expected } of [
  { title: "nothing runs: all start", replicas: 2, running: [], expected: { start: [1, 2], stop: [] } },
  {
    title: "a gap is filled",
    replicas: 3,
    running: [replica("b", 1), replica("b", 3)],
    expected: { start: [2], stop: [] },
  },
  {
    title: "what is too many stops, ready or not",
    replicas: 1,
    running: [replica("b", 1, false), replica("b", 2)],
    expected: { start: [], stop: ["b-2"] },
  },
  {
    title: "old ones stay while new ones are not ready",
    replicas: 1,
    running: [replica("a", 1), replica("b", 1, false)],
    expected: { start: [], stop: [] },
  },
  {
    title: "old ones stop when all new ones are ready",
    replicas: 1,
    running: [replica("a", 1), replica("b", 1)],
    expected: { start: [], stop: ["a-1"] },
  },
  {
    title: "surplus new ones do not count as ready ones",
    replicas: 1,
    running: [replica("a", 1), replica("b", 1, false), replica("b", 2)],
    expected: { start: [], stop: ["b-2"] },
  },
  {
    title: "scaled to nothing",
    replicas: 0,
    running: [replica("a", 1), replica("b", 1)],
    expected: { start: [], stop: ["b-1", "a-1"] },
  },
]) {
  test(title, (t) => {
    t.deepEqual(planReplicas({ hash: "b", replicas }, running), expected);
  });
}

// What a replica knows of the others' agents, by the others' own pages: also after one of them is gone.
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import test from "ava";
import { until } from "../test/support/until.ts";
import { OtherReplicas } from "./other-replicas.ts";

test("what another replica knew is believed for ten seconds after it is gone, then no more", async (t) => {
  const server = createServer((_request, response) => response.end('["shop/edge"]'));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.teardown(() => server.close());
  let addresses = [`http://127.0.0.1:${(server.address() as AddressInfo).port}`];
  let nowMs = 0;
  let changes = 0;
  let next: (() => void) | null = null;
  const schedule = (_delayMs: number, run: () => void): (() => void) => {
    next = run;
    return () => (next = null);
  };
  const others = new OtherReplicas({
    addresses: () => addresses,
    onChange: () => (changes += 1),
    clock: { monotonicMs: () => nowMs, wallMs: () => nowMs, schedule },
  });
  t.teardown(() => others.close());
  /** One round of questions. */
  const round = async (): Promise<void> => {
    const run = next;
    next = null;
    run?.();
    await until(() => next !== null);
  };
  others.start();
  await round();
  t.deepEqual([...others.programmed], ["shop/edge"]);
  addresses = [];
  nowMs = 9_999;
  await round();
  t.deepEqual([...others.programmed], ["shop/edge"]);
  nowMs = 10_001;
  await round();
  t.deepEqual([...others.programmed], []);
  t.is(changes, 2);
});

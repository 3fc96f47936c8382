// Events on pods' owners: said once, a burst at once, then slowly, never without bound.
import test from "ava";
import { silentLogger } from "../../control-plane/discovery/logger.ts";
import type { ReviewOutcome } from "../../control-plane/webhook/admission-review.ts";
import { InjectionEvents, type InjectionEvent } from "../../control-plane/webhook/injection-events.ts";
import { WebhookMetrics } from "../../control-plane/webhook/metrics.ts";
import { until } from "../support/until.ts";

const outcome = (owner: string, parts: Partial<ReviewOutcome> = {}): ReviewOutcome => ({
  result: "skipped",
  reason: "host-network",
  message: "not injected",
  namespace: "shop",
  pod: "web-",
  dryRun: false,
  owner: { apiVersion: "apps/v1", kind: "ReplicaSet", name: owner, uid: owner },
  cameInjected: false,
  ...parts,
});

/** Events in time that the test moves. */
function fixture(write: (event: InjectionEvent) => Promise<void> = () => Promise.resolve()) {
  const metrics = new WebhookMetrics();
  const written: InjectionEvent[] = [];
  let nowMs = 0;
  let timer: { readonly atMs: number; readonly run: () => void } | null = null;
  const events = new InjectionEvents({
    write: (event) => {
      written.push(event);
      return write(event);
    },
    instance: "r",
    metrics,
    logger: silentLogger,
    clock: {
      monotonicMs: () => nowMs,
      wallMs: () => nowMs,
      schedule: (delayMs, run) => {
        timer = { atMs: nowMs + delayMs, run };
        return () => {
          timer = null;
        };
      },
    },
  });
  const advance = (byMs: number): void => {
    const untilMs = nowMs + byMs;
    while (timer !== null && timer.atMs <= untilMs) {
      const due: { readonly atMs: number; readonly run: () => void } = timer;
      timer = null;
      nowMs = due.atMs;
      due.run();
    }
    nowMs = untilMs;
  };
  return { events, metrics, written, advance, hasTimer: () => timer !== null };
}

test("the same of the same object once in ten minutes; another reason is news", (t) => {
  const { events, written, advance } = fixture();
  for (let count = 0; count < 5; count++) events.skipped(outcome("a"));
  events.skipped(outcome("a", { reason: "windows" }));
  events.skipped(outcome("b"));
  t.deepEqual(
    written.map(({ involvedObject }) => involvedObject.name),
    ["a", "a", "b"],
  );
  advance(599_999);
  events.skipped(outcome("a"));
  t.is(written.length, 3);
  advance(1);
  events.skipped(outcome("a"));
  t.is(written.length, 4);
});

test("twenty at once, then two a second, a hundred wait, the rest is dropped and counted", (t) => {
  const { events, written, metrics, advance, hasTimer } = fixture();
  for (let count = 0; count < 200; count++) events.skipped(outcome(`owner-${count}`));
  t.is(written.length, 20);
  t.is(metrics.eventsDropped, 80);
  advance(5000);
  t.is(written.length, 30);
  advance(45_000);
  t.is(written.length, 120);
  t.false(hasTimer());
  advance(60_000);
  for (let count = 0; count < 50; count++) events.skipped(outcome(`later-${count}`));
  t.is(written.length, 140);
});

test("a generated pod that nobody owns has nothing to put an Event on; one with a name has itself", (t) => {
  const { events, written } = fixture();
  events.skipped(outcome("", { owner: null }));
  events.skipped(outcome("", { owner: null, pod: "" }));
  t.is(written.length, 0);
  events.skipped(outcome("", { owner: null, pod: "web" }));
  t.deepEqual(written[0]?.involvedObject, { apiVersion: "v1", kind: "Pod", name: "web", namespace: "shop" });
});

test("what the API server refuses is counted; after close nothing is written and no timer is left", async (t) => {
  const { events, written, metrics, hasTimer, advance } = fixture(() => Promise.reject(new Error("403: no")));
  for (let count = 0; count < 30; count++) events.skipped(outcome(`owner-${count}`));
  await until(() => metrics.eventsDropped === 20);
  t.is(metrics.eventsWritten, 0);
  t.true(hasTimer());
  events.close();
  t.false(hasTimer());
  events.skipped(outcome("new"));
  advance(60_000);
  t.is(written.length, 20);
});

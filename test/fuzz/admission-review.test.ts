// Whatever is sent to the webhook is answered: a review by its uid, anything else by a sentence; nothing is thrown.
import test from "ava";
import * as fc from "fast-check";
import { answerReview } from "../../control-plane/webhook/admission-review.ts";
import { anyPod, settings } from "../inject/pods.ts";
import { makeReview } from "../inject/reviews.ts";
import { applyJsonPatch } from "../support/json-patch.ts";

interface Answer {
  readonly response: {
    readonly uid: string;
    readonly allowed: boolean;
    readonly patch?: string;
    readonly status?: { readonly message: string };
  };
}

/** The answer must be one of those that the API server understands. */
function checkAnswer(
  t: { is(a: unknown, b: unknown): unknown; true(a: boolean): unknown },
  text: string,
  uid: string | null,
) {
  const { status, body, outcome } = answerReview(text, settings);
  t.true(outcome.result.length > 0 && outcome.namespace.length <= 253);
  if (uid === null && status === 400) return null;
  t.is(status, 200);
  const { response } = JSON.parse(body) as Answer;
  if (uid !== null) t.is(response.uid, uid);
  t.true(response.allowed || (response.status?.message ?? "").startsWith("heddle: "));
  return response;
}

test("random text and random JSON", (t) => {
  fc.assert(
    fc.property(fc.oneof(fc.string({ unit: "binary" }), fc.json({ maxDepth: 6 })), (text) => {
      checkAnswer(t, text, null);
    }),
    { numRuns: 1000 },
  );
});

/** A review in which one value somewhere is another. */
const broken = fc
  .tuple(anyPod, fc.array(fc.nat(30), { minLength: 1, maxLength: 10 }), fc.jsonValue({ maxDepth: 2 }))
  .map(([pod, path, value]) => {
    const review = structuredClone(makeReview({ pod })) as { request: { object: unknown } };
    let parent: unknown = review.request;
    let member = "object";
    for (const step of path) {
      const child: unknown = (parent as Record<string, unknown>)[member];
      if (typeof child !== "object" || child === null || Object.keys(child).length === 0) break;
      parent = child;
      const names = Object.keys(child);
      member = names[step % names.length]!;
    }
    (parent as Record<string, unknown>)[member] = value;
    return review;
  });

test("reviews with one wrong value anywhere in the pod", (t) => {
  fc.assert(
    fc.property(broken, (review) => {
      const response = checkAnswer(t, JSON.stringify(review), "u-1");
      if (response?.patch === undefined) return;
      const patch = JSON.parse(Buffer.from(response.patch, "base64").toString()) as [];
      applyJsonPatch(JSON.parse(JSON.stringify(review.request.object)), patch);
    }),
    { numRuns: 1000 },
  );
});

test("objects named as JavaScript's own, values nested without end, text without end", (t) => {
  for (const pod of [
    '{"__proto__":{"spec":{}},"spec":{"containers":[]}}',
    '{"metadata":{"annotations":{"__proto__":"x","constructor":"y"}},"spec":{"containers":[{"name":"__proto__"}]}}',
    `{"spec":{"containers":[],"x":${"[".repeat(50_000)}${"]".repeat(50_000)}}}`,
    `{"metadata":{"annotations":{"heddle.dev/log-level":"${"x".repeat(1_000_000)}"}},"spec":{"containers":[]}}`,
    `{"metadata":{"annotations":{"heddle.dev/exclude-inbound-ports":"${"1,".repeat(500_000)}"}},"spec":{"containers":[]}}`,
  ]) {
    const text = JSON.stringify(makeReview({ pod: { spec: { containers: [] } } })).replace(
      '"object":{"spec":{"containers":[]}}',
      () => `"object":${pod}`,
    );
    const startedMs = performance.now();
    checkAnswer(t, text, "u-1");
    t.true(performance.now() - startedMs < 2000);
    t.true(answerReview(text, settings).body.length < 50_000);
  }
});

// Which tokens are asked about, how long an answer is kept, and what an answer means. The API server's real answers are
// test/kubernetes/identity.test.ts's.
import test from "ava";
import * as fc from "fast-check";
import type { V1TokenReviewStatus } from "@kubernetes/client-node";
import type { Clock } from "./clock.ts";
import { TokenAuthenticator, type ReviewToken } from "./token-authenticator.ts";

const startMs = Date.UTC(2026, 0, 1);

function token(claims: unknown, signature = "c2ln"): string {
  const part = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString("base64url");
  return `${part({ alg: "RS256" })}.${part(claims)}.${signature}`;
}

const inAnHour = startMs / 1000 + 3600;
const good = token({ aud: ["heddle"], exp: inAnHour });

const user = {
  username: "system:serviceaccount:shop:cart",
  extra: { "authentication.kubernetes.io/pod-name": ["cart-1"] },
};
const podStatus = { authenticated: true, audiences: ["heddle"], user };
const pod = { ok: true, namespace: "shop", serviceAccount: "cart", pod: "cart-1", expiresAtMs: inAnHour * 1000 };

interface Setup {
  readonly authenticator: TokenAuthenticator;
  readonly asked: string[];
  nowMs: number;
  review: ReviewToken;
}

function setUp(review: ReviewToken = () => Promise.resolve(podStatus)): Setup {
  const asked: string[] = [];
  const clock: Clock = { monotonicMs: () => setup.nowMs, wallMs: () => setup.nowMs, schedule: () => () => {} };
  const setup: Setup = {
    asked,
    nowMs: startMs,
    review,
    authenticator: new TokenAuthenticator({
      clock,
      review: (one, audience) => {
        asked.push(`${one} ${audience}`);
        return setup.review(one, audience);
      },
    }),
  };
  return setup;
}

test("a token for heddle is asked about, and its answer is whose pod it is", async (t) => {
  const { authenticator, asked } = setUp();
  t.deepEqual(await authenticator.authenticate(good, "peer"), pod as never);
  t.deepEqual(asked, [`${good} heddle`]);
});

const never: readonly (readonly [string, string, string, RegExp])[] = [
  ["no JWT", "abc", "malformed token", /no ServiceAccount token/],
  ["a JWT of garbage", "e30.!!!!.e30", "malformed token", /no ServiceAccount token/],
  ["a JWT that is no object", token([1]), "malformed token", /no ServiceAccount token/],
  [
    "another audience",
    token({ aud: ["vault", "api"], exp: inAnHour }),
    "wrong audience",
    /\["vault","api"\], not for "heddle"/,
  ],
  [
    "the audience of all pods' tokens",
    token({ aud: "https://kubernetes.default.svc", exp: inAnHour }),
    "wrong audience",
    /kubernetes/,
  ],
  ["no audience", token({ exp: inAnHour }), "wrong audience", /\[\], not for/],
  ["expired", token({ aud: "heddle", exp: startMs / 1000 - 61 }), "expired token", /expired at 2025-12-31T23:58:59/],
  ["without expiry", token({ aud: "heddle" }), "malformed token", /no time of expiry/],
];

for (const [what, one, failure, reason] of never) {
  test(`refused without asking: ${what}`, async (t) => {
    const { authenticator, asked } = setUp();
    const result = await authenticator.authenticate(one, "peer");
    t.like(result, { ok: false, failure } as never);
    if (!result.ok) t.regex(result.reason, reason);
    t.deepEqual(asked, []);
  });
}

test("a token that expired less than a minute ago is asked about: clocks differ", async (t) => {
  const { authenticator, asked } = setUp();
  await authenticator.authenticate(token({ aud: "heddle", exp: startMs / 1000 - 59 }), "peer");
  t.is(asked.length, 1);
});

const answers: readonly (readonly [string, V1TokenReviewStatus, string, RegExp])[] = [
  ["not authenticated", { authenticated: false, error: "signature is wrong" }, "rejected token", /signature is wrong/],
  ["nothing", {}, "rejected token", /was not made here, or its pod is gone/],
  ["no audience: an API server without audiences", { ...podStatus, audiences: [] }, "wrong audience", /heddle/],
  ["another audience", { ...podStatus, audiences: ["other"] }, "wrong audience", /heddle/],
  ["no pod", { ...podStatus, user: { ...user, extra: {} } }, "not a pod", /not bound to a pod/],
  ["a person", { ...podStatus, user: { ...user, username: "admin" } }, "not a pod", /not bound to a pod/],
];

for (const [what, status, failure, reason] of answers) {
  test(`refused when the API server answers ${what}`, async (t) => {
    const { authenticator } = setUp(() => Promise.resolve(status));
    const result = await authenticator.authenticate(good, "peer");
    t.like(result, { ok: false, failure } as never);
    if (!result.ok) t.regex(result.reason, reason);
  });
}

test("a good answer is kept for 60 s, a bad one for 10 s, and one question serves all who ask meanwhile", async (t) => {
  const setup = setUp();
  const { authenticator, asked } = setup;
  await Promise.all([1, 2, 3].map(() => authenticator.authenticate(good, "peer")));
  setup.nowMs += 59_999;
  await authenticator.authenticate(good, "peer");
  t.is(asked.length, 1);
  setup.review = () => Promise.resolve({ authenticated: false });
  setup.nowMs += 1;
  t.false((await authenticator.authenticate(good, "peer")).ok);
  t.is(asked.length, 2);
  setup.nowMs += 9999;
  t.false((await authenticator.authenticate(good, "peer")).ok);
  t.is(asked.length, 2);
  setup.review = () => Promise.resolve(podStatus);
  setup.nowMs += 1;
  t.true((await authenticator.authenticate(good, "peer")).ok);
  t.is(asked.length, 3);
});

test("a kept answer ends with its token", async (t) => {
  const setup = setUp();
  const brief = token({ aud: "heddle", exp: startMs / 1000 + 5 });
  t.true((await setup.authenticator.authenticate(brief, "peer")).ok);
  setup.nowMs += 5000;
  await setup.authenticator.authenticate(brief, "peer");
  t.is(setup.asked.length, 2);
});

test("an API server that cannot be asked refuses nobody, and nothing is kept of it", async (t) => {
  const setup = setUp(() => Promise.reject(new Error("connection refused")));
  t.like(await setup.authenticator.authenticate(good, "peer"), {
    ok: false,
    failure: "not verified",
    reason: "the token could not be checked: the Kubernetes API server did not answer",
  } as never);
  setup.review = () => Promise.resolve(podStatus);
  t.true((await setup.authenticator.authenticate(good, "peer")).ok);
});

test("at most 32 questions are under way, and everybody gets an answer", async (t) => {
  let underWay = 0;
  let most = 0;
  const { authenticator, asked } = setUp(async () => {
    most = Math.max(most, (underWay += 1));
    await new Promise((resolve) => setImmediate(resolve));
    underWay -= 1;
    return podStatus;
  });
  const tokens = Array.from({ length: 200 }, (_, index) =>
    token({ aud: "heddle", exp: inAnHour }, Buffer.from(`signature ${index}`).toString("base64url")),
  );
  const results = await Promise.all(tokens.map((one) => authenticator.authenticate(one, "peer")));
  t.true(results.every(({ ok }) => ok));
  t.is(asked.length, 200);
  t.is(most, 32);
});

test("random tokens are answered, never thrown at, and never repeated in a reason", async (t) => {
  const json = fc.json();
  const part = fc.oneof(
    fc.string(),
    json.map((text) => Buffer.from(text).toString("base64url")),
    fc.constant(Buffer.from(JSON.stringify({ aud: "heddle", exp: 1e300 })).toString("base64url")),
  );
  const any = fc.array(part, { maxLength: 4 }).map((parts) => parts.join("."));
  const { authenticator } = setUp(() => Promise.resolve({ authenticated: false }));
  await fc.assert(
    fc.asyncProperty(any, async (one) => {
      const result = await authenticator.authenticate(one, "peer");
      t.false(result.ok);
      if (!result.ok && one.length > 20) t.false(result.reason.includes(one));
    }),
    { numRuns: 500 },
  );
});

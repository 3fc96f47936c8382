// The server's state table (proto/README.md), rows about TLS and identity: over real TLS sockets, with tokens that an
// authenticator of the test knows.
import test, { type ExecutionContext } from "ava";
import { status } from "@grpc/grpc-js";
import * as fc from "fast-check";
import { issueServingCertificate, makeAuthority } from "../../control-plane/certificates/authority.ts";
import type { Authenticate, Authentication } from "../../control-plane/discovery/authenticate.ts";
import { RenewableServerCredentials } from "../../control-plane/discovery/credentials.ts";
import type { DiscoveryServerOptions } from "../../control-plane/discovery/server.ts";
import { startFixture, until, type Fixture } from "./fixture.ts";
import { Mesh, routeOf } from "./mesh.ts";
import { describe, type RawAgent, type RawAgentOptions } from "./raw-agent.ts";

const hourMs = 3_600_000;
const [authority, otherAuthority] = await Promise.all([
  makeAuthority(Date.now(), hourMs),
  makeAuthority(Date.now(), hourMs),
]);

const accepted = (pod: string, serviceAccount = "default", namespace = "shop"): Authentication => ({
  ok: true,
  namespace,
  serviceAccount,
  pod,
  expiresAtMs: null,
});

const known: Readonly<Record<string, Authentication>> = {
  client: accepted("client"),
  edge: accepted("edge-1", "edge-heddle"),
  elsewhere: accepted("edge-1", "edge-heddle", "other"),
  expiring: { ...accepted("client"), expiresAtMs: 5000 } as Authentication,
  expired: { ok: false, failure: "expired token", reason: "the token expired at noon" },
  unchecked: { ok: false, failure: "not verified", reason: "the token could not be checked: no answer" },
};

const authenticate: Authenticate = (token) =>
  Promise.resolve(known[token] ?? { ok: false, failure: "rejected token", reason: "nobody made this token" });

interface TlsFixture extends Fixture {
  readonly credentials: RenewableServerCredentials;
  readonly connectAs: (token: string, options?: RawAgentOptions) => RawAgent;
}

async function startTls(t: ExecutionContext, options: DiscoveryServerOptions = {}): Promise<TlsFixture> {
  const credentials = new RenewableServerCredentials();
  credentials.update(await issueServingCertificate(authority, ["localhost"], Date.now(), hourMs));
  const mesh = new Mesh()
    .service("cart")
    .workload("shop/client")
    .gateway("edge", { http: { "shop/r": routeOf({ backends: { "shop/cart:80": 1 } }) } });
  const gatewayServiceAccount = (gateway: string): string | undefined =>
    gateway === "shop/edge" ? "edge-heddle" : undefined;
  const fixture = await startFixture(t, mesh, { credentials, authenticate, gatewayServiceAccount, ...options });
  const connectAs = (token: string, agent: RawAgentOptions = {}): RawAgent =>
    fixture.connect({ ca: authority.certificate, authorization: `Bearer ${token}`, ...agent });
  return { ...fixture, credentials, connectAs };
}

function failures({ server }: Fixture): Readonly<Record<string, number>> {
  return Object.fromEntries(server.metrics.authenticationFailures);
}

test("S38 an agent with a good token is served over TLS, for the pod of its token", async (t) => {
  const fixture = await startTls(t);
  const agent = fixture.connectAs("client", { subscriptions: ["frontend:cart:80", "workload:shop/client"] });
  t.true(describe(await agent.expectAck()).includes("frontend:cart:80 FOUND"));
  t.deepEqual(failures(fixture), {});
});

const tokenCases: readonly (readonly [string, RawAgentOptions, status, RegExp, string])[] = [
  ["no token", {}, status.UNAUTHENTICATED, /asks for a ServiceAccount token/, "missing token"],
  ["another scheme", { authorization: "Basic eDp5" }, status.UNAUTHENTICATED, /no bearer token/, "malformed token"],
  ["what is no token", { authorization: "Bearer !" }, status.UNAUTHENTICATED, /no bearer token/, "malformed token"],
  ["an expired token", { authorization: "Bearer expired" }, status.UNAUTHENTICATED, /expired at noon/, "expired token"],
  ["a token of nobody", { authorization: "Bearer x.y.z" }, status.UNAUTHENTICATED, /nobody made/, "rejected token"],
];

for (const [what, options, code, reason, failure] of tokenCases) {
  test(`S39 ${what} is UNAUTHENTICATED with the reason, counted, and nothing is told`, async (t) => {
    const fixture = await startTls(t);
    const agent = fixture.connect({ ca: authority.certificate, subscriptions: ["frontend:cart:80"], ...options });
    const end = await agent.end();
    t.is(end.code, code);
    t.regex(end.details, reason);
    t.deepEqual(failures(fixture), { [failure]: 1 });
    t.is(fixture.server.connectedAgents().length, 0);
  });
}

test("S40 a token that cannot be checked is UNAVAILABLE: the agent may be right", async (t) => {
  const fixture = await startTls(t);
  const end = await fixture.connectAs("unchecked").end();
  t.like(end, { code: status.UNAVAILABLE, details: "the token could not be checked: no answer" });
  t.deepEqual(failures(fixture), { "not verified": 1 });
});

test("S40 while a token is checked nothing is read, and an agent that leaves meanwhile leaves nothing behind", async (t) => {
  const { promise, resolve } = Promise.withResolvers<Authentication>();
  let asked = 0;
  const limits = { maxStreams: 1 };
  const fixture = await startTls(t, { authenticate: () => ((asked += 1), promise), limits });
  const leaving = fixture.connectAs("client", { subscriptions: ["frontend:cart:80"] });
  await until(() => asked === 1, "the question");
  t.is((await fixture.connectAs("client").end()).code, status.RESOURCE_EXHAUSTED, "it counts as a stream");
  leaving.close();
  let staying = fixture.connectAs("client");
  while (asked < 2) {
    if (staying.hasEnded) staying = fixture.connectAs("client");
    await new Promise((tick) => setTimeout(tick, 5));
  }
  resolve(accepted("client"));
  await staying.expectAck();
  t.is(fixture.server.metrics.streamsAccepted, 1);
});

test("S41 an agent that says it is another pod, or of another namespace, is PERMISSION_DENIED", async (t) => {
  const fixture = await startTls(t);
  for (const node of [{ pod: "victim" }, { namespace: "other" }]) {
    const end = await fixture.connectAs("client", node).end();
    t.is(end.code, status.PERMISSION_DENIED);
    t.regex(
      end.details,
      /^the token is of pod "shop\/client", the agent says that it is "(shop\/victim|other\/client)"$/,
    );
  }
  t.deepEqual(failures(fixture), { "other pod": 2 });
});

test("S41 a pod gets its own workload's configuration only", async (t) => {
  const fixture = await startTls(t);
  const end = await fixture.connectAs("client", { subscriptions: ["workload:shop/victim"] }).end();
  t.is(end.code, status.PERMISSION_DENIED);
  const agent = fixture.connectAs("client");
  await agent.expectAck();
  agent.subscribe("workload:shop/victim");
  t.is((await agent.end()).code, status.PERMISSION_DENIED);
});

test("S42 a Gateway is served to pods with its ServiceAccount, of its namespace, and to nobody else", async (t) => {
  const fixture = await startTls(t);
  const subscriptions = ["gateway:shop/edge"];
  const gateway = fixture.connectAs("edge", { mode: "GATEWAY", pod: "edge-1", subscriptions });
  t.true(describe(await gateway.expectAck()).includes("gateway:shop/edge FOUND"));

  const sidecar = await fixture.connectAs("client", { mode: "GATEWAY", subscriptions }).end();
  t.is(sidecar.code, status.PERMISSION_DENIED);
  t.is(
    sidecar.details,
    'Gateway "shop/edge" is for ServiceAccount "edge-heddle" of its namespace, the token is of "shop/default"',
  );
  // The same name in another namespace is another account; the node's namespace rule comes first.
  const elsewhere = fixture.connectAs("elsewhere", {
    mode: "GATEWAY",
    namespace: "other",
    pod: "edge-1",
    subscriptions,
  });
  t.is((await elsewhere.end()).code, status.PERMISSION_DENIED);
  t.deepEqual(failures(fixture), { "other gateway": 1 });
});

test("S42 a Gateway that is not known here yet is UNAVAILABLE: another replica may know it", async (t) => {
  const fixture = await startTls(t);
  const subscriptions = ["gateway:shop/fresh"];
  const end = await fixture.connectAs("edge", { mode: "GATEWAY", pod: "edge-1", subscriptions }).end();
  t.is(end.code, status.UNAVAILABLE);
  t.regex(end.details, /^no Gateway "shop\/fresh"/);
  t.deepEqual(failures(fixture), {});
});

test("S43 when its token expires a stream ends and says so, and the agent is served with the new one", async (t) => {
  const fixture = await startTls(t);
  const agent = fixture.connectAs("expiring");
  await agent.expectAck();
  fixture.clock.advance(4999);
  t.false(agent.hasEnded);
  fixture.clock.advance(1);
  t.like(await agent.end(), {
    code: status.UNAUTHENTICATED,
    details: "the token of this stream expired: connect with the new one",
  });
  await fixture.connectAs("client").expectAck();
});

test("S43 a stream that ended before leaves no timer for its token", async (t) => {
  const fixture = await startTls(t);
  const before = fixture.clock.pendingCount;
  const agent = fixture.connectAs("expiring");
  await agent.expectAck();
  agent.close();
  await until(() => fixture.server.connectedAgents().length === 0, "the end of the stream");
  t.is(fixture.clock.pendingCount, before);
});

test("S46 a stream that is old enough ends in order, the agent is served again, and a half is drawn", async (t) => {
  const fixture = await startTls(t, { random: () => 0.5 });
  const agent = fixture.connectAs("client");
  await agent.expectAck();
  await until(() => fixture.server.metrics.acknowledged === 1, "the ack");
  fixture.clock.advance(1_349_999);
  t.false(agent.hasEnded);
  fixture.clock.advance(1);
  t.is((await agent.end()).code, status.OK);
  await fixture.connectAs("client").expectAck();
});

test("S44 another certificate is shown to new connections, and ends no stream", async (t) => {
  const fixture = await startTls(t);
  const early = fixture.connectAs("client", { subscriptions: ["frontend:cart:80"] });
  await early.expectAck();
  fixture.credentials.update(await issueServingCertificate(otherAuthority, ["localhost"], Date.now(), hourMs));
  await fixture.connectAs("client", { ca: otherAuthority.certificate }).expectAck();
  const mistrusting = await fixture.connectAs("client", { ca: authority.certificate }).end();
  t.is(mistrusting.code, status.UNAVAILABLE);
  fixture.mesh.clusters.set("shop/cart:80", { protocol: "HTTP1", defaultWorkloadVersion: "new" });
  fixture.publish();
  t.deepEqual(describe(await early.expectAck()), ["+CLUSTER/shop/cart:80"]);
  await fixture.connectAs("client", { ca: authority.certificate + otherAuthority.certificate }).expectAck();
});

test("S45 before there is a certificate, and to those who speak no TLS, connections are closed", async (t) => {
  const fixture = await startTls(t);
  t.is((await fixture.connect({ authorization: "Bearer client" }).end()).code, status.UNAVAILABLE);
  fixture.credentials.update(null);
  t.is((await fixture.connectAs("client").end()).code, status.UNAVAILABLE);
  fixture.credentials.update(await issueServingCertificate(authority, ["localhost"], Date.now(), hourMs));
  await fixture.connectAs("client").expectAck();
});

test("S39 random authorization is refused and never ends the server", async (t) => {
  const fixture = await startTls(t);
  const printable = fc.string({ unit: fc.integer({ min: 0x20, max: 0x7e }).map((code) => String.fromCharCode(code)) });
  const authorization = fc.oneof(
    printable,
    printable.map((text) => `Bearer ${text}`),
    fc.base64String({ maxLength: 20_000 }).map((text) => `Bearer ${text}`),
  );
  for (const value of fc.sample(authorization, 40)) {
    const end = await fixture.connect({ ca: authority.certificate, authorization: value }).end();
    t.is(end.code, status.UNAUTHENTICATED, value.slice(0, 100));
    const token = value.slice("Bearer ".length);
    if (token.length > 12) t.false(end.details.includes(token), "the token is not repeated");
  }
  await fixture.connectAs("client").expectAck();
});

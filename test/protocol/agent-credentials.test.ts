// The agent's state table (proto/README.md), rows about TLS and its token: the real client with real files, against the
// real server over TLS.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test, { type ExecutionContext } from "ava";
import { status } from "@grpc/grpc-js";
import * as fc from "fast-check";
import { parseAgentConfig } from "../../agent/config.ts";
import { readCredentials } from "../../agent/discovery/credentials.ts";
import { issueServingCertificate, makeAuthority } from "../../control-plane/certificates/authority.ts";
import type { Authentication } from "../../control-plane/discovery/authenticate.ts";
import { RenewableServerCredentials } from "../../control-plane/discovery/credentials.ts";
import { startAgent, untilWaiting, type Agent } from "./client-fixture.ts";
import { startFixture, until, type Fixture } from "./fixture.ts";
import { Mesh } from "./mesh.ts";

const hourMs = 3_600_000;
/** On the server's clock, which tests move. */
const tokenLifeMs = 600_000;
const [authority, otherAuthority] = await Promise.all([
  makeAuthority(Date.now(), hourMs),
  makeAuthority(Date.now(), hourMs),
]);

interface Setup {
  readonly server: Fixture;
  readonly agent: Agent;
  readonly credentials: RenewableServerCredentials;
  readonly caFile: string;
  readonly tokenFile: string;
  /** Every token that the server was shown. */
  readonly tokens: readonly string[];
  /** The next attempt. */
  readonly retry: () => void;
}

async function setUp(t: ExecutionContext, host = "localhost"): Promise<Setup> {
  const folder = mkdtempSync(join(tmpdir(), "heddle-credentials-"));
  t.teardown(() => rmSync(folder, { recursive: true }));
  const [caFile, tokenFile] = [join(folder, "ca.crt"), join(folder, "token")];
  writeFileSync(caFile, authority.certificate);
  writeFileSync(tokenFile, "good\n");
  const credentials = new RenewableServerCredentials();
  credentials.update(await issueServingCertificate(authority, ["localhost"], Date.now(), hourMs));
  const tokens: string[] = [];
  const server = await startFixture(t, new Mesh().service("cart").workload("shop/client"), {
    credentials,
    authenticate: (token): Promise<Authentication> => {
      tokens.push(token);
      return Promise.resolve(
        token.startsWith("good")
          ? { ok: true, namespace: "shop", serviceAccount: "default", pod: "client", expiresAtMs: tokenLifeMs }
          : { ok: false, failure: "rejected token", reason: "nobody made this token" },
      );
    },
  });
  const agent = startAgent(t, [], {
    addresses: [`${host}:${server.port}`],
    credentials: () => readCredentials({ caFile, tokenFile }),
  });
  agent.client.subscribe("workload:shop/client");
  return { server, agent, credentials, caFile, tokenFile, tokens, retry: () => agent.clock.advance(400) };
}

async function untilStreaming({ client }: Agent): Promise<void> {
  await until(() => client.status().state === "streaming", "a response");
}

test("C20 the agent verifies the control plane by its CA bundle, and sends its token", async (t) => {
  const { agent, tokens } = await setUp(t);
  agent.client.start();
  await untilStreaming(agent);
  t.deepEqual(tokens, ["good"]);
  t.like(agent.client.resources.answers.get("workload:shop/client"), { state: "found" });
});

const unusable: readonly (readonly [string, "ca" | "token", string | null, RegExp])[] = [
  ["no CA bundle", "ca", null, /^cannot read the CA bundle .*: ENOENT$/],
  ["an empty CA bundle", "ca", "", /^the CA bundle .* holds no certificate$/],
  [
    "a CA bundle of garbage",
    "ca",
    "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----",
    /holds no certificate$/,
  ],
  ["no token", "token", null, /^cannot read the token .*: ENOENT$/],
  ["an empty token", "token", "\n", /^the token file .* is empty$/],
  ["a token of two lines", "token", "one\ntwo", /^the token file .* holds no token$/],
];

for (const [what, file, content, reason] of unusable) {
  test(`C21 ${what}: the attempt fails and says why, the next one reads the file again`, async (t) => {
    const setup = await setUp(t);
    const path = file === "ca" ? setup.caFile : setup.tokenFile;
    if (content === null) rmSync(path);
    else writeFileSync(path, content);
    setup.agent.client.start();
    t.is(setup.agent.client.status().state, "waiting");
    t.regex(setup.agent.client.status().lastEnd?.details ?? "", reason);
    t.deepEqual(setup.tokens, [], "nobody was asked");
    writeFileSync(path, file === "ca" ? authority.certificate : "good");
    setup.retry();
    await untilStreaming(setup.agent);
  });
}

test("C22 a control plane that another CA signed is not told the token; with the new bundle it is used", async (t) => {
  const { agent, credentials, caFile, tokens, retry } = await setUp(t);
  credentials.update(await issueServingCertificate(otherAuthority, ["localhost"], Date.now(), hourMs));
  agent.client.start();
  await untilWaiting(agent);
  t.is(agent.client.status().lastEnd?.code, status.UNAVAILABLE);
  t.regex(agent.client.status().lastEnd?.details ?? "", /certificate/);
  t.deepEqual(tokens, []);
  writeFileSync(caFile, authority.certificate + otherAuthority.certificate);
  retry();
  await untilStreaming(agent);
});

test("C22 a control plane of another name is not told the token", async (t) => {
  const { agent, credentials, tokens } = await setUp(t);
  credentials.update(await issueServingCertificate(authority, ["elsewhere.example"], Date.now(), hourMs));
  agent.client.start();
  await untilWaiting(agent);
  t.regex(agent.client.status().lastEnd?.details ?? "", /localhost/);
  t.deepEqual(tokens, []);
});

test("C22 a control plane without TLS is not told the token", async (t) => {
  const plain = await startFixture(t, new Mesh());
  const { caFile, tokenFile } = await setUp(t);
  const agent = startAgent(t, [], {
    addresses: [`localhost:${plain.port}`],
    credentials: () => readCredentials({ caFile, tokenFile }),
  });
  agent.client.start();
  await untilWaiting(agent);
  t.is(agent.client.status().lastEnd?.code, status.UNAVAILABLE);
});

test("C23 a refused agent keeps what it has and comes back with the token of that moment", async (t) => {
  const { server, agent, tokenFile, tokens } = await setUp(t);
  const attempts = (): number => tokens.length;
  agent.client.start();
  await untilStreaming(agent);
  const before = agent.client.resources;
  writeFileSync(tokenFile, "revoked");
  await until(() => server.server.connectedAgents()[0]?.isInFlight === false, "the acknowledgement");
  server.clock.advance(tokenLifeMs);
  await untilWaiting(agent);
  t.regex(agent.client.status().lastEnd?.details ?? "", /token of this stream expired/);
  for (let refused = 1; refused <= 3; refused++) {
    agent.clock.advance(5000);
    await until(() => attempts() === 1 + refused && agent.client.status().state === "waiting", "the refusal");
    t.like(agent.client.status().lastEnd, { code: status.UNAUTHENTICATED, details: "nobody made this token" });
    t.is(agent.client.resources, before);
  }
  writeFileSync(tokenFile, "good-new");
  agent.clock.advance(5000);
  await untilStreaming(agent);
  t.deepEqual(tokens, ["good", "revoked", "revoked", "revoked", "good-new"]);
});

test("random bytes as CA bundle or token are refused with the file's name, or used; nothing else", (t) => {
  const folder = mkdtempSync(join(tmpdir(), "heddle-credentials-"));
  t.teardown(() => rmSync(folder, { recursive: true }));
  const [caFile, tokenFile] = [join(folder, "ca.crt"), join(folder, "token")];
  const bytes = fc.uint8Array({ maxLength: 300 });
  // Also bundles with damage in them: a good certificate beside garbage is still good.
  const bundle = fc.oneof(
    bytes,
    fc
      .tuple(fc.nat(authority.certificate.length - 1), bytes)
      .map(([at, garbage]) => Buffer.concat([Buffer.from(authority.certificate.slice(0, at)), garbage])),
    bytes.map((garbage) => Buffer.concat([garbage, Buffer.from(`\n${authority.certificate}`)])),
  );
  fc.assert(
    fc.property(bundle, bytes, (ca, token) => {
      writeFileSync(caFile, ca);
      writeFileSync(tokenFile, token);
      try {
        t.true(readCredentials({ caFile, tokenFile })._isSecure());
      } catch (error) {
        t.regex(
          (error as Error).message,
          /^the (CA bundle|token file) \S+ (holds no certificate|is empty|holds no token)$/,
        );
      }
    }),
    { numRuns: 300 },
  );
});

test("a token without a CA is a mistake in the settings: it would be sent to anybody", (t) => {
  const environment = {
    HEDDLE_MODE: "sidecar",
    HEDDLE_NODE_NAMESPACE: "shop",
    HEDDLE_NODE_POD: "client",
    HEDDLE_CONTROL_PLANE: "localhost:1",
    HEDDLE_TOKEN_FILE: "/token",
  };
  t.deepEqual(parseAgentConfig(environment), {
    errors: ["HEDDLE_TOKEN_FILE needs HEDDLE_CONTROL_PLANE_CA: a token is sent over TLS only"],
  });
  t.like(parseAgentConfig({ ...environment, HEDDLE_CONTROL_PLANE_CA: "/ca" }), {
    config: { controlPlaneCa: "/ca", tokenFile: "/token" },
  });
});

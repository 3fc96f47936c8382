// Ten months of two replicas' certificates in seconds, their Secret in memory: whoever holds the bundle of a step before
// verifies both; and one rotation over real TLS, with a stream that lives through all of it.
import test, { type ExecutionContext } from "ava";
import { X509Certificate } from "node:crypto";
import tls from "node:tls";
import { bundleOf, type AuthorityState } from "../../control-plane/certificates/authority-plan.ts";
import { decodeAuthorities, encodeAuthorities } from "../../control-plane/certificates/authority-secret.ts";
import { makeAuthority } from "../../control-plane/certificates/authority.ts";
import { CertificateAuthority, type AuthorityStore } from "../../control-plane/certificates/certificate-authority.ts";
import { ServingCertificateRenewal } from "../../control-plane/certificates/serving-certificate.ts";
import { RenewableServerCredentials, type KeyPair } from "../../control-plane/discovery/credentials.ts";
import type { Clock } from "../../control-plane/discovery/clock.ts";
import { startFixture } from "./fixture.ts";
import { Mesh } from "./mesh.ts";
import { describe } from "./raw-agent.ts";

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;

/** What the API server does for a Secret: versions, and writes that lose when another came first. */
class MemorySecret implements AuthorityStore {
  data: Record<string, string> | null = null;
  version = 0;
  lostWrites = 0;
  isDown = false;

  read(): ReturnType<AuthorityStore["read"]> {
    if (this.isDown) return Promise.reject(new Error("connection refused"));
    if (this.data === null) return Promise.resolve(null);
    return Promise.resolve({ content: decodeAuthorities(this.data), version: String(this.version) });
  }

  async write(state: AuthorityState, version: string | null): Promise<boolean> {
    await new Promise((resolve) => setImmediate(resolve));
    const isCurrent = version === (this.data === null ? null : String(this.version));
    if (!isCurrent) this.lostWrites += 1;
    else {
      this.data = encodeAuthorities(state);
      this.version += 1;
    }
    return isCurrent;
  }

  distributedSince(atMs: number): void {
    const { next } = this.state;
    if (next === null) throw new Error("nothing is distributed");
    this.data = encodeAuthorities({ ...this.state, next: { ...next, distributedAtMs: atMs } });
    this.version += 1;
  }

  get state(): AuthorityState {
    const decoded = decodeAuthorities(this.data ?? {});
    if (!decoded.ok) throw new Error(decoded.fault);
    return decoded.state;
  }
}

interface Replica {
  readonly authority: CertificateAuthority;
  readonly serving: ServingCertificateRenewal;
  readonly certificates: KeyPair[];
}

interface World {
  readonly secret: MemorySecret;
  nowMs: number;
  /** The bundle that agents' files hold. */
  distributed: string;
  leader: number;
  readonly replica: (index: number, onCertificate?: (pair: KeyPair) => void) => Replica;
}

function world(t: ExecutionContext): World {
  const clock: Clock = { monotonicMs: () => made.nowMs, wallMs: () => made.nowMs, schedule: () => () => {} };
  const made: World = {
    secret: new MemorySecret(),
    // Node verifies by the machine's clock: the year ends now.
    nowMs: Date.now(),
    distributed: "",
    leader: 0,
    replica(index, onCertificate = () => {}) {
      const authority = new CertificateAuthority({
        store: made.secret,
        isLeader: () => made.leader === index || made.leader === -1,
        isDistributed: (bundle) => made.distributed === bundle,
        clock,
      });
      const certificates: KeyPair[] = [];
      const serving = new ServingCertificateRenewal({
        authority,
        hosts: ["localhost"],
        clock,
        random: () => 0.5,
        onCertificate: (certificate) => {
          certificates.push(certificate);
          onCertificate(certificate);
        },
      });
      t.teardown(() => Promise.all([authority.close(), serving.close()]));
      return { authority, serving, certificates };
    },
  };
  return made;
}

async function settle({ authority, serving }: Replica): Promise<void> {
  // Its own write is read back by the second look.
  for (let round = 0; round < 2; round++) await authority.refresh();
  await serving.refresh();
}

function latest({ certificates }: Replica): X509Certificate {
  return new X509Certificate(certificates.at(-1)?.certificate ?? "");
}

/** Whether somebody who trusts `bundle` verifies `certificate`, at the time `atMs`. */
function isVerified(bundle: string, certificate: X509Certificate, atMs: number): boolean {
  const isValid = certificate.validFromDate.getTime() <= atMs && atMs < certificate.validToDate.getTime();
  const signers = (bundle.match(/-----BEGIN[^-]+-----[^-]+-----END[^-]+-----/g) ?? []).map(
    (pem) => new X509Certificate(pem),
  );
  return (
    isValid &&
    signers.some(
      (signer) =>
        certificate.checkIssued(signer) &&
        certificate.verify(signer.publicKey) &&
        signer.validFromDate.getTime() <= atMs &&
        atMs < signer.validToDate.getTime(),
    )
  );
}

test("two replicas that start at once agree on one authority", async (t) => {
  const made = world(t);
  made.leader = -1;
  const [one, other] = [made.replica(1), made.replica(2)];
  await Promise.all([settle(one), settle(other)]);
  t.is(made.secret.lostWrites, 1);
  t.truthy(one.authority.state);
  t.deepEqual(one.authority.state, other.authority.state);
  for (const each of [one, other]) t.true(isVerified(bundleOf(made.secret.state), latest(each), made.nowMs));
});

test("a replica that does not lead makes nothing, and serves with what the leader made", async (t) => {
  const made = world(t);
  const follower = made.replica(1);
  await settle(follower);
  t.is(made.secret.data, null);
  t.is(follower.certificates.length, 0);
  await settle(made.replica(0));
  await settle(follower);
  t.true(isVerified(bundleOf(made.secret.state), latest(follower), made.nowMs));
});

test("in ten months, with a renewal in them, no agent meets a certificate that its file does not verify, whichever replica leads", async (t) => {
  const made = world(t);
  const replicas = [made.replica(0), made.replica(1)];
  const signers = new Set<string>();
  let bundleSize = 0;
  // A day's certificate is renewed at 0.65 of its life: at the second step.
  const stepMs = 10 * hourMs;
  const steps = (300 * dayMs) / stepMs;
  for (let step = 0; step < steps; step++) {
    made.leader = Math.floor(step / 50) % 2;
    for (const each of replicas) await settle(each);
    const bundle = bundleOf(made.secret.state);
    // Files follow within a step, not within the second.
    const file = made.distributed === "" ? bundle : made.distributed;
    for (const each of replicas) {
      if (!isVerified(file, latest(each), made.nowMs)) t.fail(`step ${step}`);
    }
    made.distributed = bundle;
    signers.add(made.secret.state.signing.certificate);
    bundleSize = Math.max(bundleSize, bundle.split("BEGIN CERTIFICATE").length - 1);
    made.nowMs += stepMs;
  }
  t.is(signers.size, 2, "renewed after eight months");
  t.is(bundleSize, 2);
  t.is(made.secret.state.retired.length, 0, "and forgotten");
  for (const { certificates } of replicas) t.true(Math.abs(certificates.length - steps / 2) <= 5);
});

test("a clock that was a day ahead is set back: what it made is replaced by what is valid now", async (t) => {
  const made = world(t);
  const only = made.replica(0);
  made.nowMs += dayMs;
  await settle(only);
  made.nowMs -= dayMs;
  t.false(isVerified(bundleOf(made.secret.state), latest(only), made.nowMs));
  await settle(only);
  t.true(isVerified(bundleOf(made.secret.state), latest(only), made.nowMs));

  // The authority is from before, the serving certificate from the time ahead.
  const later = made.replica(0);
  made.nowMs += dayMs / 4;
  await settle(later);
  made.nowMs -= dayMs / 4;
  await settle(later);
  t.true(isVerified(bundleOf(made.secret.state), latest(later), made.nowMs));
});

test("while the Secret cannot be read, what was read stays and certificates are renewed", async (t) => {
  const made = world(t);
  const only = made.replica(0);
  await settle(only);
  made.secret.isDown = true;
  made.nowMs += dayMs;
  await settle(only);
  t.is(only.certificates.length, 2);
  t.true(isVerified(bundleOf(made.secret.state), latest(only), made.nowMs));
});

test("a Secret that was removed or cannot be read is made anew, the old one is trusted half a minute more", async (t) => {
  const made = world(t);
  const only = made.replica(0);
  const follower = made.replica(1);
  await settle(only);
  await settle(follower);
  for (const damage of [null, { "ca.crt": "bm8=" }]) {
    const old = made.secret.state.signing.certificate;
    made.secret.data = damage;
    made.secret.version += 1;
    await settle(only);
    t.not(made.secret.state.signing.certificate, old);
    t.true(isVerified(bundleOf(made.secret.state), latest(follower), made.nowMs), "it has not looked yet");
    await settle(follower);
    made.nowMs += 30_000;
    await settle(only);
    t.false(bundleOf(made.secret.state).includes(old));
    t.true(isVerified(bundleOf(made.secret.state), latest(follower), made.nowMs));
    t.true(isVerified(bundleOf(made.secret.state), latest(only), made.nowMs));
  }
});

test("another server's TLS takes the same certificate, and TLS verifies it by name", async (t) => {
  const made = world(t);
  const only = made.replica(0);
  await settle(only);
  const pair = only.certificates.at(-1);
  const server = tls.createServer({ cert: pair?.certificate, key: pair?.key }, (socket) => socket.end("hello"));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.teardown(() => server.close());
  const { port } = server.address() as { port: number };
  const greet = (servername: string): Promise<string> =>
    new Promise((resolve) => {
      const options = { port, host: "127.0.0.1", servername, ca: bundleOf(made.secret.state) };
      const socket = tls.connect(options, () => resolve("verified"));
      socket.on("error", (error: NodeJS.ErrnoException) => resolve(error.code ?? ""));
      t.teardown(() => socket.destroy());
    });
  t.is(await greet("localhost"), "verified");
  t.is(await greet("other.example"), "ERR_TLS_CERT_ALTNAME_INVALID");
});

test("a rotation ends no stream: it lives through every state, and new ones are verified by the bundle of each", async (t) => {
  const made = world(t);
  const credentials = new RenewableServerCredentials();
  const only = made.replica(0, (pair) => credentials.update(pair));
  // An authority at two thirds of its life, on the machine's clock.
  const aged = await makeAuthority(Date.now() - 8.5 * 30 * dayMs, 365 * dayMs);
  made.secret.data = encodeAuthorities({ signing: aged, next: null, retired: [] });
  made.secret.version = 1;
  const fixture = await startFixture(t, new Mesh().service("cart"), { credentials });
  await settle(only);
  const atFirst = aged.certificate;
  const early = fixture.connect({ ca: atFirst, subscriptions: ["frontend:cart:80"] });
  await early.expectAck();

  t.is(made.secret.state.next?.distributedAtMs, null, "introduced");
  await fixture.connect({ ca: atFirst }).expectAck();
  made.distributed = bundleOf(made.secret.state);
  await settle(only);
  t.is(made.secret.state.next?.distributedAtMs, made.nowMs, "distributed");
  await fixture.connect({ ca: atFirst }).expectAck();
  // Node verifies by the machine's clock: not time moves, but since when the bundle is everywhere.
  made.secret.distributedSince(made.nowMs - hourMs + 1);
  await settle(only);
  t.is(made.secret.state.signing.certificate, atFirst, "settling");
  made.secret.distributedSince(made.nowMs - hourMs);
  await settle(only);
  t.not(made.secret.state.signing.certificate, atFirst, "promoted");
  t.is(made.secret.state.retired.length, 1);
  await fixture.connect({ ca: made.distributed }).expectAck();
  await fixture.connect({ ca: bundleOf(made.secret.state) }).expectAck();
  t.is((await fixture.connect({ ca: atFirst }).end()).code, 14, "who missed all of it cannot verify");

  fixture.mesh.clusters.set("shop/cart:80", { protocol: "HTTP1", defaultWorkloadVersion: "new" });
  fixture.publish();
  t.deepEqual(describe(await early.expectAck()), ["+CLUSTER/shop/cart:80"]);
});

// The webhook over real TLS: what the API server sends, what others might, certificates that change, order in closing.
import { request } from "node:https";
import { connect } from "node:net";
import { connect as connectTls } from "node:tls";
import test, { type ExecutionContext } from "ava";
import { issueServingCertificate, makeAuthority } from "../../control-plane/certificates/authority.ts";
import { silentLogger } from "../../control-plane/discovery/logger.ts";
import type { Pod } from "../../control-plane/inject/pod.ts";
import { InjectionEvents, type InjectionEvent } from "../../control-plane/webhook/injection-events.ts";
import { WebhookMetrics } from "../../control-plane/webhook/metrics.ts";
import { WebhookServer } from "../../control-plane/webhook/server.ts";
import { applyJsonPatch } from "../support/json-patch.ts";
import { makePod, settings } from "./pods.ts";
import { makeReview, type ReviewParts } from "./reviews.ts";

const hourMs = 3_600_000;
const authority = await makeAuthority(Date.now(), hourMs);
const certificate = await issueServingCertificate(authority, ["localhost"], Date.now(), hourMs);

interface Running {
  readonly port: number;
  readonly server: WebhookServer;
  readonly metrics: WebhookMetrics;
  readonly written: InjectionEvent[];
  readonly logged: Readonly<Record<string, unknown>>[];
}

async function start(t: ExecutionContext, withCertificate = true): Promise<Running> {
  const metrics = new WebhookMetrics();
  const written: InjectionEvent[] = [];
  const logged: Readonly<Record<string, unknown>>[] = [];
  const events = new InjectionEvents({
    write: (event) => {
      written.push(event);
      return Promise.resolve();
    },
    instance: "replica-1",
    metrics,
    logger: silentLogger,
  });
  const server = new WebhookServer({
    host: "127.0.0.1",
    port: 0,
    certificate: withCertificate ? certificate : null,
    settings: () => settings,
    lingerMs: 200,
    logger: { ...silentLogger, info: (fields, message) => logged.push({ ...fields, message }) },
    events,
    metrics,
  });
  const port = await server.start();
  t.teardown(async () => {
    events.close();
    await server.close();
  });
  return { port, server, metrics, written, logged };
}

interface Sent {
  readonly method?: string;
  readonly path?: string;
  readonly headers?: Record<string, string>;
  readonly ca?: string;
}

function send(
  port: number,
  body: string | Buffer,
  { method = "POST", path = "/inject", headers = {}, ca = authority.certificate }: Sent = {},
): Promise<{ readonly status: number; readonly body: string; readonly connection: string }> {
  return new Promise((resolve, reject) => {
    const sent = request(
      {
        host: "127.0.0.1",
        servername: "localhost",
        port,
        method,
        path,
        ca,
        agent: false,
        headers: { "content-type": "application/json", ...headers },
      },
      (response) => {
        const chunks: Buffer[] = [];
        response.on("data", (chunk: Buffer) => chunks.push(chunk));
        response.on("error", reject);
        response.on("end", () =>
          resolve({
            status: response.statusCode ?? 0,
            body: Buffer.concat(chunks).toString(),
            connection: response.headers.connection ?? "",
          }),
        );
      },
    );
    sent.on("error", reject);
    sent.end(body);
  });
}

interface Response {
  readonly uid: string;
  readonly allowed: boolean;
  readonly patchType?: string;
  readonly patch?: string;
  readonly warnings?: readonly string[];
  readonly status?: { readonly code: number; readonly reason: string; readonly message: string };
}

async function review(t: ExecutionContext, { port }: Running, parts: ReviewParts): Promise<Response> {
  const { status, body } = await send(port, JSON.stringify(makeReview(parts)));
  t.is(status, 200, body);
  const answer = JSON.parse(body) as { apiVersion: string; kind: string; response: Response };
  t.is(`${answer.apiVersion} ${answer.kind}`, "admission.k8s.io/v1 AdmissionReview");
  t.is(answer.response.uid, parts.uid ?? "u-1");
  return answer.response;
}

test("a pod of a labelled namespace is answered with the patch that injects it", async (t) => {
  const running = await start(t);
  const pod = makePod();
  const response = await review(t, running, { pod, uid: "0b1c" });
  t.like(response, { allowed: true, patchType: "JSONPatch", warnings: undefined });
  const patch = JSON.parse(Buffer.from(response.patch ?? "", "base64").toString()) as [];
  const after = applyJsonPatch(pod, patch) as Pod;
  t.deepEqual(
    after.spec.initContainers?.map(({ name }) => name),
    ["heddle-capture", "heddle-proxy"],
  );
  t.deepEqual(running.metrics.injections(), [[{ result: "injected", reason: "" }, 1]]);

  const again = await review(t, running, { pod: after });
  t.deepEqual(again, { uid: "u-1", allowed: true });
  t.deepEqual(running.metrics.injections()[1], [{ result: "unchanged", reason: "" }, 1]);
  t.deepEqual(running.written, []);
});

test("a veto is answered, warned of, logged, counted, and put once as an Event on the pod's controller", async (t) => {
  const running = await start(t);
  const owners = [
    { apiVersion: "v1", kind: "Thing", name: "other", uid: "9" },
    { apiVersion: "apps/v1", kind: "ReplicaSet", name: "web-7f", uid: "42", controller: true },
  ];
  for (let count = 0; count < 3; count++) {
    const response = await review(t, running, { pod: makePod({ spec: { hostNetwork: true } }), owners });
    t.true(response.allowed);
    t.is(response.patch, undefined);
    t.regex(response.warnings?.join() ?? "", /^heddle: not injected: the pod uses the node's network \(hostNetwork\)/);
  }
  t.deepEqual(running.metrics.injections(), [[{ result: "skipped", reason: "host-network" }, 3]]);
  t.like(running.logged[0], {
    result: "skipped",
    reason: "host-network",
    namespace: "shop",
    owner: "ReplicaSet/web-7f",
  });
  t.is(running.written.length, 1);
  t.like(running.written[0], {
    involvedObject: { apiVersion: "apps/v1", kind: "ReplicaSet", name: "web-7f", namespace: "shop", uid: "42" },
    type: "Warning",
    reason: "SidecarNotInjected",
    reportingInstance: "replica-1",
  });
  t.regex(running.written[0]!.message, /hostNetwork.*\(host-network\)$/);
  t.regex(running.written[0]!.metadata.name, /^web-7f\.[0-9a-f]{16}$/);
});

test("a dry run says the same and leaves no Event", async (t) => {
  const running = await start(t);
  const response = await review(t, running, {
    pod: makePod({ spec: { hostNetwork: true } }),
    owners: [{ apiVersion: "apps/v1", kind: "ReplicaSet", name: "web-7f", uid: "42", controller: true }],
    dryRun: true,
  });
  t.is(response.warnings?.length, 1);
  t.is(running.logged.length, 1);
  t.deepEqual(running.written, []);
});

test("a pod that its client sent with the sidecar is an Event; a second look at our own work is none", async (t) => {
  const running = await start(t);
  const first = await review(t, running, { pod: makePod() });
  const pod = applyJsonPatch(makePod(), JSON.parse(Buffer.from(first.patch!, "base64").toString()) as []) as Pod;
  const managedFields = [
    { manager: "kubectl", fieldsV1: { "f:metadata": { "f:annotations": { "f:heddle.dev/injected": {} } } } },
  ];
  const named = { ...pod, metadata: { ...pod.metadata, name: "web", managedFields } };
  const response = await review(t, running, { pod: named });
  t.regex(response.warnings?.join() ?? "", /has its sidecar already/);
  t.like(running.written[0], { type: "Normal", involvedObject: { kind: "Pod", name: "web" } });
});

test("a rejected pod gets 422 and a message that names the annotation", async (t) => {
  const running = await start(t);
  const response = await review(t, running, { pod: makePod({ annotations: { "heddle.dev/log-level": "loud" } }) });
  t.false(response.allowed);
  t.like(response.status, { code: 422, reason: "Invalid" });
  t.regex(response.status?.message ?? "", /^heddle: annotation heddle.dev\/log-level: expected one of .*, got "loud"$/);
  t.deepEqual(running.metrics.injections(), [[{ result: "rejected", reason: "wrong-annotation" }, 1]]);
  t.deepEqual(running.written, []);
});

test("a pod of any namespace that is asked about is injected, of a system namespace none", async (t) => {
  const running = await start(t);
  t.truthy((await review(t, running, { pod: makePod(), namespace: "elsewhere" })).patch);
  const optedIn = makePod({ labels: { "heddle.dev/inject": "true" } });
  t.is((await review(t, running, { pod: optedIn, namespace: "kube-system" })).patch, undefined);
});

test("what is no creation of a pod is let through unpatched", async (t) => {
  const running = await start(t);
  for (const parts of [{ operation: "UPDATE" }, { resource: "deployments" }, { subResource: "ephemeralcontainers" }]) {
    const response = await review(t, running, { pod: makePod(), ...parts });
    t.like(response, { allowed: true, patch: undefined });
  }
});

test("what is no review is refused with a sentence", async (t) => {
  const { port, metrics } = await start(t);
  for (const body of ["", "{", "null", "[]", "{}", '{"kind":"AdmissionReview"}', '{"request":{"uid":"1"}}']) {
    const answer = await send(port, body);
    t.is(answer.status, 400, body);
    t.regex(answer.body, /expected an AdmissionReview/);
  }
  t.deepEqual(metrics.injections(), [[{ result: "failed", reason: "no-review" }, 7]]);
  const old = { ...makeReview({ pod: makePod() }), apiVersion: "admission.k8s.io/v1beta1" };
  const { response } = JSON.parse((await send(port, JSON.stringify(old))).body) as { response: Response };
  t.like(response, { uid: "u-1", allowed: false });
  t.regex(response.status?.message ?? "", /v1beta1/);
});

test("other paths, methods, types and sizes are refused, and the connection closed", async (t) => {
  const { port } = await start(t);
  const body = JSON.stringify(makeReview({ pod: makePod() }));
  t.is((await send(port, body, { path: "/" })).status, 404);
  t.is((await send(port, "", { method: "GET" })).status, 405);
  t.is((await send(port, body, { headers: { "content-type": "text/plain" } })).status, 415);
  t.is((await send(port, body, { path: "/inject?timeout=5s" })).status, 200);
  const large = Buffer.alloc(3 * 1024 * 1024 + 1, " ");
  const announced = await send(port, "", {
    headers: { "content-length": String(large.length), expect: "100-continue" },
  });
  t.like(announced, { status: 413, connection: "close" });
  const exact = Buffer.concat([Buffer.from(body), Buffer.alloc(3 * 1024 * 1024 - body.length, " ")]);
  t.is((await send(port, exact)).status, 200);
});

test("the certificate is the one of the moment; without one there is no handshake", async (t) => {
  const { port, server } = await start(t, false);
  t.false(server.isReady);
  await t.throwsAsync(send(port, "{}"));
  server.setCertificate(certificate);
  t.true(server.isReady);
  t.is((await send(port, "{}")).status, 400);
  const other = await makeAuthority(Date.now(), hourMs);
  server.setCertificate(await issueServingCertificate(other, ["localhost"], Date.now(), hourMs));
  await t.throwsAsync(send(port, "{}"));
  t.is((await send(port, "{}", { ca: other.certificate })).status, 400);
  t.throws(() => server.setCertificate({ certificate: certificate.certificate, key: other.key }));
  t.is((await send(port, "{}", { ca: other.certificate })).status, 400);
});

test("closing: not ready at once, answers for a while, then idle connections end and new ones are refused", async (t) => {
  const { port, server } = await start(t);
  const socket = connectTls({ port, host: "127.0.0.1", servername: "localhost", ca: authority.certificate });
  await new Promise((resolve) => {
    socket.once("secureConnect", resolve);
  });
  // A request first: who has not said anything is given the time for it.
  socket.write(
    "POST /inject HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}",
  );
  await new Promise((resolve) => {
    socket.once("data", resolve);
  });
  const ended = new Promise((resolve) => {
    socket.once("close", resolve).resume();
  });
  const closed = server.close();
  t.false(server.isReady);
  t.like(await send(port, "{}"), { status: 400, connection: "close" });
  await closed;
  await ended;
  await t.throwsAsync(send(port, "{}"), { code: "ECONNREFUSED" });
});

test("closing does not wait for connections that never begin TLS", async (t) => {
  const { port, server } = await start(t);
  const silent = connect({ port, host: "127.0.0.1" });
  const ended = new Promise((resolve) => {
    silent.once("close", resolve).resume();
  });
  await new Promise((resolve) => {
    silent.once("connect", resolve);
  });
  const startedMs = performance.now();
  await server.close();
  await ended;
  t.true(performance.now() - startedMs < 2500);
});

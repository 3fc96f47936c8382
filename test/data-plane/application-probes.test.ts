// Probes that the agent asks in the kubelet's place, against real servers: the verdict is the one that the kubelet would
// have come to. What the kubelet does is k8s.io/kubernetes/pkg/probe.
import type { IncomingMessage, ServerResponse } from "node:http";
import http from "node:http";
import https from "node:https";
import type { AddressInfo } from "node:net";
import net from "node:net";
import { Server, ServerCredentials } from "@grpc/grpc-js";
import test from "ava";
import type { ExecutionContext } from "ava";
import { HealthServer } from "../../agent/admin/health-server.ts";
import { ApplicationProber } from "../../agent/probes/application-prober.ts";
import type { ProbeVerdict } from "../../agent/probes/verdict.ts";
import type { AppProbe, HttpGetProbe } from "../../proto/app-probes.ts";
import { certificateFor } from "../support/certificate.ts";

const path = "/app-probe/app/liveness";

function ask(probe: AppProbe, userAgent = "kube-probe/1.36"): Promise<ProbeVerdict | null> {
  return new ApplicationProber({
    probes: { [path]: probe },
    podAddress: "127.0.0.1",
    localAddress: "127.0.0.6",
  }).probe(path, userAgent);
}

async function listening(t: ExecutionContext, server: net.Server): Promise<number> {
  await new Promise<void>((resolve) => {
    server.listen(0, "127.0.0.1", resolve);
  });
  t.teardown(() => server.close());
  return (server.address() as AddressInfo).port;
}

type Handler = (request: IncomingMessage, response: ServerResponse) => void;

const serve = (t: ExecutionContext, handler: Handler): Promise<number> => listening(t, http.createServer(handler));

const get = (port: number, more: Partial<HttpGetProbe["httpGet"]> = {}, timeoutSeconds = 5): HttpGetProbe => ({
  timeoutSeconds,
  httpGet: { path: "/", port, scheme: "HTTP", ...more },
});

test("25 httpGet: 200 to 399 passes, all else fails with its status", async (t) => {
  const port = await serve(t, ({ url = "" }, response) => {
    response.statusCode = Number(url.slice(1));
    response.end("x");
  });
  for (const status of [200, 204, 304, 399]) {
    t.deepEqual(await ask(get(port, { path: `/${status}` })), {
      passed: true,
      reason: `HTTP probe got status ${status}`,
    });
  }
  for (const status of [400, 401, 404, 500, 503]) {
    t.deepEqual(await ask(get(port, { path: `/${status}` })), {
      passed: false,
      reason: `HTTP probe got status ${status}`,
    });
  }
});

test("25 httpGet: what the application sees is what the kubelet sends, from the address that capture leaves alone", async (t) => {
  const seen: { url?: string | undefined; headers: string[]; from?: string | undefined }[] = [];
  const port = await serve(t, ({ url, rawHeaders, socket }, response) => {
    seen.push({ url, headers: rawHeaders, from: socket.remoteAddress });
    response.end();
  });
  await ask(get(port, { path: "/a/../b//c?d=e f" }), "kube-probe/1.36");
  t.deepEqual(seen[0], {
    url: "/a/../b//c?d=e%20f",
    headers: ["Host", `127.0.0.1:${port}`, "user-agent", "kube-probe/1.36", "accept", "*/*", "Connection", "close"],
    from: "127.0.0.6",
  });
  const httpHeaders = [
    { name: "Host", value: "app.example" },
    { name: "X-CamelCase", value: "é" },
    { name: "X-CamelCase", value: "2" },
    { name: "User-Agent", value: "mine" },
    { name: "Accept", value: "" },
  ];
  await ask(get(port, { httpHeaders }));
  t.deepEqual(seen[1]?.headers, [
    "Host",
    "app.example",
    "X-CamelCase",
    Buffer.from("é").toString("latin1"),
    "X-CamelCase",
    "2",
    "user-agent",
    "mine",
    "Connection",
    "close",
  ]);
});

test("25 httpGet: redirects to the same host are followed, ten requests at most; one to another host passes", async (t) => {
  const urls: string[] = [];
  const port = await serve(t, ({ url = "", headers }, response) => {
    urls.push(`${headers.host}${url}`);
    const to = new URL(url, "http://x").searchParams.get("to");
    if (to === null) response.statusCode = url.startsWith("/bad") ? 500 : 200;
    else response.writeHead(302, { location: to === "loop" ? url : to });
    response.end();
  });
  const host = { httpHeaders: [{ name: "Host", value: "app.example" }] };
  t.like(await ask(get(port, { path: "/?to=/good", ...host })), { passed: true, reason: "HTTP probe got status 200" });
  t.like(await ask(get(port, { path: `/?to=http://127.0.0.1:${port}/bad`, ...host })), { passed: false });
  t.deepEqual(urls.splice(0), [
    "app.example/?to=/good",
    "app.example/good",
    `app.example/?to=http://127.0.0.1:${port}/bad`,
    `127.0.0.1:${port}/bad`,
  ]);
  t.like(await ask(get(port, { path: "/?to=http://elsewhere.example/bad" })), {
    passed: true,
    reason: "HTTP probe got status 302, a redirect to another host, elsewhere.example",
  });
  t.is(urls.splice(0).length, 1);
  t.deepEqual(await ask(get(port, { path: "/?to=loop" })), { passed: false, reason: "stopped after 10 redirects" });
  t.is(urls.length, 10);
});

test("25 httpGet: no server, a response that breaks off, one that is late, and nonsense fail", async (t) => {
  const port = await serve(t, ({ url, socket }, response) => {
    if (url === "/broken") {
      response.writeHead(200, { "content-length": "10" });
      response.write("12345", () => socket.destroy());
    } else if (url === "/large") {
      response.end(Buffer.alloc(1024 * 1024));
    }
  });
  t.like(await ask(get(port, { path: "/large" })), { passed: true });
  t.like(await ask(get(port, { path: "/broken" })), { passed: false });
  t.deepEqual(await ask(get(port, {}, 0.2)), { passed: false, reason: "no answer within 0.2 s" });
  const nonsense = await listening(
    t,
    net.createServer((socket) => socket.on("error", () => undefined).end("nonsense\r\n\r\n")),
  );
  t.like(await ask(get(nonsense)), { passed: false });
  const free = http.createServer();
  const freePort = await listening(t, free);
  free.close();
  t.regex((await ask(get(freePort)))?.reason ?? "", /ECONNREFUSED/);
});

test("25 httpGet over HTTPS: a certificate that nobody signed passes", async (t) => {
  const { key, certificate } = await certificateFor("app.example");
  const server = https.createServer({ key, cert: certificate }, ({ url }, response) => {
    response.statusCode = url === "/good" ? 200 : 500;
    response.end();
  });
  const port = await listening(t, server);
  t.like(await ask(get(port, { scheme: "HTTPS", path: "/good" })), { passed: true });
  t.like(await ask(get(port, { scheme: "HTTPS", path: "/bad" })), {
    passed: false,
    reason: "HTTP probe got status 500",
  });
  t.like(await ask(get(port, { path: "/good" })), { passed: false });
});

test("25 tcpSocket: passes when the connection stands, though nobody says a word", async (t) => {
  const server = net.createServer((socket) => socket.on("error", () => undefined));
  const port = await listening(t, server);
  t.deepEqual(await ask({ timeoutSeconds: 5, tcpSocket: { port } }), { passed: true, reason: "connected" });
  server.close();
  const refused = await ask({ timeoutSeconds: 5, tcpSocket: { port } });
  t.false(refused?.passed);
  t.regex(refused?.reason ?? "", /ECONNREFUSED/);
  // A host of its own is dialled instead of the pod.
  const other = await ask({ timeoutSeconds: 5, tcpSocket: { port, host: "::1" } });
  t.regex(other?.reason ?? "", /::1/);
});

test("25 grpc: SERVING passes; other states, other answers, no health service and no gRPC fail", async (t) => {
  const asked: Buffer[] = [];
  const status = new Map([
    ["", 1],
    ["down", 2],
    ["unknown", 0],
    ["long".repeat(50), 1],
  ]);
  const raw = (bytes: Buffer): Buffer => bytes;
  const method = {
    path: "/grpc.health.v1.Health/Check",
    requestStream: false,
    responseStream: false,
    requestSerialize: raw,
    requestDeserialize: raw,
    responseSerialize: raw,
    responseDeserialize: raw,
  };
  const server = new Server();
  server.addService(
    { Check: method },
    {
      Check: (call: { request: Buffer }, done: (error: object | null, value?: Buffer) => void) => {
        asked.push(call.request);
        const lengthBytes = call.request.length > 130 ? 3 : 2;
        const state = status.get(call.request.subarray(lengthBytes).toString());
        if (state === undefined) done({ code: 5, details: "unknown service" });
        else done(null, state === 0 ? Buffer.alloc(0) : Buffer.from([8, state]));
      },
    },
  );
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    );
  });
  t.teardown(() => server.forceShutdown());
  const check = (service: string): Promise<ProbeVerdict | null> => ask({ timeoutSeconds: 5, grpc: { port, service } });
  t.deepEqual(await check(""), { passed: true, reason: "the gRPC server is SERVING" });
  t.deepEqual(asked[0], Buffer.alloc(0));
  t.deepEqual(await check("down"), { passed: false, reason: "the gRPC server is NOT_SERVING" });
  t.deepEqual(asked[1], Buffer.from("\n\u0004down"));
  t.deepEqual(await check("unknown"), { passed: false, reason: "the gRPC server is UNKNOWN" });
  t.like(await check("long".repeat(50)), { passed: true });
  t.deepEqual(await check("absent"), { passed: false, reason: "gRPC status 5 unknown service" });

  const empty = new Server();
  const emptyPort = await new Promise<number>((resolve) => {
    empty.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (_error, bound) => resolve(bound));
  });
  t.teardown(() => empty.forceShutdown());
  t.regex((await ask({ timeoutSeconds: 5, grpc: { port: emptyPort, service: "" } }))?.reason ?? "", /^gRPC status 12/);
  const notGrpc = await serve(t, (_request, response) => response.end());
  t.like(await ask({ timeoutSeconds: 5, grpc: { port: notGrpc, service: "" } }), { passed: false });
  server.forceShutdown();
  t.regex((await check(""))?.reason ?? "", /ECONNREFUSED/);
});

test("at most 16 probes are under way, further ones fail at once", async (t) => {
  const held: ServerResponse[] = [];
  const port = await serve(t, (_request, response) => held.push(response));
  const prober = new ApplicationProber({
    probes: { [path]: get(port) },
    podAddress: "127.0.0.1",
    localAddress: undefined,
  });
  const first = Array.from({ length: 16 }, () => prober.probe(path, ""));
  t.deepEqual(await prober.probe(path, ""), { passed: false, reason: "16 probes are under way already" });
  while (held.length < 16) await new Promise((resolve) => setImmediate(resolve));
  for (const response of held.splice(0)) response.end();
  t.true((await Promise.all(first)).every((verdict) => verdict?.passed === true));
  const next = prober.probe(path, "");
  while (held.length < 1) await new Promise((resolve) => setImmediate(resolve));
  held[0]?.end();
  t.like(await next, { passed: true });
});

test("the health server: 200 and 503 with the reason, its own pages, nothing of the admin server's", async (t) => {
  let notReady = "no configuration has arrived yet";
  const health = new HealthServer({
    notReady: () => notReady,
    metrics: () => "heddle_up 1\n",
    probe: (asked, userAgent) =>
      Promise.resolve(
        asked.startsWith("/app-probe/") ? { passed: asked.endsWith("liveness"), reason: userAgent } : null,
      ),
  });
  const port = await health.listen("::", 0, null);
  t.teardown(() => health.close());
  const answer = async (page: string, method = "GET"): Promise<string> => {
    const response = await fetch(`http://127.0.0.1:${port}${page}`, { method, headers: { "user-agent": "me" } });
    return `${response.status} ${await response.text()}`;
  };
  t.is(await answer("/livez"), "200 ok\n");
  t.is(await answer("/readyz"), "503 no configuration has arrived yet\n");
  notReady = "";
  t.is(await answer("/readyz?x"), "200 ok\n");
  t.is(await answer("/metrics"), "200 heddle_up 1\n");
  t.is(await answer(path), "200 me\n");
  t.is(await answer("/app-probe/app/readiness"), "503 me\n");
  for (const page of ["/config", "/drain", "/exit", "/", "/app-prob"]) t.is(await answer(page), "404 no such page\n");
  t.is(await answer("/drain", "POST"), "405 only GET is answered here\n");
});

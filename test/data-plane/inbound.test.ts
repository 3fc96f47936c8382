// A sidecar's inbound listener: to the application beside it, as HTTP where that is spoken, as bytes where not.
import { once } from "node:events";
import { createServer } from "node:http2";
import net from "node:net";
import type { AddressInfo } from "node:net";
import { connect } from "node:http2";
import { networkInterfaces } from "node:os";
import test from "ava";
import type { InboundPort } from "../../agent/snapshot/resources.ts";
import { RawClient, exchange } from "../support/raw-client.ts";
import { ok, startOrigin, startRawServer } from "../support/raw-server.ts";
import { valuesOf } from "../support/raw-message.ts";
import type { Test } from "../support/test-context.ts";
import type { TestSidecar } from "../support/sidecar.ts";
import { inboundOnly, sidecarFor } from "../support/sidecar.ts";
import { until } from "../support/until.ts";
import { startWebSocketServer } from "../support/web-socket-server.ts";

async function besideApplication(
  t: Test,
  applicationPort: number,
  protocol: InboundPort["protocol"] = "detect",
): Promise<TestSidecar> {
  const sidecar = await sidecarFor(t, { rules: [], clusters: {}, frontend: "other:80" });
  sidecar.configure(inboundOnly({ port: sidecar.inbound, applicationAddress: "127.0.0.1", applicationPort, protocol }));
  return sidecar;
}

test("requests reach the application as they were sent, on connections that are used again", async (t) => {
  const application = await startOrigin(t, (request) => ok(request.body));
  const sidecar = await besideApplication(t, application.port);
  const client = await RawClient.connect(t, sidecar.inbound);
  for (let index = 0; index < 3; index++) {
    client.write(
      "PUT /a?b HTTP/1.1\r\nHost: shop\r\nX-Forwarded-For: 1.2.3.4\r\nheddle-mirror: x\r\nContent-Length: 2\r\n\r\nhi",
    );
    t.is((await client.response()).body, "hi");
  }
  t.deepEqual(application.requests[0]!.headers.slice(0, 3), [
    ["Host", "shop"],
    ["X-Forwarded-For", "1.2.3.4"],
    ["heddle-mirror", "x"],
  ]);
  t.is(application.connections(), 1);
  const counted = sidecar.context.metrics.registry.render();
  t.regex(counted, /http_inbound_requests_total\{[^}]*version="v1"[^}]*\} 3/);
});

test("an application that is down is a 503, and is asked again at once", async (t) => {
  const application = await startOrigin(t, () => ok("up"));
  await application.stop();
  const sidecar = await besideApplication(t, application.port);
  const get = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
  for (let index = 0; index < 3; index++) {
    const response = await exchange(t, sidecar.inbound, get);
    t.is(response.status, 503);
    t.deepEqual(valuesOf(response, "heddle-reason"), ["connect_failed"]);
    // The caller's agent may send it elsewhere: nothing was delivered.
    t.deepEqual(valuesOf(response, "heddle-replay"), ["any"]);
  }
  await startOrigin(t, () => ok("up"), application.port);
  t.is((await exchange(t, sidecar.inbound, get)).status, 200);
});

test("an application that resets is a 502, which the caller's agent may send elsewhere if that is safe", async (t) => {
  const application = await startOrigin(t, (_request, socket) => {
    socket.resetAndDestroy();
    return null;
  });
  const sidecar = await besideApplication(t, application.port);
  const response = await exchange(t, sidecar.inbound, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  t.is(response.status, 502);
  t.deepEqual(valuesOf(response, "heddle-replay"), ["idempotent"]);
  t.is(application.requests.length, 1);
});

test("what an application says in heddle-replay goes no further", async (t) => {
  const answer = "HTTP/1.1 503 Service Unavailable\r\nheddle-replay: any\r\nContent-Length: 0\r\n\r\n";
  const application = await startOrigin(t, () => answer);
  const sidecar = await besideApplication(t, application.port);
  const response = await exchange(t, sidecar.inbound, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  t.is(response.status, 503);
  t.deepEqual(valuesOf(response, "heddle-replay"), []);
});

test("503 before the workload is known, 404 on a port that the workload does not have", async (t) => {
  const sidecar = await sidecarFor(t, { rules: [], clusters: {}, frontend: "other:80" });
  const get = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
  t.deepEqual(valuesOf(await exchange(t, sidecar.inbound, get), "heddle-reason"), ["not_ready"]);
  const workload = { serviceName: "shop", workloadVersion: "v1", inboundPorts: [] };
  sidecar.configure({ rules: [], clusters: {}, frontend: "other:80", workload });
  t.deepEqual(valuesOf(await exchange(t, sidecar.inbound, get), "heddle-reason"), ["no_listener"]);
});

test("what is received is counted under the version that the pod has now", async (t) => {
  const application = await startOrigin(t, () => ok("x"));
  const sidecar = await besideApplication(t, application.port);
  const get = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
  await exchange(t, sidecar.inbound, get);
  const { workload } = sidecar.context.store.current();
  sidecar.configure({
    rules: [],
    clusters: {},
    frontend: "other:80",
    workload: { serviceName: "shop", workloadVersion: "v2", inboundPorts: workload?.inboundPorts ?? [] },
  });
  await exchange(t, sidecar.inbound, get);
  const counted = sidecar.context.metrics.registry.render();
  t.regex(counted, /http_inbound_requests_total\{[^}]*version="v1"[^}]*\} 1\n/);
  t.regex(counted, /http_inbound_requests_total\{[^}]*version="v2"[^}]*\} 1\n/);
});

test("bytes that are no HTTP are relayed, both ways, ends included", async (t) => {
  const application = await startRawServer(t, (socket) => {
    socket.on("data", (bytes: Buffer) => socket.write(bytes));
    socket.on("end", () => socket.end("bye"));
  });
  const sidecar = await besideApplication(t, application.port);
  const client = await RawClient.connect(t, sidecar.inbound);
  const bytes = "\x16\x03\x01" + "\x00\xff".repeat(300_000);
  client.write(bytes);
  await client.until(() => client.received.length === bytes.length);
  t.true(client.received === bytes);
  client.end();
  await client.ended();
  t.true(client.received.endsWith("bye"));
  await until(() => sidecar.listeners.inbound.openConnections === 0);
  t.is(sidecar.context.metrics.passthroughConnections.value, 1);
});

test("a silent client gets the server's first word", async (t) => {
  const application = await startRawServer(t, (socket) => {
    socket.write("220 ready\r\n");
    socket.on("data", (bytes: Buffer) => socket.write(bytes));
  });
  const sidecar = await besideApplication(t, application.port);
  const startedMs = performance.now();
  const client = await RawClient.connect(t, sidecar.inbound);
  await client.until(() => client.received === "220 ready\r\n");
  const tookMs = performance.now() - startedMs;
  t.true(tookMs >= 45, `${tookMs} ms`);
  // What looks like HTTP afterwards is the other protocol's all the same.
  client.write("GET / is not HTTP here\r\n");
  await client.until(() => client.received.endsWith("GET / is not HTTP here\r\n"));
});

test("a client that only ends gets the server's word too", async (t) => {
  const application = await startRawServer(t, (socket) => {
    socket.on("end", () => socket.end("banner")).resume();
  });
  const sidecar = await besideApplication(t, application.port);
  const client = await RawClient.connect(t, sidecar.inbound);
  client.end();
  await client.ended();
  t.is(client.received, "banner");
});

test("a method that comes in pieces is waited for", async (t) => {
  const application = await startOrigin(t, (request) => ok(request.method));
  const sidecar = await besideApplication(t, application.port);
  const client = await RawClient.connect(t, sidecar.inbound);
  for (const piece of ["D", "ELE", "TE / HT", "TP/1.1\r\nHost: a\r\n\r\n"]) {
    client.write(piece);
    await new Promise((resolve) => setTimeout(resolve, 60));
  }
  t.is((await client.response()).body, "DELETE");
});

test("tcp is declared: nothing is looked at, the application is dialled at once", async (t) => {
  const application = await startRawServer(t, (socket) => {
    socket.write("first");
    socket.on("data", (bytes: Buffer) => socket.write(bytes));
  });
  const sidecar = await besideApplication(t, application.port, "tcp");
  const client = await RawClient.connect(t, sidecar.inbound);
  await client.until(() => client.received === "first", 2000);
  client.write("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n");
  await client.until(() => client.received.endsWith("Host: b\r\n\r\n"));
  t.pass();
});

test("HTTP/2 is relayed as bytes", async (t) => {
  const application = createServer((_request, response) => response.end("over h2"));
  application.listen(0, "127.0.0.1");
  await once(application, "listening");
  const sidecar = await besideApplication(t, (application.address() as AddressInfo).port);
  const session = connect(`http://127.0.0.1:${sidecar.inbound}`);
  t.teardown(() => {
    session.destroy();
    application.close();
  });
  const request = session.request({ ":path": "/" });
  let body = "";
  request.setEncoding("utf8").on("data", (text: string) => (body += text));
  await once(request, "end");
  t.is(body, "over h2");
});

test("a relay stops reading from whoever sends to one that does not read", async (t) => {
  const application = await startRawServer(t, (socket) => socket.pause());
  const sidecar = await besideApplication(t, application.port, "tcp");
  const client = await RawClient.connect(t, sidecar.inbound);
  const block = Buffer.alloc(256 * 1024);
  let sent = 0;
  const more = (): void => {
    while (sent < 200_000_000) {
      sent += block.length;
      if (!client.socket.write(block)) return;
    }
  };
  client.socket.on("drain", more);
  more();
  let last = -1;
  let sinceMs = performance.now();
  await until(() => {
    if (sent !== last) [last, sinceMs] = [sent, performance.now()];
    return performance.now() - sinceMs > 250;
  });
  t.true(sent < 24 * 1024 * 1024, `${sent} bytes`);
});

test("a reset on either side of a relay is a reset on the other; a refused dial, too", async (t) => {
  const outcomes: string[] = [];
  const application = await startRawServer(t, (socket) => {
    socket.on("error", (error: NodeJS.ErrnoException) => outcomes.push(error.code ?? ""));
    socket.on("data", (bytes: Buffer) => {
      if (bytes.toString() === "\0reset") socket.resetAndDestroy();
      else socket.write(bytes);
    });
  });
  const sidecar = await besideApplication(t, application.port, "tcp");
  const first = await RawClient.connect(t, sidecar.inbound);
  first.write("x");
  await first.until(() => first.received === "x");
  first.reset();
  await until(() => outcomes.length === 1);
  t.is(outcomes[0], "ECONNRESET");
  const second = await RawClient.connect(t, sidecar.inbound);
  second.write("\0reset");
  await second.until(() => second.closed);
  t.is(second.closing, "reset");
  await application.stop();
  const third = await RawClient.connect(t, sidecar.inbound);
  third.write("x");
  await third.until(() => third.closed);
  t.is(third.closing, "reset");
  await until(() => sidecar.listeners.inbound.openConnections === 0);
});

test("a captured upgrade is dialled from the address that capture lets pass: else the agent would call itself", async (t) => {
  const application = await startWebSocketServer(t);
  const sidecar = await besideApplication(t, application.port);
  const port = await sidecar.capturedInbound({ address: "127.0.0.1", port: sidecar.inbound }, "127.0.0.6");
  const client = await RawClient.connect(t, port);
  client.write(
    "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
      "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n",
  );
  t.is((await client.response()).status, 101);
  t.deepEqual(application.peers, ["127.0.0.6"]);
});

const hasIpv6 = Object.values(networkInterfaces()).some((addresses) =>
  addresses?.some(({ address }) => address === "::1"),
);

if (!hasIpv6) console.log("skipped: the test of both families needs ::1");

(hasIpv6 ? test : test.skip)(
  "a pod of both families: a call over either one reaches the application over it",
  async (t) => {
    const peers: string[] = [];
    const application = net.createServer((socket) => {
      peers.push(`${socket.remoteAddress} to ${socket.localAddress}`);
      socket.on("error", () => undefined).on("data", () => socket.write(ok("x")));
    });
    application.listen({ host: "::1", port: 0 });
    await once(application, "listening");
    const { port } = application.address() as AddressInfo;
    const overIpv4 = await startRawServer(
      t,
      (socket) => {
        peers.push(`${socket.remoteAddress} to ${socket.localAddress}`);
        socket.on("data", () => socket.write(ok("x")));
      },
      port,
    );
    t.teardown(() => application.close());
    const sidecar = await besideApplication(t, overIpv4.port);
    // ::6 is an address of pods only, whose loopback interface the capture program gives it to.
    const ipv6 = await sidecar.capturedInbound({ address: "::1", port: sidecar.inbound }, "::1");
    const ipv4 = await sidecar.capturedInbound({ address: "127.0.0.1", port: sidecar.inbound }, "127.0.0.6");
    for (const captured of [ipv6, ipv4, ipv6, ipv4]) {
      const response = await exchange(t, captured, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
      t.is(response.status, 200, response.body);
    }
    t.deepEqual(peers, ["::1 to ::1", "127.0.0.6 to 127.0.0.1"]);
  },
);

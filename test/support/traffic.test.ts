// The traffic generator finds what it is there to find: each way to spoil an answer is a failure with its reason.
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import test from "ava";
import { EchoOrigin } from "./echo-origin.ts";
import { seededRandom } from "./seeded-random.ts";
import { Traffic } from "./traffic.ts";
import { until } from "./until.ts";

test("every request of the mix is served by an echo origin, at the stated rate", async (t) => {
  const origin = new EchoOrigin({ name: "web-0" });
  await origin.listen();
  t.teardown(() => origin.destroy());
  const servedBy = new Set<string>();
  const traffic = new Traffic({
    rate: 200,
    port: () => origin.port,
    random: seededRandom(3),
    onServed: (served) => servedBy.add(served.servedBy),
  });
  t.teardown(() => traffic.destroy());
  const beganMs = performance.now();
  traffic.start();
  await until(() => traffic.sent >= 200);
  await traffic.stop();
  t.true(performance.now() - beganMs >= 1000);
  t.deepEqual(traffic.failures, []);
  t.is(traffic.served, traffic.sent);
  t.is(origin.received.size, traffic.sent);
  t.deepEqual([...servedBy], ["web-0"]);
});

for (const [name, spoil, reason] of [
  [
    "an error status",
    (_request: IncomingMessage, response: ServerResponse) => {
      response.writeHead(503, { "heddle-reason": "no_endpoint" }).end();
    },
    /^status 503 no_endpoint$/,
  ],
  [
    "a reset",
    (request: IncomingMessage) => {
      request.socket.resetAndDestroy();
    },
    /^no response: (ECONNRESET|EPIPE)/,
  ],
  [
    "a body that is cut",
    (request: IncomingMessage, response: ServerResponse) => {
      response.writeHead(200, { "content-length": 100 }).write("x", () => request.socket.destroy());
    },
    /^(cut after|no response: |wrong echo)/,
  ],
  [
    "another body",
    (request: IncomingMessage, response: ServerResponse) => {
      response.writeHead(200, { "x-request-id": request.headers["x-request-id"] }).end("no echo");
    },
    /^wrong echo$/,
  ],
] as const)
  test(`${name} is a failure`, async (t) => {
    const server = createServer((request, response) => {
      request.resume();
      // HEAD has no body that could be wrong.
      if (request.method === "HEAD") response.writeHead(500).end();
      else request.once("end", () => spoil(request, response));
      request.on("error", () => undefined);
    });
    await new Promise<void>((resolve) => {
      server.listen(0, "127.0.0.1", resolve);
    });
    t.teardown(() => {
      server.close();
      server.closeAllConnections();
    });
    const traffic = new Traffic({
      rate: 200,
      port: () => (server.address() as AddressInfo).port,
      random: seededRandom(5),
    });
    t.teardown(() => traffic.destroy());
    traffic.start();
    await until(() => traffic.sent >= 60);
    await traffic.stop();
    t.is(traffic.served, 0, traffic.summary());
    t.is(traffic.failures.length, traffic.sent);
    for (const failure of traffic.failures) if (failure.kind !== "head") t.regex(failure.reason, reason);
  });

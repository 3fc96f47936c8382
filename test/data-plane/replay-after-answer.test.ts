// The one replay after an answer of an agent that could not reach its application; and none after an application's own.
import test from "ava";
import { proxyFor } from "../support/proxy.ts";
import { RawClient, exchange } from "../support/raw-client.ts";
import { ok, startOrigin } from "../support/raw-server.ts";
import { valuesOf } from "../support/raw-message.ts";
import { backend, rule } from "../support/resources.ts";
import { inboundOnly, sidecarFor } from "../support/sidecar.ts";
import type { Test } from "../support/test-context.ts";

const request = (method: string, body = ""): string =>
  `${method} / HTTP/1.1\r\nHost: a\r\n${body === "" ? "" : `Content-Length: ${body.length}\r\n`}\r\n${body}`;

/** Resets a connection at each request. */
const resettingAlways = (t: Test) =>
  startOrigin(t, (_request, socket) => {
    socket.resetAndDestroy();
    return null;
  });

/** The answer of an agent whose application is away. */
const away = (head: string): string => `HTTP/1.1 ${head}\r\nContent-Length: 4\r\n\r\naway`;
const refusedBehind = "503 Service Unavailable\r\nheddle-reason: connect_failed\r\nheddle-replay: any";
const resetBehind = "502 Bad Gateway\r\nheddle-reason: upstream_reset\r\nheddle-replay: idempotent";

for (const [what, head, method, replayed] of [
  ["nothing was delivered", refusedBehind, "POST", true],
  ["nothing was delivered", refusedBehind, "GET", true],
  ["no connection came in time", refusedBehind.replace("failed", "timeout"), "POST", true],
  ["the application broke off", resetBehind, "POST", false],
  // What no agent says, whoever does.
  ["any in a 200", "200 OK\r\nheddle-replay: any", "POST", false],
  ["any in a 200 with a reason", refusedBehind.replace("503 Service Unavailable", "200 OK"), "POST", false],
  ["any in a 503 of the application", "503 Service Unavailable\r\nheddle-replay: any", "POST", false],
  ["any with the reason of a reset", refusedBehind.replace("connect_failed", "upstream_reset"), "POST", false],
  ["any after a reset", resetBehind.replace("idempotent", "any"), "POST", false],
  ["two of them", `${refusedBehind}\r\nheddle-replay: any`, "POST", false],
  ["idempotent in a 503", resetBehind.replace("502 Bad Gateway", "503 Service Unavailable"), "GET", false],
] as const) {
  const title = `an answer that says: ${what}, to ${method}, is ${replayed ? "replayed" : "passed on, without heddle-replay"}`;
  test(title, async (t) => {
    const answering = await startOrigin(t, () => away(head));
    const up = await startOrigin(t, (received) => ok(received.body));
    const proxy = await proxyFor(
      t,
      { rules: [rule([backend("b")])], clusters: { b: [answering.port, up.port] } },
      { random: () => 0 },
    );
    const client = await RawClient.connect(t, proxy.port);
    const body = method === "POST" ? "body" : "";
    // The later times on connections that stand, and with credit for a replay.
    for (let round = 0; round < 7; round++) {
      client.write(request(method, body));
      const response = await client.response();
      t.is(response.status, replayed ? 200 : Number(head.slice(0, 3)));
      t.is(response.body, replayed ? body : "away");
      t.deepEqual(valuesOf(response, "heddle-replay"), []);
    }
    t.is(answering.requests.length, 7);
    t.is(up.requests.length, replayed ? 7 : 0);
  });
}

for (const [what, method, application] of [
  ["is gone", "POST", null],
  ["breaks off", "GET", resettingAlways],
] as const) {
  test(`the answer of a real agent whose application ${what} is replayed`, async (t) => {
    const gone = await (application ?? ((of: Test) => startOrigin(of, () => null)))(t);
    if (application === null) await gone.stop();
    const sidecar = await sidecarFor(t, (port) =>
      inboundOnly({ port, applicationAddress: "127.0.0.1", applicationPort: gone.port, protocol: "detect" }),
    );
    const up = await startOrigin(t, () => ok("up"));
    const proxy = await proxyFor(
      t,
      { rules: [rule([backend("b")])], clusters: { b: [up.port, up.port] } },
      { random: () => 0 },
    );
    const client = await RawClient.connect(t, proxy.port);
    // Earns the credit that a GET takes which may have been delivered.
    for (let index = 0; index < 5; index++) await client.get();
    proxy.configure({ rules: [rule([backend("b")])], clusters: { b: [sidecar.inbound, up.port] } });
    client.write(request(method, method === "POST" ? "body" : ""));
    t.is((await client.response()).body, "up");
    const replays = proxy.context.metrics.replays;
    t.is(replays.with("connect-failure").value + replays.with("reset").value, 1);
  });
}

test("half of all requests may come back undelivered, for as long as that is so: none is lost", async (t) => {
  const ended = await startOrigin(t, () => away(refusedBehind));
  const up = await startOrigin(t, (received) => ok(received.body));
  const proxy = await proxyFor(t, { rules: [rule([backend("b")])], clusters: { b: [ended.port, up.port] } });
  const client = await RawClient.connect(t, proxy.port);
  for (let index = 0; index < 400; index++) {
    client.write(request("POST", "body"));
    t.is((await client.response()).status, 200);
  }
  t.true(ended.requests.length > 100, `${ended.requests.length}`);
});

test("heddle-replay of a request goes to no endpoint, which could send it back", async (t) => {
  const reflecting = (): ReturnType<typeof startOrigin> =>
    startOrigin(t, (received) => {
      const headers = received.headers.map(([name, value]) => (/^heddle-/i.test(name) ? `${name}: ${value}\r\n` : ""));
      return `HTTP/1.1 503 Service Unavailable\r\n${headers.join("")}Content-Length: 0\r\n\r\n`;
    });
  const origins = [await reflecting(), await reflecting()];
  const clusters = { b: origins.map(({ port }) => port) };
  const proxy = await proxyFor(t, { rules: [rule([backend("b")])], clusters });
  const headers = "Heddle-Replay: any\r\nheddle-reason: connect_failed\r\n";
  await exchange(t, proxy.port, `POST / HTTP/1.1\r\nHost: a\r\n${headers}Content-Length: 1\r\n\r\nx`);
  const received = origins.flatMap(({ requests }) => requests);
  t.is(received.length, 1);
  t.deepEqual(valuesOf(received[0]!, "heddle-replay"), []);
  t.deepEqual(valuesOf(received[0]!, "heddle-reason"), ["connect_failed"]);
});

test("an answer that may be replayed is passed on when there is no other endpoint", async (t) => {
  const only = await startOrigin(t, () => away(refusedBehind));
  const proxy = await proxyFor(t, { rules: [rule([backend("b")])], clusters: { b: [only.port] } });
  t.is((await exchange(t, proxy.port, request("GET"))).status, 503);
  t.is(only.requests.length, 1);
});

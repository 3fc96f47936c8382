// Requests that are sent without waiting are answered in their order, whoever answers them.
import test from "ava";
import { proxyFor } from "../support/proxy.ts";
import { RawClient } from "../support/raw-client.ts";
import { ok, startOrigin } from "../support/raw-server.ts";
import { valuesOf } from "../support/raw-message.ts";
import { backend, match, rule } from "../support/resources.ts";
import { until } from "../support/until.ts";

const prefix = (value: string) => match({ path: { kind: "prefix", value } });
const get = (target: string): string => `GET ${target} HTTP/1.1\r\nHost: a\r\n\r\n`;

test("two hundred requests in one packet are answered in order", async (t) => {
  const origin = await startOrigin(t, (request) => ok(request.target));
  const proxy = await proxyFor(t, { rules: [rule([backend("origin")])], clusters: { origin: [origin.port] } });
  const client = await RawClient.connect(t, proxy.port);
  const targets = Array.from({ length: 200 }, (_, index) => `/${index}`);
  client.write(targets.map(get).join(""));
  const bodies = (await client.responses(200)).map((response) => response.body);
  t.deepEqual(bodies, targets);
});

test("answers by the proxy and by endpoints keep the order of their requests", async (t) => {
  const origin = await startOrigin(t, (request) => ok(request.target));
  const proxy = await proxyFor(t, {
    rules: [rule([backend("origin")], { matches: [prefix("/up")] })],
    clusters: { origin: [origin.port] },
  });
  const client = await RawClient.connect(t, proxy.port);
  const targets = ["/none", "/up/1", "/none", "/none", "/up/2", "/none", "/up/3"];
  client.write(targets.map(get).join(""));
  const responses = await client.responses(targets.length);
  t.deepEqual(
    responses.map((response) => (response.status === 404 ? "/none" : response.body)),
    targets,
  );
});

test("requests with bodies follow each other in one packet, byte by byte, and cut anywhere", async (t) => {
  const origin = await startOrigin(t, (request) => ok(`${request.method} ${request.body}`));
  const proxy = await proxyFor(t, { rules: [rule([backend("origin")])], clusters: { origin: [origin.port] } });
  const text =
    "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nfirst" +
    "PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nsec\r\n3\r\nond\r\n0\r\n\r\n" +
    get("/") +
    "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\n\r\nfourth";
  const expected = ["POST first", "PUT second", "GET ", "POST fourth"];
  const bodiesOf = async (pieces: readonly string[]): Promise<string[]> => {
    const client = await RawClient.connect(t, proxy.port);
    for (const piece of pieces) {
      client.write(piece);
      await new Promise(setImmediate);
    }
    const responses = await client.responses(expected.length);
    client.socket.destroy();
    return responses.map((response) => response.body);
  };
  t.deepEqual(await bodiesOf([text]), expected);
  t.deepEqual(await bodiesOf(text.split("")), expected);
  for (let cut = 1; cut < text.length; cut += 3) {
    t.deepEqual(await bodiesOf([text.slice(0, cut), text.slice(cut)]), expected, `cut at ${cut}`);
  }
});

test("a client that sends all its requests and half-closes gets all its answers", async (t) => {
  const origin = await startOrigin(t, (request) => ok(request.target));
  const proxy = await proxyFor(t, { rules: [rule([backend("origin")])], clusters: { origin: [origin.port] } });
  const client = await RawClient.connect(t, proxy.port);
  client.socket.end(get("/1") + get("/2") + get("/3"), "latin1");
  const responses = await client.responses(3);
  t.deepEqual(
    responses.map((response) => response.body),
    ["/1", "/2", "/3"],
  );
  await client.ended();
  t.deepEqual(valuesOf(responses[2]!, "connection"), ["close"]);
});

/** Resolves with a count once it stands still for 300 ms. */
async function settled(count: () => number): Promise<number> {
  let last = -1;
  let sinceMs = performance.now();
  await until(() => {
    if (count() !== last) {
      last = count();
      sinceMs = performance.now();
    }
    return last > 0 && performance.now() - sinceMs > 300;
  });
  return last;
}

test("a client that pipelines and never reads is not served ahead of its reading", async (t) => {
  const answer = ok("x".repeat(64 * 1024));
  const origin = await startOrigin(t, () => answer);
  const proxy = await proxyFor(t, { rules: [rule([backend("origin")])], clusters: { origin: [origin.port] } });
  const client = await RawClient.connect(t, proxy.port);
  client.socket.pause();
  client.write(get("/").repeat(600));
  const served = await settled(() => origin.requests.length);
  t.true(served < 250, `${served} of 600 answers of 64 KiB were fetched`);
  client.socket.resume();
  await client.until(() => client.received.length === 600 * answer.length);
});

test("answers by the proxy wait for a client that does not read, too", async (t) => {
  const proxy = await proxyFor(t, { rules: [rule([], { matches: [prefix("/up")] })], clusters: {} });
  const client = await RawClient.connect(t, proxy.port);
  client.socket.pause();
  const requests = 200_000;
  for (let sent = 0; sent < requests; sent += 1000) client.write(get("/none").repeat(1000));
  const answered = await settled(() => proxy.context.metrics.localReplies.with("no_route").value);
  t.true(answered < requests / 2, `${answered} of ${requests} were answered to a client that reads nothing`);
});

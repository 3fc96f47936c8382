// 1xx responses and Expect: 100-continue: the endpoint decides, the proxy passes it on at once.
import test from "ava";
import { proxyFor } from "../support/proxy.ts";
import { RawClient } from "../support/raw-client.ts";
import { ok, startOrigin, startRawServer } from "../support/raw-server.ts";
import { valuesOf } from "../support/raw-message.ts";
import { backend, rule } from "../support/resources.ts";

const toOrigin = (port: number) => ({ rules: [rule([backend("origin")])], clusters: { origin: [port] } });

test("Expect: 100-continue: the head goes first, the body after the endpoint's 100", async (t) => {
  let heads = "";
  const origin = await startRawServer(t, (socket) => {
    socket.setEncoding("latin1").on("data", (text: string) => {
      heads += text;
      if (heads.endsWith("\r\n\r\n")) socket.write("HTTP/1.1 100 Continue\r\n\r\n");
      if (heads.endsWith("body!")) socket.write(ok("done"));
    });
  });
  const proxy = await proxyFor(t, toOrigin(origin.port));
  const client = await RawClient.connect(t, proxy.port);
  client.write("PUT / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n");
  const interim = await client.response();
  t.is(interim.head, "HTTP/1.1 100 Continue\r\n\r\n");
  t.regex(heads, /\r\nExpect: 100-continue\r\n/);
  client.write("body!");
  t.is((await client.response()).body, "done");
  t.is((await client.get("/", "Connection: close\r\n").catch(() => null)) === null, false);
});

test("a refused expectation reaches the client before it has sent its body", async (t) => {
  const origin = await startRawServer(t, (socket) => {
    socket.once("data", () => socket.write("HTTP/1.1 417 Expectation Failed\r\nContent-Length: 0\r\n\r\n"));
  });
  const proxy = await proxyFor(t, toOrigin(origin.port));
  const client = await RawClient.connect(t, proxy.port);
  client.write("PUT / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n");
  t.is((await client.response()).status, 417);
});

test("103 Early Hints and several 1xx pass, headers and all, before the final response", async (t) => {
  const origin = await startOrigin(
    t,
    () => "HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\nLINK: </b>\r\n\r\n" + ok("final"),
  );
  const proxy = await proxyFor(t, toOrigin(origin.port));
  const client = await RawClient.connect(t, proxy.port);
  t.is((await client.get()).head, "HTTP/1.1 102 Processing\r\n\r\n");
  t.deepEqual((await client.response()).headers, [
    ["Link", "</a>"],
    ["LINK", "</b>"],
  ]);
  t.is((await client.response()).body, "final");
  t.is((await client.get()).status, 102);
});

test("an HTTP/1.0 client gets no 1xx", async (t) => {
  const origin = await startOrigin(t, () => "HTTP/1.1 103 Early Hints\r\n\r\n" + ok("final"));
  const proxy = await proxyFor(t, toOrigin(origin.port));
  const client = await RawClient.connect(t, proxy.port);
  client.write("GET / HTTP/1.0\r\nHost: a\r\n\r\n");
  t.is((await client.response()).status, 200);
});

test("response filters edit the final response, not the interim ones", async (t) => {
  const origin = await startOrigin(t, () => "HTTP/1.1 103 Early Hints\r\nX-A: 1\r\n\r\n" + ok("", "X-A: 1\r\n"));
  const proxy = await proxyFor(t, {
    rules: [
      rule([backend("origin")], { responseHeaders: { set: [{ name: "x-a", value: "2" }], add: [], remove: [] } }),
    ],
    clusters: { origin: [origin.port] },
  });
  const client = await RawClient.connect(t, proxy.port);
  t.deepEqual(valuesOf(await client.get(), "x-a"), ["1"]);
  t.deepEqual(valuesOf(await client.response(), "x-a"), ["2"]);
});

test("a connection that breaks after a 1xx is not replayed: the client has heard of it", async (t) => {
  let requests = 0;
  const origin = await startOrigin(t, (_request, socket) => {
    requests++;
    if (requests === 1) return ok("first");
    socket.write("HTTP/1.1 103 Early Hints\r\n\r\n");
    setTimeout(() => socket.resetAndDestroy(), 20);
    return null;
  });
  const proxy = await proxyFor(t, toOrigin(origin.port));
  const client = await RawClient.connect(t, proxy.port);
  await client.get();
  t.is((await client.get()).status, 103);
  const response = await client.response();
  t.is(response.status, 502);
  t.deepEqual(valuesOf(response, "heddle-reason"), ["upstream_reset"]);
  t.is(requests, 2);
});

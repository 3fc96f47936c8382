// What a scrape says of endpoints and the connections to them.
import test from "ava";
import { manualClock } from "../support/manual-clock.ts";
import { parsePrometheusText, valueOf } from "../support/prometheus-text.ts";
import type { TestProxy } from "../support/proxy.ts";
import { proxyFor } from "../support/proxy.ts";
import { RawClient } from "../support/raw-client.ts";
import { ok, startOrigin, startRawServer } from "../support/raw-server.ts";
import { backend, rule } from "../support/resources.ts";
import { until } from "../support/until.ts";

function scrape(proxy: TestProxy, name: string): number {
  return valueOf(parsePrometheusText(proxy.context.metrics.registry.render()), name);
}

test("connections, idle ones and requests under way are those of now; connections made are counted", async (t) => {
  const quick = await startOrigin(t, () => ok("x"));
  const proxy = await proxyFor(t, { rules: [rule([backend("b")])], clusters: { b: [quick.port] } });
  const client = await RawClient.connect(t, proxy.port);
  await client.get();
  await client.get();
  t.is(scrape(proxy, "heddle_upstream_connections"), 1);
  t.is(scrape(proxy, "heddle_upstream_connections_idle"), 1);
  t.is(scrape(proxy, "heddle_upstream_connections_total"), 1);
  t.is(scrape(proxy, "heddle_upstream_requests_active"), 0);
  const slow = await startRawServer(t, () => undefined);
  proxy.configure({ rules: [rule([backend("b")])], clusters: { b: [slow.port] } });
  client.write("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  await until(() => slow.connections() === 1);
  t.is(scrape(proxy, "heddle_upstream_connections"), 1);
  t.is(scrape(proxy, "heddle_upstream_connections_idle"), 0);
  t.is(scrape(proxy, "heddle_upstream_requests_active"), 1);
});

test("failed connects and ejections are counted, and who is ejected now", async (t) => {
  const clock = manualClock();
  const proxy = await proxyFor(t, { rules: [rule([backend("b")])], clusters: { b: [1] } }, { now: clock.now });
  await (await RawClient.connect(t, proxy.port)).get();
  t.is(scrape(proxy, "heddle_upstream_connect_failures_total"), 2);
  t.is(scrape(proxy, "heddle_endpoint_ejections_total"), 1);
  t.is(scrape(proxy, "heddle_endpoints_ejected"), 1);
  clock.advance(60_000);
  t.is(scrape(proxy, "heddle_endpoints_ejected"), 0);
});

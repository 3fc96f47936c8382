// The order in which a sidecar ends: what its pod receives drains first, because its last requests may have to call out.
// When it ends depends on how it hears of its application's end. How one listener drains is test/faults/drain.test.ts's.
import { setTimeout as delay } from "node:timers/promises";
import pino from "pino";
import test from "ava";
import type { ExecutionContext } from "ava";
import { Agent, type AgentPorts } from "../../agent/agent.ts";
import { parseAgentConfig } from "../../agent/config.ts";
import { RawClient } from "../support/raw-client.ts";
import { valuesOf } from "../support/raw-message.ts";
import { startRawServer } from "../support/raw-server.ts";
import { until } from "../support/until.ts";

/** A sidecar whose control plane accepts and says nothing. */
async function sidecarAgent(
  t: ExecutionContext,
  environment: Readonly<Record<string, string>>,
): Promise<AgentPorts & { readonly agent: Agent }> {
  const silent = await startRawServer(t, () => undefined);
  const parsed = parseAgentConfig({
    HEDDLE_MODE: "sidecar",
    HEDDLE_NODE_NAMESPACE: "test",
    HEDDLE_NODE_POD: "pod",
    HEDDLE_CONTROL_PLANE: `127.0.0.1:${silent.port}`,
    HEDDLE_INBOUND_ADDRESS: "127.0.0.1:0",
    HEDDLE_OUTBOUND_ADDRESS: "127.0.0.1:0",
    HEDDLE_ADMIN_ADDRESS: "127.0.0.1:0",
    HEDDLE_DRAIN_ACCEPT_MS: "0",
    HEDDLE_DRAIN_IDLE_MS: "0",
    HEDDLE_DRAIN_TIMEOUT_MS: "10000",
    ...environment,
  });
  if (!("config" in parsed)) throw new Error(JSON.stringify(parsed));
  const agent = new Agent({ config: parsed.config, version: "1", logger: pino({ level: "silent" }) });
  t.teardown(() => agent.close());
  return { agent, ...(await agent.start()) };
}

async function refuses(t: ExecutionContext, port: number): Promise<boolean> {
  try {
    (await RawClient.connect(t, port)).reset();
    return false;
  } catch {
    return true;
  }
}

/** A request that is not complete: its side is not empty, and the agent cannot answer it. */
async function incomplete(t: ExecutionContext, port: number): Promise<RawClient> {
  const client = await RawClient.connect(t, port);
  client.write("POST / HTTP/1.1\r\nHost: a\r\nContent-Le");
  await until(() => client.socket.bytesWritten > 0);
  return client;
}

test("a sidecar takes no more from outside while it still takes what its application calls, then ends both", async (t) => {
  const { agent, inbound, outbound } = await sidecarAgent(t, {});
  const receiving = await incomplete(t, inbound);
  let over = false;
  const drained = agent.drain().then(() => (over = true));
  for (let refused = false; !refused;) refused = await refuses(t, inbound);
  for (let call = 0; call < 5; call++) t.false(await refuses(t, outbound), "what the application calls still goes out");
  t.false(over);
  receiving.reset();
  await drained;
  t.true(await refuses(t, outbound));
});

test("4 5 classic: calls go out as before until there has been none for the quiet time; none is told to close", async (t) => {
  const { agent, outbound } = await sidecarAgent(t, { HEDDLE_SIDECAR: "classic", HEDDLE_DRAIN_QUIET_MS: "300" });
  // The quickest answer of an agent without configuration: the request would come back to it.
  const call = async (client: RawClient): Promise<readonly string[]> => {
    client.write(`GET / HTTP/1.1\r\nHost: 127.0.0.1:${outbound}\r\n\r\n`);
    return valuesOf(await client.response(), "connection");
  };
  const kept = await RawClient.connect(t, outbound);
  t.deepEqual(await call(kept), []);
  let over = false;
  const drained = agent.drain().then(() => (over = true));
  // Longer than the quiet time, on a connection that is kept and on new ones, each a while after the other.
  for (let count = 0; count < 5; count++) {
    t.deepEqual(await call(kept), []);
    const fresh = await RawClient.connect(t, outbound);
    t.deepEqual(await call(fresh), []);
    fresh.end();
    await delay(150);
    t.false(over);
  }
  kept.end();
  const endedMs = performance.now();
  await drained;
  t.true(performance.now() - endedMs >= 295);
  t.true(await refuses(t, outbound));
});

test("5 classic: an application that never ends is cut at the time limit, by an agent that was never ready", async (t) => {
  const { agent, outbound } = await sidecarAgent(t, { HEDDLE_SIDECAR: "classic", HEDDLE_DRAIN_TIMEOUT_MS: "400" });
  const kept = await RawClient.connect(t, outbound);
  const beganMs = performance.now();
  await agent.drain();
  const tookMs = performance.now() - beganMs;
  t.true(tookMs >= 395 && tookMs < 2000, `${tookMs}`);
  await kept.ended();
});

test("1 native: the signal says that the application has ended, and an idle agent ends at once", async (t) => {
  const times = { HEDDLE_DRAIN_ACCEPT_MS: "60000", HEDDLE_DRAIN_IDLE_MS: "60000", HEDDLE_DRAIN_QUIET_MS: "60000" };
  const { agent, inbound, outbound } = await sidecarAgent(t, { HEDDLE_SIDECAR: "native", ...times });
  const idle = await RawClient.connect(t, outbound);
  idle.write(`GET / HTTP/1.1\r\nHost: 127.0.0.1:${outbound}\r\n\r\n`);
  await idle.response();
  idle.socket.on("end", () => idle.end());
  const beganMs = performance.now();
  await agent.drain();
  t.true(performance.now() - beganMs < 1000);
  t.true(await refuses(t, inbound));
  t.true(await refuses(t, outbound));
});

test("1 native: what is under way is finished first", async (t) => {
  const { agent, inbound } = await sidecarAgent(t, { HEDDLE_SIDECAR: "native" });
  const receiving = await incomplete(t, inbound);
  let over = false;
  const drained = agent.drain().then(() => (over = true));
  for (let refused = false; !refused;) refused = await refuses(t, inbound);
  await delay(50);
  t.false(over);
  receiving.reset();
  await drained;
  t.true(over);
});

test("1 classic: the application of a Job says that it has ended by POST /exit, before the signal or after it", async (t) => {
  const times = { HEDDLE_DRAIN_ACCEPT_MS: "60000", HEDDLE_DRAIN_IDLE_MS: "60000", HEDDLE_DRAIN_QUIET_MS: "60000" };
  const first = await sidecarAgent(t, { HEDDLE_SIDECAR: "classic", ...times });
  const refused = await fetch(`http://127.0.0.1:${first.admin}/exit`);
  t.is(refused.status, 405);
  t.false(await refuses(t, first.outbound));
  const beganMs = performance.now();
  t.is((await fetch(`http://127.0.0.1:${first.admin}/exit`, { method: "POST" })).status, 202);
  await first.agent.drain();
  t.true(performance.now() - beganMs < 1000);

  const second = await sidecarAgent(t, {
    HEDDLE_SIDECAR: "classic",
    ...times,
    HEDDLE_DRAIN_ACCEPT_MS: "0",
    HEDDLE_DRAIN_IDLE_MS: "0",
  });
  const drained = second.agent.drain();
  for (let ended = false; !ended;) ended = await refuses(t, second.inbound);
  t.false(await refuses(t, second.outbound));
  t.is((await fetch(`http://127.0.0.1:${second.admin}/exit`, { method: "POST" })).status, 202);
  await drained;
  t.true(await refuses(t, second.outbound));
});

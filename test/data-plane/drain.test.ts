// The order in which a sidecar ends: what its pod receives drains first, because its last requests may have to call out.
// How one listener drains is test/faults/drain.test.ts's.
import pino from "pino";
import test from "ava";
import { Agent } from "../../agent/agent.ts";
import { parseAgentConfig } from "../../agent/config.ts";
import { RawClient } from "../support/raw-client.ts";
import { startRawServer } from "../support/raw-server.ts";
import { until } from "../support/until.ts";

test("a sidecar takes no more from outside while it still takes what its application calls, then ends both", async (t) => {
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
  });
  if (!("config" in parsed)) throw new Error(JSON.stringify(parsed));
  const agent = new Agent({ config: parsed.config, version: "1", logger: pino({ level: "silent" }) });
  t.teardown(() => agent.close());
  const { inbound, outbound } = await agent.start();
  // A request that is not complete keeps the inbound side from being empty.
  const receiving = await RawClient.connect(t, inbound);
  receiving.write("POST / HTTP/1.1\r\nHost: a\r\nContent-Le");
  await until(() => receiving.socket.bytesWritten > 0);
  let over = false;
  const drained = agent.drain().then(() => (over = true));
  const refuses = async (port: number): Promise<boolean> => {
    try {
      (await RawClient.connect(t, port)).reset();
      return false;
    } catch {
      return true;
    }
  };
  for (let refused = false; !refused;) refused = await refuses(inbound);
  for (let call = 0; call < 5; call++) t.false(await refuses(outbound), "what the application calls still goes out");
  t.false(over);
  receiving.reset();
  await drained;
  t.true(await refuses(outbound));
});

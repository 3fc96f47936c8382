// The time limit of a relay's dial. In a file of its own, because it stops the clock.
import { once } from "node:events";
import net from "node:net";
import { mock } from "node:test";
import test from "ava";
import { startStuckTarget } from "../support/mirror-target.ts";
import { RawClient } from "../support/raw-client.ts";
import { sidecarFor } from "../support/sidecar.ts";
import type { Test } from "../support/test-context.ts";

/** A port that answers no dial any more: the kernel has finished as many as it does. */
async function blackHole(t: Test): Promise<number> {
  const port = await startStuckTarget(t);
  for (let queued = 0; queued < 2; queued++) {
    const socket = net.connect(port, "127.0.0.1");
    t.teardown(() => {
      socket.destroy();
    });
    await once(socket, "connect");
  }
  return port;
}

test("a destination that does not answer is given up after 10 s, and nothing is left of it or of its client", async (t) => {
  const port = await blackHole(t);
  const missing = [`127.0.0.1:${port}`];
  const sidecar = await sidecarFor(t, { frontend: "other:80", rules: [], clusters: {}, missing });
  const open = sidecar.context.metrics.downstreamConnections.with("outbound");
  const captured = await sidecar.captured({ address: "127.0.0.1", port });
  const turns = async (done: () => boolean): Promise<void> => {
    for (let turn = 0; turn < 1000 && !done(); turn++) await new Promise(setImmediate);
  };
  mock.timers.enable({ apis: ["setTimeout"] });
  t.teardown(() => mock.timers.reset());
  const client = await RawClient.connect(t, captured);
  client.write("\x01question");
  await turns(() => sidecar.context.metrics.passthroughConnections.value === 1);
  mock.timers.tick(9999);
  await turns(() => client.closed);
  t.is(open.value, 1);
  t.false(client.closed);
  mock.timers.tick(1);
  await turns(() => client.closed && open.value === 0);
  t.is(client.closing, "reset");
  t.is(open.value, 0);
});

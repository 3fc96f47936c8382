// First dials while there is no control plane: each destination waits for an answer once, and passes through at once
// from then on, until there is a control plane again.
import test from "ava";
import { DiscoveryClient } from "../../agent/discovery/client.ts";
import { DiscoveryFrontendResolver } from "../../agent/frontend-resolver.ts";
import { SnapshotStore } from "../../agent/snapshot/store.ts";

test("without a control plane only the first connection to a destination waits", async (t) => {
  const client = new DiscoveryClient({
    addresses: ["127.0.0.1:1"],
    node: { id: "a", namespace: "test", pod: "pod", labels: {}, mode: "sidecar", agentVersion: "1" },
    apply: () => ({ ok: true }),
    logger: { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined },
  });
  t.teardown(() => client.stop());
  client.start();
  const resolver = new DiscoveryFrontendResolver(client, new SnapshotStore());
  const waitMs = async (destination: string): Promise<number> => {
    const beganMs = performance.now();
    await new Promise((resolve) => {
      resolver.resolve(destination, resolve);
    });
    return performance.now() - beganMs;
  };
  const [first, second] = await Promise.all([waitMs("10.0.0.1:5432"), waitMs("10.0.0.2:5432")]);
  t.true(first >= 990 && second >= 990, "both are first dials");
  for (let count = 0; count < 3; count++) t.true((await waitMs("10.0.0.1:5432")) < 500);
  t.true((await waitMs("10.0.0.3:5432")) >= 990);
});

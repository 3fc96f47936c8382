// Endpoints come and go in order, as at a rollout, and nobody who sends requests meanwhile can tell.
import test from "ava";
import { proxyFor } from "../support/proxy.ts";
import { RawClient } from "../support/raw-client.ts";
import { ok, startOrigin } from "../support/raw-server.ts";
import { backend, rule } from "../support/resources.ts";

const rules = [rule([backend("b")])];

test("endpoints come and go under load and no request is lost", async (t) => {
  const origins = await Promise.all([1, 2, 3, 4].map(() => startOrigin(t, () => ok("x"))));
  const ports = origins.map((origin) => origin.port);
  const proxy = await proxyFor(t, { rules, clusters: { b: ports } });
  let stop = false;
  const failures: number[] = [];
  const load = async (): Promise<number> => {
    const client = await RawClient.connect(t, proxy.port);
    let count = 0;
    for (; !stop; count++) {
      client.write("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi");
      const { status } = await client.response();
      if (status !== 200) failures.push(status);
    }
    return count;
  };
  const clients = [load(), load(), load(), load()];
  for (let round = 0; round < 60; round++) {
    await new Promise((resolve) => setTimeout(resolve, 5));
    const left = ports.filter((_, index) => round % 4 !== index && (round + 1) % 4 !== index);
    proxy.configure({ rules, clusters: { b: left } });
  }
  stop = true;
  const counts = await Promise.all(clients);
  t.deepEqual(failures, []);
  t.true(
    counts.every((count) => count > 20),
    `${counts.join()} requests`,
  );
});

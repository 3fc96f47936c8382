// Traffic between injected pods by an HTTPRoute whose parent is a Service: splits are exact, for one client and for
// several, and what is no call of a Service with a route is left alone.
import test from "ava";
import type { CountInput } from "./programs/count.ts";
import type { ExchangeInput, Heard } from "./programs/exchange.ts";
import { backend, markRule, Mesh, meshRoute, type PodOptions, service } from "./support/mesh.ts";

const mesh = Mesh.use(test, "split");
const clients = ["client-1", "client-2", "client-3", "client-4", "client-5"];
const total = 1000;

const server = (name: string): PodOptions => ({
  name,
  program: "raw-server.ts",
  input: { port: 8080, version: name },
  ports: [8080],
});

test.serial.before("two versions, pods behind the Services themselves, and five clients", async () => {
  const ports = [[80, 8080]] as const;
  await mesh.apply([
    ...["stable", "canary"].map((name) => service({ name, ports })),
    // Whoever gets past the route comes to this pod.
    service({ name: "shop", pod: "unrouted", ports }),
    service({
      name: "headless",
      pod: "plain",
      ports: [
        [8080, 8080],
        [9000, 9000],
      ],
      headless: true,
    }),
    service({ name: "plain", ports }),
  ]);
  await mesh.start(
    ...["stable", "canary", "unrouted"].map(server),
    { ...server("plain"), injected: false },
    ...clients.map((name) => mesh.client(name)),
  );
});

const split = (mark: string, stable: number, canary: number): object =>
  meshRoute("shop", "shop", [markRule(mark), { backendRefs: [backend("stable", stable), backend("canary", canary)] }]);

/** What all clients together were answered, `total` requests in equal parts at the same time. */
async function counts(mark: string, names: readonly string[]): Promise<Record<string, number>> {
  const input: CountInput = { host: "shop", port: 80, path: "/", count: total / names.length, mark };
  const parts = await Promise.all(
    names.map((name) => mesh.run<Record<string, number>>(name, "count.ts", input, 180_000)),
  );
  const sum: Record<string, number> = {};
  for (const [version, count] of parts.flatMap((part) => Object.entries(part))) {
    sum[version] = (sum[version] ?? 0) + count;
  }
  return sum;
}

for (const [stable, canary] of [
  [90, 10],
  [50, 50],
] as const) {
  test.serial(
    `pain 10: ${total} requests at ${stable}/${canary}, a connection each, are split with at most 1 % of error`,
    async (t) => {
      const mark = `${stable}-${canary}`;
      await mesh.apply([split(mark, stable, canary)]);
      for (const names of [clients.slice(0, 1), clients]) {
        const seen = await counts(mark, names);
        t.log(`${names.length} clients`, seen);
        t.is((seen["stable"] ?? 0) + (seen["canary"] ?? 0), total, JSON.stringify(seen));
        t.true(Math.abs((seen["stable"] ?? 0) - stable * 10) <= 10, JSON.stringify(seen));
      }
    },
  );
}

test.serial("a pod that calls its own Service, by its route or without one, is answered", async (t) => {
  const ask = (pod: string, input: Partial<CountInput>): Promise<unknown> =>
    // The bare name of a pod is its own address in it.
    mesh.run(pod, "count.ts", { host: `stable.${mesh.namespace}`, port: 80, path: "/", count: 20, ...input });
  t.deepEqual(await ask("stable", {}), { stable: 20 });
  t.deepEqual(await ask("unrouted", { host: "shop", mark: "50-50" }), { stable: 10, canary: 10 });
  t.deepEqual(await ask("stable", { host: await mesh.podAddress("stable"), port: 8080 }), { stable: 20 });
  t.deepEqual(await ask("stable", { host: "127.0.0.1", port: 8080 }), { stable: 20 });
});

test.serial("calls of a pod address and of a headless Service pass untouched, whatever they speak", async (t) => {
  // A route of the headless Service is none for its pods' addresses.
  await mesh.apply([meshRoute("headless", "headless", [{ backendRefs: [backend("canary")] }])]);
  const head = "GET / HTTP/1.1\r\nHost: any\r\nX-Odd: \xe9\r\nConnection: close, x-odd\r\nKeep-Alive: 1\r\n\r\n";
  const notHttp = "\x00\x01get odd\xff\r\n\r\n";
  const address = await mesh.podAddress("plain");
  const ask = (exchanges: ExchangeInput["exchanges"]): Promise<Heard[]> =>
    mesh.run("client-1", "exchange.ts", { exchanges });
  for (const host of [address, "headless"]) {
    const heard = await ask([head, notHttp].map((send) => ({ host, port: 8080, send, until: "plain" })));
    t.deepEqual(
      heard.map(({ text, error }) => error || text),
      Array.from({ length: 2 }, () => "HTTP/1.1 200 Fine\r\nContent-Length: 5\r\n\r\nplain"),
    );
  }
  // The difference that the agent makes, to see that it would be seen.
  await ask([{ host: "plain", port: 80, send: head, until: "plain" }]);
  const [heard] = await ask([{ host: address, port: 8080, send: "GET /recorded HTTP/1.0\r\n\r\n", until: "]" }]);
  const recorded = JSON.parse(heard?.text.split("\r\n\r\n")[1] ?? "[]") as string[];
  t.deepEqual(recorded.slice(0, 4), [head, notHttp, head, notHttp]);
  t.regex(recorded[4] ?? "", /traceparent: /i);
});

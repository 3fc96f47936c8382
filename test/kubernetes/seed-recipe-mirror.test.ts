// The recipe's mirror: the canary gets a copy of every request, and whatever it does with them, clients do not notice.
import test from "ava";
import type { MetricFamily } from "../support/prometheus-text.ts";
import { Gateway, rolledOut } from "./support/gateway.ts";
import { scrapeGateway } from "./support/agent-metrics.ts";
import { text } from "./support/http-client.ts";
import { OpenLoop } from "./support/open-loop.ts";
import { gatewayYaml, mirrorRoute, myApp } from "./support/recipe.ts";
import { Scenario } from "./support/scenario.ts";
import { waitFor } from "./support/wait-for.ts";

const seed = Scenario.use(test, ["production"]);
const namespace = seed.namespace("production");
const headers = { host: "app.example.com" };
let gateway: Gateway;

/** The recipe's pods without the five seconds of patience. */
const hurried = (name: string, version: string, replicas: number): string =>
  myApp(name, version, replicas).replaceAll("Seconds: 5", "Seconds: 1");

test.serial.before("gateway, stable and canary", async () => {
  await seed.apply(gatewayYaml);
  await seed.apply(`${hurried("stable", "v1.0.0", 1)}---${hurried("canary", "v1.1.0", 1)}`);
  await rolledOut(namespace, "my-app-stable", "my-app-canary");
  gateway = await Gateway.open({ name: "production-gw", namespace });
});
test.after.always(() => gateway?.close());

test.serial(
  "R13 clients see stable; the canary gets every request's method, path and body; its answers vanish",
  async (t) => {
    t.is(await seed.apply(mirrorRoute), "httproute.gateway.networking.k8s.io/my-app-mirror created\n");
    await gateway.settled("my-app-stable:80", "my-app-canary:80");
    const post = { headers, method: "POST", body: "x".repeat(1000) };
    t.deepEqual(await gateway.count(60, "/version?a=1", text, post), { "v1.0.0": 60 });
    const copies = async (): Promise<string[]> =>
      (await seed.shell("kubectl logs deployment/my-app-canary -n production"))
        .split("\n")
        .filter((line) => line !== "");
    // The marker's own question of the canary is not a copy.
    const mirrored = async (): Promise<string[]> => (await copies()).filter((line) => line.includes("/version"));
    await waitFor("all copies have arrived", async () => (await mirrored()).length >= 60);
    t.deepEqual(new Set(await mirrored()), new Set(["INFO v1.1.0 POST /version?a=1 1000 bytes (mirrored)"]));
    t.is((await mirrored()).length, 60);
  },
);

/** The sum over all series of a family, those that only just came to be included. */
const total = (families: ReadonlyMap<string, MetricFamily>, name: string): number =>
  (families.get(name)?.samples ?? []).reduce((sum, { value }) => sum + value, 0);

const requests = "http_mirror_requests_total";
const drops = "http_mirror_drops_total";
const faults: readonly (readonly [string, string | null])[] = [
  ["is down", null],
  ["answers 500", `http.createServer((q, s) => { q.resume(); s.writeHead(500); s.end() })`],
  ["is slow", `http.createServer((q, s) => { q.resume(); setTimeout(() => s.end(), 20000) })`],
  ["never reads", `require("net").createServer((socket) => { socket.pause(); socket.on("error", () => {}) })`],
];

for (const [name, server] of faults) {
  test.serial(
    `R14 the canary ${name}: clients do not notice, and every copy is counted as sent or dropped`,
    async (t) => {
      const container = "/spec/template/spec/containers/0";
      if (server === null) {
        await seed.shell("kubectl scale deployment my-app-canary -n production --replicas=0");
        await waitFor("the canary is gone", async () => {
          return (await seed.shell("kubectl get pods -n production -l version=canary -o name")) === "";
        });
      } else {
        const program = `const http = require("http"); ${server}.listen(8080)`;
        const change = [
          { op: "replace", path: "/spec/replicas", value: 1 },
          { op: "add", path: `${container}/command`, value: ["node", "-e", program] },
          { op: "add", path: `${container}/readinessProbe`, value: { tcpSocket: { port: 8080 }, periodSeconds: 1 } },
        ];
        const patch = JSON.stringify(change);
        await seed.shell(`kubectl patch deployment my-app-canary -n production --type=json -p '${patch}'`);
        await rolledOut(namespace, "my-app-canary");
      }
      const before = await scrapeGateway(namespace, "production-gw");
      const body = "x".repeat(100_000);
      const load = new OpenLoop({ ...gateway.way, path: "/version", method: "POST", headers, body, rate: 50 }).start();
      await waitFor("150 answers", () => load.answered >= 150, { deadlineMs: 30_000 });
      const summary = await load.stop();
      t.log(summary);
      t.deepEqual(summary.texts, { "v1.0.0": summary.sent });
      t.true(summary.p99Ms < 5000, "nobody waits for a mirror");
      // A copy lasts at most 15 seconds longer than its request.
      await waitFor(
        "copies and drops are all requests",
        async () => {
          const after = await scrapeGateway(namespace, "production-gw");
          const copied = total(after, requests) - total(before, requests);
          const dropped = total(after, drops) - total(before, drops);
          if (copied + dropped === summary.sent) return true;
          throw new Error(`${copied} copies and ${dropped} drops of ${summary.sent}`);
        },
        { deadlineMs: 40_000, pollMs: 500 },
      );
    },
  );
}

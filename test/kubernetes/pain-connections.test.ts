// Connections and changes of routes: what is idle and what is long is not lost, and no request meets a half-made change.
import { setTimeout as sleep } from "node:timers/promises";
import test from "ava";
import type { PacedInput } from "./programs/paced-client.ts";
import type { SteadyInput } from "./programs/steady-client.ts";
import type { WebSocketInput, WebSocketSummary } from "./programs/web-socket-client.ts";
import { ApiProxy } from "./support/api-proxy.ts";
import { backend, markRule, Mesh, meshRoute, type PodOptions, service } from "./support/mesh.ts";

const mesh = Mesh.use(test, "connections");
/** Of the flips. */
const changeMs = 100;
const ports = [[80, 8080]] as const;
let api: ApiProxy;

test.serial.before("servers and clients", async () => {
  api = await ApiProxy.open();
  const raw = (name: string): PodOptions => ({
    name,
    program: "raw-server.ts",
    input: { port: 8080, version: name },
    ports: [8080],
  });
  const talker = (name: string): PodOptions => ({ ...raw(name), program: "web-socket-server.ts" });
  // Both Services of the flips and their route in one apply, and the pods after them.
  await mesh.apply([
    service({ name: "flip", pod: "unrouted", ports }),
    ...["left", "right", "talk-left", "talk-right"].map((name) => service({ name, ports })),
    service({ name: "talk", pod: "talk-left", ports }),
    service({
      name: "idle",
      ports: [
        [80, 8080],
        [81, 8081],
      ],
    }),
    meshRoute("flip", "flip", [markRule("flip"), { backendRefs: [backend("left")] }]),
    meshRoute("talk", "talk", [{ backendRefs: [backend("talk-left")] }]),
  ]);
  await mesh.start(
    ...["left", "right", "unrouted"].map(raw),
    ...["talk-left", "talk-right"].map(talker),
    { name: "idle", program: "keep-alive-server.ts", input: { telling: 8080, silent: 8081 }, ports: [8080, 8081] },
    ...["idle-client", "flip-client", "talk-client"].map((name) => mesh.client(name)),
  );
});
test.after.always(() => api?.close());

test("pain 6: a server that closes after five idle seconds is asked at gaps of 4.9 to 5.1 s: no request fails", async (t) => {
  // 200 gaps in 25 s, on 40 connections, instead of 120 in ten minutes on one.
  const input: PacedInput = { host: "idle", ports: [80, 81], connections: 20, rounds: 6, gapMs: [4900, 5100] };
  const outcomes = await mesh.run<Record<string, number>>("idle-client", "paced-client.ts", input, 90_000);
  t.deepEqual(outcomes, { 200: 240 });
});

/** Thue and Morse's sequence: whoever sees only every n-th change, whatever n, sees both values. */
function flipped(change: number): boolean {
  return change.toString(2).replaceAll("0", "").length % 2 === 1;
}

test("pain 12: a route flips between two Services ten times a second under load: one of them answers every request", async (t) => {
  const input: SteadyInput = { host: "flip", port: 80, rate: 60, seconds: 20, mark: "flip" };
  let over = false;
  const load = mesh.run<Record<string, number>>("flip-client", "steady-client.ts", input, 90_000).finally(() => {
    over = true;
  });
  let changes = 0;
  for (let dueMs = performance.now(); !over; dueMs += changeMs) {
    const rules = [markRule("flip"), { backendRefs: [backend(flipped(changes++) ? "right" : "left")] }];
    await api.patchRoute(mesh.namespace, "flip", { spec: { rules } });
    await sleep(Math.max(0, dueMs + changeMs - performance.now()));
  }
  const { left = 0, right = 0, ...others } = await load;
  t.log({ left, right, changes });
  t.deepEqual(others, {});
  t.true(changes >= 50, `${changes} changes`);
  // Whoever did not follow the changes would have had one answer only.
  t.true(Math.min(left, right) > 0.2 * (left + right), `${left} left, ${right} right, ${changes} changes`);
});

test("pain 13: 50 WebSockets for 30 s under one change of their route each second: none closes, no message is lost", async (t) => {
  const input: WebSocketInput = { host: "talk", port: 80, sockets: 50, seconds: 30 };
  let over = false;
  const load = mesh.run<WebSocketSummary>("talk-client", "web-socket-client.ts", input, 90_000).finally(() => {
    over = true;
  });
  let changes = 0;
  while (!over) {
    const names = changes++ % 2 === 0 ? ["talk-right"] : ["talk-left", "talk-right"];
    await api.patchRoute(mesh.namespace, "talk", {
      spec: { rules: [{ backendRefs: names.map((name) => backend(name, 1 + (changes % 5))) }] },
    });
    await sleep(1000);
  }
  const { opened, closed, sent, echoed } = await load;
  t.log({ opened, closed, sent, echoed, changes });
  t.deepEqual({ opened, closed }, { opened: 50, closed: 0 });
  t.true(sent >= 50 * 10, `${sent} messages`);
  t.is(echoed, sent);
  t.true(changes >= 20);
});

// Statuses as objects and files.
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test, { type ExecutionContext } from "ava";
import { parse } from "yaml";
import { silentLogger } from "../../control-plane/discovery/logger.ts";
import { FileSink } from "../../control-plane/status/file-sink.ts";
import { type StatusObject, StatusObjects } from "../../control-plane/status/status-object.ts";
import { changedConditions } from "../../control-plane/status/status-changes.ts";
import type { Condition, Statuses } from "../../control-plane/translate/translation.ts";
import { until } from "../support/until.ts";
import { loadText, routeWith } from "../source/load.ts";
import { mesh, startControlPlane } from "./start.ts";

const object = (name: string, reason = "Accepted"): StatusObject => ({
  kind: "HTTPRoute",
  namespace: "shop",
  name,
  generation: 1,
  status: { parents: [{ conditions: [{ type: "Accepted", reason }] }] },
});

function newSink(t: ExecutionContext): { sink: FileSink; folder: string; files: () => string[] } {
  const root = mkdtempSync(join(tmpdir(), "heddle-status-"));
  t.teardown(() => rmSync(root, { recursive: true, force: true }));
  const folder = join(root, ".heddle/status");
  const sink = new FileSink({ folder, logger: silentLogger });
  return { sink, folder, files: () => readdirSync(folder, { recursive: true }).map(String).sort() };
}

test("one file for each object, removed with it, and leftovers of an earlier life too", async (t) => {
  const { sink, folder, files } = newSink(t);
  mkdirSync(join(folder, "gateway/old"), { recursive: true });
  writeFileSync(join(folder, "gateway/old/gone.yaml"), "x");
  writeFileSync(join(folder, "gateway/old/.1.half.tmp"), "x");
  sink.write([object("a"), object("b"), { ...object("c"), kind: "GatewayClass", namespace: "" }]);
  await sink.close();
  t.deepEqual(
    files().filter((file) => file.endsWith("yaml")),
    ["gatewayclass/c.yaml", "httproute/shop/a.yaml", "httproute/shop/b.yaml"],
  );
  sink.write([object("b")]);
  await sink.close();
  t.deepEqual(
    files().filter((file) => file.includes(".")),
    ["httproute/shop/b.yaml"],
  );
  t.deepEqual(parse(readFileSync(join(folder, "httproute/shop/b.yaml"), "utf8")), {
    apiVersion: "gateway.networking.k8s.io/v1",
    kind: "HTTPRoute",
    metadata: { name: "b", namespace: "shop", generation: 1 },
    status: { parents: [{ conditions: [{ type: "Accepted", reason: "Accepted" }] }] },
  });
});

test("a status that did not change is not written again; of many at once the last one counts", async (t) => {
  const { sink, folder } = newSink(t);
  const stamp = (): number => statSync(join(folder, "httproute/shop/a.yaml")).ctimeMs;
  sink.write([object("a"), object("b")]);
  await sink.close();
  const before = stamp();
  for (let index = 0; index < 50; index++) sink.write([object("a"), object("b", `Reason${index}`)]);
  await sink.close();
  t.is(stamp(), before);
  t.regex(readFileSync(join(folder, "httproute/shop/b.yaml"), "utf8"), /Reason49/);
});

test("a folder that cannot be written is logged, and the next write tries again", async (t) => {
  const { folder } = newSink(t);
  const errors: string[] = [];
  const sink = new FileSink({ folder, logger: { ...silentLogger, error: (_, message) => void errors.push(message) } });
  mkdirSync(join(folder, ".."), { recursive: true });
  writeFileSync(folder, "a file where the folder should be");
  sink.write([object("a")]);
  await sink.close();
  t.deepEqual(errors, ["statuses not written"]);
  rmSync(folder);
  sink.write([object("a")]);
  await sink.close();
  t.true(existsSync(join(folder, "httproute/shop/a.yaml")));
});

const condition = (status: Condition["status"], reason: string): Condition => ({
  type: "Accepted",
  status,
  reason,
  message: "",
  observedGeneration: 1,
});
const statusesOf = (...conditions: Condition[]): Statuses => ({
  gatewayClasses: new Map(),
  gateways: new Map(),
  httpRoutes: new Map([
    ["shop/route", [{ parentRef: { group: "", kind: "Service", namespace: "shop", name: "s", port: 80 }, conditions }]],
  ]),
});

test("a transition time stays while the condition's status does", (t) => {
  let nowMs = Date.UTC(2026, 0, 1);
  const { state } = loadText(routeWith({}));
  const maker = new StatusObjects({ controllerName: "a.example/b", addressesOf: () => [], now: () => nowMs });
  const time = (found: Condition): string => {
    const [made] = maker.make(statusesOf(found), state!);
    const [entry] = made!.status["parents"] as {
      controllerName: string;
      conditions: { lastTransitionTime: string }[];
    }[];
    t.is(entry!.controllerName, "a.example/b");
    return entry!.conditions[0]!.lastTransitionTime;
  };
  t.is(time(condition("False", "NoMatchingParent")), "2026-01-01T00:00:00Z");
  nowMs += 60_000;
  t.is(time(condition("False", "NotAllowedByListeners")), "2026-01-01T00:00:00Z");
  t.is(time(condition("True", "Accepted")), "2026-01-01T00:01:00Z");
});

test("changes: a new status or reason, and what is gone; nothing when nothing differs", (t) => {
  const before = statusesOf(condition("False", "NoMatchingParent"));
  const name = "HTTPRoute shop/route parent Service shop/s port 80";
  t.like(changedConditions(null, before), [{ object: name, status: "False" }]);
  t.deepEqual(changedConditions(before, statusesOf(condition("False", "NoMatchingParent"))), []);
  t.like(changedConditions(before, statusesOf(condition("True", "Accepted"))), [
    { status: "True", reason: "Accepted" },
  ]);
  t.like(changedConditions(before, statusesOf()), [{ object: name, status: "", message: "the object is gone" }]);
});

test("K3 a control plane keeps DIR/.heddle/status in step, and its own files do not wake it", async (t) => {
  const root = mkdtempSync(join(tmpdir(), "heddle-status-"));
  t.teardown(() => rmSync(root, { recursive: true, force: true }));
  const folder = join(root, ".heddle/status");
  const { controlPlane, folder: objects } = await startControlPlane(t, mesh, {
    statusSinks: [new FileSink({ folder, logger: silentLogger })],
  });
  const file = join(folder, "httproute/shop/split.yaml");
  await until(() => existsSync(file));
  const written = parse(readFileSync(file, "utf8")) as { status: { parents: { conditions: { status: string }[] }[] } };
  t.deepEqual(
    written.status.parents[0]!.conditions.map(({ status }) => status),
    ["True", "True"],
  );
  rmSync(join(objects, "route.json"));
  await until(() => !existsSync(file));
  t.is(controlPlane.metrics.sourceUpdates, 2);
});

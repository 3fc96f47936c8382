// When statuses are written, against objects in memory: what a leader that has just begun does not know yet is not said.
import test, { type ExecutionContext } from "ava";
import { SimulatedProcess, SimulatedTime } from "../../test/support/simulated-time.ts";
import type { ClusterObject, StatusApi } from "./kubernetes-api.ts";
import { StatusWriter } from "./kubernetes-sink.ts";
import type { StatusObject } from "./status-object.ts";

type Status = StatusObject["status"];

const names = { kind: "Gateway", namespace: "shop", name: "edge" } as const;
const addresses = [{ type: "IPAddress", value: "10.96.0.7" }];
const conditions = (status: "True" | "False", reason: string, message = "") =>
  ["Accepted", "Programmed"].map((type) => ({
    type,
    ...(type === "Accepted" ? { status: "True", reason: type } : { status, reason }),
    message,
    observedGeneration: 1,
    lastTransitionTime: "2026-01-01T00:00:00Z",
  }));
const gatewayStatus = (...[status, reason, message]: Parameters<typeof conditions>): Status => ({
  ...(status === "True" && { addresses }),
  conditions: conditions(status, reason, message),
  listeners: [{ name: "http", attachedRoutes: 0, supportedKinds: [], conditions: conditions(status, reason, message) }],
});
const programmed = gatewayStatus("True", "Programmed");
const pending = gatewayStatus("False", "Pending");

class OneGateway implements StatusApi {
  readonly written: Status[] = [];
  #object: ClusterObject;

  constructor(status: Status, uid = "a") {
    this.#object = { ...names, uid, resourceVersion: "1", generation: 1, status };
  }

  async *list(kind: StatusObject["kind"]): AsyncGenerator<readonly ClusterObject[]> {
    yield kind === "Gateway" ? [await this.read()] : [];
  }

  read(): Promise<ClusterObject> {
    return Promise.resolve(this.#object);
  }

  replaceStatus(current: ClusterObject, status: Status): Promise<"written" | "conflict"> {
    this.written.push(status);
    this.#object = { ...current, status };
    return Promise.resolve("written");
  }

  close(): void {}
}

function start(t: ExecutionContext, api: StatusApi) {
  const time = new SimulatedTime();
  const process = new SimulatedProcess(time);
  const writer = new StatusWriter(api, { controllerName: "a.example/ours", isLeader: () => true, clock: process });
  t.teardown(() => {
    const closed = writer.close();
    return Promise.all([closed, time.pass(60_000)]);
  });
  const write = (status: Status, uid = "a"): void => writer.write([{ ...names, uid, generation: 1, status }]);
  return { time, writer, write };
}

for (const reason of ["Pending", "AddressNotAssigned"]) {
  test(`a leader that restarts does not say ${reason} of a Gateway that is programmed, unless it stays so`, async (t) => {
    const api = new OneGateway(programmed);
    const { time, writer, write } = start(t, api);
    writer.leadershipChanged(true);
    write(gatewayStatus("False", reason));
    await time.pass(9_900);
    t.deepEqual(api.written, []);
    await time.pass(200);
    t.deepEqual(api.written, [gatewayStatus("False", reason)]);
  });
}

test("what the leader learns meanwhile is written at once, and nothing of what it did not know", async (t) => {
  const api = new OneGateway(programmed);
  const { time, writer, write } = start(t, api);
  write(pending);
  writer.leadershipChanged(true);
  await time.pass(1000);
  const moved = { ...programmed, addresses: [{ type: "IPAddress", value: "10.96.0.8" }] };
  write(moved);
  await time.pass(100);
  t.deepEqual(api.written, [moved]);
  write(pending);
  await time.pass(100);
  write(programmed);
  await time.pass(60_000);
  t.deepEqual(api.written, [moved, programmed]);
});

test("a failure is said at once, and so is that a Gateway waits which was not programmed", async (t) => {
  for (const [before, after] of [
    [programmed, gatewayStatus("False", "Invalid")],
    [gatewayStatus("False", "Invalid"), pending],
    [{}, pending],
  ] as const) {
    const api = new OneGateway(before);
    const { time, writer, write } = start(t, api);
    writer.leadershipChanged(true);
    write(after);
    await time.pass(100);
    t.deepEqual(api.written, [after]);
  }
});

test("who takes over begins to learn then; who has learned says at once that a Gateway waits", async (t) => {
  const api = new OneGateway(programmed);
  const { time, writer, write } = start(t, api);
  write(pending);
  await time.pass(30_000);
  writer.leadershipChanged(true);
  await time.pass(5000);
  t.deepEqual(api.written, []);
  write(programmed);
  await time.pass(30_000);
  t.deepEqual(api.written, []);
  write(pending);
  await time.pass(100);
  t.deepEqual(api.written, [pending]);
});

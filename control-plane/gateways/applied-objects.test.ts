import test from "ava";
import { ManualClock } from "../../test/protocol/fixture.ts";
import { AppliedObjects } from "./applied-objects.ts";
import type { ManagedObject } from "./gateway-objects.ts";
import type { OwnedObject } from "./owned-objects.ts";

const metadata = { namespace: "shop", name: "edge-heddle", labels: {}, annotations: {}, ownerReferences: [] };
const service: ManagedObject = { apiVersion: "v1", kind: "Service", metadata, spec: { type: "ClusterIP" } };

function live(version: number, fingerprint: string, isBeingDeleted = false): OwnedObject {
  return {
    kind: "Service",
    namespace: "shop",
    name: "edge-heddle",
    uid: "uid",
    version: BigInt(version),
    fingerprint,
    owner: undefined,
    labels: {},
    isBeingDeleted,
    addresses: [],
  };
}

test("what was never applied, or applied differently, is unsettled", (t) => {
  const applied = new AppliedObjects(new ManualClock());
  t.is(applied.state(service, live(5, "a")), "unsettled");
  applied.put(service, live(5, "after"));
  t.is(applied.state({ ...service, spec: { type: "NodePort" } }, live(5, "a")), "unsettled");
  t.true(applied.has(service));
});

test("settled from the moment that the watch shows what was applied, until somebody edits", (t) => {
  const applied = new AppliedObjects(new ManualClock());
  applied.put(service, live(5, "after"));
  t.is(applied.state(service, undefined), "unconfirmed");
  t.is(applied.state(service, live(4, "before")), "unconfirmed");
  t.is(applied.state(service, live(5, "after")), "settled");
  t.is(applied.state(service, live(9, "after")), "settled", "its status changed");
  t.is(applied.state(service, live(10, "edited")), "unsettled");
});

test("an edit that comes before the watch has shown the apply is an edit", (t) => {
  const applied = new AppliedObjects(new ManualClock());
  applied.put(service, live(5, "after"));
  t.is(applied.state(service, live(6, "edited")), "unsettled");
});

test("gone or going is unsettled once it was there; never seen is after 10 s", (t) => {
  const clock = new ManualClock();
  const applied = new AppliedObjects(clock);
  applied.put(service, live(5, "after"));
  t.is(applied.state(service, live(5, "after")), "settled");
  t.is(applied.state(service, live(6, "after", true)), "unsettled");
  t.is(applied.state(service, undefined), "unsettled");
  applied.put(service, live(7, "after"));
  clock.advance(9999);
  t.is(applied.state(service, undefined), "unconfirmed");
  clock.advance(1);
  t.is(applied.state(service, undefined), "unsettled");
});

test("nothing is kept of a Gateway that is gone", (t) => {
  const applied = new AppliedObjects(new ManualClock());
  const owned = (name: string): ManagedObject => {
    const ownerReferences = [
      { apiVersion: "gateway.networking.k8s.io/v1", kind: "Gateway", name, uid: "1", controller: true as const },
    ];
    return { ...service, metadata: { ...metadata, name: `${name}-heddle`, ownerReferences } };
  };
  applied.put(owned("edge"), live(5, "after"));
  applied.put(owned("inner"), live(5, "after"));
  applied.deleteAll("shop/edge");
  t.false(applied.has(owned("edge")));
  t.true(applied.has(owned("inner")));
});

test("versions are compared as numbers", (t) => {
  const applied = new AppliedObjects(new ManualClock());
  applied.put(service, live(1000, "after"));
  t.is(applied.state(service, live(999, "before")), "unconfirmed");
});

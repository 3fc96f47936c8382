// What is written into a status that others write too.
import test from "ava";
import type { ClusterObject } from "./kubernetes-api.ts";
import { hasOwnEntry, mergeStatus } from "./kubernetes-merge.ts";
import type { StatusObject } from "./status-object.ts";

const ours = "a.example/ours";
const condition = (
  type: string,
  status = "True",
  lastTransitionTime = "2026-01-01T00:00:00Z",
  observedGeneration = 3,
) => ({
  type,
  status,
  reason: type,
  message: "",
  observedGeneration,
  lastTransitionTime,
});
const gatewayRef = { group: "gateway.networking.k8s.io", kind: "Gateway", namespace: "shop", name: "gw" };
const entry = (controllerName: string, name: string, ...conditions: object[]) => ({
  parentRef: { ...gatewayRef, name },
  controllerName,
  conditions,
});

function route(...parents: object[]): ClusterObject {
  const names = { namespace: "shop", name: "split", uid: "u", resourceVersion: "1" };
  return { kind: "HTTPRoute", ...names, generation: 3, status: parents.length === 0 ? {} : { parents } };
}
function wantedRoute(...parents: object[]): StatusObject {
  return { kind: "HTTPRoute", namespace: "shop", name: "split", generation: 3, status: { parents } };
}
const gateway = (status: object): ClusterObject => ({ ...route(), kind: "Gateway", status: { ...status } });
const wantedGateway = (status: object): StatusObject => ({ ...wantedRoute(), kind: "Gateway", status: { ...status } });

const later = "2026-02-02T00:00:00Z";
const foreign = entry("b.example/other", "gw", condition("Accepted", "False"), condition("x", "Unknown"));

test("a route's entries of other controllers stay as they are, in their places; ours are added after them", (t) => {
  const wanted = wantedRoute(entry(ours, "gw", condition("Accepted")), entry(ours, "gw2", condition("Accepted")));
  t.deepEqual(mergeStatus(route(foreign), wanted, ours), {
    parents: [foreign, ...(wanted.status["parents"] as object[])],
  });
  t.deepEqual(mergeStatus(route(), wanted, ours), wanted.status);
});

test("nothing is written when only the transition time differs, or the order of parents and conditions", (t) => {
  const inCluster = route(
    entry(ours, "gw2", condition("ResolvedRefs"), condition("Accepted")),
    foreign,
    entry(ours, "gw", condition("Accepted")),
  );
  const wanted = wantedRoute(
    entry(ours, "gw", condition("Accepted", "True", later)),
    entry(ours, "gw2", condition("Accepted", "True", later), condition("ResolvedRefs", "True", later)),
  );
  t.is(mergeStatus(inCluster, wanted, ours), null);
});

test("a parentRef without its defaults is the one with them", (t) => {
  const short = { parentRef: { name: "gw" }, controllerName: ours, conditions: [condition("Accepted")] };
  const wanted = wantedRoute(entry(ours, "gw", condition("Accepted", "True", later)));
  t.deepEqual(mergeStatus(route(short), wanted, ours), { parents: [entry(ours, "gw", condition("Accepted"))] });
});

test("a condition whose status changed gets the new time, its neighbours keep theirs", (t) => {
  const inCluster = route(entry(ours, "gw", condition("Accepted", "False"), condition("ResolvedRefs")));
  const wanted = wantedRoute(
    entry(ours, "gw", condition("Accepted", "True", later), condition("ResolvedRefs", "True", later)),
  );
  t.deepEqual(mergeStatus(inCluster, wanted, ours), {
    parents: [entry(ours, "gw", condition("Accepted", "True", later), condition("ResolvedRefs"))],
  });
});

test("an entry of ours goes with its parentRef, and all of them with the route that is not ours any more", (t) => {
  const inCluster = route(
    entry(ours, "gone", condition("Accepted")),
    foreign,
    entry(ours, "gw", condition("Accepted")),
  );
  t.true(hasOwnEntry(inCluster, ours));
  t.deepEqual(mergeStatus(inCluster, wantedRoute(entry(ours, "gw", condition("Accepted"))), ours), {
    parents: [foreign, entry(ours, "gw", condition("Accepted"))],
  });
  t.deepEqual(mergeStatus(inCluster, null, ours), { parents: [foreign] });
  t.is(mergeStatus(route(foreign), null, ours), null);
  t.false(hasOwnEntry(route(foreign), ours));
});

test("a full list of parents keeps the others'", (t) => {
  const others = Array.from({ length: 31 }, (_, index) =>
    entry("b.example/other", `gw${index}`, condition("Accepted")),
  );
  const wanted = wantedRoute(entry(ours, "a", condition("Accepted")), entry(ours, "b", condition("Accepted")));
  const merged = mergeStatus(route(...others), wanted, ours);
  t.deepEqual(merged, { parents: [...others, (wanted.status["parents"] as object[])[0]] });
});

test("a status of a newer generation stays until this replica has seen it; a generation that is none does not count", (t) => {
  const newer = entry(ours, "gw", condition("Accepted", "True", later, 3));
  const wanted = { ...wantedRoute(entry(ours, "gw", condition("Accepted", "False", later, 2))), generation: 2 };
  t.is(mergeStatus(route(newer), wanted, ours), null);
  t.not(mergeStatus({ ...route(newer), generation: 2 }, wanted, ours), null);
});

test("a Gateway's conditions replace the schema's defaults; conditions with a domain and foreign fields stay", (t) => {
  const default_ = { type: "Programmed", status: "Unknown", reason: "Pending", message: "", lastTransitionTime: later };
  const affected = condition("policy.example/Affected");
  const inCluster = gateway({ conditions: [default_, affected, condition("Ready")], attachedListenerSets: 0 });
  const wanted = wantedGateway({
    addresses: [{ type: "IPAddress", value: "10.0.0.1" }],
    conditions: [condition("Accepted"), condition("Programmed")],
    listeners: [{ name: "http", attachedRoutes: 1, conditions: [condition("Accepted")] }],
  });
  const merged = mergeStatus(inCluster, wanted, ours);
  t.deepEqual(merged, {
    attachedListenerSets: 0,
    addresses: [{ type: "IPAddress", value: "10.0.0.1" }],
    conditions: [condition("Accepted"), condition("Programmed"), affected],
    listeners: [{ name: "http", attachedRoutes: 1, conditions: [condition("Accepted")] }],
  });
  t.is(mergeStatus(gateway(merged!), wanted, ours), null);
  const { addresses: _, ...unassigned } = wanted.status;
  t.false("addresses" in mergeStatus(gateway(merged!), wantedGateway(unassigned), ours)!);
});

test("listeners follow the spec, with their transition times", (t) => {
  const listener = (name: string, time: string) => ({
    name,
    attachedRoutes: 0,
    conditions: [condition("Accepted", "True", time)],
  });
  const inCluster = gateway({
    conditions: [condition("Accepted")],
    listeners: [listener("a", "t1"), listener("b", "t2")],
  });
  const wanted = wantedGateway({
    conditions: [condition("Accepted")],
    listeners: [listener("b", later), listener("c", later)],
  });
  t.deepEqual(mergeStatus(inCluster, wanted, ours)?.["listeners"], [listener("b", "t2"), listener("c", later)]);
});

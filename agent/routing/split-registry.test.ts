// Which splits survive a swap.
import test from "ava";
import { seededRandom } from "../../test/support/seeded-random.ts";
import { SplitRegistry } from "./split-registry.ts";

const stable = { displayName: "ns/stable:80", weight: 95 };
const canary = { displayName: "ns/canary:80", weight: 5 };

test("a rule keeps its split while backends and weights stay", (t) => {
  const registry = new SplitRegistry(seededRandom(1));
  const first = registry.splitFor("ns/route/0", [stable, canary]);
  registry.retain(new Map([["ns/route/0", first]]));
  t.is(registry.splitFor("ns/route/0", [{ ...stable }, { ...canary }]), first);
});

test("a changed weight, name, order or number of backends is a new split", (t) => {
  const registry = new SplitRegistry(seededRandom(1));
  const first = registry.splitFor("ns/route/0", [stable, canary]);
  registry.retain(new Map([["ns/route/0", first]]));
  for (const backends of [
    [stable, { ...canary, weight: 6 }],
    [stable, { ...canary, displayName: "ns/other:80" }],
    [canary, stable],
    [stable],
    [stable, canary, canary],
  ]) {
    t.not(registry.splitFor("ns/route/0", backends), first);
  }
  t.is(registry.splitFor("ns/route/0", [stable, canary]), first, "asking has changed nothing");
});

test("rules do not share splits, and a rule that is gone is forgotten", (t) => {
  const registry = new SplitRegistry(seededRandom(1));
  const first = registry.splitFor("ns/route/0", [stable, canary]);
  const second = registry.splitFor("ns/route/1", [stable, canary]);
  t.not(first.split, second.split);
  registry.retain(new Map([["ns/route/0", first]]));
  registry.retain(new Map([["ns/route/1", second]]));
  t.is(registry.size, 1);
  t.not(registry.splitFor("ns/route/0", [stable, canary]), first);
});

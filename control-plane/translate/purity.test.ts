import test from "ava";
import * as fc from "fast-check";
import { SnapshotBuilder } from "../snapshot/snapshot.ts";
import { asGatewayAgent, asSidecar } from "../../test/golden/agent.ts";
import type { ClusterState } from "../source/cluster-state.ts";
import {
  controllerName,
  gatewayParent,
  makeBackend,
  makeGateway,
  makeListener,
  makeMatch,
  makeMeta,
  makePod,
  makeRoute,
  makeRule,
  makeService,
  makeSlice,
  makeState,
  partsOf,
  serviceParent,
} from "../../test/support/cluster-objects.ts";
import { Translator } from "./translate.ts";
import type { Translation } from "./translation.ts";

const options = { controllerName };
const translate = (state: ClusterState) => new Translator().translate(state, options);

function freezeDeep<T>(value: T): T {
  if (typeof value !== "object" || value === null || Object.isFrozen(value)) return value;
  if (value instanceof Map) {
    for (const each of value.values()) freezeDeep(each);
    const refuse = () => {
      throw new Error("an input map was changed");
    };
    Object.assign(value, { set: refuse, delete: refuse, clear: refuse });
  } else {
    for (const each of Object.values(value)) freezeDeep(each);
  }
  return Object.freeze(value);
}

// Random clusters from few names, so that references hit, miss and collide.
const name = fc.constantFrom("a", "b", "c");
const key = fc.tuple(fc.constantFrom("x", "y"), name).map(([namespace, name]) => `${namespace}/${name}`);
const parentRef = fc.oneof(
  key.map((key) => gatewayParent(key)),
  fc.tuple(key, name).map(([key, sectionName]) => gatewayParent(key, { sectionName })),
  key.map((key) => serviceParent(key)),
);
const backendRef = fc
  .tuple(key, fc.constantFrom(80, 81), fc.nat(3))
  .map(([key, port, weight]) => makeBackend(key, { port, weight }));
const rule = fc
  .tuple(
    fc.constantFrom("/", "/a", "/(broken"),
    fc.constantFrom("PathPrefix", "RegularExpression"),
    fc.array(backendRef, { maxLength: 2 }),
  )
  .map(([value, type, backendRefs]) => makeRule({ matches: [makeMatch({ path: { type, value } })], backendRefs }));
const object = fc.oneof(
  { weight: 1, arbitrary: fc.tuple(key, fc.uniqueArray(name, { minLength: 1 })).map(makeRandomGateway) },
  {
    weight: 4,
    arbitrary: fc
      .record({
        key,
        creationTimestampMs: fc.nat(2),
        parentRefs: fc.array(parentRef, { maxLength: 3 }),
        rules: fc.array(rule, { minLength: 1, maxLength: 2 }),
        hostnames: fc.subarray(["a.x", "*.x"]),
      })
      .map(({ key, creationTimestampMs, ...rest }) =>
        makeRoute(key, { meta: makeMeta(key, { creationTimestampMs }), ...rest }),
      ),
  },
  {
    weight: 2,
    arbitrary: fc.tuple(key, fc.constantFrom("10.0.0.1", "None")).map(([key, ip]) => makeService(key, ip)),
  },
  { weight: 1, arbitrary: fc.tuple(key, key).map(([key, pod]) => makeSlice(key, { "10.1.0.1": pod })) },
  { weight: 1, arbitrary: fc.tuple(key, name).map(([key, version]) => makePod(key, { version })) },
  {
    weight: 1,
    arbitrary: key.map((key) => ({
      kind: "ReferenceGrant" as const,
      meta: makeMeta(key),
      from: [{ group: "gateway.networking.k8s.io", kind: "HTTPRoute", namespace: "x" }],
      to: [{ group: "", kind: "Service" }],
    })),
  },
);

function makeRandomGateway([key, listeners]: readonly [string, readonly string[]]) {
  const hostnames: Record<string, string> = { a: "a.x", b: "*.x" };
  return makeGateway(
    key,
    ...listeners.map((name) => {
      const hostname = hostnames[name];
      return makeListener({ name, allowedNamespaces: "Same", ...(hostname === undefined ? {} : { hostname }) });
    }),
  );
}

const objects = fc.uniqueArray(object, {
  minLength: 5,
  maxLength: 25,
  selector: ({ kind, meta }) => `${kind} ${meta.namespace}/${meta.name}`,
});

test("pure: after any history the translation is that of a new translator, and inputs stay as they were", (t) => {
  fc.assert(
    fc.property(fc.array(objects, { minLength: 2, maxLength: 4 }), (history) => {
      const translator = new Translator();
      for (const objects of history) {
        const state = freezeDeep(makeState(...objects));
        const translation = translator.translate(state, options);
        t.deepEqual(partsOf(translation), partsOf(translate(state)));
      }
    }),
    { numRuns: 60 },
  );
});

test("pure: after single edits, too, where most of what was computed is kept", (t) => {
  fc.assert(
    fc.property(objects, fc.array(object, { minLength: 1, maxLength: 8 }), (start, edits) => {
      const translator = new Translator();
      const present = new Map(
        start.map((object) => [`${object.kind} ${object.meta.namespace}/${object.meta.name}`, object]),
      );
      for (const edit of edits) {
        const id = `${edit.kind} ${edit.meta.namespace}/${edit.meta.name}`;
        if (!present.delete(id)) present.set(id, edit);
        const state = makeState(...present.values());
        t.deepEqual(partsOf(translator.translate(state, options)), partsOf(translate(state)));
      }
    }),
    { numRuns: 60 },
  );
});

test("pure: the order of objects never matters", (t) => {
  fc.assert(
    fc.property(objects, (objects) => {
      const sorted = (translation: Translation) => [...partsOf(translation)].sort(([a], [b]) => (a < b ? -1 : 1));
      t.deepEqual(sorted(translate(makeState(...objects.toReversed()))), sorted(translate(makeState(...objects))));
    }),
    { numRuns: 60 },
  );
});

test("whatever the objects say, agents accept what is made of them", (t) => {
  fc.assert(
    fc.property(objects, (objects) => {
      const result = new SnapshotBuilder({ epoch: "test" }).build(translate(makeState(...objects)));
      if (!result.ok) return t.deepEqual(result.faults, []);
      for (const gateway of result.snapshot.gateways.keys())
        t.notThrows(() => asGatewayAgent(result.snapshot, gateway));
      return t.notThrows(() => asSidecar(result.snapshot, "x"));
    }),
    { numRuns: 60 },
  );
});

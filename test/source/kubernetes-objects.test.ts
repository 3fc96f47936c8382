// What an API server has and translation can make little of: a slip in one field must not take the rest of its object
// away, and a version that cannot be read not the one before it. Which slips there are, the definitions say.
import test from "ava";
import type { ApiObject } from "../../control-plane/kubernetes/object-store.ts";
import { type KnownKind, knownKinds } from "../../control-plane/source/kinds.ts";
import { keepObject } from "../../control-plane/source/kubernetes-objects.ts";
import { KubernetesState } from "../../control-plane/source/kubernetes-state.ts";
import { formatProblem } from "../../control-plane/source/source.ts";
import { Translator } from "../../control-plane/translate/translate.ts";

const controllerName = "heddle.dev/gateway-controller";
const unreadable = { rules: [{ matches: [{ path: { type: "PathPrefix", value: "no-slash" } }] }] };
const emoji = "\u{1f33f}";

class Cluster {
  readonly #state = new KubernetesState();

  get state() {
    return this.#state.current;
  }

  get problems(): readonly string[] {
    return this.#state.problems().map(formatProblem);
  }

  put(kind: KnownKind, name: string, spec: object, metadata: object = {}): void {
    const info = knownKinds.find((each) => each.kind === kind)!;
    const namespace = info.namespaced ? { namespace: "shop" } : {};
    const object = { metadata: { ...namespace, name, ...metadata }, spec } as ApiObject;
    const key = info.namespaced ? `shop/${name}` : name;
    const kept = keepObject(info, structuredClone(object));
    this.#state.update(kind, [key], new Map(kept === null ? [] : [[key, kept]]));
  }

  delete(kind: KnownKind, key: string): void {
    this.#state.update(kind, [key], new Map());
  }

  putGateway(listeners: readonly object[], fields: object = {}, metadata: object = {}): void {
    const named = listeners.map((each, index) => ({ name: `l${index}`, port: 80 + index, protocol: "HTTP", ...each }));
    this.put("Gateway", "web", { gatewayClassName: "heddle", listeners: named, ...fields }, metadata);
  }

  putRoute(fields: object, metadata: object = {}): void {
    this.put("HTTPRoute", "canary", { parentRefs: [{ name: "web" }], ...fields }, metadata);
  }

  translate() {
    return new Translator().translate(this.state, { controllerName });
  }
}

function mesh(): Cluster {
  const cluster = new Cluster();
  cluster.put("GatewayClass", "heddle", { controllerName, description: emoji.repeat(64) });
  cluster.putGateway([{}]);
  return cluster;
}

const open = (namespaces: object): object => ({ allowedRoutes: { namespaces } });
const selecting = (expression: object): object =>
  open({ from: "Selector", selector: { matchExpressions: [{ key: "team", ...expression }] } });
const setting = (value: string): object => ({
  filters: [{ type: "RequestHeaderModifier", requestHeaderModifier: { set: [{ name: "x-team", value }] } }],
});

test("a listener with a namespace selector that selects nothing says so; the others serve", (t) => {
  const cluster = mesh();
  cluster.putGateway([
    {},
    selecting({ operator: "in", values: ["a"] }),
    selecting({ operator: "In" }),
    open({ from: "Selector", selector: { matchLabels: { team: "a".repeat(5000) } } }),
    open({ from: "Selector" }),
  ]);
  t.deepEqual(cluster.problems, []);
  const { gateways, statuses } = cluster.translate();
  t.deepEqual(gateways.get("shop/web"), ["shop/web/l0"]);
  const accepted = statuses.gateways.get("shop/web")!.listeners.map(({ conditions }) => conditions[0]!);
  t.deepEqual(
    accepted.map(({ status, reason }) => `${status}/${reason}`),
    ["True/Accepted", ...accepted.slice(1).map(() => "False/UnsupportedValue")],
  );
  t.regex(accepted[1]!.message, /operator "in" is none of In, NotIn/);
  t.regex(accepted[4]!.message, /needs a selector/);
});

test("a header value with a line end is its rule's fault alone", (t) => {
  const cluster = mesh();
  cluster.putRoute({ rules: [setting("a\n"), setting("a")] });
  t.deepEqual(cluster.problems, []);
  const { routes, statuses } = cluster.translate();
  const [broken, working] = routes.get("shop/canary")!.rules.map(({ unsupported }) => unsupported);
  t.regex(broken!, /"a\\n" of header "x-team" contains control characters/);
  t.is(working, "");
  t.like(statuses.httpRoutes.get("shop/canary")?.[0]?.conditions.at(-1), { type: "PartiallyInvalid", status: "True" });
});

const twice = [1, 2] as const;
const prefixRewrite = {
  type: "URLRewrite",
  urlRewrite: { path: { type: "ReplacePrefixMatch", replacePrefixMatch: "/" } },
};
for (const [what, fields] of [
  ["two rules of one name", { rules: twice.map(() => ({ name: "again" })) }],
  [
    "two backends that replace a prefix which is none",
    {
      rules: [
        {
          matches: [{ path: { type: "Exact", value: "/x" } }],
          backendRefs: twice.map(() => ({ name: "a", port: 80, filters: [prefixRewrite] })),
        },
      ],
    },
  ],
  [
    "as many characters as a header value may have, each of them two in UTF-16",
    { rules: [setting(emoji.repeat(4096))] },
  ],
] as const) {
  test(`a route with ${what} is read`, (t) => {
    const cluster = mesh();
    cluster.putRoute(fields);
    t.deepEqual(cluster.problems, []);
    t.is(cluster.translate().routes.get("shop/canary")?.rules.length, fields.rules.length);
  });
}

test("addresses of a type that is not known may be equal: the Gateway says that it is not known", (t) => {
  const cluster = mesh();
  cluster.putGateway([{}], { addresses: twice.map(() => ({ type: "heddle.example/pool", value: "a" })) });
  t.deepEqual(cluster.problems, []);
  t.is(cluster.translate().statuses.gateways.get("shop/web")?.conditions[0]?.reason, "UnsupportedAddress");
});

test("a version that cannot be read leaves the one before in use, but only of the same object", (t) => {
  const cluster = mesh();
  const twins = twice.map(() => ({ port: 80 }));
  cluster.putRoute({}, { uid: "a", generation: 1 });
  cluster.putGateway([{}], {}, { uid: "a", generation: 1 });
  const before = cluster.state;
  cluster.putRoute(unreadable, { uid: "a", generation: 2 });
  cluster.putGateway(twins, {}, { uid: "a", generation: 2 });
  t.is(cluster.problems.length, 2);
  t.is(cluster.state.gateways.get("shop/web"), before.gateways.get("shop/web"));
  const { rules, parentRefs } = before.httpRoutes.get("shop/canary")!;
  t.like(cluster.state.httpRoutes.get("shop/canary"), { rules, parentRefs, meta: { generation: 2 } });
  t.regex(cluster.state.httpRoutes.get("shop/canary")?.refused ?? "", /begins with/);
  cluster.putRoute(unreadable, { uid: "b", generation: 1 });
  cluster.putGateway(twins, {}, { uid: "b", generation: 1 });
  t.false(cluster.state.gateways.has("shop/web"));
  t.deepEqual(cluster.state.httpRoutes.get("shop/canary")?.rules, []);
  cluster.putRoute({}, { uid: "b", generation: 2 });
  t.is(cluster.state.httpRoutes.get("shop/canary")?.refused, undefined);
});

test("a GatewayClass that is deleted is missed, and its Gateways serve on, until the last of them is gone", (t) => {
  const cluster = mesh();
  const before = cluster.state;
  cluster.delete("GatewayClass", "heddle");
  t.is(cluster.state, before);
  t.deepEqual(cluster.problems, [
    "GatewayClass heddle: deleted while Gateways are of this class: they are served on, but replicas that start now do not know them; make it again",
  ]);
  cluster.putGateway([{ port: 81 }]);
  t.deepEqual(cluster.translate().gateways.get("shop/web"), ["shop/web/l0"]);
  cluster.delete("Gateway", "shop/web");
  t.deepEqual([...cluster.state.gatewayClasses.keys()], []);
  t.deepEqual(cluster.problems, []);
  cluster.putGateway([{}]);
  t.false(cluster.translate().gateways.has("shop/web"), "nobody knows whose it is");
});

test("a GatewayClass that is made again is what it then says", (t) => {
  const cluster = mesh();
  cluster.delete("GatewayClass", "heddle");
  cluster.put("GatewayClass", "heddle", { controllerName: "a.example/other" });
  t.deepEqual(cluster.problems, []);
  t.false(cluster.translate().gateways.has("shop/web"));
  cluster.putGateway([{}], { gatewayClassName: "another" });
  cluster.delete("GatewayClass", "heddle");
  t.deepEqual([...cluster.state.gatewayClasses.keys()], []);
});

test("a route that never could be read is told so by its parents", (t) => {
  const cluster = mesh();
  cluster.putRoute(unreadable);
  const accepted = cluster.translate().statuses.httpRoutes.get("shop/canary")?.[0]?.conditions[0];
  t.like(accepted, { type: "Accepted", status: "False", reason: "UnsupportedValue" });
  t.regex(accepted?.message ?? "", /^spec.rules\[0\].matches\[0\].path.value: expected a path that begins with/);
});

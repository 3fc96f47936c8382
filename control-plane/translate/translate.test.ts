import test from "ava";
import type { ClusterState, HttpRouteFilter } from "../source/cluster-state.ts";
import { matchesSelector } from "./label-selector.ts";
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
import type { Condition, Translation } from "./translation.ts";

const options = { controllerName };
const translate = (state: ClusterState) => new Translator().translate(state, options);

const edge = makeGateway("apps/edge");
const stable = makeService("apps/stable", "10.96.0.1");
const canary = makeService("apps/canary", "10.96.0.2");
const canaryRoute = makeRoute("apps/canary", {
  rules: [makeRule({ backendRefs: [makeBackend("apps/stable"), makeBackend("apps/canary")] })],
});

const reasons = (conditions: readonly Condition[] | undefined) =>
  Object.fromEntries((conditions ?? []).map(({ type, status, reason }) => [type, `${status}/${reason}`]));
const routeReasons = (translation: Translation, key: string, parent = 0) =>
  reasons(translation.statuses.httpRoutes.get(key)?.[parent]?.conditions);

/** Names of what is not the very same object in both. */
function changed(before: Translation, after: Translation): readonly string[] {
  const [left, right] = [partsOf(before), partsOf(after)];
  return [...new Set([...left.keys(), ...right.keys()])].filter((key) => left.get(key) !== right.get(key)).sort();
}

test("G.2 no state gives no resources and no statuses but those of the classes", (t) => {
  t.deepEqual([...partsOf(translate(makeState())).keys()], ["gatewayClasses heddle"]);
});

test("unchanged objects keep the very same bodies and statuses", (t) => {
  const translator = new Translator();
  const objects = [edge, stable, canary, canaryRoute, makeSlice("apps/stable", { "10.0.0.1": "apps/a" })] as const;
  const before = translator.translate(makeState(...objects, makePod("apps/a", { version: "v1" })), options);
  const after = translator.translate(makeState(...objects, makePod("apps/a", { version: "v1" })), options);
  t.deepEqual(changed(before, after), [], "the pod is another object, but an equal one");
});

test("a changed weight changes one ROUTE and nothing else", (t) => {
  const translator = new Translator();
  const before = translator.translate(makeState(edge, stable, canary, canaryRoute), options);
  const shifted = makeRoute("apps/canary", {
    rules: [makeRule({ backendRefs: [makeBackend("apps/stable", { weight: 3 }), makeBackend("apps/canary")] })],
  });
  const after = translator.translate(makeState(edge, stable, canary, shifted), options);
  t.deepEqual(changed(before, after), ["routes apps/canary"]);
});

test("a changed endpoint or pod label changes one ENDPOINTS and nothing else", (t) => {
  const translator = new Translator();
  const pods = { "10.0.0.1": "apps/a", "10.0.0.2": "apps/b" };
  const [a, b] = [makePod("apps/a", { version: "v1" }), makePod("apps/b", { app: "b" })];
  const state = (slice = makeSlice("apps/stable", pods), pod = a) => makeState(edge, stable, canary, slice, pod, b);
  const before = translator.translate(state(), options);
  t.deepEqual(
    before.endpoints.get("apps/stable:80")?.endpoints.map(({ address, workloadVersion }) => [address, workloadVersion]),
    [
      ["10.0.0.1", "v1"],
      ["10.0.0.2", ""],
    ],
  );
  const removed = translator.translate(state(makeSlice("apps/stable", { "10.0.0.2": "apps/b" })), options);
  t.deepEqual(changed(before, removed), ["endpoints apps/stable:80"]);
  const relabelled = translator.translate(state(undefined, makePod("apps/a", { version: "v2" })), options);
  t.deepEqual(changed(removed, relabelled), ["endpoints apps/stable:80", "workloads apps/a"]);
});

test("T16 a Service that goes away and comes back flips status and backend", (t) => {
  const translator = new Translator();
  const withCanary = translator.translate(makeState(edge, stable, canary, canaryRoute), options);
  const without = translator.translate(makeState(edge, stable, canaryRoute), options);
  const again = translator.translate(makeState(edge, stable, canary, canaryRoute), options);
  const backend = (translation: Translation) => translation.routes.get("apps/canary")?.rules[0]?.backends[1];
  t.is(backend(withCanary)?.cluster, "apps/canary:80");
  t.like(backend(without), { cluster: "", weight: 1, invalidReason: "BackendNotFound" });
  t.deepEqual(backend(again), backend(withCanary));
  t.is(routeReasons(withCanary, "apps/canary")["ResolvedRefs"], "True/ResolvedRefs");
  t.is(routeReasons(without, "apps/canary")["ResolvedRefs"], "False/BackendNotFound");
});

test("a route that comes back is judged by what is there by then", (t) => {
  const translator = new Translator();
  translator.translate(makeState(edge, stable, canary, canaryRoute), options);
  translator.translate(makeState(edge, stable), options);
  const state = makeState(edge, stable, canaryRoute);
  translator.translate({ ...state, httpRoutes: new Map() }, options);
  const back = translator.translate(state, options);
  t.is(routeReasons(back, "apps/canary")["ResolvedRefs"], "False/BackendNotFound");
});

test("D.2 an endpoint that is terminating leaves even if it still says ready", (t) => {
  const slice = makeSlice("apps/stable", { "10.0.0.1": "", "10.0.0.2": "" });
  const endpoints = slice.endpoints.map((endpoint, index) => ({ ...endpoint, terminating: index === 0 }));
  const translation = translate(makeState(stable, { ...slice, endpoints }));
  t.deepEqual(
    translation.endpoints.get("apps/stable:80")?.endpoints.map(({ address }) => address),
    ["10.0.0.2"],
  );
});

test("A.7 a grant that is deleted revokes at once", (t) => {
  const translator = new Translator();
  const route = makeRoute("apps/route", { rules: [makeRule({ backendRefs: [makeBackend("other/shared")] })] });
  const shared = makeService("other/shared", "10.96.0.3");
  const grant = {
    kind: "ReferenceGrant",
    meta: makeMeta("other/grant"),
    from: [{ group: "gateway.networking.k8s.io", kind: "HTTPRoute", namespace: "apps" }],
    to: [{ group: "", kind: "Service" }],
  } as const;
  const granted = translator.translate(makeState(edge, shared, route, grant), options);
  t.is(routeReasons(granted, "apps/route")["ResolvedRefs"], "True/ResolvedRefs");
  const revoked = translator.translate(makeState(edge, shared, route), options);
  t.is(routeReasons(revoked, "apps/route")["ResolvedRefs"], "False/RefNotPermitted");
  t.is(revoked.routes.get("apps/route")?.rules[0]?.backends[0]?.cluster, "");
});

test("B.1 a namespace label that changes opens and closes a listener", (t) => {
  const translator = new Translator();
  const listener = makeListener({ allowedNamespaces: { matchLabels: { team: "blue" }, matchExpressions: [] } });
  const route = makeRoute("apps/route", { parentRefs: [gatewayParent("infra/edge")] });
  const accepted = (labels: Record<string, string>) => {
    const namespace = { kind: "Namespace", meta: makeMeta("apps", { labels }) } as const;
    const translation = translator.translate(makeState(makeGateway("infra/edge", listener), namespace, route), options);
    t.is(
      translation.routeConfigurations.get("infra/edge/http")?.routes.length,
      translation.statuses.gateways.get("infra/edge")?.listeners[0]?.attachedRoutes,
    );
    return routeReasons(translation, "apps/route")["Accepted"];
  };
  t.is(accepted({ team: "green" }), "False/NotAllowedByListeners");
  t.is(accepted({ team: "blue" }), "True/Accepted");
  t.is(accepted({}), "False/NotAllowedByListeners");
});

test("B.1 every namespace can be selected by its name, also one without an object", (t) => {
  const matchExpressions = [{ key: "kubernetes.io/metadata.name", operator: "In", values: ["apps"] }];
  const named = makeListener({ allowedNamespaces: { matchLabels: {}, matchExpressions } });
  const parentRefs = [gatewayParent("infra/edge")];
  const [inside, outside] = [makeRoute("apps/route", { parentRefs }), makeRoute("other/route", { parentRefs })];
  const translation = translate(makeState(makeGateway("infra/edge", named), inside, outside));
  t.is(routeReasons(translation, "apps/route")["Accepted"], "True/Accepted");
  t.is(routeReasons(translation, "other/route")["Accepted"], "False/NotAllowedByListeners");
});

for (const [operator, values, expected] of [
  ["In", ["blue"], [true, false, false]],
  ["NotIn", ["blue"], [false, true, true]],
  ["Exists", [], [true, true, false]],
  ["DoesNotExist", [], [false, false, true]],
  ["Near", ["blue"], [false, false, false]],
] as const) {
  test(`B.1 a namespace selector with ${operator}`, (t) => {
    const selector = { matchLabels: {}, matchExpressions: [{ key: "team", operator, values }] };
    const labels: readonly Record<string, string>[] = [{ team: "blue" }, { team: "green" }, {}];
    t.deepEqual(
      labels.map((each) => matchesSelector(selector, each)),
      [...expected],
    );
  });
}

test("B.1 a listener that is open to no namespace takes no route, not even of its own", (t) => {
  const closed = makeGateway("apps/edge", makeListener({ allowedNamespaces: "None" }));
  const translation = translate(makeState(closed, canaryRoute));
  t.is(routeReasons(translation, "apps/canary")["Accepted"], "False/NotAllowedByListeners");
});

test("B.3 deleting the last route of a Service restores its implicit forwarding", (t) => {
  const translator = new Translator();
  const route = makeRoute("apps/route", { parentRefs: [serviceParent("apps/stable")] });
  const routed = translator.translate(makeState(stable, route), options).listeners.get("apps/stable:80");
  t.like(routed, { routeConfiguration: "apps/stable:80", cluster: "" });
  const restored = translator.translate(makeState(stable), options).listeners.get("apps/stable:80");
  t.like(restored, { routeConfiguration: "", cluster: "apps/stable:80" });
});

test("T34 a Gateway of another controller is left to it, present or absent", (t) => {
  const foreign = { ...makeGateway("apps/edge"), gatewayClassName: "istio" };
  t.is(translate(makeState(foreign, canaryRoute)).statuses.httpRoutes.size, 0);
  const elsewhere = { ...makeGateway("infra/edge"), gatewayClassName: "istio" };
  t.is(translate(makeState(elsewhere, canaryRoute)).statuses.httpRoutes.size, 0);
  const ours = translate(makeState(elsewhere, makeGateway("team/edge"), canaryRoute));
  t.regex(ours.statuses.httpRoutes.get("apps/canary")?.[0]?.conditions[0]?.message ?? "", /namespace team has one/);
});

test("T34 a Gateway that is nowhere is spoken of where it can only be ours", (t) => {
  const translator = new Translator();
  const foreignClass = {
    kind: "GatewayClass",
    meta: makeMeta("istio"),
    controllerName: "istio.example/gateway",
  } as const;
  const foreign = { ...makeGateway("apps/theirs"), gatewayClassName: "istio" };
  const neighbour = makeGateway("apps/ours");
  const accepted = (state: ClusterState) =>
    routeReasons(translator.translate(state, options), "apps/canary")["Accepted"];
  t.is(accepted(makeState(canaryRoute)), "False/NoMatchingParent", "nobody else is there");
  t.is(accepted(makeState(canaryRoute, foreignClass)), undefined, "its controller may be the other one");
  t.is(accepted(makeState(canaryRoute, foreignClass, neighbour)), "False/NoMatchingParent", "its namespace is ours");
  t.is(accepted(makeState(canaryRoute, foreignClass, neighbour, foreign)), undefined, "its namespace is both's");
  t.is(
    accepted(makeState(canaryRoute, foreignClass, makeGateway("team/edge"))),
    "False/NoMatchingParent",
    "ours has the name",
  );
  t.is(accepted(makeState(canaryRoute, neighbour)), "False/NoMatchingParent");
});

test("T34 a Gateway that appears later accepts the route that waited for it", (t) => {
  const translator = new Translator();
  const waiting = translator.translate(makeState(stable, canary, canaryRoute), options);
  t.is(routeReasons(waiting, "apps/canary")["Accepted"], "False/NoMatchingParent");
  const served = translator.translate(makeState(edge, stable, canary, canaryRoute), options);
  t.deepEqual(routeReasons(served, "apps/canary"), { Accepted: "True/Accepted", ResolvedRefs: "True/ResolvedRefs" });
});

test("G.4 listeners of equal port, protocol and hostname are all in conflict, the others are served", (t) => {
  const gateway = makeGateway(
    "apps/edge",
    makeListener({ name: "one", hostname: "a.example.com" }),
    makeListener({ name: "two", hostname: "A.example.com" }),
    makeListener({ name: "three" }),
    makeListener({ name: "other-port", port: 81, hostname: "a.example.com" }),
  );
  const translation = translate(makeState(gateway));
  const [one, two, three] = translation.statuses.gateways.get("apps/edge")?.listeners ?? [];
  for (const listener of [one, two]) {
    t.deepEqual(reasons(listener?.conditions), {
      Accepted: "False/HostnameConflict",
      Programmed: "False/HostnameConflict",
      ResolvedRefs: "True/ResolvedRefs",
      Conflicted: "True/HostnameConflict",
    });
  }
  t.is(reasons(three?.conditions)["Conflicted"], "False/NoConflicts");
  t.deepEqual(translation.gateways.get("apps/edge"), ["apps/edge/three", "apps/edge/other-port"]);
});

test("K1 G.3 Programmed follows what agents acknowledged and whether the address can be used", (t) => {
  const translator = new Translator();
  const state = makeState({ ...edge, addresses: [{ type: "IPAddress", value: "192.0.2.1" }] });
  const programmed = (more: { readonly acknowledged: boolean; readonly usable?: string }) => {
    const programmedGateways = new Set(more.acknowledged ? ["apps/edge"] : []);
    const { usable } = more;
    const addresses = usable === "" ? [] : [{ type: "IPAddress", value: usable ?? "" }];
    const options = {
      controllerName,
      programmedGateways,
      ...(usable !== undefined && { addressesOf: () => addresses }),
    };
    const status = translator.translate(state, options);
    return reasons(status.statuses.gateways.get("apps/edge")?.conditions);
  };
  t.deepEqual(programmed({ acknowledged: false }), { Accepted: "True/Accepted", Programmed: "False/Pending" });
  t.deepEqual(programmed({ acknowledged: true }), { Accepted: "True/Accepted", Programmed: "True/Programmed" });
  t.is(programmed({ acknowledged: true, usable: "192.0.2.1" })["Programmed"], "True/Programmed");
  t.is(programmed({ acknowledged: true, usable: "127.0.0.1" })["Programmed"], "False/AddressNotUsable");
  t.is(programmed({ acknowledged: true, usable: "" })["Programmed"], "False/AddressNotAssigned");
});

test("G.3 a Gateway whose parameters are of no use is not accepted; what it serves goes on", (t) => {
  const translator = new Translator();
  const state = makeState(
    edge,
    stable,
    makeRoute("apps/route", { rules: [makeRule({ backendRefs: [makeBackend("apps/stable")] })] }),
  );
  const programmedGateways = new Set(["apps/edge"]);
  const translated = (message: string | null) => {
    const gatewayParameterErrors = new Map(message === null ? [] : [["apps/edge", message]]);
    return translator.translate(state, { controllerName, programmedGateways, gatewayParameterErrors });
  };
  const served = translated(null);
  t.is(served.gateways.get("apps/edge")?.length, 1);
  const refused = translated("there is no ConfigMap edge-parameters");
  t.deepEqual(refused.gateways, served.gateways);
  t.like(refused.statuses.gateways.get("apps/edge")?.conditions, {
    0: {
      type: "Accepted",
      status: "False",
      reason: "InvalidParameters",
      message: "there is no ConfigMap edge-parameters",
    },
    1: { type: "Programmed", status: "True" },
  });
  t.is(translated("there is no ConfigMap edge-parameters").routes, refused.routes);
  t.deepEqual(translated(null).statuses, served.statuses);
});

test("G.3 a Gateway that nothing can be made for says why, until an agent serves it", (t) => {
  const gatewayObstacles = new Map([["apps/edge", { reason: "Invalid", message: "no room" }]]);
  const programmed = (gateways: readonly string[]) =>
    new Translator()
      .translate(makeState(edge), { controllerName, gatewayObstacles, programmedGateways: new Set(gateways) })
      .statuses.gateways.get("apps/edge")?.conditions[1];
  t.like(programmed([]), { type: "Programmed", status: "False", reason: "Invalid", message: "no room" });
  t.like(programmed(["apps/edge"]), { type: "Programmed", status: "True" });
});

test("G.4 a listener whose port cannot be bound is not accepted, and says why", (t) => {
  const portFault = (port: number) => (port === edge.listeners[0]?.port ? "taken" : null);
  const { gateways, statuses } = new Translator().translate(makeState(edge), { controllerName, portFault });
  t.deepEqual(gateways.get("apps/edge"), []);
  t.like(statuses.gateways.get("apps/edge")?.listeners[0]?.conditions[0], {
    type: "Accepted",
    status: "False",
    reason: "PortUnavailable",
    message: "taken",
  });
});

test("G.5 a route that cannot be read is not accepted; one that could be before falls back to that", (t) => {
  const never = translate(makeState(edge, makeRoute("apps/route", { rules: [], refused: "no such path" })));
  t.is(routeReasons(never, "apps/route")["Accepted"], "False/UnsupportedValue");
  t.deepEqual([...never.routes.keys()], []);
  t.is(never.statuses.gateways.get("apps/edge")?.listeners[0]?.attachedRoutes, 0);
  const before = translate(makeState(edge, makeRoute("apps/route", { refused: "no such path" })));
  t.like(routeReasons(before, "apps/route"), { Accepted: "True/Accepted", PartiallyInvalid: "True/UnsupportedValue" });
  t.regex(
    before.statuses.httpRoutes.get("apps/route")?.[0]?.conditions[2]?.message ?? "",
    /^Fall Back: .*no such path$/,
  );
  t.is(before.routes.get("apps/route")?.rules.length, 1);
});

test("G.2 a GatewayClass with parameters is told where parameters go; its Gateways are served", (t) => {
  const parametersRef = { group: "", kind: "ConfigMap", name: "x" };
  const state = makeState(edge);
  const [[name, gatewayClass] = []] = state.gatewayClasses;
  const gatewayClasses = new Map([[name!, { ...gatewayClass!, parametersRef }]]);
  const { statuses, gateways } = translate({ ...state, gatewayClasses });
  t.like(statuses.gatewayClasses.get(name!), { 0: { type: "Accepted", status: "False", reason: "InvalidParameters" } });
  t.is(gateways.get("apps/edge")?.length, 1);
});

const unknowns: readonly (readonly [what: string, rule: Parameters<typeof makeRule>[0]])[] = [
  ["path match type", { matches: [makeMatch({ path: { type: "Glob", value: "/*" } })] }],
  ["path without slash", { matches: [makeMatch({ path: { type: "Exact", value: "x" } })] }],
  ["method", { matches: [makeMatch({ method: "BREW" })] }],
  ["header match type", { matches: [makeMatch({ headers: [{ type: "Glob", name: "x", value: "*" }] })] }],
  ["query match type", { matches: [makeMatch({ queryParams: [{ type: "Glob", name: "x", value: "*" }] })] }],
  ["filter", { filters: [{ type: "Unsupported", name: "Teleport" }] }],
  ["field", { unsupportedFields: ["retry"] }],
  [
    "second RequestHeaderModifier",
    {
      filters: [1, 2].map((): HttpRouteFilter => {
        const set = [{ name: "x", value: "1" }];
        return { type: "RequestHeaderModifier", modifier: { set, add: [], remove: [] } };
      }),
    },
  ],
];

for (const [what, rule] of unknowns) {
  test(`A.0 a rule with an unknown ${what} says so and leaves the other rules working`, (t) => {
    const backendRefs = [makeBackend("apps/stable")];
    const partly = makeRoute("apps/route", { rules: [makeRule({ backendRefs, ...rule }), makeRule({ backendRefs })] });
    const translation = translate(makeState(edge, stable, partly));
    const [broken, working] = translation.routes.get("apps/route")?.rules ?? [];
    t.true(broken?.unsupported.startsWith("not supported: "));
    t.deepEqual(broken?.backends, []);
    t.is(working?.unsupported, "");
    t.is(working?.backends[0]?.cluster, "apps/stable:80");
    t.is(routeReasons(translation, "apps/route")["Accepted"], "True/Accepted");
    t.is(routeReasons(translation, "apps/route")["PartiallyInvalid"], "True/UnsupportedValue");
    const conditions = translation.statuses.httpRoutes.get("apps/route")?.[0]?.conditions;
    const effect = broken?.matches.length === 0 ? "it matches no request" : "its requests are answered 500";
    t.true(conditions?.[2]?.message.startsWith(`Dropped Rule: rule 0, ${effect}: not supported: `));

    const wholly = translate(makeState(edge, stable, makeRoute("apps/route", { rules: [makeRule(rule)] })));
    t.is(routeReasons(wholly, "apps/route")["Accepted"], "False/UnsupportedValue");
    t.is(wholly.statuses.gateways.get("apps/edge")?.listeners[0]?.attachedRoutes, 0);
  });
}

test("C.1 an expression that backtracking engines choke on is plain RE2 here", (t) => {
  const matches = [makeMatch({ path: { type: "RegularExpression", value: "/(a+)+b" } })];
  const route = makeRoute("apps/route", { rules: [makeRule({ matches })] });
  t.is(translate(makeState(edge, route)).routes.get("apps/route")?.rules[0]?.unsupported, "");
});

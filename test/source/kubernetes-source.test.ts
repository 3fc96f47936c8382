// KubernetesSource against a small API server over real HTTP: when a state is published, what is in it, and what is said
// about the rest.
import test, { type ExecutionContext } from "ava";
import type { ApiObject } from "../../control-plane/kubernetes/object-store.ts";
import type { ClusterState } from "../../control-plane/source/cluster-state.ts";
import { KubernetesSource } from "../../control-plane/source/kubernetes-source.ts";
import { type StateOrigin, formatProblem } from "../../control-plane/source/source.ts";
import { seededRandom } from "../support/seeded-random.ts";
import { until } from "../support/until.ts";
import { ApiServer } from "./kubernetes-api-server.ts";

const gateway = "/apis/gateway.networking.k8s.io/v1";
const paths = {
  definitions: "/apis/apiextensions.k8s.io/v1/customresourcedefinitions",
  classes: `${gateway}/gatewayclasses`,
  gateways: `${gateway}/gateways`,
  routes: `${gateway}/httproutes`,
  grants: `${gateway}/referencegrants`,
  namespaces: "/api/v1/namespaces",
  services: "/api/v1/services",
  slices: "/apis/discovery.k8s.io/v1/endpointslices",
  pods: "/api/v1/pods",
};

const limits = {
  intervalMs: 5,
  catchUpMs: 20,
  maxHoldMs: 300,
  responseTimeoutMs: 2000,
  firstBackoffMs: 5,
  maxBackoffMs: 20,
  steadyMs: 0,
  missingRetryMs: 20,
  confirmDelayMs: 5,
};

function definition(plural: string, version: string): ApiObject {
  return {
    metadata: {
      name: `${plural}.gateway.networking.k8s.io`,
      annotations: { "gateway.networking.k8s.io/bundle-version": version },
    },
  };
}

function route(name: string, spec: object = { parentRefs: [{ name: "web" }] }): ApiObject {
  return {
    metadata: {
      namespace: "shop",
      name,
      generation: 7,
      creationTimestamp: "2026-01-02T03:04:05Z",
      annotations: { "kubectl.kubernetes.io/last-applied-configuration": "{}" },
    },
    spec,
  };
}

function pod(name: string, phase = "Running", extra: object = {}): ApiObject {
  return {
    metadata: { namespace: "shop", name, labels: { app: "task-api", version: "canary" }, ...extra },
    spec: {
      containers: [
        {
          name: "app",
          image: "app:1",
          env: [{ name: "A", value: "b" }],
          ports: [{ containerPort: 8080 }],
          readinessProbe: { httpGet: { path: "/", port: 8080 } },
        },
      ],
    },
    status: { phase, podIPs: [{ ip: "10.0.0.1" }], conditions: [{ type: "Ready", status: "True" }] },
  };
}

function slice(name: string, count: number): ApiObject {
  return {
    metadata: { namespace: "shop", name, labels: { "kubernetes.io/service-name": "task-api" } },
    addressType: "IPv4",
    ports: [{ name: "http", port: 8080 }],
    endpoints: Array.from({ length: count }, (_, index) => ({ addresses: [`10.0.0.${index + 1}`] })),
  };
}

async function startServer(t: ExecutionContext): Promise<ApiServer> {
  const server = new ApiServer(Object.values(paths));
  await server.start();
  t.teardown(() => server.stop());
  for (const name of ["gatewayclasses", "gateways", "httproutes", "referencegrants"])
    server.put(paths.definitions, definition(name, "v1.5.1"));
  server.put(paths.namespaces, { metadata: { name: "shop", labels: { team: "a" } } });
  return server;
}

interface Following {
  readonly source: KubernetesSource;
  readonly states: { readonly state: ClusterState; readonly origin: StateOrigin }[];
  readonly problems: () => string[];
}

function follow(t: ExecutionContext, server: ApiServer, startTimeoutMs = 10_000): Following {
  const source = new KubernetesSource({
    kubeConfig: server.kubeConfig,
    random: seededRandom(1),
    limits: { ...limits, startTimeoutMs },
  });
  t.teardown(() => source.close());
  const states: Following["states"] = [];
  source.onChange((state, origin) => states.push({ state, origin }));
  return { source, states, problems: () => source.problems().map(formatProblem) };
}

/** Every kind is watched: what happens from now on is an event. */
async function untilWatching(server: ApiServer): Promise<void> {
  await until(() => Object.values(paths).every((path) => server.watchCount(path) === 1));
}

test("nothing is published before every kind was read", async (t) => {
  const server = await startServer(t);
  server.put(paths.routes, route("canary"));
  server.refuse = ({ pathname }) => (pathname === paths.slices ? { status: 500, reason: "InternalError" } : null);
  const { source, states, problems } = follow(t, server, 100);
  await source.start();
  t.is(source.current(), null);
  await until(() => problems().length === 1);
  t.deepEqual(problems(), ["EndpointSlice: cannot be watched: InternalError"]);
  server.refuse = () => null;
  await until(() => source.current() !== null);
  t.deepEqual([...states[0]!.state.httpRoutes.keys()], ["shop/canary"]);
  t.is(states[0]!.origin.cause, "start");
  await until(() => problems().length === 0);
});

test("a state holds what is read of each kind, and nothing else", async (t) => {
  const server = await startServer(t);
  server.put(paths.routes, route("canary"));
  server.put(paths.pods, pod("running"), pod("done", "Succeeded"), pod("failed", "Failed"));
  server.put(paths.slices, slice("task-api-1", 2));
  server.put(paths.services, {
    metadata: { namespace: "shop", name: "task-api" },
    spec: { clusterIP: "10.96.0.1", clusterIPs: ["10.96.0.1"], ports: [{ port: 80, targetPort: 8080 }] },
  });
  server.put(paths.grants, { metadata: { namespace: "shop", name: "open" }, spec: { from: [], to: [] } });
  const { source, problems } = follow(t, server);
  await source.start();
  const state = source.current()!;
  t.deepEqual(problems(), []);
  t.is(state.deployments.size, 0);
  t.deepEqual(state.httpRoutes.get("shop/canary")!.meta, {
    namespace: "shop",
    name: "canary",
    generation: 7,
    creationTimestampMs: Date.parse("2026-01-02T03:04:05Z"),
    labels: {},
    annotations: {},
  });
  t.deepEqual([...state.pods.keys()], ["shop/running"]);
  t.deepEqual(state.pods.get("shop/running")!.containers, [
    { name: "app", image: "", env: [], ports: [{ name: "", containerPort: 8080, protocol: "TCP" }] },
  ]);
  t.is(state.endpointSlices.get("shop/task-api-1")!.serviceName, "task-api");
  t.is(state.services.get("shop/task-api")!.ports[0]!.targetPort, 8080);
  t.is(state.namespaces.get("shop")!.meta.labels["kubernetes.io/metadata.name"], "shop");
  t.is(state.referenceGrants.size, 1);
});

test("unchanged objects keep their identity, unchanged kinds their map; noise publishes nothing", async (t) => {
  const server = await startServer(t);
  server.put(paths.pods, pod("a"), pod("c"));
  const { source, states } = follow(t, server);
  await source.start();
  await untilWatching(server);
  const before = source.current()!;
  server.put(paths.pods, pod("a", "Running", { annotations: { heartbeat: "1" }, managedFields: [{}] }));
  server.put(paths.pods, pod("b"));
  await until(() => states.length === 2);
  const { state, origin } = states[1]!;
  t.is(origin.cause, "watch");
  t.deepEqual([...state.pods.keys()], ["shop/a", "shop/b", "shop/c"]);
  t.is(state.pods.get("shop/a"), before.pods.get("shop/a"));
  t.is(state.services, before.services);
  server.put(paths.pods, pod("b", "Succeeded"));
  await until(() => states.length === 3);
  t.false(states[2]!.state.pods.has("shop/b"));
});

test("a burst of events is few states", async (t) => {
  const server = await startServer(t);
  const { source, states } = follow(t, server);
  await source.start();
  await untilWatching(server);
  server.put(paths.pods, ...Array.from({ length: 500 }, (_, index) => pod(`p${index}`)));
  await until(() => source.current()!.pods.size === 500);
  t.true(states.length < 50, `${states.length} states`);
});

test("a kind that is not installed is named; the rest works; it is picked up when it appears", async (t) => {
  const server = await startServer(t);
  server.uninstall(paths.routes);
  server.remove(paths.definitions, definition("httproutes", ""));
  const { source, problems } = follow(t, server);
  await source.start();
  t.is(source.current()!.namespaces.size, 1);
  t.deepEqual(problems(), [
    "HTTPRoute: CustomResourceDefinition httproutes.gateway.networking.k8s.io is not installed; install Gateway API v1.5 or newer, standard channel",
  ]);
  t.is(source.problems()[0]!.severity, "warning");
  server.install(paths.routes);
  server.put(paths.routes, route("canary"));
  server.put(paths.definitions, definition("httproutes", "v1.5.1"));
  await until(() => source.current()!.httpRoutes.size === 1 && problems().length === 0);
  server.remove(paths.definitions, definition("httproutes", ""));
  server.uninstall(paths.routes);
  await until(() => source.current()!.httpRoutes.size === 0 && problems().length === 1);
});

test("definitions older than v1.5 are warned of; ReferenceGrants of v1beta1 are read", async (t) => {
  const server = await startServer(t);
  server.uninstall(paths.grants);
  const old = "/apis/gateway.networking.k8s.io/v1beta1/referencegrants";
  server.install(old);
  server.put(old, { metadata: { namespace: "shop", name: "open" }, spec: { from: [], to: [] } });
  server.put(paths.definitions, definition("referencegrants", "v1.4.0"), definition("gateways", "v2.0.0"));
  const { source, problems } = follow(t, server);
  await source.start();
  t.is(source.current()!.referenceGrants.size, 1);
  await until(() => problems().length === 1);
  t.is(
    problems()[0],
    "ReferenceGrant: CustomResourceDefinition referencegrants.gateway.networking.k8s.io is of v1.4.0; install Gateway API v1.5 or newer, standard channel",
  );
});

test("an object that breaks a rule is a problem of its own; mended, it is there", async (t) => {
  const server = await startServer(t);
  const noPath = { matches: [{ path: { type: "PathPrefix", value: "no-slash" } }] };
  server.put(paths.routes, route("bad", { rules: [noPath] }), route("odd", { rules: 5 }), route("good"));
  const { source, problems } = follow(t, server);
  await source.start();
  t.deepEqual([...source.current()!.httpRoutes.keys()], ["shop/bad", "shop/good", "shop/odd"]);
  t.like(source.current()!.httpRoutes.get("shop/bad"), {
    rules: [],
    refused: "spec.rules[0].matches[0].path.value: expected a path that begins with /",
  });
  t.is(problems().length, 2);
  t.true(problems()[0]!.startsWith("HTTPRoute shop/bad: spec.rules[0].matches[0].path"), problems()[0]);
  t.true(problems()[1]!.startsWith("HTTPRoute shop/odd"), problems()[1]);
  await untilWatching(server);
  server.put(paths.routes, route("bad"));
  server.remove(paths.routes, route("odd"));
  await until(() => source.current()!.httpRoutes.size === 2 && problems().length === 0);
});

test("what may not be read is said at once, with the API server's reason", async (t) => {
  const server = await startServer(t);
  const message = 'pods is forbidden: User "x" cannot list resource "pods"';
  server.refuse = ({ pathname }) => (pathname === paths.pods ? { status: 403, reason: "Forbidden", message } : null);
  const { source, problems } = follow(t, server, 100);
  await source.start();
  t.is(source.current(), null);
  await until(() => problems().length === 1);
  t.deepEqual(problems(), [`Pod: cannot be watched: ${message}`]);
});

test("while a broken watch is mended nothing is published, and then the whole", async (t) => {
  const server = await startServer(t);
  server.put(paths.slices, slice("task-api-1", 3));
  const { source, states } = follow(t, server);
  await source.start();
  await untilWatching(server);
  let isBroken = true;
  server.refuse = ({ pathname }) =>
    isBroken && pathname === paths.slices ? { status: 503, reason: "ServiceUnavailable" } : null;
  const lists = server.requests.length;
  server.cut(paths.slices);
  // Seen to be cut: a request for it was refused.
  await until(() => server.requests.slice(lists).some(({ pathname }) => pathname === paths.slices));
  server.put(paths.slices, slice("task-api-1", 1));
  server.put(paths.slices, slice("task-api-2", 2));
  server.put(paths.pods, pod("a"));
  isBroken = false;
  await until(() => source.current()!.pods.size === 1);
  t.is(states.length, 2);
  t.is(states[1]!.state.endpointSlices.get("shop/task-api-1")!.endpoints.length, 1);
  t.is(states[1]!.state.endpointSlices.size, 2);
});

test("a watch that stays broken holds the others back for a while only", async (t) => {
  const server = await startServer(t);
  const { source, problems } = follow(t, server);
  await source.start();
  await untilWatching(server);
  server.refuse = ({ pathname }) => (pathname === paths.slices ? { status: 503, reason: "ServiceUnavailable" } : null);
  server.cut(paths.slices);
  await until(() => problems().length === 1);
  const startedMs = performance.now();
  server.put(paths.pods, pod("a"));
  await until(() => source.current()!.pods.size === 1);
  t.true(performance.now() - startedMs < 1500);
  server.put(paths.pods, pod("b"));
  await until(() => source.current()!.pods.size === 2);
});

test("an API server that restarts empty-handed takes no endpoints away", async (t) => {
  const server = await startServer(t);
  server.put(paths.slices, ...Array.from({ length: 5 }, (_, index) => slice(`s${index}`, 4)));
  const { source, states } = follow(t, server);
  await source.start();
  await untilWatching(server);
  await server.stop();
  for (const path of Object.values(paths)) server.compact(path);
  let isFirst = true;
  server.distort = (path, items) => {
    if (path !== paths.slices || !isFirst) return items;
    isFirst = false;
    return [];
  };
  await server.start();
  await untilWatching(server);
  server.put(paths.pods, pod("a"));
  await until(() => source.current()!.pods.size === 1);
  t.false(isFirst);
  t.true(states.every(({ state }) => state.endpointSlices.size === 5));
});

test("closed before the first state, start() rejects; afterwards nothing is called", async (t) => {
  const server = await startServer(t);
  server.ignore = () => true;
  const { source, states } = follow(t, server);
  const started = source.start();
  await source.close();
  await t.throwsAsync(started, { message: "closed before the first state" });
  t.is(states.length, 0);
});

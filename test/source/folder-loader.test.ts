// What a folder's texts become, and how mistakes in them are said.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import test from "ava";
import { filesOf, lines, loadText, newLoader, routeWith } from "./load.ts";

const seeds = join(import.meta.dirname, "seeds");
const seed = (name: string): string => readFileSync(join(seeds, name), "utf8");

for (const name of readdirSync(seeds))
  test(`the seed document ${name} reads without a problem`, (t) => {
    const loaded = loadText(seed(name), name);
    t.deepEqual(lines(loaded), []);
    t.truthy(loaded.state);
  });

test("K2 objects without a namespace get the one that is asked for", (t) => {
  const { state } = newLoader("kong").load(filesOf({ "echo.yaml": seed("echo.yaml") }));
  t.deepEqual([...state!.services.keys()], ["kong/echo-v1", "kong/echo-v2"]);
  t.deepEqual([...state!.deployments.keys()], ["kong/echo-v1", "kong/echo-v2"]);
  t.deepEqual(state!.deployments.get("kong/echo-v1")!.template.containers[0]!.env[0], {
    name: "NODE_NAME",
    value: "v1",
  });
});

test("K3 K7 the route's weights and the Service's ports are read as written", (t) => {
  const { state } = newLoader("kong").load(filesOf({ "echo.yaml": seed("echo.yaml") }));
  const [rule] = state!.httpRoutes.get("kong/canary-route")!.rules;
  t.deepEqual(rule!.matches, [{ path: { type: "PathPrefix", value: "/echo" }, headers: [], queryParams: [] }]);
  t.deepEqual(
    rule!.backendRefs.map(({ name, port, weight }) => [name, port, weight]),
    [
      ["echo-v1", 80, 50],
      ["echo-v2", 80, 50],
    ],
  );
  const [port] = state!.services.get("kong/echo-v1")!.ports;
  t.deepEqual(port, { name: "http", port: 80, targetPort: 1027, protocol: "TCP" });
});

test("T3 a Service port without targetPort targets itself", (t) => {
  const { state } = loadText(seed("task-api.yaml"));
  t.like(state!.services.get("task-api/task-api-canary")!.ports[0], { port: 8000, targetPort: 8000 });
  t.like(state!.deployments.get("task-api/task-api-canary"), {
    replicas: 1,
    template: { labels: { version: "canary" } },
  });
});

test("T9 a backendRef without port is rejected naming file, line and field, once for each", (t) => {
  const text = seed("task-api.yaml").replace(/\n *port: 8000\n( *)weight: 95\n/, "\n$1weight: 75\n");
  const loaded = loadText(text, "routes.yaml");
  t.deepEqual(lines(loaded), [
    "routes.yaml:50:11: HTTPRoute task-api/task-api-canary: spec.rules[0].backendRefs[0].port: required for a Service (1-65535)",
  ]);
  t.is(loaded.state, null);
});

test("A8 R3 defaults: weight 1, one PathPrefix / match, group, kind and namespace of references", (t) => {
  const { state } = loadText(
    routeWith({ parentRefs: [{ name: "gw" }], rules: [{ backendRefs: [{ name: "a", port: 80 }] }] }),
  );
  const route = state!.httpRoutes.get("shop/route")!;
  t.deepEqual(route.parentRefs, [
    { group: "gateway.networking.k8s.io", kind: "Gateway", namespace: "shop", name: "gw" },
  ]);
  t.deepEqual(route.rules, [
    {
      matches: [{ path: { type: "PathPrefix", value: "/" }, headers: [], queryParams: [] }],
      filters: [],
      backendRefs: [{ group: "", kind: "Service", namespace: "shop", name: "a", port: 80, weight: 1, filters: [] }],
      unsupportedFields: [],
    },
  ]);
});

test("a route without rules has the default one, and a header match keeps the default path", (t) => {
  const { state } = loadText(routeWith({ parentRefs: [] }));
  t.is(state!.httpRoutes.get("shop/route")!.rules.length, 1);
  const headers = loadText(routeWith({ rules: [{ matches: [{ headers: [{ name: "a", value: "b" }] }] }] }));
  t.like(headers.state!.httpRoutes.get("shop/route")!.rules[0]!.matches[0], {
    path: { type: "PathPrefix", value: "/" },
    headers: [{ type: "Exact", name: "a", value: "b" }],
  });
});

test("filters: modifiers and mirrors are read, others and unsupported fields keep their names", (t) => {
  const mirror = (share: object): object => ({
    type: "RequestMirror",
    requestMirror: { backendRef: { name: "m", port: 80 }, ...share },
  });
  const { state, problems } = loadText(
    routeWith({
      rules: [
        {
          filters: [
            {
              type: "RequestHeaderModifier",
              requestHeaderModifier: { set: [{ name: "a", value: "b" }], remove: ["c"] },
            },
            mirror({}),
            mirror({ percent: 20 }),
            mirror({ fraction: { numerator: 1, denominator: 3 } }),
            mirror({ fraction: { numerator: 7 } }),
            { type: "URLRewrite", urlRewrite: { hostname: "x.example" } },
          ],
          timeouts: { request: "1s" },
          backendRefs: [{ name: "a", port: 80 }],
        },
      ],
    }),
  );
  t.deepEqual(problems, []);
  const [rule] = state!.httpRoutes.get("shop/route")!.rules;
  t.deepEqual(rule!.unsupportedFields, ["timeouts"]);
  t.deepEqual(
    rule!.filters.map((filter) => ("denominator" in filter ? [filter.numerator, filter.denominator] : filter.type)),
    ["RequestHeaderModifier", [1, 1], [20, 100], [1, 3], [7, 100], "Unsupported"],
  );
});

test("a wrong type names the field, the place and what was expected", (t) => {
  const text = `apiVersion: v1
kind: Service
metadata: {name: web}
spec:
  ports:
  - port: "80"
`;
  t.deepEqual(lines(loadText(text)), [
    'objects.yaml:6:5: Service web: spec.ports[0].port: expected a whole number, got "80"; remove the quotes',
  ]);
});

test("a header value that YAML reads as a boolean says that quotes are missing", (t) => {
  const found = lines(
    loadText(routeWith({ rules: [{ matches: [{ headers: [{ name: "x-canary", value: true }] }] }] })),
  );
  t.is(found.length, 1);
  t.regex(found[0]!, /headers\[0\]\.value: expected a string, got true; put it in quotes$/);
});

test("an unknown field is a warning that says what was meant", (t) => {
  const loaded = loadText(routeWith({ rules: [{ backendRefs: [{ name: "a", port: 80, weigth: 5 }] }] }));
  t.deepEqual(
    lines(loaded).map((line) => line.replace(/^.*?route: /, "")),
    ["spec.rules[0].backendRefs[0].weigth: unknown field, ignored; did you mean weight?"],
  );
  t.truthy(loaded.state);
});

test("fields that every kind may have are known ones", (t) => {
  const pod = {
    apiVersion: "v1",
    kind: "Pod",
    metadata: {
      name: "p",
      labels: { a: "b" },
      annotations: { "x.y/z": "1" },
      ownerReferences: [{ apiVersion: "apps/v1", kind: "ReplicaSet", name: "web-abc", uid: "1", controller: true }],
      managedFields: [{ manager: "m", fieldsV1: { "f:a": {} } }],
    },
    spec: {
      containers: [
        {
          name: "c",
          image: "i",
          command: ["a"],
          env: [{ name: "A", valueFrom: { fieldRef: { fieldPath: "status.podIP" } } }],
          resources: { limits: { cpu: "1", memory: "1Gi" } },
          volumeMounts: [{ name: "v", mountPath: "/v" }],
          livenessProbe: { exec: { command: ["true"] } },
          securityContext: { runAsUser: 1 },
        },
      ],
      volumes: [{ name: "v", emptyDir: {} }],
      tolerations: [{ operator: "Exists" }],
    },
    status: { phase: "Running", podIP: "10.0.0.1", conditions: [{ type: "Ready", status: "True" }], whatever: 1 },
  };
  const loaded = loadText(JSON.stringify(pod));
  t.deepEqual(lines(loaded), []);
  t.like(loaded.state!.pods.get("default/p"), { podIps: ["10.0.0.1"], ready: true, phase: "Running" });
});

test("lists of objects are unpacked, and their problems are the item's", (t) => {
  const namespace = (name: unknown): object => ({ apiVersion: "v1", kind: "Namespace", metadata: { name } });
  const list = { apiVersion: "v1", kind: "List", items: [namespace("one"), namespace("two")] };
  t.deepEqual([...loadText(JSON.stringify(list)).state!.namespaces.keys()], ["one", "two"]);
  const broken = { ...list, items: [namespace("one"), namespace("Two")] };
  t.is(lines(loadText(JSON.stringify(broken, null, 1))).length, 1);
  t.regex(lines(loadText(JSON.stringify(broken, null, 1)))[0]!, /^objects\.yaml:16:5: Namespace Two: metadata\.name: /);
});

test("a kind that Heddle does not read is named once, whatever else there is", (t) => {
  const map = (name: string): string => `apiVersion: v1\nkind: ConfigMap\nmetadata: {name: ${name}}\n`;
  const foreign = "apiVersion: serving.knative.dev/v1\nkind: Service\nmetadata: {name: s}\n";
  const loaded = newLoader().load(
    filesOf({ "a.yaml": `${map("a")}---\n${map("b")}`, "b.yaml": `${map("c")}---\n${foreign}` }),
  );
  t.deepEqual(lines(loaded), [
    "warning: a.yaml:1:1: Heddle does not read v1 ConfigMap; ignored",
    "warning: b.yaml:5:1: Heddle does not read serving.knative.dev/v1 Service; ignored",
  ]);
  t.is(loaded.state!.services.size, 0);
});

test("a version that is not served is an error that names the right one", (t) => {
  t.deepEqual(
    lines(loadText("apiVersion: gateway.networking.k8s.io/v1alpha2\nkind: HTTPRoute\nmetadata: {name: r}\n")),
    [
      "objects.yaml:1:1: apiVersion: expected gateway.networking.k8s.io/v1 for HTTPRoute, got gateway.networking.k8s.io/v1alpha2",
    ],
  );
  const beta = routeWith({}).replace("/v1", "/v1beta1");
  t.deepEqual(lines(loadText(beta)), []);
});

test("the same object twice is an error that names both places", (t) => {
  const loaded = newLoader().load(
    filesOf({
      "a.yaml": "apiVersion: v1\nkind: Namespace\nmetadata: {name: n}\n",
      "b.yaml": "# again\napiVersion: v1\nkind: Namespace\nmetadata: {name: n}\n",
    }),
  );
  t.deepEqual(lines(loaded), ["b.yaml:2:1: Namespace n: already defined at a.yaml:1"]);
  t.is(loaded.state, null);
});

test("a duplicate key is an error at the second one", (t) => {
  t.deepEqual(lines(loadText("apiVersion: v1\nkind: Namespace\nmetadata:\n  name: a\n  name: b\n")), [
    'objects.yaml:5:3: duplicate key "name"',
  ]);
});

test("one error anywhere keeps the whole last good state; mended, everything applies", (t) => {
  const loader = newLoader();
  const namespace = (name: string): string => `apiVersion: v1\nkind: Namespace\nmetadata: {name: ${name}}\n`;
  const first = loader.load(filesOf({ "a.yaml": namespace("a") })).state;
  const broken = loader.load(filesOf({ "a.yaml": namespace("a2"), "b.yaml": "kind: [" }));
  t.is(broken.state, first);
  t.is(broken.problems.length, 1);
  const mended = loader.load(filesOf({ "a.yaml": namespace("a2"), "b.yaml": namespace("b") }));
  t.deepEqual([...mended.state!.namespaces.keys()], ["a2", "b"]);
});

test("unchanged objects and kinds keep their identity, the edited one gets a new generation", (t) => {
  const loader = newLoader();
  const service = (name: string, port: number, label = "x"): string =>
    JSON.stringify({
      apiVersion: "v1",
      kind: "Service",
      metadata: { name, labels: { label } },
      spec: { ports: [{ port }] },
    });
  const text = (port: number, label?: string): string =>
    `${service("a", 80)}\n---\n${service("b", port, label)}\n---\n${routeWith({})}`;
  const before = loader.load(filesOf({ "f.yaml": text(80) })).state!;
  const after = loader.load(filesOf({ "f.yaml": `# comment\n${text(81)}` })).state!;
  t.not(after, before);
  t.is(after.services.get("default/a"), before.services.get("default/a"));
  t.is(after.httpRoutes, before.httpRoutes);
  t.is(before.services.get("default/b")!.meta.generation, 1);
  t.is(after.services.get("default/b")!.meta.generation, 2);
  t.is(
    after.services.get("default/b")!.meta.creationTimestampMs,
    before.services.get("default/b")!.meta.creationTimestampMs,
  );
  const labelled = loader.load(filesOf({ "g.yaml": text(81, "y") })).state!;
  t.is(labelled.services.get("default/b")!.meta.generation, 2);
  t.is(loader.load(filesOf({ "g.yaml": `${text(81, "y")}\n# end` })).state, labelled);
});

test("age follows creationTimestamp, else the order of first appearance", (t) => {
  const loader = newLoader();
  const route = (name: string, creationTimestamp?: string): string =>
    JSON.stringify({ ...JSON.parse(routeWith({})), metadata: { name, creationTimestamp } });
  const ages = (texts: string[]): [string, number][] =>
    [...loader.load(filesOf({ "a.yaml": texts.join("\n---\n") })).state!.httpRoutes.values()].map(({ meta }) => [
      meta.name,
      meta.creationTimestampMs,
    ]);
  t.deepEqual(ages([route("z"), route("a"), route("old", "2020-01-01T00:00:00Z")]), [
    ["a", 1001],
    ["old", Date.UTC(2020)],
    ["z", 1000],
  ]);
  t.deepEqual(ages([route("new"), route("a"), route("z")]), [
    ["a", 1001],
    ["new", 1002],
    ["z", 1000],
  ]);
});

test("null fields are absent ones, as the API server prunes them", (t) => {
  const text =
    "apiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\nmetadata: {name: s}\naddressType: IPv4\nendpoints:\nports:\n";
  const loaded = loadText(text);
  t.deepEqual(lines(loaded), []);
  t.deepEqual(loaded.state!.endpointSlices.get("default/s")!.endpoints, []);
});

test("what is no Kubernetes object is ignored with a word, what is half of one is an error", (t) => {
  t.deepEqual(lines(loadText('{"name": "package"}', "package.json")), [
    "warning: package.json:1:1: no apiVersion and no kind: not a Kubernetes object, ignored",
  ]);
  t.deepEqual(lines(loadText("kind: Service")), ["objects.yaml:1:1: apiVersion: required"]);
  t.deepEqual(lines(loadText("- 1")), [
    "objects.yaml:1:1: expected an object with apiVersion and kind, got a list of 1",
  ]);
});

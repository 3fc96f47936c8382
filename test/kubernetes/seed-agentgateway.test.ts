// The page "Traffic splitting" with its three versions of helloworld; the route is in another namespace than its Gateway.
// Heddle's Service of a Gateway is called NAME-CLASS, so `http-heddle` where the page says `http`.
import { readFile } from "node:fs/promises";
import test from "ava";
import { Gateway, rolledOut } from "./support/gateway.ts";
import { send, text } from "./support/http-client.ts";
import { kubectl, tryKubectl } from "./support/kubectl.ts";
import { forwardPort } from "./support/reach.ts";
import { Scenario } from "./support/scenario.ts";
import { waitFor } from "./support/wait-for.ts";

const seed = Scenario.use(test, ["helloworld", "agentgateway-system"]);
const namespace = seed.namespace("helloworld");
const gatewayNamespace = seed.namespace("agentgateway-system");
const options = { headers: { host: "traffic.split.example:8080" } };
const services = ["helloworld-v1:5000", "helloworld-v2:5000", "helloworld-v3:5000"];
const sample = new URL("../../manifests/samples/helloworld/helloworld.yaml", import.meta.url);
let gateway: Gateway;

const route = (backends: string, name = "traffic-split", host = "traffic.split.example"): string => `
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata:
  name: ${name}
  namespace: helloworld
spec:
  parentRefs:
    - name: http
      namespace: agentgateway-system
  hostnames:
    - ${host}
  rules:
    - matches:
        - path:
            type: PathPrefix
            value: /
      backendRefs:
${backends}`;

const backend = (name: string, weight?: number): string =>
  `        - name: ${name}\n          port: 5000\n${weight === undefined ? "" : `          weight: ${weight}\n`}`;

const helloVersion = (answer: Parameters<typeof text>[0]): string =>
  answer.status === 200 ? answer.body.slice("Hello version: ".length, "Hello version: v1".length) : text(answer);

test.serial.before("gateway for routes of all namespaces", async () => {
  await seed.apply(`
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata:
  name: http
  namespace: agentgateway-system
spec:
  gatewayClassName: heddle
  listeners:
  - name: http
    protocol: HTTP
    port: 80
    allowedRoutes:
      namespaces:
        from: All
`);
  gateway = await Gateway.open({ name: "http", namespace: gatewayNamespace, routeNamespace: namespace });
});
test.after.always(() => gateway?.close());

test.serial("A1 the address is the Service's, and the Service can be forwarded to", async (t) => {
  const found = await seed.shell(
    `kubectl get svc -n agentgateway-system http-heddle -o jsonpath="{.status.loadBalancer.ingress[0]['hostname','ip']}"`,
  );
  if (found === "") {
    const clusterAddress = "kubectl get svc -n agentgateway-system http-heddle -o jsonpath='{.spec.clusterIP}'";
    t.is(gateway.address, await seed.shell(clusterAddress), "no load balancer: the Gateway says the ClusterIP");
  } else {
    t.is(gateway.address, found.trim());
  }
  const way = await forwardPort(gatewayNamespace, "service/http-heddle", 80);
  t.teardown(() => way.close());
  t.is((await send(way, "/nowhere")).status, 404);
});

test.serial("A2, A3 three Services and three Deployments are created, and three pods run", async (t) => {
  const yaml = seed.text(await readFile(sample, "utf8"));
  t.is(
    await kubectl(["-n", namespace, "apply", "-f", "-"], { stdin: yaml }),
    `service/helloworld-v1 created
service/helloworld-v2 created
service/helloworld-v3 created
deployment.apps/helloworld-v1 created
deployment.apps/helloworld-v2 created
deployment.apps/helloworld-v3 created
`,
  );
  await rolledOut(namespace, "helloworld-v1", "helloworld-v2", "helloworld-v3");
  // The last -n counts.
  const pods = (await seed.shell("kubectl -n default get pods -n helloworld")).trim().split("\n").slice(1);
  t.is(pods.length, 3);
  for (const pod of pods) t.regex(pod, /^helloworld-v[123]-\S+ +1\/1 +Running /);
});

test.serial("A4, A5 the route attaches across namespaces, and its status says so", async (t) => {
  const backends = backend("helloworld-v1", 10) + backend("helloworld-v2", 10) + backend("helloworld-v3", 80);
  t.is(
    await seed.shell(`kubectl apply -f- <<EOF${route(backends)}EOF`),
    "httproute.gateway.networking.k8s.io/traffic-split created\n",
  );
  await waitFor("the route is accepted", async () => {
    const yaml = await seed.shell("kubectl get httproute/traffic-split -n helloworld -o yaml");
    return /reason: Accepted\n +status: "True"\n +type: Accepted/.test(yaml);
  });
  await gateway.settled(...services);
  t.pass();
});

test.serial("A6, A7 twenty requests are 2, 2 and 16; the Host header may carry a port", async (t) => {
  t.deepEqual(await gateway.count(20, "/hello", helloVersion, options), { v1: 2, v2: 2, v3: 16 });
  const answer = await gateway.send("/hello", options);
  t.is(answer.headers["content-type"], "text/html; charset=utf-8");
  t.regex(answer.body, /^Hello version: (v[123]), instance: helloworld-\1-\S+\n$/);
  t.is(answer.headers["content-length"], String(Buffer.byteLength(answer.body)));
  t.is((await gateway.send("/hello", { headers: { host: "other.example" } })).status, 404);
});

test.serial("A8 a backend without a weight has weight 1", async (t) => {
  await seed.apply(route(backend("helloworld-v1") + backend("helloworld-v3", 3)));
  await gateway.settled();
  t.deepEqual(await gateway.count(40, "/hello", helloVersion, options), { v1: 10, v3: 30 });
});

test.serial("A15 a backend of an unknown kind fails for its share only, and the status says InvalidKind", async (t) => {
  const unknown = `        - name: openai-mini-backend
          group: agentgateway.dev
          kind: AgentgatewayBackend
          weight: 1
`;
  await seed.apply(route(backend("helloworld-v1", 3) + unknown, "llm", "llm.example"));
  const resolved = `{.status.parents[0].conditions[?(@.type=="ResolvedRefs")].reason}`;
  const ask = `kubectl get httproute llm -n helloworld -o jsonpath='${resolved}'`;
  await waitFor("the status says why", async () => (await seed.shell(ask)) === "InvalidKind");
  await gateway.settled();
  t.deepEqual(await gateway.count(40, "/hello", helloVersion, { headers: { host: "llm.example" } }), {
    v1: 30,
    "status 500 invalid_backend": 10,
  });
  t.deepEqual(await gateway.count(40, "/hello", helloVersion, options), { v1: 10, v3: 30 });
});

test.serial(
  "a Service of another namespace without a ReferenceGrant, or none at all, fails for its share only",
  async (t) => {
    const foreign = backend("http-heddle").replace("5000", `80\n          namespace: ${gatewayNamespace}`);
    await seed.apply(
      route(backend("helloworld-v1", 2) + foreign + backend("helloworld-v9"), "strays", "strays.example"),
    );
    const resolved = `{.status.parents[0].conditions[?(@.type=="ResolvedRefs")].reason}`;
    const ask = `kubectl get httproute strays -n helloworld -o jsonpath='${resolved}'`;
    await waitFor("the status says why", async () =>
      ["RefNotPermitted", "BackendNotFound"].includes(await seed.shell(ask)),
    );
    await gateway.settled();
    t.deepEqual(await gateway.count(40, "/hello", helloVersion, { headers: { host: "strays.example" } }), {
      v1: 20,
      "status 500 invalid_backend": 20,
    });
    await seed.shell("kubectl delete httproute strays -n helloworld");
  },
);

test.serial("wrong manifests are refused, and the other routes go on", async (t) => {
  const wrong: readonly (readonly [string, RegExp])[] = [
    [backend("helloworld-v1", -1), /weight/],
    [backend("helloworld-v1", 1_000_001), /weight/],
    [backend("helloworld-v1").replace("5000", "70000"), /port/],
    [`${backend("helloworld-v1")}      timeouts:\n        request: soon\n`, /timeouts/],
    [`${backend("helloworld-v1")}      filters:\n        - type: Nonsense\n`, /filters/],
  ];
  for (const [backends, reason] of wrong) {
    const { code, stderr } = await seed.tryApply(route(backends));
    t.is(code, 1, backends);
    t.regex(stderr, reason);
  }
  await gateway.settled();
  t.deepEqual(await gateway.count(40, "/hello", helloVersion, options), { v1: 10, v3: 30 });
});

test.serial("A14 the page's clean-up: kinds in any case, several names in one command, and a file", async (t) => {
  await seed.apply(route(backend("helloworld-v1"), "test", "test.example"));
  const printed = await seed.shell("kubectl delete HTTPRoute traffic-split test llm -n helloworld");
  for (const name of ["traffic-split", "test", "llm"]) {
    t.regex(printed, new RegExp(`^httproute\\.gateway\\.networking\\.k8s\\.io "${name}" deleted\\b`, "m"));
  }
  const yaml = seed.text(await readFile(sample, "utf8"));
  const deleted = await kubectl(["delete", "-n", namespace, "-f", "-"], { stdin: yaml });
  t.is(deleted.trim().split("\n").length, 6);
  await waitFor("the gateway has no route left", async () => (await gateway.send("/hello", options)).status === 404);
  t.is((await tryKubectl(["-n", namespace, "get", "service", "helloworld-v1"])).code, 1);
});

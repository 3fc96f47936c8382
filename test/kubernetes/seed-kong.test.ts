// The how-to "Split traffic between versions of a Service", with its own kubectl lines, on a cluster that has Heddle.
// Against the how-to: gatewayClassName is heddle, and imagePullPolicy lets a cluster without a registry run the image.
import test from "ava";
import { Gateway, rolledOut } from "./support/gateway.ts";
import { text } from "./support/http-client.ts";
import { Scenario } from "./support/scenario.ts";

const seed = Scenario.use(test, ["kong"]);
let gateway: Gateway;
test.after.always(() => gateway?.close());

const service = (name: string, version: string): string => `
apiVersion: v1
kind: Service
metadata:
  name: ${name}
spec:
  selector:
    app: ${name}
  ports:
  - name: http
    port: 80
    targetPort: 1027
---
apiVersion: apps/v1
kind: Deployment
metadata:
  name: ${name}
spec:
  replicas: 1
  selector:
    matchLabels:
      app: ${name}
  template:
    metadata:
      labels:
        app: ${name}
    spec:
      containers:
      - name: echo
        image: kong/go-echo:latest
        imagePullPolicy: IfNotPresent
        env:
        - name: NODE_NAME
          value: "${version}"`;

const route = (v1: number, v2: number): string => `
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata:
  name: canary-route
  namespace: kong
spec:
  parentRefs:
  - name: kong
  rules:
  - matches:
    - path:
        type: PathPrefix
        value: /echo
    backendRefs:
    - name: echo-v1
      port: 80
      weight: ${v1}
    - name: echo-v2
      port: 80
      weight: ${v2}`;

test.serial("K1 a Gateway on port 80 is accepted, programmed, and its listener ready", async (t) => {
  t.is(
    await seed.apply(`
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata:
  name: kong
  namespace: kong
spec:
  gatewayClassName: heddle
  listeners:
  - name: http
    protocol: HTTP
    port: 80`),
    "gateway.gateway.networking.k8s.io/kong created\n",
  );
  gateway = await Gateway.open({ name: "kong", namespace: seed.namespace("kong") });
  const conditions = await seed.shell(
    `kubectl get gateway kong -n kong -o jsonpath='{range .status.listeners[0].conditions[*]}{.type}={.status} {end}'`,
  );
  for (const condition of ["Accepted=True", "Programmed=True", "ResolvedRefs=True"])
    t.true(conditions.includes(condition));
});

test.serial("K2 many documents on standard input go to the namespace of -n", async (t) => {
  const out = await seed.shell(`echo '${service("echo-v1", "v1")}
---${service("echo-v2", "v2")}
' | kubectl apply -f - -n kong`);
  t.is(
    out,
    "service/echo-v1 created\ndeployment.apps/echo-v1 created\nservice/echo-v2 created\ndeployment.apps/echo-v2 created\n",
  );
  await rolledOut(seed.namespace("kong"), "echo-v1", "echo-v2");
});

test.serial("K3 the weighted route is accepted and its references are resolved", async (t) => {
  const out = await seed.shell(`echo '${route(50, 50)}' | kubectl apply -f -`);
  t.is(out, "httproute.gateway.networking.k8s.io/canary-route created\n");
  for (const condition of ["Accepted", "ResolvedRefs"]) {
    const wait = `kubectl wait httproute/canary-route -n kong --timeout=30s`;
    const path = `{.status.parents[0].conditions[?(@.type=="${condition}")].status}`;
    await seed.shell(`${wait} --for=jsonpath='${path}'=True`);
  }
  t.is(
    await seed.shell(`kubectl get httproute canary-route -n kong -o jsonpath='{.status.parents[0].controllerName}'`),
    "heddle.dev/gateway-controller",
  );
});

test.serial("K4 the Gateway's first address is one that takes connections", async (t) => {
  const address = await seed.shell(`kubectl get gateway kong -n kong -o jsonpath='{.status.addresses[0].value}'`);
  t.regex(address, /^[0-9a-f.:]+$/);
  t.is(address, gateway.address);
  // From a pod, whatever this machine can reach.
  const node = `require("http").get("http://${address}/nowhere", (r) => { console.log(r.statusCode); r.resume() })`;
  t.is(await seed.shell(`kubectl exec deployment/echo-v1 -n kong -- node -e '${node}'`), "404\n");
});

test.serial("K5 ten requests at 50/50 are five and five", async (t) => {
  await gateway.settled("echo-v1:80", "echo-v2:80");
  t.deepEqual(await gateway.count(10, "/echo", text), {
    "Welcome, you are connected to node v1.": 5,
    "Welcome, you are connected to node v2.": 5,
  });
});

test.serial("K6 weights are relative: 90 and 10 are 90 and 10 of a hundred", async (t) => {
  const out = await seed.shell(`echo '${route(90, 10)}' | kubectl apply -f -`);
  t.is(out, "httproute.gateway.networking.k8s.io/canary-route configured\n");
  await gateway.settled();
  t.deepEqual(await gateway.count(100, "/echo", text), {
    "Welcome, you are connected to node v1.": 90,
    "Welcome, you are connected to node v2.": 10,
  });
});

test.serial("K7 the path arrives unchanged at the target port", async (t) => {
  t.is((await gateway.send("/echo/some/path?a=%20b&c")).status, 200);
  const logs = await Promise.all(
    ["echo-v1", "echo-v2"].map((name) => seed.shell(`kubectl logs deployment/${name} -n kong`)),
  );
  t.regex(logs.join(""), /^INFO v[12] GET \/echo\/some\/path\?a=%20b&c$/m);
});

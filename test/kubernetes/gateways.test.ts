// Gateways of an installed Heddle, through kubectl: pods and an address for each, listeners and routes without a restart,
// parameters, rollouts without a lost request, and nothing left after the end.
import { randomBytes } from "node:crypto";
import test from "ava";
import { Gateway, rolledOut } from "./support/gateway.ts";
import { send } from "./support/http-client.ts";
import { kubectl, tryKubectl } from "./support/kubectl.ts";
import { OpenLoop } from "./support/open-loop.ts";
import { reachService } from "./support/reach.ts";
import { testImage } from "./support/programs.ts";
import { waitFor } from "./support/wait-for.ts";

const namespace = `gw-served-${randomBytes(3).toString("hex")}`;

const server = `
  const answer = (request, response) => {
    response.write(request.url);
    setTimeout(() => response.end(), request.url === "/slow" ? 5000 : 0);
  };
  require("node:http").createServer(answer).listen(8080);
  process.once("SIGTERM", () => process.exit(0));
`;

function apply(...objects: readonly object[]): Promise<string> {
  return kubectl(["-n", namespace, "apply", "-f", "-"], {
    stdin: JSON.stringify({ apiVersion: "v1", kind: "List", items: objects }),
  });
}

interface Listener {
  readonly name: string;
  readonly port: number;
}
const http: Listener = { name: "http", port: 80 };

function gatewayManifest(name: string, listeners: readonly Listener[], infrastructure?: object): object {
  return {
    apiVersion: "gateway.networking.k8s.io/v1",
    kind: "Gateway",
    metadata: { name, namespace },
    spec: {
      gatewayClassName: "heddle",
      listeners: listeners.map((listener) => ({ ...listener, protocol: "HTTP" })),
      ...(infrastructure !== undefined && { infrastructure }),
    },
  };
}

function routeManifest(gateway: string): object {
  return {
    apiVersion: "gateway.networking.k8s.io/v1",
    kind: "HTTPRoute",
    metadata: { name: gateway, namespace },
    spec: { parentRefs: [{ name: gateway }], rules: [{ backendRefs: [{ name: "web", port: 80 }] }] },
  };
}

function configMap(name: string, data: Readonly<Record<string, string>>): object {
  return { apiVersion: "v1", kind: "ConfigMap", metadata: { name, namespace }, data };
}

function parametersRef(name: string): object {
  return { parametersRef: { group: "", kind: "ConfigMap", name } };
}

/** "True/Accepted" of one condition, with its message. */
async function condition(gateway: string, type: string): Promise<string> {
  const path = `{range .status.conditions[?(@.type=="${type}")]}{.status}/{.reason}: {.message}{end}`;
  return kubectl(["-n", namespace, "get", "gateway", gateway, "-o", `jsonpath=${path}`]);
}

/** "name restarts" of every pod of the Gateway. */
async function podsOf(gateway: string): Promise<readonly string[]> {
  const path = "{range .items[*]}{.metadata.name} {.status.containerStatuses[*].restartCount}{'\\n'}{end}";
  const selector = `gateway.networking.k8s.io/gateway-name=${gateway}`;
  const lines = await kubectl(["-n", namespace, "get", "pods", "-l", selector, "-o", `jsonpath=${path}`]);
  return lines.split("\n").filter((line) => line !== "");
}

test.before("namespace and backend", async () => {
  await kubectl(["create", "namespace", namespace]);
  const labels = { app: "web" };
  await apply(
    {
      apiVersion: "apps/v1",
      kind: "Deployment",
      metadata: { name: "web", namespace },
      spec: {
        selector: { matchLabels: labels },
        template: {
          metadata: { labels },
          spec: {
            containers: [
              {
                name: "web",
                image: testImage,
                imagePullPolicy: "IfNotPresent",
                command: ["node", "-e", server],
                readinessProbe: { tcpSocket: { port: 8080 }, periodSeconds: 1 },
              },
            ],
          },
        },
      },
    },
    {
      apiVersion: "v1",
      kind: "Service",
      metadata: { name: "web", namespace },
      spec: { selector: labels, ports: [{ port: 80, targetPort: 8080 }] },
    },
  );
  await rolledOut(namespace, "web");
});
test.after.always("delete namespace", async () => {
  await tryKubectl(["delete", "namespace", namespace, "--wait=false"]);
});

test.serial(
  "a Gateway gets pods and an address, serves its route, and opens listeners without a restart",
  async (t) => {
    await apply(gatewayManifest("edge", [http]), routeManifest("edge"));
    const gateway = await Gateway.open({ name: "edge", namespace });
    t.teardown(() => gateway.close());
    await gateway.settled("web:80");
    t.is((await gateway.send("/hello")).body, "/hello");
    const clusterIp = ["-n", namespace, "get", "service", "edge-heddle", "-o"];
    const assigned = await kubectl([...clusterIp, "jsonpath={.status.loadBalancer.ingress[0].ip}"]);
    t.is(gateway.address, assigned || (await kubectl([...clusterIp, "jsonpath={.spec.clusterIP}"])));

    const pods = await podsOf("edge");
    t.is(pods.length, 1);
    await apply(gatewayManifest("edge", [http, { name: "more", port: 8080 }]));
    const more = await reachService(namespace, "edge-heddle", 8080);
    t.teardown(() => more.close());
    await waitFor("the new listener answers", async () => (await send(more, "/more")).body === "/more");
    t.is((await gateway.send("/hello")).body, "/hello");
    await apply(gatewayManifest("edge", [http]));
    const ports = (): Promise<string> => kubectl([...clusterIp, "jsonpath={.spec.ports[*].port}"]);
    await waitFor("the port leaves the Service", async () => (await ports()) === "80");
    t.deepEqual(await podsOf("edge"), pods);
  },
);

test.serial(
  "parameters, labels and annotations reach the pods; rollouts lose no request; a bad parameter changes nothing",
  async (t) => {
    const infrastructure = {
      ...parametersRef("tuned"),
      labels: { team: "web" },
      annotations: { "example.com/note": "kept" },
    };
    await apply(
      configMap("tuned", { replicas: "2", serviceType: "ClusterIP" }),
      gatewayManifest("tuned", [http], infrastructure),
      routeManifest("tuned"),
    );
    const gateway = await Gateway.open({ name: "tuned", namespace });
    t.teardown(() => gateway.close());
    await rolledOut(namespace, "tuned-heddle");
    await gateway.settled("web:80");
    const pods = await podsOf("tuned");
    t.is(pods.length, 2);
    const marked = ["-n", namespace, "get", "pods", "-l", "team=web", "-o"];
    t.is(await kubectl([...marked, "jsonpath={.items[*].metadata.annotations.example\\.com/note}"]), "kept kept");

    const { host, port } = gateway.way;
    const load = new OpenLoop({ host, port, path: "/load", rate: 40 }).start();
    await apply(configMap("tuned", { replicas: "2", serviceType: "ClusterIP", memoryLimit: "300Mi" }));
    const limit = "jsonpath={.spec.template.spec.containers[0].resources.limits.memory}";
    const limitOf = (): Promise<string> => kubectl(["-n", namespace, "get", "deployment", "tuned-heddle", "-o", limit]);
    await waitFor("the new limit", async () => (await limitOf()) === "300Mi");
    await rolledOut(namespace, "tuned-heddle");
    const gone = pods.map((pod) => `pod/${pod.split(" ")[0]}`);
    await kubectl(["-n", namespace, "wait", "--for=delete", ...gone, "--timeout=90s"], { deadlineMs: 100_000 });
    const { sent, outcomes } = await load.stop();
    t.deepEqual(outcomes, { 200: sent });

    const replaced = await podsOf("tuned");
    await apply(configMap("tuned", { replicas: "2", memoryLimit: "lots" }));
    await waitFor("the condition", async () =>
      (await condition("tuned", "Accepted")).startsWith("False/InvalidParameters"),
    );
    t.regex(await condition("tuned", "Accepted"), /memoryLimit must be .*"lots"/);
    t.is((await gateway.send("/still")).body, "/still");
    t.deepEqual(await podsOf("tuned"), replaced);
    await apply(configMap("tuned", { replicas: "2" }));
    await waitFor("the condition's end", async () =>
      (await condition("tuned", "Accepted")).startsWith("True/Accepted"),
    );
  },
);

test.serial("an address that the Service was not given is refused", async (t) => {
  const manifest = gatewayManifest("asking", [http]) as { spec: object };
  await apply({ ...manifest, spec: { ...manifest.spec, addresses: [{ type: "IPAddress", value: "192.0.2.1" }] } });
  await waitFor("the condition", async () =>
    (await condition("asking", "Programmed")).startsWith("False/AddressNotUsable"),
  );
  t.regex(await condition("asking", "Programmed"), /192\.0\.2\.1/);
  t.regex(await condition("asking", "Accepted"), /^True/);
});

test.serial("deleting the Gateway removes everything of it, and requests under way are answered first", async (t) => {
  await apply(gatewayManifest("leaving", [http]), routeManifest("leaving"));
  const gateway = await Gateway.open({ name: "leaving", namespace });
  t.teardown(() => gateway.close());
  await gateway.settled("web:80");
  const answer = gateway.send("/slow");
  // It is under way once its head could have been read: a later request on the same path is answered.
  await gateway.send("/quick");
  await kubectl(["-n", namespace, "delete", "gateway", "leaving"]);
  t.is((await answer).body, "/slow");
  const kinds = "pods,services,deployments,serviceaccounts,poddisruptionbudgets";
  const selector = "gateway.networking.k8s.io/gateway-name=leaving";
  const left = (): Promise<string> => kubectl(["-n", namespace, "get", kinds, "-l", selector, "-o", "name"]);
  await waitFor("the end of everything", async () => (await left()).trim() === "", { deadlineMs: 90_000 });
});

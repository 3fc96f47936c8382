// Probes of an injected pod: the kubelet's verdict is the one it has of the same pod without a sidecar, for every kind
// of probe that passes and that fails; and none of them is in traces or in metrics of traffic. One container for each
// probe, since a verdict is a container's.
import { randomBytes } from "node:crypto";
import test from "ava";
import { agentPorts, labels } from "../../proto/kubernetes.ts";
import { certificateFor } from "../support/certificate.ts";
import { parsePrometheusText } from "../support/prometheus-text.ts";
import { applyObjects, injectionInForce } from "./support/injected-namespace.ts";
import { Jaeger } from "./support/jaeger.ts";
import { kubectl, kubectlJson } from "./support/kubectl.ts";
import { programContainer, programsConfigMap, programVolume, testImage } from "./support/programs.ts";
import { Scenario } from "./support/scenario.ts";
import { waitFor } from "./support/wait-for.ts";

const scenario = Scenario.use(test, ["probes"], ["heddle.dev/injection=enabled"]);
const namespace = scenario.namespace("probes");
const app = `probed-${randomBytes(3).toString("hex")}`;

interface Asked {
  readonly probe: object;
  readonly ports?: readonly { readonly name: string; readonly containerPort: number }[];
}

/** Container -> its readiness probe, which makes it ready. */
const passing: Readonly<Record<string, Asked>> = {
  http: {
    probe: { httpGet: { path: "/ready?of=http", port: 8080, httpHeaders: [{ name: "X-Probe", value: "as written" }] } },
  },
  "http-named": { probe: { httpGet: { path: "/ready", port: "web" } }, ports: [{ name: "web", containerPort: 8080 }] },
  "http-moved": { probe: { httpGet: { path: "/moved", port: 8080 } } },
  https: { probe: { httpGet: { path: "/ready", port: 8443, scheme: "HTTPS" } } },
  tcp: { probe: { tcpSocket: { port: 9000 } } },
  "tcp-named": { probe: { tcpSocket: { port: "raw" } }, ports: [{ name: "raw", containerPort: 9000 }] },
  grpc: { probe: { grpc: { port: 9090 } } },
  exec: { probe: { exec: { command: ["true"] } } },
};
/** Container -> its liveness probe, which makes the kubelet start it again: a verdict that leaves its mark. */
const failing: Readonly<Record<string, Asked>> = {
  "http-broken": { probe: { httpGet: { path: "/broken", port: 8080 } } },
  "http-header": {
    probe: { httpGet: { path: "/ready", port: 8080, httpHeaders: [{ name: "X-Probe", value: "another" }] } },
  },
  "http-closed": { probe: { httpGet: { path: "/ready", port: 9999 } } },
  "https-broken": { probe: { httpGet: { path: "/broken", port: 8443, scheme: "HTTPS" } } },
  "https-plain": { probe: { httpGet: { path: "/ready", port: 8080, scheme: "HTTPS" } } },
  "tcp-closed": { probe: { tcpSocket: { port: 9999 } } },
  "grpc-broken": { probe: { grpc: { port: 9090, service: "broken" } } },
  "exec-broken": { probe: { exec: { command: ["false"] } } },
};
const expected: Readonly<Record<string, boolean>> = Object.fromEntries(
  [...Object.keys(passing), ...Object.keys(failing)].map((container) => [container, container in passing]),
);
const waiting = {
  image: testImage,
  imagePullPolicy: "IfNotPresent",
  command: ["sleep", "600"],
  securityContext: { runAsUser: 1000 },
};

/** A probe that passes may fail while the server starts, and on a busy node. */
const timing = { periodSeconds: 1, timeoutSeconds: 3, failureThreshold: 3 };

function pod(name: string, inject: boolean, server: object): object {
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name, labels: { app, [labels.podInject]: String(inject) } },
    spec: {
      terminationGracePeriodSeconds: 1,
      containers: [
        server,
        ...Object.entries({ ...passing, ...failing }).map(([container, { probe, ports }]) => ({
          name: container,
          ...waiting,
          [container in passing ? "readinessProbe" : "livenessProbe"]: { ...probe, ...timing },
          ...(ports && { ports }),
        })),
      ],
      volumes: [programVolume],
    },
  };
}

test.before("the same pod with and without a sidecar", async () => {
  await injectionInForce(namespace);
  const { certificate, key } = await certificateFor("localhost");
  const server = programContainer("server", "probed.ts", { CERTIFICATE: certificate, KEY: key });
  await applyObjects(namespace, await programsConfigMap(), pod("plain", false, server), pod("injected", true, server));
});

interface PodStatus {
  readonly status: {
    readonly containerStatuses?: readonly {
      readonly name: string;
      readonly ready: boolean;
      readonly restartCount: number;
    }[];
  };
}

/** What the kubelet made of each container's probe, once it has come to every verdict that `expected` has. */
function verdicts(name: string): Promise<Readonly<Record<string, boolean>>> {
  return waitFor(
    `verdicts of pod ${name}`,
    async () => {
      const { status } = await kubectlJson<PodStatus>("-n", namespace, "get", "pod", name);
      const statuses = (status.containerStatuses ?? []).filter((container) => container.name in expected);
      const found = Object.fromEntries(
        statuses.map(({ name: container, ready, restartCount }) => [
          container,
          container in passing ? ready : restartCount === 0,
        ]),
      );
      return Object.keys(expected).every((container) => found[container] === expected[container]) && found;
    },
    { deadlineMs: 90_000, pollMs: 500 },
  );
}

test.serial(
  "25 http, https, tcp, grpc and exec probes, by number and by name: the same verdicts as without a sidecar",
  async (t) => {
    t.deepEqual(await verdicts("plain"), expected);
    t.deepEqual(await verdicts("injected"), expected);
  },
);

test.serial("25 no probe is in traces or in metrics of traffic, where a request is", async (t) => {
  const jaeger = await Jaeger.open();
  t.teardown(() => jaeger.close());
  const page = `/api/v1/namespaces/${namespace}/pods/injected`;
  // By the API server, so from outside of the pod.
  t.is(await kubectl(["get", "--raw", `${page}:8080/proxy/hello`]), "/hello\n");
  await jaeger.untilTrace(app, {}, () => true);
  const paths = (await jaeger.traces(app, {}, 100)).flat().map(({ tags }) => tags["url.path"]);
  t.deepEqual(paths, ["/hello"]);
  const metrics = parsePrometheusText(await kubectl(["get", "--raw", `${page}:${agentPorts.health}/proxy/metrics`]));
  const total = (name: string): number =>
    (metrics.get(name)?.samples ?? []).reduce((sum, sample) => sum + sample.value, 0);
  t.is(total("http_inbound_requests_total"), 1);
  t.is(total("http_requests_total"), 0);
  t.is(total("heddle_passthrough_connections_total"), 0);
});

// What injection makes of a pod: containers in their order, users and rights, probes, settings; once and again.
import test, { type ExecutionContext } from "ava";
import * as fc from "fast-check";
import { inject } from "../../control-plane/inject/inject.ts";
import { injectedPod, templateHash } from "../../control-plane/inject/injected-pod.ts";
import { readPodOptions } from "../../control-plane/inject/options.ts";
import type { Container, Pod } from "../../control-plane/inject/pod.ts";
import { parseQuantity } from "../../control-plane/inject/quantity.ts";
import type { InjectionSettings } from "../../control-plane/inject/settings.ts";
import { parseAgentConfig } from "../../agent/config.ts";
import { parseCaptureSettings } from "../../agent/capture/settings.ts";
import { parseAppProbes } from "../../proto/app-probes.ts";
import { annotations } from "../../proto/kubernetes.ts";
import { applyJsonPatch } from "../support/json-patch.ts";
import { anyPod, makePod, settings, shop, type PodParts } from "./pods.ts";

/** The pod as the API server has it after the patch. */
function injected(t: ExecutionContext, pod: Pod, using: InjectionSettings = settings): Pod {
  const result = inject(pod, shop, using);
  if (result.kind !== "inject") return t.fail(JSON.stringify(result));
  const applied = applyJsonPatch(pod, result.patch) as Pod;
  t.deepEqual(applied, result.pod);
  return applied;
}

const names = (containers: readonly Container[] | null | undefined) => (containers ?? []).map(({ name }) => name);
const named = (pod: Pod, name: string): Container =>
  [...pod.spec.containers, ...(pod.spec.initContainers ?? [])].find((container) => container.name === name)!;
const environment = (container: Container): Record<string, string> =>
  Object.fromEntries((container.env ?? []).map(({ name, value }) => [name, value ?? "10.0.0.9"]));
const classic = { [annotations.sidecar]: "classic" };
const inits = [{ name: "migrate", image: "m" }];

test("native: capture, then the proxy that restarts, then the pod's init containers", (t) => {
  const pod = injected(t, makePod({ initContainers: inits }));
  t.deepEqual(names(pod.spec.initContainers), ["heddle-capture", "heddle-proxy", "migrate"]);
  t.deepEqual(names(pod.spec.containers), ["app"]);
  t.is(named(pod, "heddle-proxy").restartPolicy, "Always");
  t.is(named(pod, "heddle-proxy")["lifecycle"], undefined);
});

test("classic: capture after the pod's init containers, which have the network without it; the proxy first", (t) => {
  const pod = injected(t, makePod({ annotations: classic, initContainers: inits }));
  t.deepEqual(names(pod.spec.initContainers), ["migrate", "heddle-capture"]);
  t.deepEqual(names(pod.spec.containers), ["heddle-proxy", "app"]);
  const proxy = named(pod, "heddle-proxy");
  t.is(proxy.restartPolicy, undefined);
  t.deepEqual(proxy["lifecycle"], { postStart: { exec: { command: ["/usr/local/bin/heddle", "wait"] } } });
});

test("only the init container is root; both drop every capability but what rules need", (t) => {
  const pod = injected(t, makePod());
  const common = { allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, privileged: false };
  const capture = named(pod, "heddle-capture").securityContext!;
  t.like(capture, { ...common, runAsUser: 0, runAsNonRoot: false });
  t.deepEqual(capture["capabilities"], { drop: ["ALL"], add: ["NET_ADMIN", "NET_RAW"] });
  const proxy = named(pod, "heddle-proxy").securityContext!;
  t.like(proxy, { ...common, runAsUser: 5309, runAsGroup: 5309, runAsNonRoot: true });
  t.deepEqual(proxy["capabilities"], { drop: ["ALL"] });
  t.deepEqual(proxy["seccompProfile"], { type: "RuntimeDefault" });
});

const everyAnnotation = {
  [annotations.excludeInboundPorts]: "9090, 9091,9090",
  [annotations.excludeOutboundPorts]: "3306",
  [annotations.excludeInboundAddresses]: "10.1.0.0/16",
  [annotations.excludeOutboundAddresses]: "169.254.169.254, fd00::/8",
  [annotations.cpuRequest]: "0.25",
  [annotations.cpuLimit]: "1000m",
  [annotations.memoryRequest]: "128Mi",
  [annotations.memoryLimit]: "1024Mi",
  [annotations.logLevel]: "debug",
  [annotations.traceSampling]: "0.5",
  [annotations.mirrorConcurrency]: "7",
};

test("every annotation reaches its program, in words that it understands", (t) => {
  const using = { ...settings, otlpEndpoint: "http://jaeger.heddle-traces.svc:4317" };
  for (const sidecar of ["native", "classic"]) {
    const pod = injected(t, makePod({ annotations: { ...everyAnnotation, [annotations.sidecar]: sidecar } }), using);
    const capture = parseCaptureSettings(environment(named(pod, "heddle-capture")));
    t.true("settings" in capture);
    if (!("settings" in capture)) return;
    t.deepEqual(capture.settings.excludeInboundPorts, [9090, 9091]);
    t.deepEqual(capture.settings.excludeOutboundPorts, [3306]);
    t.deepEqual(
      capture.settings.excludeOutboundAddresses.map(({ address }) => address),
      ["169.254.169.254", "fd00::"],
    );
    t.deepEqual(
      capture.settings.excludeInboundAddresses.map(({ prefixLength }) => prefixLength),
      [16],
    );
    const proxy = named(pod, "heddle-proxy");
    t.deepEqual(proxy["resources"], {
      requests: { cpu: "250m", memory: "128Mi" },
      limits: { cpu: "1", memory: "1Gi" },
    });
    const agent = parseAgentConfig(environment(proxy));
    t.true("config" in agent, JSON.stringify(agent));
    if (!("config" in agent)) return;
    t.like(agent.config, { mode: "sidecar", capture: true, logLevel: "debug", mirrorMaxActive: 7 });
    t.deepEqual(agent.config.controlPlanes, ["heddle-control-plane.heddle-system.svc:15012"]);
    t.like(agent.config.tracing, { kind: "on" });
    if (agent.config.tracing.kind === "on") t.like(agent.config.tracing.config, { ratio: 0.5, protocol: "grpc" });
  }
});

test("without a collector there is no tracing, and drain ends two seconds before the pod's grace", (t) => {
  for (const [grace, expected] of [
    [undefined, 28_000],
    [5, 3000],
    [1, 1000],
    [0, 1000],
    [90, 88_000],
  ] as const) {
    const parts: PodParts = grace === undefined ? {} : { spec: { terminationGracePeriodSeconds: grace } };
    const agent = parseAgentConfig(environment(named(injected(t, makePod(parts)), "heddle-proxy")));
    t.true("config" in agent && agent.config.drainTimeoutMs === expected && agent.config.tracing.kind === "off");
  }
});

test("25 probes: http, https, tcp, grpc and named ports ask the agent, with their timings; exec is left alone", (t) => {
  const containers: Container[] = [
    {
      name: "app",
      ports: [{ name: "http", containerPort: 8080 }],
      livenessProbe: {
        httpGet: { path: "live?x=1", port: "http", httpHeaders: [{ name: "Host", value: "web" }] },
        periodSeconds: 7,
        timeoutSeconds: 3,
        failureThreshold: 9,
      },
      readinessProbe: { tcpSocket: { port: "8081" }, initialDelaySeconds: 2 },
      startupProbe: { httpGet: { port: 8443, scheme: "HTTPS" } },
    },
    {
      name: "rpc",
      livenessProbe: { grpc: { port: 9000, service: "all" } },
      readinessProbe: { exec: { command: ["true"] } },
      startupProbe: { grpc: { port: 9000, service: null } },
    },
  ];
  const sidecar = { name: "logs", restartPolicy: "Always", readinessProbe: { tcpSocket: { port: 1 } } };
  const pod = injected(t, makePod({ containers, initContainers: [sidecar] }));
  const asked = (container: string, kind: string) => ({
    path: `/app-probe/${container}/${kind}`,
    port: 15_021,
    scheme: "HTTP",
  });
  t.deepEqual(named(pod, "app").livenessProbe, {
    httpGet: asked("app", "liveness"),
    periodSeconds: 7,
    timeoutSeconds: 3,
    failureThreshold: 9,
  });
  t.deepEqual(named(pod, "app").readinessProbe, { httpGet: asked("app", "readiness"), initialDelaySeconds: 2 });
  t.deepEqual(named(pod, "rpc").readinessProbe, { exec: { command: ["true"] } });
  t.deepEqual(parseAppProbes(environment(named(pod, "heddle-proxy"))["HEDDLE_APP_PROBES"]!), {
    probes: {
      "/app-probe/app/liveness": {
        timeoutSeconds: 3,
        httpGet: { path: "/live?x=1", port: 8080, scheme: "HTTP", httpHeaders: [{ name: "Host", value: "web" }] },
      },
      "/app-probe/app/readiness": { timeoutSeconds: 1, tcpSocket: { port: 8081 } },
      "/app-probe/app/startup": { timeoutSeconds: 1, httpGet: { path: "/", port: 8443, scheme: "HTTPS" } },
      "/app-probe/rpc/liveness": { timeoutSeconds: 1, grpc: { port: 9000, service: "all" } },
      "/app-probe/rpc/startup": { timeoutSeconds: 1, grpc: { port: 9000, service: "" } },
      "/app-probe/logs/readiness": { timeoutSeconds: 1, tcpSocket: { port: 1 } },
    },
  });
});

test("25 probes that the kubelet alone can judge stay its own: another host, a port name that no port has", (t) => {
  const readinessProbe = { httpGet: { port: 80, host: "10.0.0.1" } };
  const livenessProbe = { tcpSocket: { port: "nowhere" } };
  const pod = injected(t, makePod({ containers: [{ name: "app", readinessProbe, livenessProbe }] }));
  t.like(named(pod, "app"), { readinessProbe, livenessProbe });
});

test("after others changed an injected pod, it is injected as if they had come first", (t) => {
  for (const notes of [{}, classic]) {
    const before = injected(t, makePod({ annotations: notes }));
    const late: Container = { name: "late", readinessProbe: { tcpSocket: { port: 6000 } } };
    const proxyIn = (containers: readonly Container[] | null | undefined) =>
      (containers ?? []).map((container) =>
        container.name === "heddle-proxy"
          ? {
              ...container,
              terminationMessagePath: "/dev/termination-log",
              volumeMounts: [...(container["volumeMounts"] as object[]), { name: "extra", mountPath: "/extra" }],
              env: [{ name: "OTHER", value: "1" }, ...(container.env ?? []), { name: "HEDDLE_GONE", value: "1" }],
            }
          : container,
      );
    const changed: Pod = {
      ...before,
      spec: {
        ...before.spec,
        initContainers: [{ name: "others-init" }, ...proxyIn(before.spec.initContainers)],
        containers: [...proxyIn(before.spec.containers), late],
      },
    };
    const after = injected(t, changed);
    const native = notes === classic ? [] : ["heddle-proxy"];
    t.deepEqual(
      names(after.spec.initContainers),
      notes === classic ? ["others-init", "heddle-capture"] : ["heddle-capture", ...native, "others-init"],
    );
    t.like(named(after, "late").readinessProbe, { httpGet: { path: "/app-probe/late/readiness" } });
    const proxy = named(after, "heddle-proxy");
    t.regex(environment(proxy)["HEDDLE_APP_PROBES"]!, /"\/app-probe\/late\/readiness"/);
    t.like(environment(proxy), { OTHER: "1", HEDDLE_GONE: undefined });
    t.true(JSON.stringify(proxy["volumeMounts"]).includes("/extra"));
    t.is(proxy["terminationMessagePath"], "/dev/termination-log");
    t.is(inject(after, shop, settings).kind, "skip");
  }
});

/** As the API server keeps objects: fields with empty values, lists and objects are left out. */
function withoutEmpty(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutEmpty);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .map(([name, item]) => [name, withoutEmpty(item)] as const)
      .filter(
        ([, item]) => item !== "" && item !== null && !(typeof item === "object" && Object.keys(item).length === 0),
      ),
  );
}

test("what the API server fills in by itself is no reason to inject again", (t) => {
  const pod = injected(t, makePod());
  const filled = (container: Container): Container => ({
    ...container,
    terminationMessagePolicy: "File",
    volumeMounts: [
      ...((container["volumeMounts"] as object[] | undefined) ?? []),
      { name: "kube-api", mountPath: "/var/run/secrets/kubernetes.io/serviceaccount" },
    ],
    env: (container.env ?? []).map((item) =>
      "valueFrom" in item
        ? {
            ...item,
            valueFrom: { fieldRef: { apiVersion: "v1", ...(item["valueFrom"] as { fieldRef: object }).fieldRef } },
          }
        : item,
    ),
    ...(container.readinessProbe ? { readinessProbe: { ...container.readinessProbe, successThreshold: 1 } } : {}),
  });
  const defaulted: Pod = {
    ...pod,
    spec: {
      ...pod.spec,
      dnsPolicy: "ClusterFirst",
      initContainers: pod.spec.initContainers!.map(filled),
      containers: pod.spec.containers.map(filled),
      volumes: [{ name: "kube-api", projected: {} }, ...pod.spec.volumes!],
    },
  };
  t.deepEqual(inject(withoutEmpty(defaulted), shop, settings), { kind: "skip", reason: "already-injected" });
});

test("the hash tells settings apart, and not pods", (t) => {
  const hash = templateHash(settings);
  t.regex(hash, /^[0-9a-f]{12}$/);
  t.is(injected(t, makePod({ annotations: everyAnnotation })).metadata!.annotations![annotations.injected], hash);
  t.not(templateHash({ ...settings, image: "heddle:other" }), hash);
  t.not(templateHash({ ...settings, otlpEndpoint: "http://x:4318" }), hash);
});

const annotated = (pod: Pod, sidecar: string): Pod => ({
  ...pod,
  metadata: { ...pod.metadata, annotations: { ...pod.metadata?.annotations, [annotations.sidecar]: sidecar } },
});

test("property: the patch, applied, gives the intended pod; again changes nothing; the input is untouched", (t) => {
  fc.assert(
    fc.property(anyPod, (pod) => {
      const before = structuredClone(pod);
      const { options, errors } = readPodOptions(pod, settings);
      t.deepEqual(errors, []);
      const once = injected(t, pod);
      t.deepEqual(once, injectedPod(pod, settings, options));
      t.deepEqual(inject(once, shop, settings), { kind: "skip", reason: "already-injected" });
      t.deepEqual(pod, before);
    }),
  );
});

test("property: whatever was injected before, by other settings or another mode, the outcome is the same pod", (t) => {
  fc.assert(
    fc.property(
      anyPod,
      fc.constantFrom("native", "classic"),
      fc.constantFrom("native", "classic"),
      (pod, first, then) => {
        const older = { ...settings, image: "heddle:older", otlpEndpoint: "http://collector:4318" };
        const former = injected(t, annotated(pod, first), older);
        t.deepEqual(injected(t, annotated(former, then)), injected(t, annotated(pod, then)));
      },
    ),
  );
});

test("property: every probe is asked for exactly once, by the agent or by the kubelet", (t) => {
  fc.assert(
    fc.property(anyPod, (pod) => {
      const after = injected(t, pod);
      const result = parseAppProbes(environment(named(after, "heddle-proxy"))["HEDDLE_APP_PROBES"]!);
      t.true("probes" in result, JSON.stringify(result));
      const text = JSON.stringify([after.spec.containers, after.spec.initContainers]);
      for (const path of Object.keys("probes" in result ? result.probes : {})) {
        t.is(text.split(`"path":"${path}"`).length, 2);
      }
    }),
  );
});

test("quantities are read, compared and written as the API server writes them", (t) => {
  for (const [given, text, milli] of [
    ["0.5", "500m", 500n],
    ["1000m", "1", 1000n],
    ["1024Mi", "1Gi", 1024n ** 3n * 1000n],
    ["0.5Gi", "512Mi", 1024n ** 3n * 500n],
    ["1000k", "1M", 10n ** 9n],
    ["128Mi", "128Mi", 128n * 1024n ** 2n * 1000n],
    ["1500m", "1500m", 1500n],
  ] as const) {
    t.deepEqual(parseQuantity(given), { milli, text });
  }
  for (const wrong of ["", "0", "-1", "1.5m", "1e3", "1KB", "Mi", "1.2345", " 1"])
    t.is(parseQuantity(wrong), null, wrong);
});

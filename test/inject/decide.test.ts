// Which pods get a sidecar, which do not, and which are refused: the labels, the vetoes in their order, the messages.
import test from "ava";
import { decide, skipMessages, type RejectReason, type SkipReason } from "../../control-plane/inject/decide.ts";
import { inject } from "../../control-plane/inject/inject.ts";
import { annotations, labels } from "../../proto/kubernetes.ts";
import { code, read, tableUnder } from "../docs/pages.ts";
import { makePod, settings, shop, type PodParts } from "./pods.ts";

const optedOut = { [labels.podInject]: "false" };
const optedIn = { [labels.podInject]: "true" };

test("a pod that the webhook's selectors chose is injected", (t) => {
  t.deepEqual(decide(makePod(), shop, settings), { kind: "inject" });
  t.deepEqual(decide(makePod({ labels: optedIn }), shop, settings), { kind: "inject" });
});

const vetoes: readonly (readonly [SkipReason, PodParts, string])[] = [
  ["system-namespace", { labels: { ...optedIn } }, "heddle-system"],
  ["system-namespace", { labels: optedOut, spec: { hostNetwork: true } }, "kube-node-lease"],
  ["opted-out", { labels: optedOut, spec: { hostNetwork: true } }, shop],
  ["host-network", { spec: { hostNetwork: true, os: { name: "windows" } } }, shop],
  ["host-network", { labels: optedIn, spec: { hostNetwork: true, securityContext: { runAsUser: 5309 } } }, shop],
  ["windows", { spec: { os: { name: "windows" } } }, shop],
];
for (const [reason, parts, namespace] of vetoes) {
  test(`vetoes in order: ${reason}, ${namespace} ${JSON.stringify(parts)}`, (t) => {
    t.deepEqual(decide(makePod(parts), namespace, settings), { kind: "skip", reason });
    t.regex(skipMessages[reason], /^.{20,}$/);
  });
}

test("a pod that is injected already and needs no change is left alone", (t) => {
  const once = inject(makePod(), shop, settings);
  t.true(once.kind === "inject");
  if (once.kind !== "inject") return;
  t.deepEqual(inject(once.pod, shop, settings), { kind: "skip", reason: "already-injected" });
  t.is(inject(once.pod, shop, { ...settings, image: "heddle:newer" }).kind, "inject");
});

const app = { name: "app", image: "web" };
const rejections: readonly (readonly [string, PodParts, RejectReason, RegExp])[] = [
  [
    "a pod of the proxy's user",
    { spec: { securityContext: { runAsUser: 5309 } } },
    "proxy-user",
    /the pod asks for user 5309/,
  ],
  [
    "a container of the proxy's user",
    { containers: [app, { name: "side", securityContext: { runAsUser: 5309 } }] },
    "proxy-user",
    /container side asks for user 5309/,
  ],
  [
    "an init container of the proxy's user",
    { initContainers: [{ name: "init", securityContext: { runAsUser: 5309 } }] },
    "proxy-user",
    /container init /,
  ],
  ["a container with the proxy's name", { containers: [{ name: "heddle-proxy" }] }, "name-taken", /heddle-proxy/],
  ["an init container with capture's name", { initContainers: [{ name: "heddle-capture" }] }, "name-taken", /capture/],
  ["a volume with our name", { spec: { volumes: [{ name: "heddle-token" }] } }, "name-taken", /volume heddle-token/],
  ...[15_001, 15_006, 15_020, 15_021].map(
    (containerPort) =>
      [
        `port ${containerPort}`,
        { containers: [{ ...app, ports: [{ containerPort }] }] },
        "port-taken",
        new RegExp(`container app declares port ${containerPort}`),
      ] as const,
  ),
  [
    "a probe that asks the sidecar",
    { containers: [{ ...app, readinessProbe: { httpGet: { port: 15_021, path: "/app-probe/app/readiness" } } }] },
    "lost-probe",
    /container app, readinessProbe: asks the sidecar's port 15021/,
  ],
  [
    "a label that is neither",
    { labels: { [labels.podInject]: "yes" } },
    "wrong-annotation",
    /label heddle.dev\/inject: expected "true" or "false", got "yes"/,
  ],
];
for (const [title, parts, reason, message] of rejections) {
  test(`refused: ${title}`, (t) => {
    const decision = decide(makePod(parts), shop, settings);
    t.is(decision.kind, "reject");
    if (decision.kind !== "reject") return;
    t.is(decision.reason, reason);
    t.regex(decision.message, message);
  });
}

test("a UDP port with the number of one of ours disturbs nobody", (t) => {
  const ports = [{ containerPort: 15_001, protocol: "UDP" }];
  t.deepEqual(decide(makePod({ containers: [{ ...app, ports }] }), shop, settings), { kind: "inject" });
});

const wrongAnnotations: readonly (readonly [string, string, RegExp])[] = [
  [annotations.excludeInboundPorts, "0", /ports from 1 to 65535/],
  [annotations.excludeInboundPorts, "80;81", /ports from 1 to 65535/],
  [annotations.excludeOutboundPorts, "65536", /ports from 1 to 65535/],
  [annotations.excludeOutboundPorts, "80,", /ports from 1 to 65535/],
  [
    annotations.excludeOutboundPorts,
    Array.from({ length: 101 }, (_, index) => index + 1).join(","),
    /at most 100 ports/,
  ],
  [annotations.excludeInboundAddresses, "10.0.0.0/33", /CIDR/],
  [annotations.excludeInboundAddresses, "010.0.0.1", /CIDR/],
  [annotations.excludeOutboundAddresses, "example.com", /CIDR/],
  [annotations.excludeOutboundAddresses, "fd00::/129", /CIDR/],
  [annotations.excludeOutboundAddresses, "fd00:::1", /CIDR/],
  [annotations.cpuRequest, "lots", /quantity above 0, such as 100m/],
  [annotations.cpuLimit, "0", /quantity above 0/],
  [annotations.memoryRequest, "-1Mi", /quantity above 0, such as 128Mi/],
  [annotations.memoryLimit, "128MB", /quantity above 0/],
  [annotations.logLevel, "verbose", /one of debug, info, warn, error, silent/],
  [annotations.traceSampling, "1.5", /a number from 0 to 1/],
  [annotations.traceSampling, "5%", /a number from 0 to 1/],
  [annotations.mirrorConcurrency, "0", /a whole number from 1 to 65536/],
  [annotations.sidecar, "ambient", /one of native, classic/],
];
for (const [name, value, expected] of wrongAnnotations) {
  test(`annotation ${name}: ${value.slice(0, 30)} is refused, with name, value and what is expected`, (t) => {
    const decision = decide(makePod({ annotations: { [name]: value } }), shop, settings);
    t.is(decision.kind, "reject");
    if (decision.kind !== "reject") return;
    t.true(decision.message.includes(`annotation ${name}: expected`), decision.message);
    t.true(decision.message.includes(JSON.stringify(value.slice(0, 100))), decision.message);
    t.regex(decision.message, expected);
  });
}

test("every mistake is told at once; a request above its limit names both annotations", (t) => {
  const decision = decide(
    makePod({ annotations: { [annotations.logLevel]: "loud", [annotations.memoryRequest]: "1Gi" } }),
    shop,
    settings,
  );
  t.true(decision.kind === "reject");
  if (decision.kind !== "reject") return;
  t.regex(decision.message, /heddle.dev\/log-level/);
  t.regex(
    decision.message,
    /heddle.dev\/memory-request: expected at most 256Mi \(heddle.dev\/memory-limit\), got "1Gi"/,
  );
});

test("a limit below the request that nobody wrote names the annotation that the pod has", (t) => {
  for (const [name, limit, expected] of [
    [annotations.memoryLimit, "64Mi", "96Mi (heddle.dev/memory-request)"],
    [annotations.cpuLimit, "10m", "20m (heddle.dev/cpu-request)"],
  ] as const) {
    t.like(decide(makePod({ annotations: { [name]: limit } }), shop, settings), {
      kind: "reject",
      message: `annotation ${name}: expected at least ${expected}, got "${limit}"`,
    });
  }
});

test("an annotation of ours that is unknown is a warning, not a refusal", (t) => {
  const result = inject(makePod({ annotations: { "heddle.dev/log-levle": "info", "x/y": "z" } }), shop, settings);
  t.true(result.kind === "inject");
  if (result.kind === "inject")
    t.deepEqual(result.warnings, ["annotation heddle.dev/log-levle: no such annotation, ignored"]);
});

test("servers before 1.29: classic by default, and native is refused", (t) => {
  const old = { ...settings, kubernetesMinorVersion: 28 };
  const result = inject(makePod(), shop, old);
  t.true(result.kind === "inject");
  if (result.kind === "inject") t.is(result.pod.spec.containers[0]?.name, "heddle-proxy");
  const decision = decide(makePod({ annotations: { [annotations.sidecar]: "native" } }), shop, old);
  t.true(decision.kind === "reject" && decision.message.includes("native needs Kubernetes 1.29, this is 1.28"));
});

test("a classic sidecar in a pod that should end is warned of", (t) => {
  const pod = makePod({ annotations: { [annotations.sidecar]: "classic" }, spec: { restartPolicy: "Never" } });
  const result = inject(pod, shop, settings);
  t.true(result.kind === "inject" && /use a native one for Jobs/.test(result.warnings.join()));
});

for (const [title, value, message] of [
  ["nothing", undefined, /not a pod: pod: expected an object/],
  ["a pod without spec", {}, /spec: expected an object/],
  ["containers that are none", { spec: { containers: [5] } }, /spec.containers\[0\]: expected an object/],
  [
    "a user that is text",
    { spec: { containers: [{ securityContext: { runAsUser: "5309" } }] } },
    /runAsUser: expected a whole number/,
  ],
  [
    "labels that are numbers",
    { metadata: { labels: { a: 1 } }, spec: { containers: [] } },
    /metadata.labels\["a"\]: expected a string/,
  ],
] as const) {
  test(`not a pod: ${title}`, (t) => {
    const result = inject(value, shop, settings);
    t.true(result.kind === "reject");
    if (result.kind === "reject") t.regex(result.message, message);
  });
}

test("docs/injection.md lists every annotation, with its default, and every reason", (t) => {
  const rows = (heading: string) => tableUnder(read("docs/injection.md"), heading);
  const { resources, logLevel, mirrorConcurrency } = settings;
  const { injected: _own, ...settable } = annotations;
  t.deepEqual(
    rows("Annotations")
      .map(([name]) => code(name))
      .toSorted(),
    Object.values(settable).toSorted(),
  );
  const defaults = new Map(rows("Annotations").map(([name, fallback]) => [code(name), code(fallback)]));
  t.is(defaults.get(annotations.cpuRequest), resources.cpuRequest);
  t.is(defaults.get(annotations.memoryRequest), resources.memoryRequest);
  t.is(defaults.get(annotations.memoryLimit), resources.memoryLimit);
  t.is(defaults.get(annotations.logLevel), logLevel);
  t.is(defaults.get(annotations.mirrorConcurrency), String(mirrorConcurrency));
  for (const [name, , , example] of rows("Annotations")) {
    const pod = makePod({ annotations: { [code(name)]: code(example) } });
    t.is(inject(pod, shop, settings).kind, "inject", `${name} ${example}`);
  }
  t.deepEqual(
    rows("Pods that are not injected").map(([reason]) => code(reason)),
    Object.keys(skipMessages),
  );
  const refused = new Set(rows("Pods that are refused").map(([reason]) => code(reason)));
  for (const [, , reason] of rejections) t.true(refused.has(reason), reason);
});

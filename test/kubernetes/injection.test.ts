// Injection by the installed webhook, as kubectl sees it: who is injected, who is not and where that is said, and who is
// refused with which words. What happens while the webhook is away is pain-18-webhook-down.test.ts's.
import { randomBytes } from "node:crypto";
import test from "ava";
import type { Container, Pod } from "../../control-plane/inject/pod.ts";
import { kubectl, kubectlJson, tryKubectl } from "./support/kubectl.ts";
import { waitFor } from "./support/wait-for.ts";

const suffix = randomBytes(3).toString("hex");
const labelled = `injection-on-${suffix}`;
const plain = `injection-off-${suffix}`;

interface Parts {
  readonly label?: string;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly spec?: object;
}

/** Never scheduled: what is tested happens before. */
const podTemplate = ({ label, annotations = {}, spec = {} }: Parts = {}) => ({
  metadata: {
    labels: { app: "web", ...(label === undefined ? {} : { "heddle.dev/inject": label }) },
    annotations,
  },
  spec: {
    nodeSelector: { "heddle.dev/no-such-node": "true" },
    terminationGracePeriodSeconds: 0,
    containers: [
      {
        name: "app",
        image: "example.com/none",
        ports: [{ name: "http", containerPort: 8080 }],
        readinessProbe: { httpGet: { path: "/", port: "http" } },
      },
    ],
    ...spec,
  },
});

const manifest = (name: string, namespace: string, parts?: Parts): string => {
  const template = podTemplate(parts);
  return JSON.stringify({
    apiVersion: "v1",
    kind: "Pod",
    ...template,
    metadata: { ...template.metadata, name, namespace },
  });
};

/** The pod as it would be, not created. */
async function tryOut(namespace: string, parts?: Parts): Promise<Pod> {
  return JSON.parse(
    await kubectl(["create", "--dry-run=server", "-o", "json", "-f", "-"], {
      stdin: manifest("web", namespace, parts),
    }),
  ) as Pod;
}

const isInjected = ({ spec }: Pod): boolean => (spec.initContainers ?? []).some(({ name }) => name === "heddle-proxy");

test.before(async () => {
  await kubectl(["create", "namespace", plain]);
  await kubectl(["create", "namespace", labelled]);
  await kubectl(["label", "namespace", labelled, "heddle.dev/injection=enabled"]);
  // Admission looks at a copy of the namespaces, which follows shortly.
  await waitFor("the label is in force", async () => isInjected(await tryOut(labelled)));
});

test.after.always(async () => {
  await tryKubectl(["delete", "namespace", labelled, plain, "--wait=false"]);
});

for (const [namespace, label, expected] of [
  [labelled, undefined, true],
  [labelled, "true", true],
  [labelled, "false", false],
  [plain, undefined, false],
  [plain, "true", true],
  [plain, "false", false],
] as const) {
  const where = namespace === labelled ? "a labelled" : "an unlabelled";
  test.serial(`${where} namespace, pod label ${label ?? "none"}: ${expected ? "" : "not "}injected`, async (t) => {
    t.is(isInjected(await tryOut(namespace, label === undefined ? {} : { label })), expected);
  });
}

test.serial("the API server keeps the patch as it was meant, and the probe asks the agent", async (t) => {
  const pod = await tryOut(labelled);
  t.deepEqual(
    pod.spec.initContainers?.map(({ name }) => name),
    ["heddle-capture", "heddle-proxy"],
  );
  t.like(pod.spec.containers[0]?.readinessProbe, { httpGet: { path: "/app-probe/app/readiness", port: 15_021 } });
  t.regex(pod.metadata?.annotations?.["heddle.dev/injected"] ?? "", /^[0-9a-f]{12}$/);
  const classic = await tryOut(labelled, { annotations: { "heddle.dev/sidecar": "classic" } });
  t.deepEqual(
    classic.spec.containers.map(({ name }) => name),
    ["heddle-proxy", "app"],
  );
});

test.serial("every annotation is in the pod that the API server has", async (t) => {
  const pod = await tryOut(labelled, {
    annotations: {
      "heddle.dev/exclude-inbound-ports": "9090,9091",
      "heddle.dev/exclude-outbound-ports": "3306",
      "heddle.dev/exclude-inbound-addresses": "10.1.0.0/16",
      "heddle.dev/exclude-outbound-addresses": "169.254.169.254,fd00::/8",
      "heddle.dev/cpu-request": "100m",
      "heddle.dev/cpu-limit": "1",
      "heddle.dev/memory-request": "128Mi",
      "heddle.dev/memory-limit": "512Mi",
      "heddle.dev/log-level": "debug",
      "heddle.dev/trace-sampling": "0.05",
      "heddle.dev/mirror-concurrency": "16",
    },
  });
  const [capture, proxy] = pod.spec.initContainers ?? [];
  const environment = ({ env }: { env?: Container["env"] } = {}) =>
    Object.fromEntries((env ?? []).map(({ name, value }) => [name, value]));
  t.deepEqual(environment(capture), {
    HEDDLE_CAPTURE_EXCLUDE_INBOUND_PORTS: "9090,9091",
    HEDDLE_CAPTURE_EXCLUDE_OUTBOUND_PORTS: "3306",
    HEDDLE_CAPTURE_EXCLUDE_INBOUND_ADDRESSES: "10.1.0.0/16",
    HEDDLE_CAPTURE_EXCLUDE_OUTBOUND_ADDRESSES: "169.254.169.254,fd00::/8",
  });
  t.deepEqual(proxy?.["resources"], {
    requests: { cpu: "100m", memory: "128Mi" },
    limits: { cpu: "1", memory: "512Mi" },
  });
  t.like(environment(proxy), {
    HEDDLE_LOG_LEVEL: "debug",
    OTEL_TRACES_SAMPLER_ARG: "0.05",
    HEDDLE_MIRROR_MAX_ACTIVE: "16",
  });
});

test.serial("a pod that was injected is left as it is when it comes again", async (t) => {
  for (const sidecar of ["native", "classic"]) {
    const first = await tryOut(labelled, { annotations: { "heddle.dev/sidecar": sidecar } });
    const { name, labels, annotations } = first.metadata as Readonly<Record<string, unknown>>;
    // The next one gets a token volume of its own by the API server, unless it has this one.
    const again = await kubectl(["create", "--dry-run=server", "-o", "json", "-f", "-"], {
      stdin: JSON.stringify({ ...first, metadata: { name, namespace: labelled, labels, annotations }, status: {} }),
    });
    t.deepEqual((JSON.parse(again) as Pod).spec, first.spec);
  }
});

interface EventList {
  readonly items: readonly {
    readonly reason: string;
    readonly message: string;
    readonly involvedObject: { readonly kind: string; readonly name: string };
  }[];
}

const eventsIn = async (namespace: string): Promise<EventList["items"]> =>
  (await kubectlJson<EventList>("get", "events", "-n", namespace, "--field-selector", "reason=SidecarNotInjected"))
    .items;

test.serial("a veto is a warning for kubectl and an Event on the pod's owner; a dry run leaves none", async (t) => {
  const hostNetwork = { spec: { hostNetwork: true } };
  const dry = await tryKubectl(["create", "--dry-run=server", "-f", "-"], {
    stdin: manifest("dry", labelled, hostNetwork),
  });
  t.is(dry.code, 0, dry.stderr);
  t.regex(dry.stderr, /Warning: heddle: not injected: the pod uses the node's network \(hostNetwork\)/);

  await kubectl(["create", "-f", "-"], {
    stdin: JSON.stringify({
      apiVersion: "apps/v1",
      kind: "ReplicaSet",
      metadata: { name: "on-the-node", namespace: labelled },
      spec: { replicas: 2, selector: { matchLabels: { app: "web" } }, template: podTemplate(hostNetwork) },
    }),
  });
  const events = await waitFor("an Event", async () => {
    const found = await eventsIn(labelled);
    return found.length > 0 && found;
  });
  t.deepEqual(
    events.map(({ involvedObject }) => `${involvedObject.kind}/${involvedObject.name}`),
    ["ReplicaSet/on-the-node"],
  );
  t.regex(events[0]?.message ?? "", /hostNetwork.*\(host-network\)/);
});

for (const [title, parts, message] of [
  [
    "a wrong annotation",
    { annotations: { "heddle.dev/exclude-outbound-ports": "mysql" } },
    /annotation heddle\.dev\/exclude-outbound-ports: expected .*ports from 1 to 65535.*, got "mysql"/,
  ],
  ["the proxy's user", { spec: { securityContext: { runAsUser: 5309 } } }, /the pod asks for user 5309/],
  ["a label that is neither", { label: "yes" }, /label heddle\.dev\/inject: expected "true" or "false", got "yes"/],
] as const) {
  test.serial(`refused by kubectl with a message: ${title}`, async (t) => {
    const { code, stderr } = await tryKubectl(["create", "--dry-run=server", "-f", "-"], {
      stdin: manifest("web", labelled, parts),
    });
    t.not(code, 0);
    t.regex(stderr, /admission webhook "namespace\.injection\.heddle\.dev" denied the request: heddle: /);
    t.regex(stderr, message);
  });
}

test.serial("an unknown annotation is a warning", async (t) => {
  const { code, stderr } = await tryKubectl(["create", "--dry-run=server", "-f", "-"], {
    stdin: manifest("web", labelled, { annotations: { "heddle.dev/log-levle": "info" } }),
  });
  t.is(code, 0);
  t.regex(stderr, /Warning: heddle: annotation heddle\.dev\/log-levle: no such annotation/);
});

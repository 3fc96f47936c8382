// `heddle inject`: the webhook's patch without a cluster.
import { execFile, type ExecFileException } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "ava";
import { parse, parseAllDocuments } from "yaml";
import { inject } from "../../control-plane/inject/inject.ts";
import type { Pod } from "../../control-plane/inject/pod.ts";
import { injectText } from "../../cli/inject/inject-text.ts";
import { heddle } from "../samples/running-sample.ts";
import { makePod, settings, shop } from "../inject/pods.ts";

const service = `# kept as it is
apiVersion: v1
kind: Service   # comments too
metadata: {name: web}
`;
const podTemplate = { metadata: { labels: { app: "web" } }, spec: { containers: [{ name: "app", image: "web:1" }] } };
const workload = (kind: string, spec: object, name = "web"): string =>
  `---\n${JSON.stringify({ kind, metadata: { name }, spec }, null, 2)}\n`;

const podsOf = (text: string): Pod[] => {
  const found: Pod[] = [];
  const walk = (value: unknown): void => {
    if (typeof value !== "object" || value === null) return;
    if ("spec" in value && typeof value.spec === "object" && value.spec !== null && "containers" in value.spec) {
      found.push(value as Pod);
    }
    for (const child of Object.values(value)) walk(child);
  };
  for (const document of parseAllDocuments(text)) walk(document.toJS());
  return found;
};

test("every kind that makes pods is injected as the webhook injects its pods; the rest is printed as written", (t) => {
  const expected = inject(podTemplate, shop, settings);
  t.true(expected.kind === "inject");
  if (expected.kind !== "inject") return;
  const kinds = ["Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "ReplicationController", "Job"];
  const text = [
    service,
    ...kinds.map((kind) => workload(kind, { template: podTemplate })),
    workload("CronJob", { jobTemplate: { spec: { template: podTemplate } } }),
    `---\n${JSON.stringify({ kind: "Pod", ...podTemplate })}\n`,
    `---\n${JSON.stringify({ kind: "List", items: [{ kind: "Deployment", spec: { template: podTemplate } }] })}\n`,
  ].join("");
  const result = injectText(text, settings, "shop");
  t.deepEqual(result.errors, []);
  t.true(result.text.startsWith(service));
  const pods = podsOf(result.text);
  t.is(pods.length, 9);
  for (const { metadata, spec } of pods) t.deepEqual({ metadata, spec }, expected.pod as never);
  t.is(result.notes.length, 9);
  t.notRegex(result.text, /[&*]a\d/, "no anchors");
  t.deepEqual(injectText(result.text, settings, "shop").text, result.text);
});

test("vetoes and opting out are noted, wrong pods are errors with their line", (t) => {
  const text = [
    workload("Deployment", { template: { ...podTemplate, spec: { ...podTemplate.spec, hostNetwork: true } } }, "host"),
    workload(
      "Deployment",
      { template: { ...podTemplate, metadata: { labels: { "heddle.dev/inject": "false" } } } },
      "out",
    ),
    workload("Pod", podTemplate.spec, "plain"),
  ].join("");
  const { notes, errors, text: same } = injectText(text, settings, "shop");
  t.deepEqual(errors, []);
  t.regex(
    notes.join("\n"),
    /Deployment\/host: not injected: .*hostNetwork[^]*Deployment\/out: not injected: [^]*plain: injected/,
  );
  t.true(same.includes('"hostNetwork": true'));
  t.regex(injectText(text, settings, "kube-system").notes.join("\n"), /plain: not injected: pods of system/);
  const wrong = `${service}${workload("Deployment", { template: { metadata: { annotations: { "heddle.dev/sidecar": "no" } }, spec: podTemplate.spec } })}---\nkind: Pod\n`;
  t.deepEqual(injectText(wrong, settings, "shop").errors, [
    'line 6: Deployment/web: annotation heddle.dev/sidecar: expected one of native, classic, got "no"',
    "line 30: Pod/: not a pod: spec: expected an object",
  ]);
  t.regex(injectText("a: [", settings, "shop").errors.join(), /^line 1: /);
});

test("read and written as kubectl reads it: on is true, 0644 is 420, and times are text", (t) => {
  const text = `kind: Pod
metadata: {annotations: {at: 2026-01-01, quoted: "on"}}
spec:
  containers: [{name: app, tty: on}]
  volumes: [{name: data, configMap: {name: x, defaultMode: 0644}}]
`;
  const { errors, text: printed } = injectText(text, settings, "shop");
  t.deepEqual(errors, []);
  const pod = parse(printed, { version: "1.1" }) as Pod;
  t.like(pod.spec.volumes?.[0], { configMap: { defaultMode: 420 } });
  t.like(pod.spec.containers[0], { tty: true });
  t.is(pod.metadata?.annotations?.["quoted"], "on");
  t.regex(printed, /at: "2026-01-01"/);
  const capture = pod.spec.initContainers?.[1]?.env?.find(({ name }) => name === "HEDDLE_CAPTURE");
  t.is(capture?.value, "on");
});

test("whatever the manifests hold, no text throws", (t) => {
  for (const text of [
    "",
    "---\n---\n",
    "5",
    "kind: 5",
    "kind: Deployment",
    "kind: List\nitems: [null, 5]",
    "kind: __proto__",
  ]) {
    t.notThrows(() => injectText(text, settings, "shop"), text);
  }
});

test.serial("the command: from a file, from standard input, and what is said when it cannot", async (t) => {
  const folder = await mkdtemp(join(tmpdir(), "heddle-inject-"));
  t.teardown(() => rm(folder, { recursive: true }));
  const file = join(folder, "pod.yaml");
  await writeFile(file, JSON.stringify(makePod()));
  const { code, stdout, stderr } = await heddle(
    "inject",
    "-f",
    file,
    "--image",
    "heddle:x",
    "--kubernetes-version",
    "1.28",
  );
  t.is(code, 0, stderr);
  t.regex(stderr, /Pod\/web-: injected/);
  const pod = parse(stdout) as Pod;
  t.like(pod.spec.containers[0], { name: "heddle-proxy", image: "heddle:x" });

  await writeFile(file, JSON.stringify(makePod({ annotations: { "heddle.dev/log-level": "loud" } })));
  const refused = await heddle("inject", "-f", file);
  t.is(refused.code, 1);
  t.is(refused.stdout, "");
  t.regex(refused.stderr, /pod.yaml: line 1: Pod\/web-: annotation heddle.dev\/log-level/);
  for (const words of [
    ["-f", join(folder, "none")],
    ["-f", folder],
    ["-f", file, "--kubernetes-version", "new"],
    ["-f", file, "--trace-sampling", "2"],
  ]) {
    const answer = await heddle("inject", ...words);
    t.is(answer.code, 2, words.join(" "));
    t.regex(answer.stderr, /^error: [^]*Usage: heddle inject/);
  }

  const piped = await new Promise<{ error: ExecFileException | null; stdout: string }>((resolve) => {
    const child = execFile("node", ["bin/heddle.mjs", "inject", "-f", "-"], (error, stdout) =>
      resolve({ error, stdout }),
    );
    child.stdin?.end(JSON.stringify(makePod()));
  });
  t.is(piped.error, null);
  t.is((parse(piped.stdout) as Pod).spec.initContainers?.length, 2);
});

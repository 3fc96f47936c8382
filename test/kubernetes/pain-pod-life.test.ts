// The beginning and the end of an injected pod: Jobs complete, an application calls out at its first instant and while
// it terminates, and nothing in between is told to close. Each in both kinds of sidecar.
import { spawn } from "node:child_process";
import test, { type ExecutionContext } from "ava";
import { agentPorts } from "../../proto/kubernetes.ts";
import { rolledOut } from "./support/gateway.ts";
import { kubectl, kubectlJson, tryKubectl } from "./support/kubectl.ts";
import { applyObjects } from "./support/injected-namespace.ts";
import { deployment, podTemplate, programsConfigMap, readyByHttp, service } from "./support/programs.ts";
import type { ProgramPod } from "./support/programs.ts";
import { Scenario } from "./support/scenario.ts";
import { waitFor } from "./support/wait-for.ts";

const scenario = Scenario.use(test, ["pods"], ["heddle.dev/injection=enabled"], "life");
const namespace = scenario.namespace("pods");
const target = `http://target.${namespace}/`;
const kinds = ["native", "classic"] as const;
type Kind = (typeof kinds)[number];
const exitUrl = `http://127.0.0.1:${agentPorts.admin}/exit`;

const annotated = (kind: Kind): Record<string, string> => ({ "heddle.dev/sidecar": kind });

interface ContainerStatus {
  readonly name: string;
  readonly state: {
    readonly running?: object;
    readonly terminated?: { readonly exitCode: number; readonly startedAt: string };
  };
}

interface PodList {
  readonly items: readonly {
    readonly metadata: { readonly name: string };
    readonly status: {
      readonly containerStatuses?: readonly ContainerStatus[];
      readonly initContainerStatuses?: readonly ContainerStatus[];
    };
  }[];
}

const podsOf = async (selector: string): Promise<PodList["items"]> =>
  (await kubectlJson<PodList>("-n", namespace, "get", "pods", "-l", selector)).items;

test.serial.before("a Service to call", async () => {
  await applyObjects(
    namespace,
    await programsConfigMap(),
    service("target", { app: "target" }),
    deployment("target", 1, { program: "server.ts", container: readyByHttp }),
  );
  await rolledOut(namespace, "target");
});

function job(name: string, kind: Kind, env: Record<string, string>, spec: object = {}): object {
  const template = podTemplate({
    program: "job.ts",
    env: { ...env, ...(kind === "classic" ? { EXIT_URL: exitUrl } : {}) },
    annotations: annotated(kind),
    spec: { restartPolicy: "Never" },
  });
  return {
    apiVersion: "batch/v1",
    kind: "Job",
    metadata: { name, namespace },
    spec: { backoffLimit: 0, template, ...spec },
  };
}

/** Waits for the Job's end; resolves with its status, rejects when it failed. */
async function completed(name: string, deadlineMs: number): Promise<{ succeeded: number; completionTime: string }> {
  const read = () =>
    kubectlJson<{ status: { succeeded?: number; failed?: number; completionTime?: string } }>(
      "-n",
      namespace,
      "get",
      "job",
      name,
    );
  return waitFor(
    `Job ${name} is complete`,
    async () => {
      const { succeeded = 0, failed = 0, completionTime } = (await read()).status;
      if (failed > 0) return { succeeded, completionTime: "never: a pod failed" };
      return completionTime === undefined ? undefined : { succeeded, completionTime };
    },
    { deadlineMs, pollMs: 200 },
  );
}

test.serial("pain 2: an app that calls a Service at its first instant, once: 20 of 20 pods (100 scaled)", async (t) => {
  for (const kind of kinds) {
    await applyObjects(
      namespace,
      job(`first-call-${kind}`, kind, { URL: target }, { completions: 10, parallelism: 3 }),
    );
  }
  for (const kind of kinds) {
    const { succeeded } = await completed(`first-call-${kind}`, 120_000);
    t.is(succeeded, 10, kind);
  }
});

for (const kind of kinds) {
  test(`pain 1: a Job with a container of 2 s is complete within 10 s, all exit codes 0: ${kind}`, async (t) => {
    const name = `two-seconds-${kind}`;
    await applyObjects(namespace, job(name, kind, { WORK_MS: "2000" }));
    const { completionTime } = await completed(name, 60_000);
    const [pod] = await podsOf(`job-name=${name}`);
    const statuses = [...(pod?.status.initContainerStatuses ?? []), ...(pod?.status.containerStatuses ?? [])];
    const exitCodes = Object.fromEntries(
      statuses.map(({ name: container, state }) => [container, state.terminated?.exitCode]),
    );
    t.deepEqual(exitCodes, { "heddle-capture": 0, "heddle-proxy": 0, app: 0 });
    const startedAt = statuses.find(({ name: container }) => container === "app")?.state.terminated?.startedAt ?? "";
    const tookMs = Date.parse(completionTime) - Date.parse(startedAt);
    t.log(`complete ${tookMs} ms after the container's start`);
    t.true(tookMs <= 10_000, `${tookMs} ms`);
  });
}

interface InjectedPod {
  readonly metadata: object;
  readonly spec: { readonly initContainers: { readonly name: string; command?: readonly string[] }[] };
}

function podManifest(name: string, pod: ProgramPod): object {
  const template = podTemplate({ ...pod, labels: { app: name } });
  return { apiVersion: "v1", kind: "Pod", ...template, metadata: { ...template.metadata, name, namespace } };
}

const createPod = (name: string, pod: ProgramPod): Promise<void> => applyObjects(namespace, podManifest(name, pod));

/** Waits until this container of the pod runs. */
async function containerRuns(pod: string, container: string): Promise<void> {
  await waitFor(`${container} of ${pod} runs`, async () => {
    const status = (await podsOf(`app=${pod}`))[0]?.status;
    const statuses = [...(status?.initContainerStatuses ?? []), ...(status?.containerStatuses ?? [])];
    return statuses.some(({ name, state }) => name === container && state.running !== undefined);
  });
}

async function endsWithinGrace(t: ExecutionContext, pod: string): Promise<void> {
  const goneMs = await deletePod(pod, 40_000);
  t.log(`gone ${Math.round(goneMs)} ms after its deletion`);
  // The grace is 30 s, and ends by SIGKILL.
  t.true(goneMs < 25_000, `${goneMs} ms`);
}

/** Milliseconds until the pod is gone. */
async function deletePod(name: string, deadlineMs: number): Promise<number> {
  const startedMs = performance.now();
  await kubectl(["-n", namespace, "delete", "pod", name, "--wait=true"], { deadlineMs });
  return performance.now() - startedMs;
}

interface LastCall {
  readonly isKept: boolean;
  readonly reused?: boolean;
  readonly status?: number;
  readonly error?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Lines that the pod's application prints from now to its end. */
function followLog(pod: string): { readonly lines: () => readonly string[]; readonly ended: Promise<void> } {
  const child = spawn("kubectl", ["-n", namespace, "logs", "-f", pod, "-c", "app"], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  let text = "";
  child.stdout.setEncoding("utf8").on("data", (part: string) => (text += part));
  const ended = new Promise<void>((resolve) => {
    child.once("close", () => resolve());
  });
  return {
    lines: () =>
      text
        .trim()
        .split("\n")
        .filter((line) => line !== ""),
    ended,
  };
}

for (const kind of kinds) {
  const title = `pain 4, pain 5: 5 calls over 5 s after SIGTERM succeed, and none is told to close: ${kind}`;
  test(title, async (t) => {
    const name = `last-calls-${kind}`;
    await createPod(name, {
      program: "last-calls.ts",
      env: { URL: target, CALLS: "5" },
      annotations: annotated(kind),
    });
    await containerRuns(name, "app");
    const log = followLog(name);
    await waitFor("its first call is answered", () => log.lines().length === 1);
    const goneMs = await deletePod(name, 40_000);
    await log.ended;
    const calls = log.lines().map((line) => JSON.parse(line) as LastCall);
    t.log(`gone ${Math.round(goneMs)} ms after its deletion`);
    t.deepEqual(
      calls.map(({ status, error }) => error ?? status),
      [200, 200, 200, 200, 200, 200],
    );
    const kept = calls.filter(({ isKept }) => isKept);
    // HTTP/1.1 keeps a connection unless told not to.
    t.deepEqual(
      kept.map(({ reused, headers }) => [reused, headers?.["connection"]]),
      [[false, undefined], ...[1, 2, 3].map(() => [true, undefined])],
    );
    // 30 s is the grace: it ended by itself.
    t.true(goneMs < 20_000, `${goneMs} ms`);
  });
}

for (const kind of kinds) {
  test.serial(`pain 5: a pod whose application never gets ready ends within its grace: ${kind}`, async (t) => {
    const name = `unready-application-${kind}`;
    const probe = { httpGet: { path: "/", port: 1 }, periodSeconds: 1 };
    await createPod(name, {
      program: "server.ts",
      annotations: annotated(kind),
      container: { readinessProbe: probe },
    });
    await waitFor(`${name} listens`, async () =>
      (await tryKubectl(["-n", namespace, "logs", name, "-c", "app"])).stdout.includes("listening"),
    );
    await endsWithinGrace(t, name);
  });

  test.serial(`pain 5: a pod that is deleted while its agent starts ends within its grace: ${kind}`, async (t) => {
    const name = `unready-starting-${kind}`;
    // A shell has its handler in time; Node, as process 1, would not hear a signal while it loads.
    const command = ["sh", "-c", "trap 'exit 0' TERM; while :; do sleep 0.1; done"];
    await createPod(name, { program: "server.ts", annotations: annotated(kind), container: { command } });
    await containerRuns(name, "heddle-proxy");
    await endsWithinGrace(t, name);
  });
}

test.serial("pain 5: a pod whose agent never gets ready ends within its grace: native", async (t) => {
  const name = "unready-agent";
  // As the webhook would make it, but that nothing is captured.
  const manifest = JSON.stringify(podManifest(name, { program: "server.ts", annotations: annotated("native") }));
  const injected = await kubectl(["create", "--dry-run=server", "-o", "json", "-f", "-"], { stdin: manifest });
  const pod = JSON.parse(injected) as InjectedPod;
  for (const container of pod.spec.initContainers) {
    if (container.name === "heddle-capture") container.command = ["true"];
  }
  await applyObjects(namespace, {
    ...pod,
    metadata: { ...pod.metadata, labels: { app: name, "heddle.dev/inject": "false" } },
  });
  await waitFor("its agent says that it is not ready", async () =>
    (await tryKubectl(["-n", namespace, "logs", name, "-c", "heddle-proxy"])).stdout.includes("capture does not work"),
  );
  await endsWithinGrace(t, name);
});
